"""Judges one claim: does it hold, where does it stand, and what should the sentence say instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from gpu_doc.claims.condition_text import parse
from gpu_doc.claims.conditions import About, Facts
from gpu_doc.claims.numbers import NO_TOLERANCE, number, shown, tolerance
from gpu_doc.claims.prose import Document, Found, sentence
from gpu_doc.errors import ClaimError, ClaimTextError, ReportError
from gpu_doc.model.claims import Claim
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json
from gpu_doc.text import in_place

Read = Callable[[str], Document]
"""Returns a Markdown file by its path from root. Raises ClaimTextError."""


@dataclass(frozen=True)
class Mend:
    """A number to be written into a sentence instead of another one."""

    start: int
    end: int
    digits: str


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A claim, and whether it holds."""

    claim: Claim
    value: Json
    last: Json
    holds: bool
    says: str
    """What is wrong, in a sentence; empty if it holds."""
    where: Location
    mend: Mend | None = None
    """How it is made to hold."""

    def error(self) -> ClaimError:
        """Return it as what keeps a report from being published. Only if it does not hold."""
        if self.mend:
            remedy = "`gpu-doc run` corrects the number."
        elif self.claim.file:
            remedy = f"Correct the sentence, or add `mend: true` to the claim ({self.claim.location})."
        else:
            remedy = "Correct what the run does, or the claim."
        return ClaimError(self.says, where=self.where, remedy=remedy)


def about(claim: Claim) -> About:
    """Return the kind of fact that a claim is judged by."""
    return "value" if claim.file else parse(claim.expected).about


def is_trend(claim: Claim) -> bool:
    """Whether a claim compares with what was published last."""
    return not claim.file and parse(claim.expected).trend


def judge(claim: Claim, value: Json, last: Json, read: Read) -> Judged:
    """Return whether a claim holds. Raises ReportError if that can't be said."""
    try:
        if claim.file:
            return _sentence(claim, value, read(claim.file))
        return _condition(claim, value, last)
    except ClaimTextError:
        raise
    except ReportError as error:
        what = f"the claim `{claim.name}` can't be judged: {error.what}"
        raise ReportError(what, where=error.location or claim.location, remedy=error.remedy) from error


def _condition(claim: Claim, value: Json, last: Json) -> Judged:
    condition = parse(claim.expected)
    noise = tolerance(claim.tolerance) if claim.tolerance else NO_TOLERANCE
    holds = condition.holds(Facts(value, last, noise))
    before = f" (published last: {shown(last)})" if condition.trend and last is not None else ""
    says = "" if holds else f"{claim.address} is {shown(value)}, expected {claim.expected}{before}"
    return Judged(claim=claim, value=value, last=last, holds=holds, says=says, where=claim.location)


def _sentence(claim: Claim, value: Json, document: Document) -> Judged:
    found = document.find(sentence(claim.expected))
    where = Location(claim.file, found.line)
    here, exact = found.printed, number(value)
    if exact is None:
        remedy = "Glue a number, or end the cell with one."
        raise ReportError(f"{claim.address} is {shown(value)}, no number", where=where, remedy=remedy)
    by = max(here.precision, tolerance(claim.tolerance).of(here.value)) if claim.tolerance else here.precision
    holds = isinstance(exact, Fraction) and abs(exact - here.value) <= by
    if holds:
        return Judged(claim=claim, value=value, last=None, holds=True, says="", where=where)
    says = f"“{here.text}” is written here, and {claim.address} is {shown(value)}"
    if isinstance(exact, Fraction) and here.unit == "%" and abs(exact - 100 * here.value) <= 100 * by:
        says += "; if that is in percent already, put only the number of the claim's `text` in brackets"
    mend = _mend(claim, document, found, exact) if claim.mend and isinstance(exact, Fraction) else None
    return Judged(claim=claim, value=value, last=None, holds=False, says=says, where=where, mend=mend)


def _mend(claim: Claim, document: Document, found: Found, value: Fraction) -> Mend:
    """Return what is to be written. Raises ReportError if that is not ours to write, or can't be."""
    where = Location(claim.file, found.line)
    if not found.whole:
        what = "markup stands between the digits of the number that is to be mended"
        raise ReportError(what, where=where, remedy="Write the number in one piece.")
    if any(block.start <= found.start < block.end for block in in_place.parse(document.text, claim.file).blocks):
        what = "the number that is to be mended stands in a block, which gpu-doc writes anyway"
        raise ReportError(what, where=where, remedy="Take `mend` out of the claim.")
    return Mend(found.start, found.end, found.of(value))
