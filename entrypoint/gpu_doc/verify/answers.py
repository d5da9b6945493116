"""Compares each answer in evidence with its call: its runs, its files and its Markdown, and a table with its cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from gpu_doc.changes import format_1
from gpu_doc.errors import ReportError
from gpu_doc.functions.compare import best_of, comparison
from gpu_doc.functions.shared.calls import bind
from gpu_doc.functions.shared.exhibits import asset_name
from gpu_doc.functions.shared.function import BoundCall
from gpu_doc.model.answers import Call, Cells
from gpu_doc.model.configuration import Report
from gpu_doc.model.values import Json
from gpu_doc.record.evidence import Evidence, KeptAnswer, RunEvidence
from gpu_doc.text import markdown
from gpu_doc.verify.evidence_file import EvidenceFile

_ENTITY = re.compile(r"&#?\w+;|</?span>")
_WORDS = re.compile(r"[^\W_]+")
_NOT_FINITE = ("nan", "inf", "-inf")
"""Numbers that JSON lacks, as evidence keeps them."""


@dataclass(frozen=True)
class Answered:
    """An answer in evidence, with its call."""

    key: str
    call: Call
    kept: KeptAnswer
    bound: BoundCall | None
    """None if the call is wrong, as the configuration is now."""


def of(report: Report, known: Evidence) -> list[Answered]:
    """Return all answers."""
    return [
        Answered(key, call := Call.from_key(key), kept, _bound(call, report)) for key, kept in known.answers.items()
    ]


def compare(report: Report, known: Evidence, file: EvidenceFile) -> None:
    """Add to a file's findings what is wrong with its answers."""
    for each in of(report, known):
        if each.call.key != each.key:
            file.add("answer", "this call is not written as gpu-doc writes it", "answers", each.key)
        if each.bound is None:
            file.add("answer", f"{each.call}: {_why_unbound(each.call, report)}", "answers", each.key)
            continue
        for key, what in _wrong(each, each.bound, report, known):
            file.add("answer", f"{each.call}: {what}", "answers", each.key, key)


def _bound(call: Call, report: Report) -> BoundCall | None:
    try:
        return bind(call, report)
    except ReportError:
        return None


def _why_unbound(call: Call, report: Report) -> str:
    try:
        bind(call, report)
    except ReportError as error:
        return error.what
    return ""


def _wrong(each: Answered, bound: BoundCall, report: Report, known: Evidence) -> Iterator[tuple[str, str]]:
    """Yield the key of an answer and what is wrong with it."""
    kept = each.kept
    runs = tuple(run.address for run in bound.runs)
    if kept.runs != runs:
        yield "runs", f"comes from {', '.join(runs)}, and here from {', '.join(kept.runs) or 'no run'}"
    for run in kept.runs:
        if run not in known.runs:
            yield "runs", f"evidence says nothing of run {run}"
    yield from _files(bound, kept, report, known)
    if "value" not in bound.function.gives and not isinstance(kept.value, str):
        yield "value", "is no text"
    elif "table" in bound.function.gives:
        yield from _cells(bound, kept)
    if bound.function.name == "environment" and kept.cells and bound.run.address in known.runs:
        yield from _environment(kept.cells, known.runs[bound.run.address])


def _files(bound: BoundCall, kept: KeptAnswer, report: Report, known: Evidence) -> Iterator[tuple[str, str]]:
    pictures = {"picture", "image"} & set(bound.function.gives)
    if not pictures and kept.assets:
        yield "assets", "has no files"
    folder = PurePosixPath(report.assets).name
    for name in kept.assets:
        suffix = PurePosixPath(name).suffix
        if name not in known.files:
            yield "assets", f"evidence says nothing of its file {name}"
        if name not in [asset_name(bound, suffix, variant=variant) for variant in ("", "light", "dark")]:
            yield "assets", f"{name} is the file of another call"
        if markdown.link(f"{folder}/{name}") not in str(kept.value):
            yield "value", f"does not show its file {name}"
    if pictures and not kept.assets:
        yield "assets", "has no file"
    caption = bound.get("caption") or ""
    if pictures and _letters(caption) not in _letters(str(kept.value)):
        yield "value", "has another caption than the call"


def _letters(text: str) -> str:
    """Return letters and digits: versions differ on how the others are escaped."""
    return "".join(_WORDS.findall(_ENTITY.sub("", text)))


def _cells(bound: BoundCall, kept: KeptAnswer) -> Iterator[tuple[str, str]]:
    """Compare a table's cells with its Markdown, and the values with what is shown of them."""
    if kept.cells is None:
        return
    read = format_1.cells(bound.call, kept)
    texts, shown = ([[cell.text for cell in row] for row in cells] for cells in (kept.cells, read))
    longest = max((len(text) for row in texts for text in row), default=0)
    if longest < format_1.LONGEST and texts != shown:
        yield "cells", f"say another table than its Markdown, first in {_first(texts, shown)}"
    elif bound.function.name == "compare":
        given = _compared(bound, kept.cells)
        if given is not None and given != texts:
            yield "cells", f"have values that the table doesn't show so, first in {_first(texts, given)}"


def _environment(cells: Cells, run: RunEvidence) -> Iterator[tuple[str, str]]:
    """Compare what environment() says of a run with what evidence says of it."""
    said = {row[0].text: row[1].text for row in cells if len(row) == 2}
    parameters = run.source.get("parameters") or {}
    given = [f"{key} = {value if isinstance(value, str) else repr(value)}" for key, value in parameters.items()]
    wanted = markdown.one_line(", ".join(given))
    if "Parameters" in said and sorted(said["Parameters"].split(", ")) != sorted(wanted.split(", ")):
        yield "cells", f"say other parameters than the run has: {', '.join(given) or 'none'}"
    packages = run.machine.get("packages") or {}
    versions = [f"{name} {version}" for name, version in packages.items() if version and name != "python"]
    shown = said.get("Packages", "").split(", ")
    if "Packages" in said and (missing := [each for each in versions if each not in shown]):
        yield "cells", f"don't say that the run had {', '.join(missing)}"


def _first(texts: list[list[str]], shown: list[list[str]]) -> str:
    for number, row in enumerate(texts):
        if number >= len(shown) or row != shown[number]:
            return f"row {number}" if number else "the head"
    return f"row {len(texts)}"


def _compared(bound: BoundCall, cells: Cells) -> list[list[str]] | None:
    """Return the texts that the values of a comparison give; None where a value is more than a cell can hold.

    Which value is bold is left out: versions differ on which is best.
    """
    names = bound.get("values")
    by_address: dict[str, Json] = {cell.address: cell.value for row in cells for cell in row if cell.address}
    addresses = {name: [f"{run.address}/{name}" for run in bound.runs] for name in names}
    found = {name: [by_address.get(address) for address in each] for name, each in addresses.items()}
    if any(value is None or value in _NOT_FINITE for values in found.values() for value in values):
        return None
    best = {name: best_of(name, bound.get("best")) for name in names}
    return [[cell.text for cell in row] for row in comparison(bound.runs, found, best).cells]
