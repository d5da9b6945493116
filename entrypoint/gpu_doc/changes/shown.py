"""Reads from evidence what a report shows on one side: values, pictures, and where its runs happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

from gpu_doc import functions
from gpu_doc.changes import format_1
from gpu_doc.changes.cells import Table, number
from gpu_doc.functions.shared.function import Function, Gives
from gpu_doc.model.answers import Call, Cell
from gpu_doc.model.configuration import Report
from gpu_doc.model.values import Json
from gpu_doc.record import evidence
from gpu_doc.record.evidence import Evidence, KeptAnswer, RunEvidence

_PLACES = ("Image", "Packages, without an image", "Device", "Driver", "CUDA")
"""The rows of environment() that say where a run happened."""
_LONGEST = 1000
"""How many characters of a cell are compared."""


class Side(Protocol):
    """A commit, or the checkout."""

    def read(self, path: str) -> bytes | None:
        """Return the content of a file, by its path from root; None if there is no such file."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A report on one side. It may come from a pull request: only its shape was checked."""

    text: bytes | None
    evidence: bytes | None
    values: Mapping[str, Json] = field(default_factory=dict)
    """By address."""
    pictures: Mapping[str, str] = field(default_factory=dict)
    """The paths from root, by what people see."""
    tables: Mapping[str, Table] = field(default_factory=dict)
    """Its other tables, by name for people."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Its texts, by name for people."""
    environment: tuple[tuple[str, str], ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    """The SHA-256 of each file that its text is made from."""
    runs: Mapping[str, RunEvidence] = field(default_factory=dict)


def shown(report: Report, side: Side) -> Shown:
    """Read a report on one side; evidence with a wrong shape counts as absent."""
    text = _with_line_feeds(side.read(report.path))
    written = _with_line_feeds(side.read(f"{report.assets}/{evidence.NAME}"))
    known = evidence.parse(written) if written is not None else None
    if known is None:
        return Shown(text=text, evidence=written)
    answers = list(_answers(known))
    pictures = {name: f"{report.assets}/{file}" for name, file in _pictures(answers, known).items()}
    return Shown(
        text=text,
        evidence=written,
        values=_values(answers),
        pictures=_in_order(pictures, text or b""),
        tables=_tables(answers),
        texts=_texts(answers),
        environment=tuple(_environment(answers, known)),
        sources=known.sources,
        runs=known.runs,
    )


def _with_line_feeds(content: bytes | None) -> bytes | None:
    """Return content with line feeds only: a checkout's line ends may differ from its commit's."""
    return None if content is None else content.replace(b"\r\n", b"\n")


@dataclass(frozen=True)
class _Answered:
    """A call whose first argument is an address, and its answer."""

    call: Call
    address: str
    kept: KeptAnswer
    function: Function | None
    """None if it is of another version, or a pull request made it up."""

    @property
    def label(self) -> str:
        """The arguments besides the address."""
        return self.function.label if self.function else self.call.function

    @cached_property
    def cells(self) -> list[list[Cell]]:
        """The rows of its table, the head first."""
        if not self.gives("table"):
            return []
        known = self.kept.cells if self.kept.cells is not None else format_1.cells(self.call, self.kept)
        return [[replace(cell, text=cell.text[:_LONGEST]) for cell in row] for row in known]

    @cached_property
    def compared(self) -> dict[str, Json]:
        """Its values, by address: numbers as they are shown, since further digits may be noise."""
        return {cell.address: number(cell.text) for row in self.cells for cell in row if cell.address}

    def gives(self, *kinds: Gives) -> bool:
        """Return whether the answer has a part of these kinds."""
        return self.function is not None and not set(kinds).isdisjoint(self.function.gives)


def _answers(known: Evidence) -> Iterator[_Answered]:
    for call, kept in zip(evidence.calls_of(known), known.answers.values(), strict=True):
        address = call.args[0] if call.args else call.kwargs.get("address", call.kwargs.get("run"))
        if isinstance(address, str):
            yield _Answered(call, address, kept, functions.named(call.function))


# --- values ----------------------------------------------------------------------------------------------------------


def _values(answers: Sequence[_Answered]) -> dict[str, Json]:
    """Return the values of value(), and then those that only tables of several runs show."""
    found = {each.address: each.kept.value for each in answers if each.gives("value")}
    for each in answers:
        found |= {address: value for address, value in each.compared.items() if address not in found}
    return found


# --- tables and texts ------------------------------------------------------------------------------------------------


def _tables(answers: Sequence[_Answered]) -> dict[str, Table]:
    """Return the tables of functions, without what is listed as values."""
    taken: dict[str, Table] = {}
    for each in answers:
        if each.gives("table") and not each.compared:
            name = _distinct(each.address + _behind(each.label), taken)
            taken[name] = [[cell.text for cell in row] for row in each.cells]
    return taken


def _texts(answers: Sequence[_Answered]) -> dict[str, str]:
    taken: dict[str, str] = {}
    for each in answers:
        if not each.gives("picture", "image", "table", "value"):
            given = sorted(each.call.kwargs.items())
            options = [f"{name}={value}" for name, value in given if value != each.address]
            name = ", ".join([each.address + _behind(each.label), *options])
            taken[_distinct(name, taken)] = str(each.kept.value)
    return taken


def _behind(*notes: str) -> str:
    told = ", ".join(filter(None, notes))
    return f" ({told})" if told else ""


def _distinct(name: str, taken: Mapping[str, object]) -> str:
    number = next(number for number in range(1, len(taken) + 2) if _numbered(name, number) not in taken)
    return _numbered(name, number)


# --- pictures --------------------------------------------------------------------------------------------------------


def _pictures(answers: Sequence[_Answered], known: Evidence) -> dict[str, str]:
    """Return files in the report's folder by name for people; only those in evidence are sure to be in it."""
    found: dict[str, str] = {}
    for each in (each for each in answers if each.gives("picture", "image")):
        themes = ("light", "dark") if len(each.kept.assets) == 2 else ("",) * len(each.kept.assets)
        for file, theme in zip(each.kept.assets, themes, strict=True):
            if file in known.files:
                found[_distinct(each.address + _behind(each.label, theme), found)] = file
    return found


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name} #{number}"


