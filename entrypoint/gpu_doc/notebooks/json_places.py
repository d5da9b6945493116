"""Where in a JSON text its parts stand: what `json` forgets, and a message about one of them needs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_DECODER = json.JSONDecoder()
_BLANKS = re.compile(r"[ \t\r\n]*")


def value(text: str, at: int) -> object:
    """The value that begins at a place."""
    return _DECODER.raw_decode(text, at)[0]


def items(text: str, at: int) -> Iterator[int]:
    """Where the items of the array at a place begin."""
    at = blanks(text, at + 1)
    while text[at] != "]":
        yield at
        at = blanks(text, _DECODER.raw_decode(text, at)[1])
        at = blanks(text, at + 1) if text[at] == "," else at


def members(text: str, at: int) -> Iterator[tuple[str, int]]:
    """The keys of the object at a place, and where their values begin."""
    at = blanks(text, at + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = blanks(text, blanks(text, at) + 1)
        yield key, at
        at = blanks(text, _DECODER.raw_decode(text, at)[1])
        at = blanks(text, at + 1) if text[at] == "," else at


def blanks(text: str, at: int) -> int:
    """The first place from here on that is no blank."""
    match = _BLANKS.match(text, at)
    assert match
    return match.end()


def cells(text: str) -> Iterator[int]:
    """Where the cells of a notebook begin, of nbformat 3's worksheets too."""
    notebook = dict(members(text, blanks(text, 0)))
    if "cells" in notebook:
        yield from items(text, notebook["cells"])
        return
    for sheet in items(text, notebook["worksheets"]):
        if "cells" in (parts := dict(members(text, sheet))):
            yield from items(text, parts["cells"])
