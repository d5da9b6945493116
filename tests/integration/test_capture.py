"""Pictures taken by a real Chromium."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, ImageChops

from gpu_doc.errors import CaptureError
from gpu_doc.model.pictures import Exhibit, Photograph, Span
from gpu_doc.pictures.capture import Camera, decoded_equal
from gpu_doc.pictures.png import MARGIN

from .pictures import display, exhibit, html, new_camera, stream, taken

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def camera() -> Iterator[Camera]:
    with new_camera() as room:
        yield room


def chart(width: int, height: int) -> str:
    """A picture with a white border of its own, as Matplotlib draws them."""
    picture = Image.linear_gradient("L").resize((width - 40, height - 40)).convert("RGB")
    framed = Image.new("RGB", (width, height), "white")
    framed.paste(picture, (20, 20))
    file = io.BytesIO()
    framed.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def refused(room: Camera, one: Exhibit) -> CaptureError:
    shot = room.photograph([one])[0]
    assert isinstance(shot, CaptureError)
    return shot


def opened(photograph: Photograph) -> Image.Image:
    picture = Image.open(io.BytesIO(photograph.png))
    picture.load()
    return picture.convert("RGB")


def margins(photograph: Photograph, background: str, scale: int = 2) -> tuple[float, ...]:
    picture = opened(photograph)
    ink = ImageChops.difference(picture, Image.new("RGB", picture.size, background)).getbbox()
    assert ink is not None
    sides = (ink[0], ink[1], picture.width - ink[2], picture.height - ink[3])
    return tuple(side / scale for side in sides)


TABLE = """<style>td { padding: 3px 9px } #T_1_row0 { background: #fd8 }</style><table class="dataframe">
<tr><th>lr</th><th>loss</th></tr><tr id="T_1_row0"><td>0.1</td><td>0.53</td></tr></table>"""
TERMINAL = (
    (Span(text="$ ", foreground="#00aa00", bold=True), Span(text="python train.py")),
    (Span(text="┌──────────┐"),),
    (Span(text="│ 中文 🎉  │"),),
    (Span(text="└──────────┘"),),
)
ALL_KINDS = [
    html(TABLE),
    exhibit(stream("epoch 1\n"), display("image/png", chart(300, 200)), stream("careful\n", "stderr")),
    exhibit(stream("\x1b[31mred\x1b[0m 训练 🚀\n 10%\r100%\n")),
    exhibit(
        {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["\x1b[31mValueError\x1b[0m: no"]}
    ),
    exhibit(stream("3\n"), kind="cell", source="def f(x: int) -> int:\n    return x + 2  # why\n\nprint(f(1))"),
    exhibit(kind="terminal", lines=TERMINAL),
    exhibit(display("text/markdown", "# Title\n\nand `code`")),
    exhibit(display("image/svg+xml", '<svg viewBox="0 0 9 9" width="90"><circle cx="4" cy="4" r="3"/></svg>')),
]
HOSTILE = [
    html("<style>* { color: red !important; font-size: 40px !important } body { background: pink }</style>loud"),
    html('<div style="position:fixed;inset:0;background:#0f0;z-index:9999">everywhere</div>in front'),
    html("<div><table><tr><td>never closed <b><i><section><!-- "),
    html("</body></html></iframe></section><style>iframe { display: none }</style>after the end"),
    html('<div style="float:left;margin:0 -3000px -900px 0;width:3000px;height:900px;background:#00f">huge</div>x'),
    html('<p id="end">ids that are ours</p><section>and elements</section><style>section{top:0!important}</style>'),
    html("<style>@keyframes a{to{opacity:0}} p{animation:a 1s infinite; counter-increment: c 7}</style><p>blink</p>"),
    html("<script>document.body.remove(); while (true) {}</script>scripts never run"),
    html('<meta http-equiv="refresh" content="0;url=data:text/html,elsewhere">stays'),
    html("<svg width=30 height=30><style>:root{filter:invert(1)}</style><rect width=30 height=30 /></svg>"),
]


def test_a_picture_is_cropped_to_its_content_with_an_even_margin(camera: Camera) -> None:
    (text, terminal) = taken(camera, exhibit(stream("ready to go")), exhibit(kind="terminal", lines=TERMINAL))
    assert all(MARGIN <= side < MARGIN + 1 for side in margins(text, "white"))
    assert margins(terminal, "white") == (MARGIN,) * 4
    assert text.width < 160


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_an_image_is_shown_at_its_size_and_keeps_its_own_border(camera: Camera, scale: int) -> None:
    (plain, dense, as_altair_says_it) = taken(
        camera,
        exhibit(display("image/png", chart(400, 300)), scale=scale),
        exhibit(display("image/png", chart(800, 600), width=400, height=300), scale=scale),
        exhibit(display("image/png", chart(800, 600), width=400.0, height=300.0), scale=scale),
    )
    for shot in (plain, dense, as_altair_says_it):
        assert (shot.width, shot.height) == (400 + 2 * MARGIN, 300 + 2 * MARGIN)
        assert opened(shot).size == (shot.width * scale, shot.height * scale)
        assert Image.open(io.BytesIO(shot.png)).mode in ("RGB", "P"), "opaque, with a palette where that is smaller"


def test_a_drawing_without_a_size_is_as_wide_as_the_page(camera: Camera) -> None:
    root = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 100">'
    svg = f'{root}<rect width="300" height="100" fill="teal"/></svg>'
    image = f"<img src='data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}'>"
    shots = taken(camera, exhibit(display("image/svg+xml", svg)), html(svg), html(f"<div>{svg}</div>"), html(image))
    for shot in shots:
        assert shot.width == 880 + 2 * MARGIN
        assert shot.height == pytest.approx(880 / 3 + 2 * MARGIN, abs=1)
    (icon,) = taken(camera, html(f"<style>svg {{ width: 30px }}</style>{svg}<p>beside</p>"))
    assert icon.width < 100


def test_the_file_says_its_density_for_print(camera: Camera) -> None:
    (shot,) = taken(camera, exhibit(display("image/png", chart(400, 300))))
    assert opened(shot).info["dpi"] == pytest.approx((192, 192), abs=0.1)


def test_what_is_wider_than_the_page_is_seen_whole(camera: Camera) -> None:
    cells = "".join(f"<td style='min-width:90px'>{n}</td>" for n in range(20))
    (shot,) = taken(camera, html(f"<table><tr>{cells}</tr></table>"))
    assert 1800 < shot.width < 2400


def test_the_page_of_a_theme_is_dark(camera: Camera) -> None:
    for one in ALL_KINDS:
        (shot,) = taken(camera, replace(one, theme="dark"))
        assert opened(shot).getpixel((1, 1)) == (13, 17, 23)


def test_crops_of_a_strip_equal_single_captures_whatever_lies_beside_them(camera: Camera) -> None:
    mixed = [one for pair in zip(ALL_KINDS, HOSTILE, strict=False) for one in pair] + HOSTILE[len(ALL_KINDS) :]
    together = taken(camera, *mixed)
    for one, shot in zip(mixed, together, strict=True):
        assert taken(camera, one)[0].png == shot.png, one


def test_a_fresh_browser_gives_the_same_bytes(camera: Camera) -> None:
    with new_camera() as fresh:
        assert taken(fresh, *ALL_KINDS) == taken(camera, *reversed(ALL_KINDS))[::-1]


def test_a_picture_higher_than_a_band_is_put_together(camera: Camera) -> None:
    lines = [f"line {n}" for n in range(400)]
    (whole,) = taken(camera, exhibit(stream("\n".join(lines))))
    assert whole.height > 7000
    (end,) = taken(camera, exhibit(stream("\n".join(lines[-3:]))))
    tail = opened(whole).crop((0, 2 * (whole.height - end.height + MARGIN), 2 * end.width, 2 * whole.height))
    expected = opened(end).crop((0, 2 * MARGIN, 2 * end.width, 2 * end.height))
    assert ImageChops.difference(tail, expected).getbbox() is None


def test_an_output_in_pieces_is_shown_as_one(camera: Camera) -> None:
    (pieces,) = taken(camera, exhibit(stream("10%"), stream("\r100"), stream("%\n")))
    (whole,) = taken(camera, exhibit(stream("100%\n")))
    assert decoded_equal(pieces.png, whole.png)


def test_characters_of_a_terminal_stand_in_their_cells(camera: Camera) -> None:
    wide, plain = ((Span(text=text, background="#dddddd"),) for text in ("中文字符", "eight___"))
    (one, other) = taken(*(camera,), *(exhibit(kind="terminal", lines=(line,)) for line in (wide, plain)))
    assert (one.width, one.height) == (other.width, other.height)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (exhibit(), "no output"),
        (exhibit(stream("\n \n")), "no output"),
        (html("<div style='height:50px'></div>"), "blank"),
        (html("<b style='color:white'>white on white</b>"), "blank"),
        (html("<script>Plotly.newPlot('x', [])</script>"), "needs scripts"),
        (html("<div style='height:30000px'>x</div>end"), "CSS pixels high"),
        pytest.param(exhibit(stream("x" * 100_000_000)), "100 MB", marks=pytest.mark.full),
    ],
)
def test_what_cannot_be_pictured_is_refused_and_the_others_are_taken(camera: Camera, one: Exhibit, reason: str) -> None:
    good = exhibit(stream("fine"))
    before, error, after = camera.photograph([good, replace(one, name="run/cell"), good])
    assert isinstance(error, CaptureError)
    assert reason in error.what
    assert error.where == "run/cell"
    assert error.remedy
    assert before == after == taken(camera, good)[0]


def test_nothing_to_do_starts_no_browser() -> None:
    def unwanted() -> Any:
        raise AssertionError

    with Camera(unwanted, environ={}) as room:
        assert room.photograph([]) == []
        assert "no output" in refused(room, exhibit()).what