def _in_order(pictures: Mapping[str, str], text: bytes) -> dict[str, str]:
    """Return them in the order of the text; those that it doesn't name come last."""
    places = {name: text.find(path.rpartition("/")[2].encode("utf-8", "replace")) for name, path in pictures.items()}
    return {name: pictures[name] for name in sorted(pictures, key=lambda name: (places[name] < 0, places[name], name))}


# --- environment -----------------------------------------------------------------------------------------------------


def _environment(answers: Sequence[_Answered], known: Evidence) -> Iterator[tuple[str, str]]:
    """Return label and text; if runs differ, also which run is meant."""
    told = {address: _place(run) for address, run in known.runs.items()}
    for each in answers:
        if each.function and not each.function.tells_results and each.address in told:
            rows = [(row[0].text, row[1].text) for row in each.cells if len(row) == 2]
            told[each.address] |= {label: text for label, text in rows if label in _PLACES and text}
    for label in _PLACES:
        runs: dict[str, list[str]] = {}
        for address, place in told.items():
            if label in place:
                runs.setdefault(place[label], []).append(address)
        for text, addresses in runs.items():
            yield label, text if len(addresses) == len(told) else f"{', '.join(addresses)}: {text}"


def _place(run: RunEvidence) -> dict[str, str]:
    """Return what evidence has about each run, whether or not the report shows it."""
    image, digest, device = run.source.get("image"), run.machine.get("image-digest"), run.machine.get("device")
    place = {}
    if isinstance(image, str) and image:
        short = digest.rpartition("sha256:")[2][:12] if isinstance(digest, str) else ""
        place["Image"] = f"{image}, digest {short}" if short else image
    if image == "local":
        del place["Image"]
        place |= _installed(run)
    if isinstance(device, str) and device:
        place["Device"] = device.upper()
    return place


def _installed(run: RunEvidence) -> dict[str, str]:
    """Return the machine's packages, which matter to a reader if there is no image."""
    packages = run.machine.get("packages")
    versions = packages if isinstance(packages, dict) else {}
    said = [f"{name} {version}" for name, version in sorted(versions.items(), key=lambda each: each[0] != "python")]
    return {"Packages, without an image": ", ".join(said) or "no packages that are known"}
