"""Texts for GitHub: their length, and how we recognize our own."""

from __future__ import annotations

LONGEST_BODY = 65_536
"""Characters that GitHub accepts in a pull request, an issue, or a comment."""

_CUT = "\n\n*The rest is left out: GitHub takes 65,536 characters. The reports have all of it.*\n"


def fitting(body: str) -> str:
    """Return a text that is short enough for GitHub: cut at the end of a line, with a sentence that says so."""
    if len(body) <= LONGEST_BODY:
        return body
    kept = body[: LONGEST_BODY - len(_CUT)]
    return kept[: kept.rfind("\n") if "\n" in kept else None].rstrip() + _CUT


def is_marked(body: str | None, marker: str) -> bool:
    """Whether the first line is this marker, an HTML comment."""
    return (body or "").partition("\n")[0].strip() == marker


def is_same(there: str | None, ours: str) -> bool:
    """Whether two texts are the same except for line ends, which a web form may have changed."""
    return (there or "").replace("\r\n", "\n").strip() == ours.strip()
