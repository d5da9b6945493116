"""Texts that value() gave, in a row of a table: they show themselves, and end no cell."""

from __future__ import annotations

import re
from bisect import bisect_right

from gpu_doc.text import markdown
from gpu_doc.text.prose import front_matter_end, stretches

BEGIN, END = "\ufdd0", "\ufdd1"
"""What stands around such a text until its place is known: no characters of any language."""

_MARKED = re.compile(f"{BEGIN}([^{BEGIN}{END}]*){END}")
_ROW = re.compile(r"[ \t]*(?:(?:>|[-+*]|\d{1,9}[.)])[ \t]+)*\|")


def marked(text: str) -> str:
    """Mark a text that a table's cell can't hold as it is; leave others as they are."""
    plain = text.replace(BEGIN, "").replace(END, "")
    return plain if markdown.prose(plain) == plain else f"{BEGIN}{plain}{END}"


def in_cell(body: str) -> str:
    """Return what stands in a cell, without marks."""
    return _MARKED.sub(lambda found: markdown.prose(found[1]), body)


def unmarked(body: str) -> str:
    """Return a text without marks; what they were around stays as it is."""
    return body.replace(BEGIN, "").replace(END, "")


def in_text(text: str) -> str:
    """Return a whole Markdown text without marks: what stands in a row of a table shows itself there.

    In code and outside of tables a text stays as it is.
    """
    flat = _MARKED.sub(lambda found: "x" * len(found[0]), text)  # what a value holds opens and closes nothing
    parts = [*stretches(flat, front_matter_end(flat))]
    starts = [start for start, _ in parts]

    def one(found: re.Match[str]) -> str:
        part = bisect_right(starts, found.start()) - 1
        line = flat[flat.rfind("\n", 0, found.start()) + 1 : found.start()]
        if part < 0 or found.start() >= parts[part][1] or not _ROW.match(line):
            return found[1]
        if line.count("`") % 2:
            return markdown.one_line(found[1]).replace("|", "\\|")
        return markdown.prose(found[1])

    return unmarked(_MARKED.sub(one, text))
