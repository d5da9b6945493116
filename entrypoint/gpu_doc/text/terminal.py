"""Turns the bytes that a program wrote to its terminal into lines of styled text, including what scrolled off.

pyte executes the escape sequences. This module handles those that it would misread, the colours, and a limit on time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

import pyte

from gpu_doc.model.pictures import LEFT_OUT, Span, TerminalLine
from gpu_doc.text.bars import end_of_bar
from gpu_doc.text.terminal_colours import PAGE, Theme, background, foreground, mixed
from gpu_doc.text.terminal_screen import ROWS, Screen

LONGEST = 4_000_000
"""Bytes that are read: the last ones of a longer log. pyte reads about 1 MB per second."""

_SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
_STRING = re.compile(rb"\x1b[PX^_].*?(?:\x1b\\|\x07|\Z)", re.DOTALL)
"""Commands for the terminal itself (images, keyboards), which pyte would print."""
_OTHER_MODES = re.compile(rb"\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[[0-9;]*[ !\"$'][a-zA-Z]")
"""Control sequences with prefixes and intermediate bytes that pyte does not know."""

_UPWARDS = re.compile(rb"\x1b(\[[0-9;]*[AFHJLMSTdfr]|\[\?(1049|47|1047)|[78DMc])")
"""Sequences after which a line feed may not scroll."""

_SECOND_SCREEN = re.compile(rb"\x1b\[\?(?:1049|1047|47)([hl])")

_NO_JOB_CONTROL = re.compile(
    rb"[\w./-]*sh: cannot set terminal process group \(-?\d+\): [^\n]*\n[\w./-]*sh: no job control[^\n]*\n"
)
"""What `bash -i` prints if its terminal has no user; nobody at a real terminal would see it."""


def read_screen(
    log: bytes, *, columns: int = 100, history: int = 10_000, theme: Theme = "light"
) -> tuple[TerminalLine, ...]:
    """Return what the terminal shows and what has scrolled off it, without the empty lines at the end.

    Only the last `LONGEST` bytes of the log and the last `history` lines are kept; if something is left out, the first
    line says so. Colours are readable on the page of `theme`.
    """
    screen = Screen(columns, history)
    tail = _tail(log, history + ROWS)
    fed = tail
    for pattern in (_NO_JOB_CONTROL, _STRING, _OTHER_MODES):
        fed = pattern.sub(b"", fed)
    pyte.ByteStream(screen).feed(_SGR.sub(_without_colons, fed))
    rows = [*screen.scrolled, *(screen.buffer[y] for y in range(screen.lines))]
    lines = [_line(row, columns, theme) for row in rows]
    while lines and not "".join(span.text for span in lines[-1]).strip():
        lines.pop()
    if len(tail) < len(log) or len(screen.scrolled) >= history:
        lines = [(Span(text=f"{LEFT_OUT} ({len(log) / 1e6:.1f} MB in all)"),), *lines[-history:]]
    return tuple(lines)


def plain_text(lines: Iterable[TerminalLine]) -> list[str]:
    """Return the text of each line, without blanks at its end."""
    return ["".join(span.text for span in line).rstrip() for line in lines]


# --- escape sequences ------------------------------------------------------------------------------------------------


def _tail(log: bytes, lines: int) -> bytes:
    """Return the part that matters: at most LONGEST bytes; if nothing moves the cursor up, only the last `lines`."""
    start = max(0, len(log) - LONGEST)
    if not _UPWARDS.search(log, start):
        place = len(log)
        for _ in range(lines + 1):
            if (place := log.rfind(b"\n", start, place)) < 0:
                break
        start = max(start, place + 1)
    if start and log[start - 1 : start] != b"\n":
        # In the middle of a line: begin at the next line, or where the line is overwritten.
        ends = [place for end in (b"\n", b"\r") if (place := log.find(end, start)) >= 0]
        start = min(ends) + 1 if ends else start
    if start and (found := _SECOND_SCREEN.search(log, start)) and found[1] == b"l":
        start = found.end()  # it began on a screen that was left
    return log[start:]


def _without_colons(match: re.Match[bytes]) -> bytes:
    """Rewrite `38:2::1:2:3` as `38;2;1;2;3`, and other forms that pyte would misread (ITU T.416, xterm)."""
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
    # 58 is the underline's colour. pyte would read the arguments of `58;5;n` as styles.
    joined = re.sub(rb"(^|;)58;(5;\d+|2;\d+;\d+;\d+)", b"", b";".join(parts)).strip(b";")
    return b"\x1b[" + joined + b"m" if joined else b""


# --- lines and colours -----------------------------------------------------------------------------------------------


def _line(row: Any, columns: int, theme: Theme) -> TerminalLine:
    """Return a row as spans of one style each, without invisible blanks at the end."""
    last = max((x for x, char in row.items() if x < columns and _shows(char)), default=-1)
    cells = [row[x] for x in range(last + 1)]
    # A character of two columns has an empty one beside it: by cells, places are columns.
    cells = cells[: end_of_bar("".join(cell.data[:1] or "\0" for cell in cells))]
    spans = []
    for _, group in groupby(cells, key=lambda char: char[1:]):
        chars = list(group)
        spans.append(_span("".join([char.data for char in chars]), chars[0], theme))
    return tuple(span for span in spans if span.text)


def _shows(char: Any) -> bool:
    return bool(char.data.strip() or char.bg != "default" or char.reverse or char.underscore)


def _span(text: str, style: Any, theme: Theme) -> Span:
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
