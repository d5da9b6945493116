"""Outputs with something at their far end: it is in the picture, or the picture is refused in words."""

from __future__ import annotations

import io
from collections.abc import Mapping
from urllib.parse import quote

import pytest
from PIL import Image

from gpu_doc.errors import CaptureError, IncompleteError
from gpu_doc.model.pictures import Photograph

from .pictures import html, new_camera

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("planted cuts")]  # photographed once

COLOUR = (255, 0, 255)
END = "<b style='display:inline-block;width:12px;height:12px;background:#f0f'></b>"
ROWS = "".join(f"<p>row {n}</p>" for n in range(30))
WORDS = "word " * 60
DRAWING = (
    "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'><rect width='40' height='40' fill='#f0f'/></svg>"
)
DATA = f"data:image/svg+xml,{quote(DRAWING)}"
MARKED = f"{WORDS}{END}"

# By what hides it.
CUTS = {
    "overflow auto": f"<div style='overflow:auto;height:90px'>{ROWS}{END}</div>",
    "overflow scroll across": f"<div style='overflow:scroll;width:90px;white-space:nowrap'>{MARKED}</div>",
    "overflow hidden": f"<div style='overflow:hidden;height:90px'>{ROWS}{END}</div>",
    "overflow clip": f"<div style='overflow:clip;height:90px'>{ROWS}{END}</div>",
    "height in vh": f"<div style='height:100vh;background:#eee'></div>{END}",
    "max-height in vh": f"<div style='max-height:10vh;overflow:auto'>{ROWS}{END}</div>",
    "width in vw": f"<div style='width:200vw;text-align:right'>{END}</div>",
    "fixed": f"text<div style='position:fixed;top:300px;left:200px'>{END}</div>",
    "fixed at the bottom": f"text<div style='position:fixed;bottom:0'>{END}</div>",
    "absolute": f"text<div style='position:absolute;top:1200px;left:1200px'>{END}</div>",
    "sticky": f"<div style='overflow:auto;height:90px'><div style='position:sticky;top:0'>head</div>{ROWS}{END}</div>",
    "contain": f"<div style='contain:strict;height:90px;width:90px'>{ROWS}{END}</div>",
    "clip-path": f"<div style='clip-path:inset(0 0 50% 0)'>{ROWS}{END}</div>",
    "clip": f"<div style='position:absolute;clip:rect(0,90px,90px,0)'>{ROWS}{END}</div>",
    "mask": f"<div style='mask-image:linear-gradient(#000 40%,transparent 60%)'>{ROWS}{END}</div>",
    "columns": f"<div style='columns:2;height:90px'>{ROWS}{END}</div>",
    "details": f"<details><summary>more</summary>{ROWS}{END}</details>",
    "transform right": f"<div style='transform:translateX(1500px);width:20px'>{END}</div>",
    "transform left": f"<p>text</p><div style='transform:translateX(-300px);width:20px'>{END}</div>",
    "scaled": f"<div style='transform:scale(3);transform-origin:0 0;width:600px;text-align:right'>{END}</div>",
    "zoom": f"<div style='zoom:3;width:600px;text-align:right'>{END}</div>",
    "negative margin left": f"<p>text</p><div style='margin-left:-90px'>{END}</div>",
    "negative margin up": f"<div style='margin-top:-90px'>{END}</div><p>text</p>",
    "content-visibility auto": f"{ROWS * 5}<div style='content-visibility:auto;contain-intrinsic-size:1px'>{END}</div>",
    "frame": f'<iframe srcdoc="{ROWS}{END}" width=90 height=90></iframe>',
    "frame that does not scroll": f'<iframe scrolling=no srcdoc="{ROWS}{END}" width=90 height=90></iframe>',
    "object": f'<object type="image/svg+xml" data="{DATA}">text</object>',
    "embed": f'text<embed type="image/svg+xml" src="{DATA}">',
    "picture": f'<picture><source srcset="{DATA}"><img></picture>',
    "srcset": f'<img srcset="{DATA} 2x">',
    "background": f"<div style='background:url(\"{DATA}\");width:40px;height:40px'></div>",
    "poster": f'<video poster="{DATA}" width=40 height=40></video>',
    "svg image": f'<svg width=40 height=40><image href="{DATA}" width=40 height=40 /></svg>',
    "canvas": "<canvas id=c width=90 height=40></canvas>",
    "open dialog": f"text<dialog open>{END}</dialog>",
    "lazy image": f'{ROWS * 5}<img loading=lazy src="{DATA}" width=40 height=40>',
    "print": f"<style>@media print{{.p{{display:none}}}}</style><div class=p>{ROWS}{END}</div>",
    "300 columns": f"<table><tr>{'<td>cell</td>' * 300}<td>{END}</table>",
    "60 columns": f"<table><tr>{'<td>cell</td>' * 60}<td>{END}</table>",
    "2,000 rows": f"<table>{'<tr><td>cell</td></tr>' * 2000}<tr><td>{END}</table>",
    "500 rows": f"<table>{'<tr><td>cell</td></tr>' * 500}<tr><td>{END}</table>",
    "a table of fixed layout": "<table style='table-layout:fixed;width:90px'><tr><td style='overflow:hidden'>"
    f"{'w' * 90}{END}</table>",
    "a long word": f"<div style='width:90px'>{'w' * 500}{END}</div>",
    "right to left": f"<div dir=rtl style='overflow:auto;width:90px;white-space:nowrap'>{MARKED}</div>",
    "right to left without a box": f"<div dir=rtl style='width:90px;white-space:nowrap'>{'w' * 300}{END}</div>",
    "written downwards": "<div style='writing-mode:vertical-rl;overflow:auto;"
    f"height:90px;width:90px'>{ROWS}{END}</div>",
    "a grid": "<div style='display:grid;grid-template-rows:90px;"
    f"overflow:hidden;height:90px'><div>{ROWS}{END}</div></div>",
    "a flex box": "<div style='display:flex;width:90px;overflow-x:auto'>"
    f"<div style='min-width:900px'>{END}</div>{END}</div>",
    "the body": f"<style>body{{max-height:90px;overflow:hidden}}</style>{ROWS}{END}",
    "the page": f"<style>html{{height:90px;overflow:hidden}}</style>{ROWS}{END}",
}

