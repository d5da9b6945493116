"""The claims of a report as evidence tells: nothing runs, and no state is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from gpu_doc.claims import files
from gpu_doc.claims.condition_text import NotACondition
from gpu_doc.claims.judging import Judged, about, is_trend, judge
from gpu_doc.claims.prose import Document, sentence
from gpu_doc.errors import GpuDocError, ReportError
from gpu_doc.functions.expect import fact, written
from gpu_doc.model.answers import Call
from gpu_doc.model.claims import Claim, tolerance_of
from gpu_doc.model.configuration import Report
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json
from gpu_doc.record.evidence import Evidence
from gpu_doc.record.kept_claims import KeptClaim


@dataclass
class EvidentClaims:
    """Claims judged by what evidence has."""

    judged: list[Judged] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    """Why the report would be rendered."""
    broken: list[GpuDocError] = field(default_factory=list)
    """What a person has to see to."""

    def to_json(self) -> Iterator[Json]:
        """Yield the claims as in `plan --json`."""
        for each in self.judged:
            claim, where = each.claim, each.where
            line = {"line": where.line} if where.line else {}
            yield {
                "address": claim.address,
                "expected": claim.expected,
                "holds": each.holds,
                "value": each.value,
                "file": where.file,
                **line,
            }


Rehearse = Callable[[Report], Sequence[tuple[Call, Location]]]
"""Returns the calls that a report makes, and where. Raises ReportError."""


def judged(report: Report, known: Evidence | None, root: Path, rehearse: Rehearse) -> EvidentClaims:
    """Judge the claims of the configuration, and those that the report's text had when it was published."""
    found = EvidentClaims()
    kept = {each.identity: each for each in known.claims} if known else {}
    claims = {claim.identity: claim for claim in (*report.claims, *_in_text(report, kept.values()))}
    documents: dict[str, Document] = {}

    def read(file: str) -> Document:
        if file not in documents:
            documents[file] = files.read(root, file)
        return documents[file]

    for claim in claims.values():
        before = kept.get(claim.identity)
        if before is None and known:
            found.changes.append(f"the claim `{claim.name}` is new")
        try:
            answer = known.answers.get(fact(claim.address, about(claim)).key) if known else None
            if answer is None:
                continue  # its run will tell
            last = before.last if before and is_trend(claim) else None
            each = judge(claim, answer.value, last, read)
        except ReportError as error:
            found.broken.append(error)
            continue
        if claim.in_text and not each.holds:
            each = replace(each, where=_line(claim, report, rehearse))
        found.judged.append(each)
        _compare(found, each, before, report)
    gone = [each for identity, each in kept.items() if identity not in claims]
    found.changes += [f"the claim `{each.file or each.address}: {each.expected}` is gone" for each in gone]
    return found


def _line(claim: Claim, report: Report, rehearse: Rehearse) -> Location:
    """Return where a claim stands in the report's text; its file alone if that can't be told."""
    with suppress(GpuDocError):
        for call, place in rehearse(report):
            if call.function == "expect" and written(call) == (claim.address, claim.expected):
                return place
    return claim.location


def demand_sentences(report: Report, root: Path) -> list[GpuDocError]:
    """Return why sentences can't be found, before anything runs. In the report's own text, they may come only then."""
    errors: list[GpuDocError] = []
    documents: dict[str, Document] = {}
    for claim in (claim for claim in report.claims if claim.file and claim.file != report.path):
        try:
            if claim.file not in documents:
                documents[claim.file] = files.read(root, claim.file)
            documents[claim.file].find(sentence(claim.expected))
        except ReportError as error:
            errors.append(error)
    return errors


def _compare(found: EvidentClaims, each: Judged, before: KeptClaim | None, report: Report) -> None:
    if each.mend:
        found.changes.append(f"{each.where}: {each.says}; it is to be mended")
    if not each.holds:
        found.broken.append(each.error())
    if not each.mend and before and before.holds != each.holds and (each.holds or report.on_failure == "mark"):
        found.changes.append(f"the claim `{each.claim.name}` {'holds again' if each.holds else 'no longer holds'}")


def _in_text(report: Report, kept: Iterable[KeptClaim]) -> Iterator[Claim]:
    """Yield the claims of the report's own text, as evidence has them. A pull request may have made them up."""
    runs = {run.address: run for run in report.runs}
    for each in kept:
        name = each.address.partition("]/")[0] + "]" if "]/" in each.address else each.address.partition("/")[0]
        if not each.in_text or name not in runs:
            continue
        claim = Claim(
            address=each.address,
            expected=each.expected,
            location=Location(report.template or report.path),
            in_text=True,
            tolerance=tolerance_of(runs[name], each.address),
        )
        try:
            about(claim)
        except NotACondition:
            continue
        yield claim
