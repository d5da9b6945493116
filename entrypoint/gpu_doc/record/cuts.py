"""Output that was cut at its limit: reported when a run ends, kept in its record, refused if a report needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gpu_doc.errors import ReportError
from gpu_doc.model.configuration import Run
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json
from gpu_doc.notebooks.limits import Reached, sentence

_KEY = "cut"


@dataclass(frozen=True)
class Cut:
    """A cell whose output was cut."""

    number: int
    """The cell's number, from 1; 0 for injected parameters."""
    name: str
    after: int
    """The number of its complete outputs, at their usual positions."""
    limit: int
    """`limits.output` of the run, in bytes."""
    reached: Reached
    """Which limit it was."""

    @property
    def sentence(self) -> str:
        """What happened, without the place."""
        return sentence(self.reached, self.limit)

    @property
    def remedy(self) -> str:
        """What to do."""
        if self.reached == "traceback":
            return "Let the exception say less, or show another output of the cell with output=N."
        what = "Print" if self.reached.endswith("prints") else "Display"
        more = -(-2 * self.limit // 1_000_000)
        return f"{what} less, or set `limits: {{output: {more}MB}}` for the run, and run again."

    def error(self, what: str) -> ReportError:
        """Return the error for a call that needs the cut output; `what` is the cell's name."""
        return ReportError(f"{what}: {self.sentence}", remedy=self.remedy)

    def location(self, run: Run) -> Location:
        """Notebook and cell."""
        return Location(str(run.notebook), cell=self.number, cell_name=self.name)


def to_record(cuts: Iterable[Cut]) -> dict[str, Json]:
    """Return the entries for a run's record; none if nothing was cut."""
    cells = [[cut.number, cut.name, cut.after, cut.limit, cut.reached] for cut in cuts]
    return {_KEY: cells} if cells else {}


def from_record(record: Mapping[str, Json]) -> list[Cut]:
    """Read what was cut from a result's record."""
    return [Cut(*cell) for cell in record.get(_KEY) or ()]


def cut_of(record: Mapping[str, Json], number: int) -> Cut | None:
    """Return how a cell of a result was cut; None if it was not."""
    return next((cut for cut in from_record(record) if cut.number == number), None)


def has_room_now(record: Mapping[str, Json], run: Run) -> bool:
    """Whether a result was cut at a limit that has been raised since: then it is not valid any more.

    Before there were limits for each cell, records had true or false where now the limit stands that was reached.
    """
    limits = (limit if isinstance(reached, str) else 0 for *_, limit, reached in record.get(_KEY) or ())
    return any(limit < run.limits.output for limit in limits)
