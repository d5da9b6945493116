"""Cuts exhibits out of photographed bands, crops them and encodes PNGs. The only module that imports Pillow."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from gpu_doc.model.pictures import Photograph
from gpu_doc.pictures.layout import MARK, Box

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

    from gpu_doc.pictures.layout import Band, Layout

MARGIN = 12
"""CSS pixels of background on each side of the content."""
_SPARE = 4
"""CSS pixels of a page's padding (cellpage.PADDING) beyond the margin."""
_INDENT = 40
"""CSS pixels from the left: content that begins further right is indented on purpose."""
_SMALLEST = (64, 32)  # CSS pixels: otherwise a picture of a single digit would be tiny
# zlib-ng's fastest level with files as small as Chromium's own: 1.02 to 1.04 of their size; level 3: up to 1.3.
_COMPRESSION = 4
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"IEND\xaeB`\x82"


class StripError(Exception):
    """The photograph of a band does not match its layout."""


def decoded_equal(a: bytes, b: bytes) -> bool:
    """Return whether two PNGs have the same size and the same pixels, however they are encoded.

    A file that is not a complete PNG, such as a Git LFS pointer, equals nothing. If the sizes differ, nothing is
    decoded: a few bytes may claim to be a picture too large for any memory.
    """
    if _head(a) is None or _head(a) != _head(b):
        return False
    from PIL import Image, ImageChops

    try:
        with Image.open(io.BytesIO(a)) as first, Image.open(io.BytesIO(b)) as second:
            difference = ImageChops.difference(first.convert("RGBA"), second.convert("RGBA"))
            return difference.getbbox(alpha_only=False) is None
    except Exception:  # noqa: BLE001 - Pillow raises many undocumented kinds for broken files
        return False


def _head(content: bytes) -> bytes | None:
    """Width and height of a PNG, as written in it; None if it is not a PNG, or is incomplete."""
    whole = content.startswith(_SIGNATURE) and content[12:16] == b"IHDR" and content.endswith(_END)
    return content[16:24] if whole else None