BOX = "overflow:hidden;width:300px;height:90px"
BEFORE = {
    "margin left": f"<div style='{BOX}'><div style='margin-left:-20px'>{END} text</div></div>",
    "margin up": f"<div style='{BOX}'><div style='margin-top:-20px'>{END} text</div></div>",
    "relative left": f"<div style='{BOX}'><p style='position:relative;left:-40px'>{END} text</p></div>",
    "relative up": f"<div style='{BOX}'><p style='position:relative;top:-60px'>{END} text</p></div>",
    "absolute left": f"<div style='{BOX};position:relative'>"
    f"<p style='position:absolute;left:-40px'>{END} text</p></div>",
    "translated": f"<div style='{BOX}'><p style='transform:translate(-30px)'>{END} text</p></div>",
    "scaled in its middle": f"<div style='{BOX}'><p style='transform:scale(2)'>{END} text</p></div>",
    "text-indent": f"<div style='{BOX};text-indent:-20px'>{END} text</div>",
    "text-indent of a line": f"<div style='{BOX}'><p style='text-indent:-3em'>a text that begins {END}</p></div>",
    "in a box that scrolls": f"<div style='overflow:auto'><p style='margin-left:-20px'>{END} text</p></div>",
    "contained": f"<div style='contain:paint;width:300px'><p style='margin-left:-20px'>{END} text</p></div>",
    "a table": f"<div style='{BOX}'><table style='margin-left:-60px'><tr><td>{END} text<td>b</table></div>",
    "two boxes": f"<div style='{BOX}'><div style='margin-left:-90px'><div style='{BOX}'>{END} text</div></div></div>",
    "circle": f"<div style='clip-path:circle(30px);width:200px;height:90px'>{END} text</div>",
    "inset": f"<div style='clip-path:inset(0 0 0 30px)'>{END} text</div>",
}
CUTS |= BEFORE

