"""Which characters the fonts of pictures have: one that none of them has would be an empty box, and is refused."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from gpu_doc.errors import IncompleteError
from gpu_doc.model.pictures import Exhibit
from gpu_doc.pictures import fonts

_CJK = ("BOPOMOFO", "CJK", "FULLWIDTH", "HALFWIDTH", "HANGUL", "HIRAGANA", "IDEOGRAPHIC", "KANGXI", "KATAKANA")
_MARKS = frozenset(range(0x20D0, 0x20F1))
_SHOWN = 5
_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")


def check_characters(rare: str, exhibit: Exhibit, environ: Mapping[str, str]) -> None:
    """Raise IncompleteError if some of these characters have no font. `rare` are those to look up, each once."""
    lacking = set(map(ord, rare))
    for file in _files(environ):
        if not lacking:
            return
        lacking -= _characters(file)
    if lacking:
        raise _refused(sorted(lacking), exhibit)


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    for folder in fonts.folders(environ):
        for file in sorted(folder.rglob("*")):
            # templates/fonts.conf leaves Noto Emoji to the coloured one, which has the same.
            if file.suffix.lower() in _SUFFIXES and not file.name.startswith("NotoEmoji"):
                yield file


@cache
def _characters(file: Path) -> frozenset[int]:
    """Return the code points that a font has; none if it can't be read, as in Chromium."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(file, lazy=True, fontNumber=0) as font:  # all fonts of a collection have the same
            found = frozenset(font.getBestCmap() or ())
    except (OSError, TTLibError):
        return frozenset()
    # Marks above a letter that another font has come from that font or not at all.
    return found - _MARKS if file.name == "DejaVuMathTeXGyre.ttf" else found


def _refused(lacking: list[int], exhibit: Exhibit) -> IncompleteError:
    shown = ", ".join(map(_named, lacking[:_SHOWN]))
    more = f", and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
    return IncompleteError(
        f"The picture of {exhibit.name} would show empty boxes: no font has {shown}{more}.",
        where=exhibit.where,
        remedy=_remedy(lacking),
    )


def _named(point: int) -> str:
    name = unicodedata.name(chr(point), "")
    return f"“{chr(point)}” (U+{point:04X}{f' {name}' if name else ''})"


def _remedy(lacking: list[int]) -> str:
    if not fonts.has_cjk() and any(unicodedata.name(chr(point), "").startswith(_CJK) for point in lacking):
        return f"Install the fonts for Chinese, Japanese and Korean: {fonts.CJK_REMEDY}"
    return (
        "Show other characters, or let the cell show an image of them; text() gives text. Or install a font that has "
        "them, and name its folder: on Debian, apt-get install fonts-noto-core, and "
        "GPU_DOC_FONTS=/usr/share/fonts/truetype/noto."
    )
