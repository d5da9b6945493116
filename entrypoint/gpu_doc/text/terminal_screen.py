"""A terminal's screen: like pyte's, but twice as fast, and with zero-width characters, faint text and scrollback."""

from __future__ import annotations

import re
from collections import deque
from copy import copy
from functools import lru_cache
from typing import Any

import pyte
from pyte import modes
from wcwidth import wcwidth

ROWS = 50
"""The height of the terminal that commands run in: programs can move up so far, and not further."""

_ALTERNATE = {47, 1047, 1049}
"""Private modes of xterm's second screen, which programs fill before they give the first one back."""
_ZERO_WIDTH = re.compile("([\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef])")


class Screen(pyte.Screen):
    """What a terminal shows, and in `scrolled` the rows that were moved off its top."""

    def __init__(self, columns: int, history: int) -> None:
        self._styled = _Cells(None)
        # pyte's HistoryScreen keeps scrolled lines too, but it looks up every attribute in Python: half as fast.
        self.scrolled: deque[Any] = deque(maxlen=history)
        self._first: tuple[Any, ...] | None = None
        super().__init__(columns, ROWS)
        self.set_mode(modes.LNM)

    def reset(self) -> None:
        """Reset the screen; a line feed also returns the carriage."""
        self._first = None
        super().reset()
        self.set_mode(modes.LNM)

    def set_mode(self, *modes: int, **private: bool) -> None:
        """Set modes; the second screen begins empty, and nothing of it is kept when it is left."""
        super().set_mode(*modes, **private)
        if private and not _ALTERNATE.isdisjoint(modes) and self._first is None:
            self._first = (self.buffer.copy(), copy(self.cursor), self.margins)
            self.buffer.clear()
            self.margins = None

    def reset_mode(self, *modes: int, **private: bool) -> None:
        """Reset modes; after the second screen the first one is shown again, as it was."""
        super().reset_mode(*modes, **private)
        if private and not _ALTERNATE.isdisjoint(modes) and self._first is not None:
            buffer, self.cursor, self.margins = self._first
            self._first = None
            self.buffer.clear()
            self.buffer.update(buffer)

    def index(self) -> None:
        """Move one line down, and keep the line that scrolls off."""
        if self.cursor.y == self.lines - 1 and not self.margins:
            buffer = self.buffer
            if self._first is None:
                self.scrolled.append(buffer[0])
            for y in range(self.lines - 1):
                buffer[y] = buffer[y + 1]
            buffer.pop(self.lines - 1)
        else:
            super().index()

    def erase_in_display(self, how: int = 0, *args: Any, **private: bool) -> None:
        """Erase; with 3, also what has scrolled off."""
        super().erase_in_display(how, *args, **private)
        if how == 3:  # xterm: what has scrolled off
            self.scrolled.clear()

    def draw(self, data: str) -> None:
        """Write text at the cursor."""
        # pyte writes character by character. We write text of single-column characters a line at a time.
        if modes.IRM in self.mode or self.charset or not _narrow(data):
            self._draw_wide(data)
            return
        while data:
            if self.cursor.x >= self.columns:
                self.carriage_return()
                self.linefeed()
            x = self.cursor.x
            part, data = data[: self.columns - x], data[self.columns - x :]
            self.buffer[self.cursor.y].update(
                zip(range(x, x + len(part)), map(self._cells().__getitem__, part), strict=True)
            )
            self.cursor.x += len(part)

    def _cells(self) -> _Cells:
        if self._styled.style != self.cursor.attrs:
            self._styled = _Cells(self.cursor.attrs)
        return self._styled

    def _draw_wide(self, data: str) -> None:
        # pyte drops the text after a zero-width character that is not a combining one (ZWJ, VS16).
        for part in _ZERO_WIDTH.split(data):
            if _ZERO_WIDTH.fullmatch(part):
                self._join(part)
            else:
                for character in part:
                    # As in terminals, a two-column character goes to the next line if only one column is left.
                    if self.cursor.x == self.columns - 1 and _columns(character) == 2:
                        self.cursor.x = self.columns
                    super().draw(character)

    def _join(self, character: str) -> None:
        x = self.cursor.x - 1
        line = self.buffer[self.cursor.y]
        while x > 0 and not line[x].data:
            x -= 1
        if x >= 0:
            line[x] = line[x]._replace(data=line[x].data + character)

    def select_graphic_rendition(self, *attrs: int, **private: bool) -> None:
        """Change the style; ignore sequences of private modes."""
        if private:
            return
        faint = _faint(self.cursor.attrs.blink, attrs)
        super().select_graphic_rendition(*attrs)
        if self.cursor.attrs.blink != faint:
            # pyte has no faint text. We use `blink` for it, which no picture shows.
            self.cursor.attrs = self.cursor.attrs._replace(blink=faint)

    def report_device_status(self, mode: int = 0, **_: bool) -> None:
        """Nobody waits for an answer."""

    def report_device_attributes(self, mode: int = 0, **_: bool) -> None:
        """Nobody waits for an answer."""


class _Cells(dict[str, Any]):
    """The cells of one style, by character; made on first use."""

    def __init__(self, style: Any) -> None:
        super().__init__()
        self.style = style

    def __missing__(self, character: str) -> Any:
        cell = self[character] = self.style._replace(data=character)
        return cell


@lru_cache(maxsize=4096)
def _columns(character: str) -> int:
    return int(wcwidth(character))


def _narrow(text: str) -> bool:
    return (text.isascii() and text.isprintable()) or all(_columns(character) == 1 for character in set(text))


def _faint(faint: bool, attrs: tuple[int, ...]) -> bool:  # noqa: FBT001 - what it was before
    """Return whether text is faint after these attributes: 2 begins it; 22, 0 and no attributes end it."""
    rest = list(attrs or (0,))
    while rest:
        attr = rest.pop(0)
        if attr in (38, 48):
            del rest[: 4 if rest[:1] == [2] else 2]
        elif attr in (0, 2, 22):
            faint = attr == 2
    return faint
