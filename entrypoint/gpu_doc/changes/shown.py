"""What a report shows on one side, as its evidence says: values, pictures, and where its runs happened."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gpu_doc import functions
from gpu_doc.changes.cells import Table, number
from gpu_doc.functions.shared.function import Function, Gives
from gpu_doc.model.answers import Call
from gpu_doc.model.configuration import Report
from gpu_doc.model.values import Json
from gpu_doc.record import evidence
from gpu_doc.record.evidence import Evidence, KeptAnswer, RunEvidence

_PLACES = ("Image", "Packages, without an image", "Device", "Driver", "CUDA")
"""The rows of environment() that say where a run happened."""
_MARKUP = re.compile(r"(?P<ticks>`+) ?(?P<code>.+?) ?(?P=ticks)|\\(?P<escaped>[\\`*\[\]~_|])|\*\*|(?P<entity>&#?\w+;)")
_LONGEST = 1000
"""Characters of a cell that are looked at."""
_PIPE = re.compile(r"(?<!\\)\|")


class Side(Protocol):
    """A commit, or the checkout."""

    def read(self, path: str) -> bytes | None:
        """The content of a file, by its path from root; None where there is no such file."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A report on one side. All of it may come from a pull request: only its shape was checked."""

    text: bytes | None
    evidence: bytes | None
    values: Mapping[str, Json] = field(default_factory=dict)
    """By address."""
    pictures: Mapping[str, str] = field(default_factory=dict)
    """What is shown, for people, to the path from root."""
    tables: Mapping[str, Table] = field(default_factory=dict)
    """What else it shows, by name for people: those whose cells can be told apart,"""
    texts: Mapping[str, str] = field(default_factory=dict)
    """and texts."""
    environment: tuple[tuple[str, str], ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    """The files that its text is made from, to their SHA-256."""
    runs: Mapping[str, RunEvidence] = field(default_factory=dict)


def shown(report: Report, side: Side) -> Shown:
    """Look at a report on one side; evidence that isn't shaped as ours counts as absent."""
    text = _with_line_feeds(side.read(report.path))
    written = _with_line_feeds(side.read(f"{report.assets}/{evidence.NAME}"))
    known = evidence.parse(written) if written is not None else None
    if known is None:
        return Shown(text=text, evidence=written)
    return Shown(
        text=text,
        evidence=written,
        values=_values(known),
        pictures=_in_order({name: f"{report.assets}/{file}" for name, file in _pictures(known).items()}, text or b""),
        tables=dict(_tables(known)),
        texts=dict(_texts(known)),
        environment=tuple(_environment(known)),
        sources=known.sources,
        runs=known.runs,
    )


def _with_line_feeds(content: bytes | None) -> bytes | None:
    """A checkout may have its lines end otherwise than the commit that it is of."""
    return None if content is None else content.replace(b"\r\n", b"\n")


@dataclass(frozen=True)
class _Answered:
    """A call whose first argument is an address, and what it gave."""

    call: Call
    address: str
    kept: KeptAnswer
    function: Function | None
    """None: another version's, or one that a pull request made up."""

    @property
    def label(self) -> str:
        """What is said besides the address."""
        return self.function.label if self.function else self.call.function

    @property
    def rows(self) -> list[list[str]]:
        """The lines of the table that it gave."""
        return _rows(self.kept.value) if self.gives("table") and isinstance(self.kept.value, str) else []

    def gives(self, *kinds: Gives) -> bool:
        """Whether there is something of these kinds in the answer."""
        return self.function is not None and not set(kinds).isdisjoint(self.function.gives)


def _answers(known: Evidence) -> Iterator[_Answered]:
    for call, kept in zip(evidence.calls_of(known), known.answers.values(), strict=True):
        address = call.args[0] if call.args else call.kwargs.get("address", call.kwargs.get("run"))
        if isinstance(address, str):
            yield _Answered(call, address, kept, functions.named(call.function))


# --- values ----------------------------------------------------------------------------------------------------------


def _values(known: Evidence) -> dict[str, Json]:
    """What value() gives, and then what only tables of several runs show."""
    answers = list(_answers(known))
    found = {each.address: each.kept.value for each in answers if each.gives("value")}
    for each in answers:
        found |= {name: value for name, value in _compared(each) if name not in found}
    return found


def _compared(each: _Answered) -> Iterator[tuple[str, Json]]:
    """The values in a table whose rows are runs, and whose last columns are values."""
    names, runs = each.call.kwargs.get("values"), each.kept.runs
    rows = each.rows[2:]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(rows) != len(runs):
        return
    for run, row in zip(runs, rows, strict=True):
        if len(row) >= len(names):
            cells = row[len(row) - len(names) :]
            yield from ((f"{run}/{name}", number(text)) for name, text in zip(names, cells, strict=True))


def _rows(table: str) -> list[list[str]]:
    """The cells of a Markdown table that we wrote, as plain text."""
    return [[_plain(cell) for cell in _PIPE.split(line)[1:-1]] for line in table.splitlines() if line.startswith("|")]


def _plain(cell: str) -> str:
    """What a cell shows."""
    return _MARKUP.sub(_unmarked, cell.strip()[:_LONGEST])


def _unmarked(found: re.Match[str]) -> str:
    if found["code"]:
        return found["code"].replace("\\|", "|")
    return found["escaped"] or html.unescape(found["entity"] or "")


# --- tables and texts ------------------------------------------------------------------------------------------------


def _tables(known: Evidence) -> Iterator[tuple[str, Table]]:
    """What functions give as tables, less what is told as values."""
    taken: dict[str, Table] = {}
    for each in _answers(known):
        if isinstance(each.kept.value, str) and each.gives("table") and not any(_compared(each)):
            head, *rows = each.rows or [[]]
            taken[_distinct(each.address + _behind(each.label), taken)] = [head, *rows[1:]]  # less the line of dashes
    yield from taken.items()


def _texts(known: Evidence) -> Iterator[tuple[str, str]]:
    taken: dict[str, str] = {}
    for each in _answers(known):
        if not each.gives("picture", "image", "table", "value"):
            given = sorted(each.call.kwargs.items())
            options = [f"{name}={value}" for name, value in given if value != each.address]
            name = ", ".join([each.address + _behind(each.label), *options])
            taken[_distinct(name, taken)] = str(each.kept.value)
    yield from taken.items()


def _behind(*notes: str) -> str:
    told = ", ".join(filter(None, notes))
    return f" ({told})" if told else ""


def _distinct(name: str, taken: Mapping[str, object]) -> str:
    number = next(number for number in range(1, len(taken) + 2) if _numbered(name, number) not in taken)
    return _numbered(name, number)


# --- pictures --------------------------------------------------------------------------------------------------------


def _pictures(known: Evidence) -> dict[str, str]:
    """Names for people, to files in the report's folder; only those that evidence lists are sure to lie in it."""
    found: dict[str, str] = {}
    for each in (each for each in _answers(known) if each.gives("picture", "image")):
        themes = ("light", "dark") if len(each.kept.assets) == 2 else ("",) * len(each.kept.assets)
        for file, theme in zip(each.kept.assets, themes, strict=True):
            if file in known.files:
                found[_distinct(each.address + _behind(each.label, theme), found)] = file
    return found


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name} #{number}"


