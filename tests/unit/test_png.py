"""What is cut out of a photographed band."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from gpu_doc.pictures.layout import MARK, Band, Box, Layout
from gpu_doc.pictures.png import Cutter, StripError

END = "#12ab34"
LAYOUT = Layout(marker="m", width=40, height=20, band=20, scale=2, boxes=(Box(0, 0, 40, 20),))


def band(*, width: int = 40, mark: str = END) -> Band:
    """A band as Chromium gives it, with its end mark."""
    picture = Image.new("RGB", (width * 2, (20 + MARK) * 2), "#fff")
    picture.paste(mark, (0, 40, width * 2, (20 + MARK) * 2))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return Band(number=0, png=buffer.getvalue(), height=20, mark=END)


def test_a_whole_band_is_cut() -> None:
    [(number, picture)] = Cutter(LAYOUT).cut(band())
    assert (number, picture.size) == (0, (80, 40))


@pytest.mark.parametrize("broken", [band(width=39), band(mark="#12ab35")])
def test_a_band_that_is_not_all_there_is_refused(broken: Band) -> None:
    with pytest.raises(StripError):
        list(Cutter(LAYOUT).cut(broken))
