"""Values that the browser, which photographs a page of exhibits, passes to the code that cuts the photograph apart.

A page is photographed in bands, from top to bottom. All sizes are CSS pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MARK = 8
"""The height of the line that marks a band's end."""


@dataclass(frozen=True)
class Loss:
    """Something that a picture of an exhibit would not show. Its texts come from the page and are not trusted."""

    kind: Literal["box", "before", "clip", "outside", "wide", "high", "image", "media", "frame", "script", "label"]
    """A box that cuts off its content, by its size, to the left or above, or by its shape; what lies left of the page
    or above it; an exhibit too wide or high; something not loaded; a script's drawing; a formula in a figure."""
    tag: str = ""
    """The element's name."""
    text: str = ""
    """The beginning of the box's text, or of a label."""
    side: str = ""
    """Which measure of a box is too small: `width` or `height`."""
    limit: int = 0
    """How many CSS pixels of it are shown, or may be."""
    size: int = 0
    """How many CSS pixels there are."""
    address: str = ""
    """The address of what did not load; empty if the output itself contains it. Of a label: why it is not shown."""


@dataclass(frozen=True)
class Box:
    """Where an exhibit is, from the page's top left.

    `keep` is the part (left, top, right, bottom) with images: cropping never cuts into it.
    `fits` is False for an exhibit that can't be shown whole and was left out; `losses` says why.
    """

    x: int
    y: int
    width: int
    height: int
    keep: tuple[float, float, float, float] | None = None
    fits: bool = True
    losses: tuple[Loss, ...] = ()
    rare: str = ""
    """Its characters that may have no font, each once."""


@dataclass(frozen=True)
class Layout:
    """A page that is ready to be photographed, in bands of height `band` (the last one ends with the page).

    A box lies within one band. If it is higher than a band, it begins where a band begins.
    """

    marker: str
    width: int
    height: int
    band: int
    scale: int
    boxes: tuple[Box, ...]

    @property
    def bands(self) -> int:
        """How many bands there are."""
        return -(-self.height // self.band)


@dataclass(frozen=True)
class Band:
    """A band as PNG.

    At `height` begins a line, `MARK` high, in the colour `mark` (`#rrggbb`). It shows that the band is complete;
    there is nothing below it.
    """

    number: int
    png: bytes
    height: int
    mark: str
