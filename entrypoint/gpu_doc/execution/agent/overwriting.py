"""Drops what a terminal shows only for a moment: the states of a progress bar, each written over the one before.

Runs in the Python of the user's image too: only the standard library of Python 3.8.
"""

from __future__ import annotations

import re
from typing import Any, Callable

_COLUMNS = 100
_LONGEST = 4096
"""The most bytes that are held until a line feed or a carriage return comes."""

_RETURN = re.compile(rb"\r(?!\n)")
_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Overwriting:
    """Passes a terminal's input on to `write`, without text that is completely overwritten in its own line.

    What moves the cursor in other ways, or is too wide for a line, is passed on unchanged. Only the line that has not
    ended yet is held.
    """

    def __init__(self, write: Callable[[bytes], Any]) -> None:
        self._write = write
        self._shown: list[tuple[int, bytes]] = []
        """The texts written from the beginning of this line, each narrower than the one before: widths and bytes."""
        self._now = b""
        self._from_the_beginning = True
        """Whether what comes now begins at the beginning of a line, and all of that line is held."""

    def write(self, data: bytes) -> None:
        """Accept bytes."""
        data = self._now + data
        self._now = b""
        # A carriage return at the end may be half of a line end.
        half = b"\r" if data.endswith(b"\r") else b""
        *ended, rest = _RETURN.split(data[: len(data) - len(half)])
        for piece in ended:
            self._return(self._lines(piece))
        self._now = self._lines(rest) + half
        if len(self._now) > _LONGEST:
            self._pass_on(self._now)
            self._now, self._from_the_beginning = b"", False

    def close(self) -> None:
        """Pass on what is held."""
        self._pass_on(self._now)
        self._now = b""

    def _lines(self, piece: bytes) -> bytes:
        """Pass on the lines that have ended; return the rest."""
        first, newline, _ = piece.partition(b"\n")
        if not newline:
            return piece
        if self._from_the_beginning:
            piece = self._cover(first.rstrip(b"\r")) + piece
        end = piece.rfind(b"\n") + 1
        self._pass_on(piece[:end])
        self._from_the_beginning = True
        return piece[end:]

    def _return(self, piece: bytes) -> None:
        """Handle a carriage return after `piece`."""
        if self._from_the_beginning and _width(piece) >= 0:
            self._shown.append((_width(piece), self._cover(piece) + piece + b"\r"))
        else:
            self._pass_on(piece + b"\r")
        self._from_the_beginning = True

    def _cover(self, piece: bytes) -> bytes:
        """Drop the texts that `piece` overwrites; return the colours that they had set."""
        width, colours = _width(piece), b""
        while self._shown and self._shown[-1][0] <= width:
            colours = b"".join(_COLOUR.findall(self._shown.pop()[1])) + colours
        return colours

    def _pass_on(self, data: bytes) -> None:
        whole = b"".join(shown for _, shown in self._shown) + data
        self._shown.clear()
        if whole:
            self._write(whole)


def _width(piece: bytes) -> int:
    """Return the columns that text takes; -1 if it is more than text and colours for one line."""
    text = _COLOUR.sub(b"", piece).decode("utf-8", "replace")
    # Other characters than Latin letters and blocks may be twice as wide.
    plain = all(letter < "\u0300" or "\u2500" <= letter < "\u2600" for letter in text)
    return len(text) if plain and len(text) < _COLUMNS and not _CONTROL.search(text) else -1
