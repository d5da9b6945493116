"""The declaration of a template function, and a call of one whose arguments were checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gpu_doc.functions.shared.address import Address, find_run, find_runs
from gpu_doc.functions.shared.options import Judge
from gpu_doc.model.answers import Answer, Asset, Call, Cells
from gpu_doc.model.configuration import Report, Run
from gpu_doc.model.results import Result
from gpu_doc.model.values import Json

if TYPE_CHECKING:
    from gpu_doc.functions.shared.results import ResultReader

Gives = Literal["picture", "image", "text", "table", "value"]
"""A picture is taken in Chromium, an image is copied; text and tables are lines of Markdown, a value any JSON.

A function that gives a table returns its cells too (`tables.py`)."""
_ORDER: tuple[Gives, ...] = ("picture", "image", "text", "table", "value")


@dataclass(frozen=True)
class First:
    """The first argument of a function, and which runs the function needs for it."""

    word: Literal["address", "run"]
    example: str
    runs: Callable[[Address, Report], tuple[Run, ...]]
    """Returns the runs whose results the call needs. Raises ReportError if the address names none."""


def _one(address: Address, report: Report) -> tuple[Run, ...]:
    return (find_run(address, report),)


PART = First("address", "baseline/loss-curve", _one)
RUN = First("run", "baseline", _one)
MATRIX = First("address", "sweep[*]", find_runs)


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function that templates may call. It declares what it takes and gives, so that no other module knows it."""

    name: str
    """Its file's name."""
    text: str
    """What it gives, for the table in README.md."""
    first: First
    options: Mapping[str, Judge] = field(default_factory=dict)
    second: str = ""
    """The option that may stand second, without its name; empty if none may."""
    judged: Callable[[Call], Call] | None = None
    """For a claim: returns the call whose answer it is judged by, which is asked instead of it."""
    gives: tuple[Gives, ...]
    """The parts of its answer, in order."""
    check: Callable[[BoundCall, Path], None]
    """Checks a call from the sources below root, before anything runs. Raises ReportError or NotebookFileError."""
    answer: Callable[[BoundCall, ResultReader], Answer]
    """Answers a call. Raises ReportError."""
    label: str = ""
    """In descriptions of changes: distinguishes its answer from those of other functions for the same address."""
    tells_results: bool = True
    """Whether it shows results of a run; False if only facts about the run."""
    stays: Literal["never", "same-fingerprint", "always"] = "never"
    """When a published answer may stay although its run was executed again, with the same results."""
    shows_settings: Literal["runs", "launches"] | None = None
    """The part of evidence's settings that its answer shows (record/evidence.py)."""
    shows_source: Callable[[BoundCall], bool] = lambda _: False
    """Returns whether a call shows the source of its cell, or of the whole notebook."""
    names_notebook: bool = False
    """Whether its answer says the path of the notebook."""
    needs_results: bool = True
    """Whether it needs the results of its runs; a source alone is there without them."""
    is_measured: Callable[[Result], bool] = lambda _: True
    """Returns whether a result, which may be of an earlier version, has what it needs."""

    @property
    def takes_pictures(self) -> bool:
        """Whether it needs Chromium, and the settings of `capture`."""
        return "picture" in self.gives

    @property
    def gives_block(self) -> bool:
        """Whether it gives several lines, which can't be inside another line."""
        return not {"text", "table"}.isdisjoint(self.gives)

    @property
    def place(self) -> tuple[bool, int, str]:
        """Its place in the order of all functions: for parts of a run first, and pictures before text."""
        return self.first is not PART, _ORDER.index(self.gives[0]), self.name


@dataclass(frozen=True, kw_only=True)
class BoundCall:
    """A call whose function, address and options were checked, with the runs that it needs; made once, by `bind`."""

    call: Call
    function: Function
    written: str
    """The address as written in the template."""
    address: Address
    runs: tuple[Run, ...]
    options: Mapping[str, Json]
    """The options that are given and not None."""

    @property
    def cells(self) -> Sequence[str]:
        """The cells, or glued values, of which a call that needs several runs shows the value of each."""
        return self.options.get("values") or () if self.function.first is MATRIX else ()

    @property
    def run(self) -> Run:
        """The run of a call that needs one."""
        return self.runs[0]

    def get(self, name: str) -> Json:
        """Return an option; None if it is not given."""
        return self.options.get(name)

    def answered(self, value: Json, assets: tuple[Asset, ...] = (), *, cells: Cells | None = None) -> Answer:
        """Return the answer to this call; `cells` are those of a table."""
        return Answer(value=value, runs=tuple(run.address for run in self.runs), assets=assets, cells=cells)
