"""Pictures as bytes: cutting exhibits out of strips, cropping to what is seen, encoding. The only door to Pillow."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

from gpu_doc.model import Photograph
from gpu_doc.outside.strip import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

    from gpu_doc.outside.strip import Band, Box, Strip

MARGIN = 12
"""CSS pixels of background on each side of what is seen."""
_SMALLEST = (64, 32)  # CSS pixels: a picture of a single digit should not look like a speck
# zlib-ng's level 6 gives files smaller than Chromium's own in a third of its time.
_COMPRESSION = 6


class StripError(Exception):
    """A strip came out other than it was laid out."""


def decoded_equal(a: bytes, b: bytes) -> bool:
    """Tell whether two PNGs have the same size and the same pixels, however they are encoded."""
    from PIL import Image, ImageChops

    with Image.open(io.BytesIO(a)) as first, Image.open(io.BytesIO(b)) as second:
        if first.size != second.size:
            return False
        return ImageChops.difference(first.convert("RGBA"), second.convert("RGBA")).getbbox(alpha_only=False) is None


def cut(strip: Strip) -> Iterator[Image]:
    """Give the picture of each box, in order, with all of its padding. Raises StripError when a band is not whole."""
    bands = _Bands(strip)
    for box in strip.boxes:
        yield bands.crop(box)


class _Bands:
    """The bands of a strip, one decoded at a time: together they can be larger than our memory allows."""

    def __init__(self, strip: Strip) -> None:
        self._strip = strip
        self._number = -1
        self._decoded: Image | None = None

    def crop(self, box: Box) -> Image:
        from PIL import Image

        scale, height = self._strip.scale, self._strip.band
        first, last = box.y // height, (box.y + box.height - 1) // height
        left, right = box.x * scale, (box.x + box.width) * scale
        if first == last:
            top = (box.y - first * height) * scale
            return self._band(first).crop((left, top, right, top + box.height * scale))
        whole = Image.new("RGB", (box.width * scale, box.height * scale))
        for number in range(first, last + 1):
            top, bottom = max(box.y, number * height), min(box.y + box.height, (number + 1) * height)
            part = ((top - number * height) * scale, (bottom - number * height) * scale)
            piece = self._band(number).crop((left, part[0], right, part[1]))
            whole.paste(piece, (0, (top - box.y) * scale))
        return whole

    def _band(self, number: int) -> Image:
        if number != self._number or self._decoded is None:
            self._decoded = _whole(self._strip.bands[number], self._strip.scale)
            self._number = number
        return self._decoded


def _whole(band: Band, scale: int) -> Image:
    """Decode a band and see that its end mark is where it should be."""
    from PIL import Image, ImageColor

    with Image.open(io.BytesIO(band.png)) as png:
        decoded: Image.Image = png.convert("RGB")
    for row in (band.height * scale, (band.height + MARK) * scale - 1):
        colours = decoded.crop((0, row, decoded.width, row + 1)).getcolors()
        if colours != [(decoded.width, ImageColor.getrgb(band.mark))]:
            raise StripError("the page's end mark is not where it should be")
    return decoded


def encoded(picture: Image, box: Box, *, background: str, scale: int) -> Photograph | None:
    """Crop to what is seen and encode; None when nothing is: one colour all over."""
    if picture.getcolors(1) is not None:
        return None
    area = _seen(picture, box, background, scale)
    picture = picture.crop(area)
    width, height = picture.width // scale, picture.height // scale
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=_COMPRESSION, exif=_density(width, height, scale))
    return Photograph(png=buffer.getvalue(), width=width, height=height)


def _seen(picture: Image, box: Box, background: str, scale: int) -> tuple[int, int, int, int]:
    """The area to keep, in device pixels on whole CSS pixels, inside the picture."""
    from PIL import Image, ImageChops

    ink = ImageChops.difference(picture, Image.new("RGB", picture.size, background)).getbbox() or (0, 0, *picture.size)
    left, top, right, bottom = ink[0] // scale, ink[1] // scale, -(-ink[2] // scale), -(-ink[3] // scale)
    if box.keep:
        left, top = min(left, int(box.keep[0])), min(top, int(box.keep[1]))
        right, bottom = max(right, -int(-box.keep[2] // 1)), max(bottom, -int(-box.keep[3] // 1))
    left, top = max(0, left - MARGIN), max(0, top - MARGIN)
    right, bottom = max(right + MARGIN, left + _SMALLEST[0]), max(bottom + MARGIN, top + _SMALLEST[1])
    return left * scale, top * scale, min(right, box.width) * scale, min(bottom, box.height) * scale


def _density(width: int, height: int, scale: int) -> bytes:
    """Give an EXIF block by which browsers can show the picture at its CSS size.

    The HTML standard ("density-corrected natural size") wants the resolution in dots per inch, 72 for each dot of a
    CSS pixel, and the size that results from it, all agreeing. Chromium heeds it only in JPEG files (156), and only
    with both sizes as 32-bit numbers, which Pillow does not write: hence the bytes.
    """
    if scale == 1:
        return b""
    short, long, rational = 3, 4, 5
    directory, resolution, exif = 8, 62, 78  # where things lie in the block
    return struct.pack(
        ">2sHIH HHII HHII HHIHH HHII I IIII H HHII HHII I".replace(" ", ""),
        *(b"MM", 42, directory, 4),
        *(0x011A, rational, 1, resolution),  # XResolution
        *(0x011B, rational, 1, resolution + 8),  # YResolution
        *(0x0128, short, 1, 2, 0),  # ResolutionUnit: inch
        *(0x8769, long, 1, exif, 0),  # the EXIF directory; no other follows this one
        *(72 * scale, 1, 72 * scale, 1),
        *(2, 0xA002, long, 1, width, 0xA003, long, 1, height, 0),  # PixelXDimension, PixelYDimension
    )