class Cutter:
    """Cuts the bands of a page, in order, into the pictures of its boxes, with all of their padding."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._partial: dict[int, Image] = {}  # pictures that go on in the next band

    def cut(self, band: Band) -> Iterator[tuple[int, Image]]:
        """Yield number and picture of each box that ends in this band. Raises StripError if the band is incomplete."""
        height, whole = self._layout.band, _whole(band, self._layout)
        for number, box in enumerate(self._layout.boxes):
            first, last = box.y // height, (box.y + box.height - 1) // height
            if not box.fits or not first <= band.number <= last:
                continue
            picture = self._part(number, box, whole, band.number * height)
            if band.number == last:
                self._partial.pop(number, None)
                yield number, picture

    def _part(self, number: int, box: Box, whole: Image, top: int) -> Image:
        """Return the part of the box in the band that begins at `top`, joined below the part from earlier bands."""
        from PIL import Image

        scale = self._layout.scale
        start, end = max(box.y - top, 0), min(box.y + box.height - top, self._layout.band)
        part = whole.crop((box.x * scale, start * scale, (box.x + box.width) * scale, end * scale))
        if end - start == box.height:
            return part
        if number not in self._partial:
            self._partial[number] = Image.new("RGB", (box.width * scale, box.height * scale))
        self._partial[number].paste(part, (0, (top + start - box.y) * scale))
        return self._partial[number]


def _whole(band: Band, layout: Layout) -> Image:
    """Decode a band and check that it is as wide as the page, with its end mark in place."""
    from PIL import Image, ImageColor

    scale = layout.scale
    decoded: Image.Image = Image.open(io.BytesIO(band.png))
    if decoded.mode != "RGB":
        decoded = decoded.convert("RGB")
    decoded.load()
    if decoded.width < layout.width * scale:
        raise StripError("the picture is narrower than the page")
    for row in (band.height * scale, (band.height + MARK) * scale - 1):
        colours = decoded.crop((0, row, decoded.width, row + 1)).getcolors()
        if colours != [(decoded.width, ImageColor.getrgb(band.mark))]:
            raise StripError("the page's end mark is not where it should be")
    return decoded


def encoded(picture: Image, box: Box, *, background: str, scale: int, canvas: int = 0) -> Photograph | None:
    """Crop to the content and encode; None if there is nothing but one colour.

    `canvas` is a width in CSS pixels, including padding, that the picture keeps: beside the content it is transparent.
    Wider content makes it wider.
    """
    if picture.getcolors(1) is not None:
        return None
    left, top, right, bottom = _seen(picture, box, background, scale)
    if canvas and left < _INDENT * scale:
        left = min(left, _SPARE * scale)  # else the ground of every picture would begin some pixels elsewhere
    shown = _smallest(picture.crop((left, top, right, bottom)))
    # The page's padding is wider than a picture's margin: what begins at the page's edge begins at the picture's.
    edge = max(left - _SPARE * scale, 0)
    width = max(edge + shown.width, (canvas - 2 * _SPARE) * scale)
    whole = _on_canvas(shown, edge, width, background) if canvas and width > shown.width else shown
    buffer = io.BytesIO()
    dots = 96 * scale  # an inch has 96 CSS pixels: so pandoc, LaTeX and Word show the picture in its real size
    # compress_type 0 is zlib's default strategy; Pillow's own choice makes text and charts larger.
    whole.save(buffer, "PNG", compress_level=_COMPRESSION, compress_type=0, dpi=(dots, dots))
    return Photograph(png=buffer.getvalue(), width=whole.width // scale, height=whole.height // scale)


def _on_canvas(shown: Image, left: int, width: int, background: str) -> Image:
    """The same picture on a wider, transparent ground; a palette stays one, with a colour more.

    The ground has the background's colour: formats without transparency, such as JPEG, show that.
    """
    from PIL import Image, ImageColor

    colour = ImageColor.getrgb(background)[:3]
    if shown.mode != "P":
        ground = Image.new("RGBA", (width, shown.height), (*colour, 0))
        ground.paste(shown, (left, 0))
        return ground
    colours = shown.getpalette() or []
    clear = len(colours) // 3
    ground = Image.new("P", (width, shown.height), clear)
    ground.putpalette([*colours, *colour])
    ground.paste(shown, (left, 0))
    ground.info["transparency"] = clear
    return ground


def window_part(png: bytes, box: Box, *, background: str, scale: int) -> tuple[bytes, Box] | None:
    """Cut what is seen out of the picture of a window; None when nothing is. Gives where it lay in the box, too."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as whole:
        area = box.x * scale, box.y * scale, (box.x + box.width) * scale, (box.y + box.height) * scale
        picture = whole.convert("RGB").crop(area)
    if picture.getcolors(1) is not None:
        return None
    left, top, right, bottom = _ink(picture, box, background, scale)
    buffer = io.BytesIO()
    picture.crop((left * scale, top * scale, right * scale, bottom * scale)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue(), Box(left, top, right - left, bottom - top)


def _smallest(picture: Image) -> Image:
    """Use a palette if the picture has few enough colours: text and charts get a third smaller.

    At most 255 colours, since one is for what is transparent.
    """
    from PIL import Image, ImageChops

    if picture.getcolors(255) is None:
        return picture
    paletted = picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=255)
    same = ImageChops.difference(paletted.convert("RGB"), picture).getbbox() is None
    return paletted if same else picture


def _seen(picture: Image, box: Box, background: str, scale: int) -> tuple[int, int, int, int]:
    """Return the area to keep, in device pixels, rounded out to whole CSS pixels inside the picture."""
    left, top, right, bottom = _ink(picture, box, background, scale)
    left, top = max(0, left - MARGIN), max(0, top - MARGIN)
    right, bottom = max(right + MARGIN, left + _SMALLEST[0]), max(bottom + MARGIN, top + _SMALLEST[1])
    return left * scale, top * scale, min(right, box.width) * scale, min(bottom, box.height) * scale


def _ink(picture: Image, box: Box, background: str, scale: int) -> tuple[int, int, int, int]:
    """Return the area that shows something, or holds an image, in CSS pixels inside the picture."""
    from PIL import Image, ImageChops

    ink = ImageChops.difference(picture, Image.new("RGB", picture.size, background)).getbbox() or (0, 0, *picture.size)
    left, top, right, bottom = ink[0] // scale, ink[1] // scale, -(-ink[2] // scale), -(-ink[3] // scale)
    if box.keep:
        left, top = min(left, int(box.keep[0])), min(top, int(box.keep[1]))
        right, bottom = max(right, -int(-box.keep[2] // 1)), max(bottom, -int(-box.keep[3] // 1))
    return max(left, 0), max(top, 0), min(right, box.width), min(bottom, box.height)