def _in_order(pictures: Mapping[str, str], text: bytes) -> dict[str, str]:
    """As a reader meets them; those that the text doesn't name come last."""
    places = {name: text.find(path.rpartition("/")[2].encode("utf-8", "replace")) for name, path in pictures.items()}
    return {name: pictures[name] for name in sorted(pictures, key=lambda name: (places[name] < 0, places[name], name))}


# --- environment -----------------------------------------------------------------------------------------------------


def _environment(known: Evidence) -> Iterator[tuple[str, str]]:
    """Label and text; where runs differ, which of them is meant."""
    told = {address: _place(run) for address, run in known.runs.items()}
    for each in _answers(known):
        if each.function and not each.function.tells_results and each.address in told:
            rows = [(row[0], row[1]) for row in each.rows if len(row) == 2]
            told[each.address] |= {label: text for label, text in rows if label in _PLACES and text}
    for label in _PLACES:
        runs: dict[str, list[str]] = {}
        for address, place in told.items():
            if label in place:
                runs.setdefault(place[label], []).append(address)
        for text, addresses in runs.items():
            yield label, text if len(addresses) == len(told) else f"{', '.join(addresses)}: {text}"


def _place(run: RunEvidence) -> dict[str, str]:
    """What evidence knows of each run, also where the report doesn't say it."""
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
    """Without an image, the packages of the machine are what a reader may want to know."""
    packages = run.machine.get("packages")
    versions = packages if isinstance(packages, dict) else {}
    said = [f"{name} {version}" for name, version in sorted(versions.items(), key=lambda each: each[0] != "python")]
    return {"Packages, without an image": ", ".join(said) or "no packages that are known"}
