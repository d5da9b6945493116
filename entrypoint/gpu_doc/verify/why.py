"""Answers `gpu-doc why REPORT[:LINE]`: where the numbers, pictures and tables on a line come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gpu_doc.errors import ReportError
from gpu_doc.git import checkout
from gpu_doc.model.answers import Answer, Call, Cell
from gpu_doc.model.configuration import Config, Report
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json
from gpu_doc.record import checksums, evidence
from gpu_doc.record.contents import Seen
from gpu_doc.record.evidence import Evidence
from gpu_doc.record.fingerprint import Machine
from gpu_doc.record.judging import Judge
from gpu_doc.record.state import State
from gpu_doc.report.template import TemplateWorker
from gpu_doc.report.trace import Shown, Trace, trace
from gpu_doc.verify import evidence_file, plain_files
from gpu_doc.verify.evidence_file import EvidenceFile
from gpu_doc.verify.origins import Origin, Origins
from gpu_doc.verify.runs import RunCheck


@dataclass(frozen=True, kw_only=True)
class Line:
    """What one call shows, on which lines, and where it comes from."""

    shown: Shown
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class Why:
    """The answer for a line, or for a whole report."""

    report: str
    line: int
    """0 for the whole report."""
    lines: tuple[Line, ...]
    nearest: tuple[int, ...] = ()
    """If nothing generated stands on the line: the nearest lines before and after that have something."""
    untold: tuple[tuple[Call, Location], ...] = ()
    """Calls whose place in the text can't be told, or that only decide what stands there."""
    exact: bool = True
    warnings: tuple[str, ...] = ()
    """What contradicts the answer."""

    def to_json(self) -> dict[str, Json]:
        """Return it as in `why --json`."""
        return {
            "report": self.report,
            "line": self.line or None,
            "exact": self.exact,
            "shown": [
                {"lines": [each.shown.first, each.shown.last], "sure": each.shown.sure, "asked": str(each.shown.place)}
                | each.origin.to_json()
                for each in self.lines
            ],
            "nearest": list(self.nearest),
            "elsewhere": [{"call": str(call), "asked": str(place)} for call, place in self.untold],
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class Asked:
    """What is needed for an answer."""

    config: Config
    machine: Machine
    worker: TemplateWorker
    judge: Callable[[], Judge]
    state: State | None = None


def why(asked: Asked, report: Report, line: int = 0) -> Why:
    """Return where what stands on a line comes from; of the whole report for line 0. Raises GpuDocError."""
    config, line_ends = asked.config, asked.machine.line_ends
    tree = checkout.work_tree(config.root)
    name = f"{report.assets}/{evidence.NAME}"
    file = evidence_file.read(evidence.path_of(report, config.root), name, tree or config.root, line_ends)
    if file.known is None:
        found = file.findings[0]
        raise ReportError(f"where this report comes from is not known: evidence {found.what}", where=found.where)
    known = file.known
    traced = _traced(asked, report, known)
    runs = RunCheck(config, report, asked.machine, tree, Seen(), asked.judge)
    origins = Origins(
        report=report,
        root=config.root,
        known=known,
        raw=file.raw_runs,
        plans=runs.plans(known),
        unknown={address: tuple(runs.unknown_commit(run)) for address, run in known.runs.items()},
        state=asked.state,
    )
    text = traced.text.replace("\r\n", "\n").split("\n")
    if line > len(text):
        raise ReportError(f"the report has {len(text)} lines", where=Location(report.path, line))
    wanted = [each for each in traced.shown if not line or each.first <= line <= each.last]
    here = text[line - 1] if line else ""
    lines = tuple(
        Line(shown=each, origin=origins.of(each.call, _row(each.call, here, known) if line else ()))
        for each in _each_once(wanted)
    )
    return Why(
        report=report.path,
        line=line,
        lines=lines,
        nearest=() if lines else _nearest(traced.shown, line),
        untold=traced.untold,
        exact=traced.exact,
        warnings=(*_edited(asked, report, text, line), *_contradictions(file, lines)),
    )


def _traced(asked: Asked, report: Report, known: Evidence) -> Trace:
    def answer(call: Call) -> Answer:
        kept = known.answers.get(call.key)
        if kept is None:
            what = "evidence has no answer to this call: the template was changed since the report was made"
            raise ReportError(what, remedy="`gpu-doc run` brings the report up to date.")
        return Answer(value=kept.value, runs=kept.runs, cells=kept.cells)

    return trace(report, asked.config.root, asked.worker, answer, asked.machine.line_ends)


def _each_once(shown: Sequence[Shown]) -> list[Shown]:
    """Return them with the lines of one call in one place together."""
    found: dict[tuple[str, str, int], Shown] = {}
    for each in shown:
        key = each.call.key, str(each.place), each.first
        if key not in found:
            found[key] = each
        elif each.last > found[key].last:
            found[key] = replace(found[key], last=each.last)
    return list(found.values())


def _row(call: Call, text: str, known: Evidence) -> Sequence[Cell]:
    """Return the cells of a table that stand on a line with this text; none where it is no row, or two are alike."""
    kept = known.answers.get(call.key)
    if kept is None or not kept.cells or not isinstance(kept.value, str):
        return ()
    rows = [line for line in kept.value.split("\n") if line.startswith("|")]
    found = [number for number, row in enumerate(rows[2:], start=1) if text.endswith(row)]
    return kept.cells[found[0]] if len(found) == 1 and found[0] < len(kept.cells) else ()


def _nearest(shown: Sequence[Shown], line: int) -> tuple[int, ...]:
    before = [each.last for each in shown if each.last < line]
    after = [each.first for each in shown if each.first > line]
    return tuple(dict.fromkeys([*([max(before)] if before else []), *([min(after)] if after else [])]))


def _edited(asked: Asked, report: Report, text: Sequence[str], line: int) -> list[str]:
    """Say where the report is not what evidence gives."""
    path = asked.config.root / report.path
    try:
        content = plain_files.content(path, checkout.work_tree(asked.config.root) or asked.config.root)
    except (FileNotFoundError, plain_files.NotPlainError):
        return ["the report can't be read: this is what evidence gives"]
    there = content.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    different = [number for number, pair in enumerate(zip(text, there, strict=False), start=1) if pair[0] != pair[1]]
    if not different and len(there) == len(text):
        return []
    first = different[0] if different else min(len(text), len(there)) + 1
    if line and line < first:
        return []
    return [f"the report is not what evidence gives, from line {first} on: `gpu-doc verify {report.path}` says how"]


def _contradictions(file: EvidenceFile, lines: Sequence[Line]) -> list[str]:
    """Say which of the entries that are told of don't fit their checksums."""
    keys = {("answers", each.origin.call.key) for each in lines}
    keys |= {("runs", run.address) for each in lines for run in each.origin.runs}
    return [
        f"what evidence says of {checksums.told(*part)} does not fit its checksum: it was changed by hand"
        for part in file.wrong
        if part in keys
    ]
