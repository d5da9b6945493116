"""Bytes that a program wrote to its terminal, as lines of styled text: what a person saw, scrolled off or not.

pyte carries the escape sequences out; here are its gaps (zero-width characters, faint text, colons in colours), the
colours, and a bound on time.
"""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from gpu_doc.model import Span, TerminalLine

if TYPE_CHECKING:
    import pyte

ROWS = 50
"""The height of the terminal that commands run in: programs may go up so far, and not further."""

LONGEST = 8_000_000
"""Bytes that are read; of a longer log the last ones. pyte takes 1 to 2 MB a second."""

_LIGHT = {
    "black": "#24292f", "red": "#cf222e", "green": "#1a7f37", "brown": "#9a6700",
    "blue": "#0969da", "magenta": "#8250df", "cyan": "#1b7c83", "white": "#6e7781",
    "brightblack": "#6e7781", "brightred": "#a40e26", "brightgreen": "#2c974b", "brightbrown": "#b08800",
    "brightblue": "#218bff", "brightmagenta": "#a475f9", "brightcyan": "#3192aa", "brightwhite": "#57606a",
}  # fmt: skip
"""The sixteen colours on white: GitHub's light theme (primer/primitives), all readable."""

_DARK = {
    "black": "#6e7681", "red": "#ff7b72", "green": "#3fb950", "brown": "#d29922",
    "blue": "#58a6ff", "magenta": "#bc8cff", "cyan": "#39c5cf", "white": "#b1bac4",
    "brightblack": "#8b949e", "brightred": "#ffa198", "brightgreen": "#56d364", "brightbrown": "#e3b341",
    "brightblue": "#79c0ff", "brightmagenta": "#d2a8ff", "brightcyan": "#56d4dd", "brightwhite": "#ffffff",
}  # fmt: skip

_BACKGROUND = {
    "black": "#24292f", "red": "#cf222e", "green": "#2da44e", "brown": "#d4a72c",
    "blue": "#0969da", "magenta": "#8250df", "cyan": "#3192aa", "white": "#eaeef2",
    "brightblack": "#57606a", "brightred": "#ff8182", "brightgreen": "#6fdd8b", "brightbrown": "#eac54f",
    "brightblue": "#80ccff", "brightmagenta": "#c297ff", "brightcyan": "#76e3ea", "brightwhite": "#ffffff",
}  # fmt: skip
"""Behind text the colours are a little lighter, or the text on them is lost."""

_ON_BACKGROUND = {"black": "#24292f", "white": "#ffffff", "brightwhite": "#ffffff"}

_PAGE = {"light": ("#24292f", "#ffffff"), "dark": ("#e6edf3", "#0d1117")}
"""Text and page of each theme, which reversed text exchanges."""

_SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
_STRING = re.compile(rb"\x1b[PX^_].*?(?:\x1b\\|\x07|\Z)", re.DOTALL)
"""Strings for the terminal itself (images, keyboards), which pyte would print."""
_OTHER_MODES = re.compile(rb"\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[[0-9;]*[ !\"$'][a-zA-Z]")
"""Control sequences with prefixes and intermediate bytes that pyte knows nothing of."""

_ZERO_WIDTH = re.compile("([\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef])")


def read_screen(
    log: bytes, *, columns: int = 100, history: int = 10_000, theme: Literal["light", "dark"] = "light"
) -> tuple[TerminalLine, ...]:
    """Return what the terminal shows and what has scrolled off it, without the empty lines at the end.

    Of a log beyond `LONGEST` bytes only the end is read, and of the lines the last `history`; the first line then says
    so. Colours are readable on the page of `theme`.
    """
    cut = len(log) > LONGEST
    screen = _screen(columns, history)
    _feed(screen, log[-LONGEST:].partition(b"\n")[2] if cut else log)
    rows = [*screen.history.top, *(screen.buffer[y] for y in range(screen.lines))]
    lines = [_line(row, columns, theme) for row in rows]
    while lines and not "".join(span.text for span in lines[-1]).strip():
        lines.pop()
    if cut:
        lines.insert(0, (Span(text=f"… the first {(len(log) - LONGEST) / 1e6:.0f} MB are left out"),))
    elif len(screen.history.top) >= history:
        lines.insert(0, (Span(text="… earlier lines are left out"),))
    return tuple(lines)


def plain_text(lines: Iterable[TerminalLine]) -> list[str]:
    """Return the text of each line, without blanks at its end."""
    return ["".join(span.text for span in line).rstrip() for line in lines]


# --- carrying out ----------------------------------------------------------------------------------------------------


def _feed(screen: pyte.HistoryScreen, log: bytes) -> None:
    import pyte

    for pattern in (_STRING, _OTHER_MODES):
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
        elif head != b"58":
            parts.append(head)
    # 58 is the underline's colour; as `58;5;n` its arguments would be read as styles.
    joined = re.sub(rb"(^|;)58;(5;\d+|2;\d+;\d+;\d+)", b"", b";".join(parts)).strip(b";")
    return b"\x1b[" + joined + b"m" if joined else b""


