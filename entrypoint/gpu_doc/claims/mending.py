"""Corrects numbers in sentences: nothing else in the file changes."""

from __future__ import annotations

from collections.abc import Sequence

from gpu_doc.claims.judging import Judged
from gpu_doc.claims.prose import Document, sentence
from gpu_doc.errors import ClaimTextError, ReportError
from gpu_doc.model.location import Location


def mended(document: Document, judged: Sequence[Judged]) -> str:
    """Return a file's text with corrected numbers. Raises ReportError if two claims want another one in one place."""
    text, here = document.text, len(document.text)
    mends = {(each.mend.start, each.mend.end, each.mend.digits): each for each in judged if each.mend}
    for start, end, digits in sorted(mends, reverse=True):
        if end > here:
            claim = mends[start, end, digits].claim
            what = f"two claims want another number in the sentence “{claim.expected}”"
            where = Location(document.file, document.line_of(start))
            raise ReportError(what, where=where, remedy=f"Take one of them out ({claim.location}).")
        text = f"{text[:start]}{digits}{text[end:]}"
        here = start
    return text


def taken_over(ours: bytes, theirs: bytes, sentences: Sequence[str]) -> bytes | None:
    """Return another version of a file with the numbers that our sentences have; None if it lacks one of them.

    So a branch that somebody else has moved keeps what they wrote.
    """
    mends = set()
    try:
        mine, other = (Document("", content.decode()) for content in (ours, theirs))
        for written in sentences:
            found, there = mine.find(sentence(written)), other.find(sentence(written))
            if found.printed.unit != there.printed.unit:
                return None
            mends.add((there.start, there.end, found.written))
    except (ClaimTextError, ValueError):
        return None
    text = other.text
    for start, end, digits in sorted(mends, reverse=True):
        text = f"{text[:start]}{digits}{text[end:]}"
    return text.encode()
