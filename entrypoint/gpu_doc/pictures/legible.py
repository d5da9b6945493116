"""Colours that can be read on their background."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

_CONTRAST = 3.0
"""WCAG 2.1's minimum for large text. Terminal palettes are made for black: on white, yellow does not reach it."""


@lru_cache(maxsize=4096)
def legible(foreground: str, background: str) -> str:
    """Return the foreground, made just dark or light enough to be read. Colours are `#rrggbb`."""
    colour, behind = _parsed(foreground), _parsed(background)
    target = (0, 0, 0) if _luminance(behind) > 0.18 else (255, 255, 255)
    for step in range(21):
        mixed = [round(part + (end - part) * step / 20) for part, end in zip(colour, target, strict=True)]
        if _contrast(_luminance(mixed), _luminance(behind)) >= _CONTRAST:
            return "#{:02x}{:02x}{:02x}".format(*mixed)
    return foreground


def _parsed(colour: str) -> Sequence[int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: Sequence[int]) -> float:
    """Relative luminance as WCAG 2.1 defines it."""
    red, green, blue = (c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(first: float, second: float) -> float:
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)