@lru_cache(maxsize=1)
def _screen_class() -> Any:
    """Return our screen. A function, since pyte is imported only where a terminal is shown."""
    import pyte
    from pyte import modes

    class Screen(pyte.HistoryScreen):
        def __init__(self, columns: int, history: int) -> None:
            super().__init__(columns, ROWS, history=history, ratio=0.5)
            self.set_mode(modes.LNM)

        def reset(self) -> None:
            super().reset()
            self.set_mode(modes.LNM)

        def draw(self, data: str) -> None:
            # pyte drops the rest of the text at a zero-width character that is no combining one (ZWJ, VS16).
            if data.isascii():
                super().draw(data)
                return
            for part in _ZERO_WIDTH.split(data):
                if _ZERO_WIDTH.fullmatch(part):
                    self._join(part)
                elif part:
                    super().draw(part)

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
            super().select_graphic_rendition(*attrs)
            # pyte has no faint text; `blink`, which no picture shows, stands in for it.
            if attrs and attrs[0] not in (38, 48):
                if 2 in attrs:
                    self.cursor.attrs = self.cursor.attrs._replace(blink=True)
                elif 22 in attrs:
                    self.cursor.attrs = self.cursor.attrs._replace(blink=False)

        def report_device_status(self, mode: int = 0, **_: bool) -> None:
            """Nobody waits for an answer."""

        def report_device_attributes(self, mode: int = 0, **_: bool) -> None:
            """Nobody waits for an answer."""

    return Screen


def _screen(columns: int, history: int) -> Any:
    return _screen_class()(columns, history)


# --- lines and colours -----------------------------------------------------------------------------------------------


def _line(row: Any, columns: int, theme: str) -> TerminalLine:
    """Return a row as spans of one style each; blanks at the end that show nothing are left out."""
    last = max((x for x, char in row.items() if x < columns and _shows(char)), default=-1)
    cells = [row[x] for x in range(last + 1)]
    spans = []
    for style, group in groupby(cells, key=lambda char: char._replace(data="")):
        spans.append(_span("".join(char.data for char in group), style, theme))
    return tuple(span for span in spans if span.text)


def _shows(char: Any) -> bool:
    return bool(char.data.strip() or char.bg != "default" or char.reverse or char.underscore)


def _span(text: str, style: Any, theme: str) -> Span:
    page_text, page = _PAGE[theme]
    background = _BACKGROUND.get(style.bg, f"#{style.bg}") if style.bg != "default" else None
    foreground = _foreground(style.fg, background, theme)
    if style.reverse:
        foreground, background = background or page, foreground or page_text
    if style.blink:
        foreground = _mixed(foreground or page_text, background or page)
    return Span(
        text=text,
        foreground=foreground,
        background=background,
        bold=style.bold,
        italic=style.italics,
        underline=style.underscore,
        strike=style.strikethrough,
    )


@lru_cache(maxsize=4096)
def _foreground(name: str, background: str | None, theme: str) -> str | None:
    if name == "default":
        # On a background of its own the text can't take the page's colour: the theme might be the other one.
        return None if background is None else _legible("#ffffff", background, "#24292f")
    if background is not None:
        return _ON_BACKGROUND.get(name) or {**_LIGHT, **_BACKGROUND}.get(name, f"#{name}")
    palette = _LIGHT if theme == "light" else _DARK
    return palette.get(name) or _readable(f"#{name}", _PAGE[theme][1])


def _legible(first: str, background: str, second: str) -> str:
    return first if _contrast(first, background) >= 3 else second


def _readable(colour: str, page: str) -> str:
    """Return the colour, darker (on a light page) or lighter where it would not be seen: WCAG's contrast of 3 to 1."""
    red, green, blue = _rgb(colour)
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    step = -0.02 if _luminance(page) > 0.5 else 0.02
    while _contrast(colour, page) < 3 and 0 < lightness < 1:
        lightness = min(1.0, max(0.0, lightness + step))
        colour = _hex(colorsys.hls_to_rgb(hue, lightness, saturation))
    return colour


def _mixed(colour: str, page: str) -> str:
    """Return faint text: a good half of its colour on the page."""
    return _hex([0.6 * a + 0.4 * b for a, b in zip(_rgb(colour), _rgb(page), strict=True)])


def _contrast(one: str, other: str) -> float:
    light, dark = sorted([_luminance(one), _luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance as https://www.w3.org/TR/WCAG21/#dfn-relative-luminance defines it."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _hex(colour: Sequence[float]) -> str:
    return "#" + "".join(f"{round(255 * c):02x}" for c in colour)