# Clipped, with nothing lost.
CLIPPED = {
    "circle": f"<div style='clip-path:circle();width:90px;line-height:90px;text-align:center'>{END}</div>",
    "circle in pixels": f"<div style='clip-path:circle(60px at 10px 10px);width:90px'>{END}</div>",
    "inset": f"<div style='clip-path:inset(5px);padding:9px;width:90px'>{END}</div>",
    "inset of one side": f"<div style='clip-path:inset(0 50% 0 0);width:90px'>{END}</div>",
    "margin that padding takes back": f"<div style='{BOX}'><p style='margin:0 -15px;padding:0 15px'>{END}</p></div>",
    "decoration": f"<div style='{BOX}'><div style='margin:-5px;padding:5px;background:#eee'>{END}</div></div>",
    "lines that are close": f"<div style='{BOX};line-height:1'>{END} ÄÖÜ ÊÂ</div>",
    "an icon's words": f"<div style='{BOX}'>{END}<p style='text-indent:-9999px'>{WORDS}</p></div>",
}

# Dots that stand in the picture say it, as in Jupyter: xarray's and others' tables are made so.
DOTS = {
    "ellipsis": f"<div style='overflow:hidden;text-overflow:ellipsis;white-space:nowrap;width:90px'>{MARKED}</div>",
    "line clamp": "<div style='overflow:hidden;display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical;"
    f"width:90px'>{MARKED}</div>",
}

# Far from the page on purpose: words for screen readers, what a library measures text with (Plotly's).
AWAY = {
    "words of an icon": f"<p>text</p><p style='text-indent:-9999px'>{WORDS}</p>",
    "for screen readers": f"<p>text</p><p style='position:absolute;left:-10000px;width:200px'>{WORDS}</p>",
    "a ruler": "<p>text</p><svg style='position:absolute;left:-10000px;top:-10000px' width='9000' height='9000'></svg>",
}

REFUSED = {
    *("overflow hidden", "overflow clip", "height in vh", "width in vw", "contain", "clip-path", "clip", "mask"),
    *("transform left", "negative margin left", "negative margin up", "object", "embed", "poster", "canvas"),
    *BEFORE,
    *("300 columns", "2,000 rows", "a table of fixed layout", "a long word", "right to left without a box", "a grid"),
}


def _seen(shot: Photograph) -> bool:
    with Image.open(io.BytesIO(shot.png)) as picture:
        shown = picture.convert("RGB")
    return any(colour == COLOUR and count > 100 for count, colour in shown.getcolors(shown.width * shown.height) or [])


@pytest.fixture(scope="module")
def shots() -> Mapping[str, Photograph | CaptureError]:
    texts = CUTS | DOTS | AWAY | {f"whole: {name}": text for name, text in CLIPPED.items()}
    with new_camera() as room:
        return dict(zip(texts, room.photograph([html(text, name=name) for name, text in texts.items()]), strict=True))


@pytest.mark.parametrize("name", CUTS)
def test_what_is_at_the_end_is_shown_or_the_picture_refused(
    shots: Mapping[str, Photograph | CaptureError], name: str
) -> None:
    shot = shots[name]
    if isinstance(shot, Photograph):
        assert _seen(shot)
        assert name not in REFUSED
    else:
        assert isinstance(shot, IncompleteError), shot
        assert name in REFUSED, shot
        assert shot.remedy


@pytest.mark.parametrize("name", DOTS)
def test_dots_stay(shots: Mapping[str, Photograph | CaptureError], name: str) -> None:
    shot = shots[name]
    assert isinstance(shot, Photograph)
    assert shot.height < 100


@pytest.mark.parametrize("name", AWAY)
def test_what_is_far_away_on_purpose_is_no_loss(shots: Mapping[str, Photograph | CaptureError], name: str) -> None:
    assert isinstance(shots[name], Photograph)


@pytest.mark.parametrize("name", CLIPPED)
def test_what_is_clipped_without_a_loss_is_shown(shots: Mapping[str, Photograph | CaptureError], name: str) -> None:
    shot = shots[f"whole: {name}"]
    assert isinstance(shot, Photograph), shot
    assert _seen(shot)
