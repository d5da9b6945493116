"""Embeds pictures in a page as data URIs, in their real size, until the page is full."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass

LARGEST = 45_000_000
"""The most characters of all pictures of a page together."""

_TYPES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg[\s>]", re.DOTALL), "image/svg+xml"),
)
"""The first bytes of each kind of picture. In an <img>, an SVG neither runs scripts nor loads anything."""
_DENSITY = re.compile(rb"pHYs(?P<x>.{4}).{4}\x01", re.DOTALL)
_CSS_PIXEL = 0.0254 / 96
"""Metres."""


@dataclass(frozen=True)
class Picture:
    """A picture for an `img` element."""

    source: str
    width: int | None
    """CSS pixels; None if the file doesn't say."""


class Album:
    """Turns files into pictures for a page, while there is room."""

    def __init__(self, room: int = LARGEST) -> None:
        self._room = room
        self.left_out = 0
        """The number of pictures for which there was no room."""

    def picture(self, content: bytes | None) -> Picture | None:
        """Return a file's content as a picture; None if it is not one (such as a Git LFS pointer), or too large."""
        kind = next((kind for start, kind in _TYPES if start.match((content or b"")[:2000])), None)
        if content is None or kind is None:
            return None
        size = len(content) * 4 // 3 + 100
        if size > self._room:
            self.left_out += 1
            return None
        self._room -= size
        return Picture(f"data:{kind};base64,{b64encode(content).decode()}", _width(content, kind))


def _width(content: bytes, kind: str) -> int | None:
    """The width of a PNG in CSS pixels, by its density (https://www.w3.org/TR/png-3/#11pHYs)."""
    density = _DENSITY.search(content[:200]) if kind == "image/png" else None
    if density is None or not (per_metre := int.from_bytes(density["x"], "big")):
        return None
    return round(int.from_bytes(content[16:20], "big") / per_metre / _CSS_PIXEL) or None
