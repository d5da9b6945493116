"""Reads tables in evidence of format 1, which has them only as the Markdown that we wrote.

They are needed to compare with a report of an earlier version. Values are rounded, as the table shows them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from gpu_doc.model.answers import Call, Cell, Cells
from gpu_doc.record.evidence import KeptAnswer

_MARKUP = re.compile(
    r"(?P<ticks>`+) ?(?P<code>.+?) ?(?P=ticks)|\\(?P<escaped>[\\`*\[\]~_|])|\*\*|</?span>|<(?P<link>\w+:[^<>]*)>|"
    r"(?P<entity>&#?\w+;)"
)
LONGEST = 1000
"""How many characters of a cell are read."""
_PIPE = re.compile(r"(?<!\\)\|")


def cells(call: Call, kept: KeptAnswer) -> Cells:
    """Return the cells of a call's table; the head first, without the line of dashes."""
    rows = [tuple(map(_plain, _PIPE.split(line)[1:-1])) for line in str(kept.value).splitlines() if line[:1] == "|"]
    body = tuple(tuple(Cell(text=text) for text in row) for row in rows[2:])
    return (tuple(Cell(text=text) for text in (rows or [()])[0]), *(tuple(_compared(call, kept, body)) or body))


def _compared(call: Call, kept: KeptAnswer, body: Cells) -> Iterator[tuple[Cell, ...]]:
    """Return the rows of compare(): each is a run; the last columns are the values that the call names."""
    names = call.kwargs.get("values")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(body) != len(kept.runs):
        return
    for run, row in zip(kept.runs, body, strict=True):
        first = len(row) - len(names)
        values = [Cell(text=row[first + at].text, address=f"{run}/{name}") for at, name in enumerate(names)]
        yield (*row[:first], *values)


def _plain(cell: str) -> str:
    """Return the text that a cell shows."""
    return _MARKUP.sub(_unmarked, cell.strip()[:LONGEST])


def _unmarked(found: re.Match[str]) -> str:
    if found["code"]:
        return found["code"].replace("\\|", "|")
    return found["escaped"] or found["link"] or html.unescape(found["entity"] or "")
