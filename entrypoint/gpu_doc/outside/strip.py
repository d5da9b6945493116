"""What passes between the browser, which photographs a page of exhibits, and those who cut it up."""

from __future__ import annotations

from dataclasses import dataclass

MARK = 8
"""CSS pixels: the height of the line that marks a band's end."""


@dataclass(frozen=True)
class Box:
    """Where an exhibit lies on its strip, in CSS pixels from the strip's top left.

    `keep` is the part (left, top, right, bottom) that images fill: cropping to the content never cuts into it.
    """

    x: int
    y: int
    width: int
    height: int
    keep: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Band:
    """A part of a strip as PNG, from its top.

    From `height` (CSS pixels) on a line of `MARK` CSS pixels in the colour `mark` (`#rrggbb`) shows that it is whole;
    what lies below it is nothing.
    """

    png: bytes
    height: int
    mark: str


@dataclass(frozen=True)
class Strip:
    """A photographed page: bands of `band` CSS pixels from top to bottom, and the boxes of its exhibits."""

    bands: tuple[Band, ...]
    band: int
    boxes: tuple[Box, ...]
    scale: int
