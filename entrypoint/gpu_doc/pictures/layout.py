"""What passes between the browser, which photographs a page of exhibits, and those who cut it up.

A page is photographed in bands, from top to bottom. All sizes are CSS pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MARK = 8
"""The height of the line that marks a band's end."""


@dataclass(frozen=True)
class Loss:
    """What a picture of an exhibit would not show. Texts come from the page, and are not trusted."""

    kind: Literal["box", "wide", "high", "image", "media", "frame", "script"]
    """A box that cuts off what is in it; the whole being too wide or high; what did not load; what a script draws."""
    tag: str = ""
    """The element's name."""
    text: str = ""
    """How a box's text begins."""
    side: str = ""
    """Of a box: `width` or `height`."""
    limit: int = 0
    """How much of that is shown, or may be."""
    size: int = 0
    """How much there is."""
    address: str = ""
    """Where what did not load should come from; empty where that is the output itself."""


@dataclass(frozen=True)
class Box:
    """Where an exhibit lies, from the page's top left.

    `keep` is the part (left, top, right, bottom) that images fill: cropping to the content never cuts into it.
    `fits` is False for an exhibit that can't be shown whole, and was left out: `losses` says why.
    """

    x: int
    y: int
    width: int
    height: int
    keep: tuple[float, float, float, float] | None = None
    fits: bool = True
    losses: tuple[Loss, ...] = ()


@dataclass(frozen=True)
class Layout:
    """A page that is ready to be photographed, in bands of `band` (the last one ends with the page).

    No box lies across two bands, unless it is higher than one; then it begins with a band.
    """

    marker: str
    width: int
    height: int
    band: int
    scale: int
    boxes: tuple[Box, ...]

    @property
    def bands(self) -> int:
        """How many there are."""
        return -(-self.height // self.band)


@dataclass(frozen=True)
class Band:
    """One of them as PNG.

    From `height` on a line of `MARK` in the colour `mark` (`#rrggbb`) shows that it is whole; below it is nothing.
    """

    number: int
    png: bytes
    height: int
    mark: str
