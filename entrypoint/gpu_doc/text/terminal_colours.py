"""Terminal colours as `#rrggbb`, readable on the page they are shown on."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

Theme = Literal["light", "dark"]

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
"""Behind text, the colours are a little lighter; otherwise the text can't be read."""

_ON_BACKGROUND = {"black": "#24292f", "white": "#ffffff", "brightwhite": "#ffffff"}

_CONTRAST = 4.5
"""WCAG 2.1's minimum for text (AA). Terminal palettes are made for black: on white, yellow falls below."""

PAGE = {"light": ("#24292f", "#ffffff"), "dark": ("#e6edf3", "#0d1117")}
"""Colours of text and page in each theme; reversed text swaps them."""


def background(name: str) -> str | None:
    """Return the background that pyte calls `name`; None is the page's own."""
    name = name.replace("bfight", "bright")  # pyte 0.8.2 misspells one: bfightmagenta
    return None if name == "default" else _BACKGROUND.get(name, f"#{name}")


@lru_cache(maxsize=4096)
def foreground(name: str, behind: str | None, theme: Theme) -> str | None:
    """Return the text colour that pyte calls `name`, on a background; None is the page's own."""
    if name == "default":
        # On a background of its own the text can't take the page's colour: the theme might be the other one.
        return None if behind is None else _better("#ffffff", "#24292f", behind)
    if behind is not None:
        colour = _ON_BACKGROUND.get(name) or {**_LIGHT, **_BACKGROUND}.get(name, f"#{name}")
        return legible(colour, behind)
    palette = _LIGHT if theme == "light" else _DARK
    return legible(palette.get(name, f"#{name}"), PAGE[theme][1])


def _better(first: str, second: str, behind: str) -> str:
    return first if contrast(first, behind) >= _CONTRAST else max(first, second, key=lambda one: contrast(one, behind))


@lru_cache(maxsize=4096)
def legible(colour: str, behind: str) -> str:
    """Return the colour, darkened or lightened as far as it takes to be read on a background. All are `#rrggbb`."""
    target = "#000000" if contrast("#000000", behind) > contrast("#ffffff", behind) else "#ffffff"
    for step in range(21):
        mended = mixed(colour, target, share=1 - step / 20)
        if contrast(mended, behind) >= _CONTRAST:
            return mended
    return target


def mixed(colour: str, page: str, *, share: float = 0.6) -> str:
    """Return a share of a colour mixed with the page: faint text has a good half of its own."""
    mixed = [share * a + (1 - share) * b for a, b in zip(_rgb(colour), _rgb(page), strict=True)]
    return "#" + "".join(f"{round(255 * c):02x}" for c in mixed)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio)."""
    light, dark = sorted([_luminance(one), _luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance as https://www.w3.org/TR/WCAG21/#dfn-relative-luminance defines it."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue
