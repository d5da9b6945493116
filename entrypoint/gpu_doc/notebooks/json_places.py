"""Finds the positions of values in a JSON text. Messages need them, and `json` does not keep them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_DECODER = json.JSONDecoder()
_BLANKS = re.compile(r"[ \t\r\n]*")


def value(text: str, at: int) -> object:
    """The value at a position."""
    return _DECODER.raw_decode(text, at)[0]


def items(text: str, at: int) -> Iterator[int]:
    """The positions of the items of the array at a position."""
    at = blanks(text, at + 1)
    while text[at] != "]":
        yield at
        at = blanks(text, _DECODER.raw_decode(text, at)[1])
        at = blanks(text, at + 1) if text[at] == "," else at


def members(text: str, at: int) -> Iterator[tuple[str, int]]:
    """The keys of the object at a position, and the positions of their values."""
    at = blanks(text, at + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = blanks(text, blanks(text, at) + 1)
        yield key, at
        at = blanks(text, _DECODER.raw_decode(text, at)[1])
        at = blanks(text, at + 1) if text[at] == "," else at


def blanks(text: str, at: int) -> int:
    """The first position from here on that is not white space."""
    match = _BLANKS.match(text, at)
    assert match
    return match.end()


def cells(text: str) -> Iterator[int]:
    """The positions of a notebook's cells, also in nbformat 3's worksheets."""
    notebook = dict(members(text, blanks(text, 0)))
    if "cells" in notebook:
        yield from items(text, notebook["cells"])
        return
    for sheet in items(text, notebook["worksheets"]):
        if "cells" in (parts := dict(members(text, sheet))):
            yield from items(text, parts["cells"])
