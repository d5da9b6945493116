"""Bytes that a program wrote to its terminal, as lines of styled text: what a person saw, scrolled off or not.

pyte carries the escape sequences out; here are its gaps (zero-width characters, faint text, colons in colours), the
colours, and a bound on time.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from typing import Any

from gpu_doc.model.pictures import Span, TerminalLine
from gpu_doc.text.terminal_colours import PAGE, Theme, background, foreground, mixed

ROWS = 50
"""The height of the terminal that commands run in: programs may go up so far, and not further."""

LONGEST = 4_000_000
"""Bytes that are read; of a longer log the last ones. pyte takes about 1 MB a second."""

_SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
_STRING = re.compile(rb"\x1b[PX^_].*?(?:\x1b\\|\x07|\Z)", re.DOTALL)
"""Strings for the terminal itself (images, keyboards), which pyte would print."""
_OTHER_MODES = re.compile(rb"\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[[0-9;]*[ !\"$'][a-zA-Z]")
"""Control sequences with prefixes and intermediate bytes that pyte knows nothing of."""

_UPWARDS = re.compile(rb"\x1b(\[[0-9;]*[AFHJLMSTdfr]|\[\?(1049|47|1047)|[78DMc])")
"""Sequences after which a line feed need not scroll a line off."""

_NO_JOB_CONTROL = re.compile(
    rb"[\w./-]*sh: cannot set terminal process group \(-?\d+\): [^\n]*\n[\w./-]*sh: no job control[^\n]*\n"
)
"""What `bash -i` says of a terminal in which nobody types: a person at one would not see it."""

_ZERO_WIDTH = re.compile("([\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef])")


def read_screen(
    log: bytes, *, columns: int = 100, history: int = 10_000, theme: Theme = "light"
) -> tuple[TerminalLine, ...]:
    """Return what the terminal shows and what has scrolled off it, without the empty lines at the end.

    Of a log beyond `LONGEST` bytes only the end is read, and of the lines the last `history`; the first line then says
    so. Colours are readable on the page of `theme`.
    """
    screen = _screen(columns, history)
    tail = _tail(log, history + ROWS)
    _feed(screen, tail)
    rows = [*screen.scrolled, *(screen.buffer[y] for y in range(screen.lines))]
    lines = [_line(row, columns, theme) for row in rows]
    while lines and not "".join(span.text for span in lines[-1]).strip():
        lines.pop()
    if len(tail) < len(log) or len(screen.scrolled) >= history:
        lines = [(Span(text=f"… earlier lines are left out ({len(log) / 1e6:.1f} MB in all)"),), *lines[-history:]]
    return tuple(lines)


def plain_text(lines: Iterable[TerminalLine]) -> list[str]:
    """Return the text of each line, without blanks at its end."""
    return ["".join(span.text for span in line).rstrip() for line in lines]


# --- carrying out ----------------------------------------------------------------------------------------------------


def _tail(log: bytes, lines: int) -> bytes:
    """Return the part that matters: where nothing moves up, that many lines, for the others scroll off; and LONGEST."""
    start = max(0, len(log) - LONGEST)
    if not _UPWARDS.search(log, start):
        place = len(log)
        for _ in range(lines + 1):
            if (place := log.rfind(b"\n", start, place)) < 0:
                break
        start = max(start, place + 1)
    if start and log[start - 1 : start] != b"\n":
        # In the middle of a line: begin where one begins, or where it is written anew.
        ends = [place for end in (b"\n", b"\r") if (place := log.find(end, start)) >= 0]
        start = min(ends) + 1 if ends else start
    return log[start:]


def _feed(screen: Any, log: bytes) -> None:
    import pyte

    for pattern in (_NO_JOB_CONTROL, _STRING, _OTHER_MODES):
        log = pattern.sub(b"", log)
    pyte.ByteStream(screen).feed(_SGR.sub(_without_colons, log))


def _without_colons(match: re.Match[bytes]) -> bytes:
    """Rewrite `38:2::1:2:3` as `38;2;1;2;3`, and what pyte would misread, as what it knows (ITU T.416, xterm)."""
    if b":" not in match[1] and b"58" not in match[1]:
        return match[0]
    parts = []
    for part in match[1].split(b";"):
        head, *rest = part.split(b":")
        if head in (b"38", b"48") and len(rest) > 1:
            values = [v for v in rest[1:] if v][-3:] if rest[0] == b"2" else rest[1:2]
            parts.append(b";".join([head, rest[0], *values]))
        elif head == b"4" and rest:
            parts.append(b"24" if rest[0] == b"0" else b"4")
        elif not rest:
            parts.append(head)
    # 58 is the underline's colour; as `58;5;n` its arguments would be read as styles.
    joined = re.sub(rb"(^|;)58;(5;\d+|2;\d+;\d+;\d+)", b"", b";".join(parts)).strip(b";")
    return b"\x1b[" + joined + b"m" if joined else b""


class _Cells(dict[str, Any]):
    """The cells of one style by their character, made when first used."""

    def __init__(self, style: Any) -> None:
        super().__init__()
        self.style = style

    def __missing__(self, character: str) -> Any:
        cell = self[character] = self.style._replace(data=character)
        return cell


@lru_cache(maxsize=4096)
def _columns(character: str) -> int:
    from wcwidth import wcwidth

    return int(wcwidth(character))


def _narrow(text: str) -> bool:
    return (text.isascii() and text.isprintable()) or all(_columns(character) == 1 for character in set(text))


def _faint(faint: bool, attrs: tuple[int, ...]) -> bool:  # noqa: FBT001 - what it was before
    """Return whether text is faint after a rendition: 2 begins it, 22, 0 and nothing end it."""
    rest = list(attrs or (0,))
    while rest:
        attr = rest.pop(0)
        if attr in (38, 48):
            del rest[: 4 if rest[:1] == [2] else 2]
        elif attr in (0, 2, 22):
            faint = attr == 2
    return faint


@lru_cache(maxsize=1)
def _char_class() -> Any:
    from pyte.screens import Char

    return Char


@lru_cache(maxsize=1)
def _screen_class() -> Any:
    """Return our screen. A function, since pyte is imported only where a terminal is shown."""
    import pyte
    from pyte import modes

    class Screen(pyte.Screen):
        def __init__(self, columns: int, history: int) -> None:
            self._styled = _Cells(None)
            # pyte's HistoryScreen keeps scrolled lines too, but looks every attribute up in Python: half the time.
            self.scrolled: deque[Any] = deque(maxlen=history)
            super().__init__(columns, ROWS)
            self.set_mode(modes.LNM)

        def reset(self) -> None:
            super().reset()
            self.set_mode(modes.LNM)

        def index(self) -> None:
            if self.cursor.y == self.lines - 1 and not self.margins:
                buffer = self.buffer
                self.scrolled.append(buffer[0])
                for y in range(self.lines - 1):
                    buffer[y] = buffer[y + 1]
                buffer.pop(self.lines - 1)
            else:
                super().index()

        def erase_in_display(self, how: int = 0, *args: Any, **private: bool) -> None:
            super().erase_in_display(how, *args, **private)
            if how == 3:  # xterm: what has scrolled off
                self.scrolled.clear()

        def draw(self, data: str) -> None:
            # pyte goes character by character; text that takes one column each is put down a line at a time.
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
            # pyte drops the rest of the text at a zero-width character that is no combining one (ZWJ, VS16).
            for part in _ZERO_WIDTH.split(data):
                if _ZERO_WIDTH.fullmatch(part):
                    self._join(part)
                else:
                    for character in part:
                        # A character of two columns that has only one left goes to the next line, as terminals do it.
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
            if private:
                return
            faint = _faint(self.cursor.attrs.blink, attrs)
            super().select_graphic_rendition(*attrs)
            if self.cursor.attrs.blink != faint:
                # pyte has no faint text; `blink`, which no picture shows, stands in for it.
                self.cursor.attrs = self.cursor.attrs._replace(blink=faint)

        def report_device_status(self, mode: int = 0, **_: bool) -> None:
            """Nobody waits for an answer."""

        def report_device_attributes(self, mode: int = 0, **_: bool) -> None:
            """Nobody waits for an answer."""

    return Screen


def _screen(columns: int, history: int) -> Any:
    return _screen_class()(columns, history)


# --- lines and colours -----------------------------------------------------------------------------------------------


def _line(row: Any, columns: int, theme: Theme) -> TerminalLine:
    """Return a row as spans of one style each; blanks at the end that show nothing are left out."""
    last = max((x for x, char in row.items() if x < columns and _shows(char)), default=-1)
    cells = [row[x] for x in range(last + 1)]
    spans = []
    for style, group in groupby(cells, key=_style):
        spans.append(_span("".join([char.data for char in group]), style, theme))
    return tuple(span for span in spans if span.text)


def _style(char: Any) -> Any:
    return char[1:]


def _shows(char: Any) -> bool:
    return bool(char.data.strip() or char.bg != "default" or char.reverse or char.underscore)


def _span(text: str, values: Any, theme: Theme) -> Span:
    style = _char_class()(text, *values)
    page_text, page = PAGE[theme]
    behind = background(style.bg)
    colour = foreground(style.fg, behind, theme)
    if style.reverse:
        colour, behind = behind or page, colour or page_text
    if style.blink:
        colour = mixed(colour or page_text, behind or page)
    return Span(
        text=text,
        foreground=colour,
        background=behind,
        bold=style.bold,
        italic=style.italics,
        underline=style.underscore,
        strike=style.strikethrough,
    )
