"""Pictures that keep the page's width, so that text has one size in all pictures of a report."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from gpu_doc.config import load
from gpu_doc.functions.shared.calls import bind
from gpu_doc.functions.shared.exhibits import Framing
from gpu_doc.model.answers import Call
from gpu_doc.model.pictures import Exhibit, Photograph
from gpu_doc.pictures.capture import Camera

from .pictures import exhibit, html, new_camera, stream, taken

pytestmark = pytest.mark.needs("chromium")

WIDTH = 880
WHOLE = 880 + 2 * 12
"""The page, and a margin on each side."""


@pytest.fixture(scope="module")
def camera() -> Iterator[Camera]:
    with new_camera() as camera:
        yield camera


def picture(photograph: Photograph) -> Image.Image:
    opened: Image.Image = Image.open(io.BytesIO(photograph.png))
    assert opened.size == (2 * photograph.width, 2 * photograph.height)
    return opened.convert("RGBA")


def ground(photograph: Photograph) -> tuple[float, float, float, float]:
    """What is opaque, in CSS pixels: all of its height, and one rectangle."""
    alpha = picture(photograph).getchannel("A")
    area = alpha.getbbox()
    assert area is not None
    assert alpha.crop(area).getextrema() == (255, 255), "nothing shines through what is shown"
    return area[0] / 2, area[1] / 2, area[2] / 2, area[3] / 2


def on_page(*exhibits: Exhibit) -> list[Exhibit]:
    return [replace(each, canvas=WIDTH) for each in exhibits]


@pytest.mark.parametrize(("keys", "canvas"), [({}, WIDTH), ({"fit": "content"}, 0), ({"fit": "page"}, WIDTH)])
def test_a_report_says_which_it_wants(tmp_path: Path, keys: dict[str, str], canvas: int) -> None:
    report = {"path": "a.md", "runs": {"n": {"notebook": "n.ipynb"}}, **keys}
    (tmp_path / "a.md").touch()
    (tmp_path / "n.ipynb").touch()
    (tmp_path / "gpu-doc.yml").write_text(json.dumps({"reports": [report]}))
    config = load(tmp_path / "gpu-doc.yml")
    (found,) = config.reports
    call = bind(Call(function="shot", args=("n/#1",), kwargs={"width": 400}), found)
    (pictured,) = Framing(config.capture, found).exhibits(call, "output")
    assert (pictured.canvas, pictured.width) == (canvas, 400), "the page's width, however the output is laid out"


def test_all_pictures_of_a_page_are_as_wide_as_it(camera: Camera) -> None:
    long, short = exhibit(stream("word " * 60)), exhibit(stream("0.25"))
    wrapped = html("<p style='width:300px'>narrow</p>", width=400)
    for one in taken(camera, *on_page(long, short, wrapped)):
        assert one.width == WHOLE


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_only_the_margin_beside_the_content_is_transparent(camera: Camera, theme: str) -> None:
    (cropped,) = taken(camera, exhibit(stream("0.25"), theme=theme))
    (shown,) = taken(camera, *on_page(exhibit(stream("0.25"), theme=theme)))
    left, top, right, bottom = ground(shown)
    assert (left, top, bottom) == (0, 0, cropped.height)
    assert right == cropped.width
    corner = picture(shown).getpixel((2 * shown.width - 1, 0))
    assert corner == ((255, 255, 255, 0) if theme == "light" else (13, 17, 23, 0)), "as JPEG shows it"
    area = (0, 0, 2 * cropped.width, 2 * cropped.height)
    assert picture(shown).crop(area).tobytes() == picture(cropped).tobytes(), "the same, to the pixel"


def test_content_stays_where_the_page_has_it(camera: Camera) -> None:
    block = "<div style='height:30px;width:100px;background:#080;margin-left:{}'></div>"
    (right, nearly) = taken(camera, *on_page(html(block.format("700px")), html(block.format("15px"))))
    assert ground(right)[0] == 700
    assert ground(nearly)[0] == 0, "what begins near the edge begins at the edge"
    assert right.width == nearly.width == WHOLE


def test_what_is_wider_than_the_page_makes_its_picture_wider(camera: Camera) -> None:
    (wide,) = taken(camera, *on_page(html("<div style='width:1500px;height:20px;background:#00f'></div>")))
    assert wide.width == 1500 + 2 * 12
    assert ground(wide) == (0, 0, wide.width, wide.height)


def test_a_picture_of_many_colours_is_transparent_there_too(camera: Camera) -> None:
    gradient = "<div style='width:300px;height:40px;background:linear-gradient(90deg,red,lime,blue)'></div>"
    (shown,) = taken(camera, *on_page(html(gradient)))
    assert shown.width == WHOLE
    assert ground(shown)[2] == 300 + 2 * 12
    with Image.open(io.BytesIO(shown.png)) as opened:
        assert opened.mode == "RGBA"


def test_a_picture_of_few_colours_keeps_its_palette(camera: Camera) -> None:
    (shown,) = taken(camera, *on_page(exhibit(stream("0.25"))))
    with Image.open(io.BytesIO(shown.png)) as opened:
        assert opened.mode == "P"
    assert len(shown.png) < 5000
