"""Pictures show all that there is, or are refused with a sentence that says what would be missing."""

from __future__ import annotations

import io
import wave
from base64 import b64encode
from collections.abc import Mapping

import pytest

from gpu_doc.errors import CaptureError, Exit, IncompleteError
from gpu_doc.model.location import Location
from gpu_doc.model.pictures import Photograph

from .pictures import display, exhibit, html, new_camera

pytestmark = pytest.mark.needs("chromium")

ROWS = "".join(f"<p>row {n}</p>" for n in range(30))
CELLS = "".join(f"<td>cell{n}</td>" for n in range(30))
DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw=="
WIDE = (
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='900' height='9'>"
    "<rect width='900' height='9'/></svg>"
)


def sound() -> str:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, 8000, 0, "NONE", ""))
        written.writeframes(b"\0\0" * 8000)
    return f"data:audio/wav;base64,{b64encode(file.getvalue()).decode()}"


DRAWING = "<svg viewBox='0 0 300 200'><rect width='300' height='200'/></svg>"
# Boxes that scroll, and how large a picture is at least that shows all of it (width, height).
GROWN = {
    "high": (f"<div style='overflow:auto;max-height:120px;border:1px solid'>{ROWS}</div>after", (0, 830)),
    "wide": (f"<div style='overflow-x:auto;width:300px'><table><tr>{CELLS}</table></div>", (1500, 0)),
    "rich": (f"<pre style='white-space:pre;overflow-x:auto'>{'word ' * 60}</pre>", (2390, 0)),
    "in a fixed height": (
        f"<div style='height:150px'><div style='overflow:auto;height:100%'>{ROWS}</div></div>x",
        (0, 850),
    ),
    "nested": (
        f"<div style='overflow:auto;height:99px'><pre style='overflow:auto;height:50px'>{ROWS}</pre>x</div>",
        (0, 540),
    ),
    "beside another": (
        f"<div style='display:flex;height:99px'><div style='flex:1;overflow:auto'>{ROWS}</div><p>side</p></div>",
        (0, 830),
    ),
    "of a grid": (
        f"<div style='display:grid;grid-template-columns:1fr'><div style='overflow:auto;height:9px'>{ROWS}</div></div>",
        (0, 830),
    ),
    "whatever it insists on": (
        f"<style>.s{{overflow:auto!important;max-height:99px!important}}</style><div class=s>{ROWS}</div>",
        (0, 830),
    ),
    "from the right": (
        f"<div dir=rtl style='overflow:auto;width:200px;white-space:nowrap'>{'word ' * 50}</div>",
        (1900, 0),
    ),
    "upwards": (
        f"<div style='display:flex;flex-direction:column-reverse;overflow:auto;height:99px'>{ROWS}</div>",
        (0, 1000),
    ),
    "in a shadow": (
        f"<div><template shadowrootmode=open><div style='overflow:auto;height:99px'>{ROWS}</div></template></div>",
        (0, 1000),
    ),
    "in a frame": (f'<iframe srcdoc="{ROWS}" width=300 height=150></iframe>', (300, 1000)),
    "a drawing without a size in a table": (f"<table><tr><td>a<td>{DRAWING}</table>", (300, 200)),
    "a drawing without a size beside text": (f"<div style='display:inline-block'>{DRAWING}</div>text", (300, 200)),
    "to open": (f"<details name=a><summary>more</summary>{ROWS}</details><details name=a>{ROWS}</details>", (0, 1700)),
    "to write in": (f"<textarea rows=3>{ROWS}</textarea><input value='{'word ' * 60}'>", (1500, 0)),
}

# What hides nothing that anybody should see.
FINE = {
    "fits": "<div style='overflow:auto;max-height:120px'>short</div>",
    "fits but for a pixel": "<div style='overflow:auto;height:20px;line-height:21px'>short</div>",
    "round corners": "<div style='overflow:hidden;border-radius:8px;border:1px solid;width:99px'>round</div>",
    "a sprite of symbols": "<svg style='position:absolute;width:0;height:0'><symbol id=i><path d='M0 0L9 9'/></symbol>"
    "</svg>x",
    "a sprite without a size": "<div style='display:inline-block'><svg viewBox='0 0 900 900'><defs>"
    "<path id=i d='M0 0L9 9'/></defs></svg></div>seen",
    "floats": "<div style='overflow:hidden'><div style='float:left'>a</div><div style='float:right'>b</div></div>",
    "for screen readers": "<span style='position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;"
    "clip:rect(0,0,0,0);white-space:nowrap'>for screen readers only</span>seen",
    "the same where it scrolls": "<div style='overflow:auto;height:40px'>seen<span style='position:absolute;width:1px;"
    "height:1px;overflow:hidden;margin-top:99px'>for screen readers</span></div>",
    "folded": f"<div style='max-height:0;overflow:hidden'>{ROWS}</div>seen",
    "away": "<span style='position:absolute;left:-9999px'>away</span>seen",
    "an icon instead": "<a style='display:block;width:9px;text-indent:-9999px;overflow:hidden;background:red'>icon</a>",
    "dots": "<div style='width:99px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap'>a very long text</div>",
    "dots below": "<div style='width:99px;overflow:hidden;display:-webkit-box;-webkit-line-clamp:2;"
    "-webkit-box-orient:vertical'>a very long text that goes on and on over many more lines</div>",
    "a bar": "<div style='overflow:hidden;width:200px'><div style='width:130%;background:teal'>&nbsp;</div></div>",
    "a ribbon": "<div style='overflow:hidden;width:99px;position:relative'><div style='position:absolute;right:-20px;"
    "top:-20px;width:60px;height:60px;background:red'></div>card</div>",
    "blanks": f"<pre style='overflow:auto;white-space:pre;width:300px'>short{' ' * 200}</pre>",
    "nothing far away": "<p style='width:6000px'></p><p style='overflow:auto'><b style='padding:0 2000px'>x</b>",
    "a tight heading": "<h2 style='overflow:hidden;line-height:1'>gypq Heading</h2>",
    "a counter's pixel": "<img width=1 height=1 src='https://example.org/p.gif'>x",
    "images that nobody sees": "<img style='display:none' src='a.png'><style>p:hover{background:url(a)}</style><p>x",
    "an image": f"<img src='{DOT}' loading=lazy width=40 height=40>x",
    "a background": f"<p style='background:url({DOT})'>x</p>",
    "references": "<svg width=60 height=60><defs><linearGradient id=g><stop stop-color=red /></linearGradient>"
    "<circle id=c r=9 cx=15 cy=15 /></defs><use href='#c'/><rect width=9 height=9 fill='url(#g)'/></svg>",
    "an empty frame": "<iframe src='about:blank'></iframe><iframe src='https://example.org' hidden></iframe>x",
    "a frame's text": "<iframe srcdoc='<b>text</b>' height=80></iframe>",
    "a sound": f"<audio controls src='{sound()}'></audio>",
    "names like ours": f"<form><input name=body><input name=style><img name=images src='{DOT}'></form>"
    "<img name=body><img name=fonts><img name=defaultView><form name=querySelectorAll></form>text",
}

# What would be missing, and what the sentence says of it.
LOST = {
    "hidden": (f"<div style='overflow:hidden;height:99px'>{ROWS}</div>", "a <div> that begins with “row 0 row 1"),
    "clipped": (f"<div style='overflow:clip;height:99px'>{ROWS}</div>", "99 CSS pixels high, and 8"),
    "contained": (f"<div style='contain:paint;height:99px'>{ROWS}</div>", "99 CSS pixels high"),
    "a line": (
        "<div style='overflow:hidden;white-space:nowrap;width:99px'>word word word word word</div>",
        "CSS pixels wide",
    ),
    "a table's cell": (
        "<table style='table-layout:fixed;width:50px'><tr><td style='overflow:hidden;white-space:pre'>a text, no dots",
        "a <td>",
    ),
    "colours": (
        f"<div style='overflow:hidden;width:99px'><table>{'<td style=background:red;min-width:9em>' * 9}</table></div>",
        "99 CSS pixels wide",
    ),
    "an image's half": (
        f'<div style="overflow:hidden;width:99px"><img src="{WIDE}" style="max-width:none"></div>',
        "and 900 are",
    ),
    "what scrolls in it": (
        f"<div style='height:99px;overflow:hidden'><div style='height:100%;overflow:auto'>{ROWS}</div></div>",
        "99 CSS pixels high",
    ),
    "what has names like ours": (
        f"<form style='overflow:hidden;height:99px'><input name=scrollHeight><input name=lastChild>{ROWS}</form>",
        "a <form>",
    ),
    "too wide": (
        "<div style='width:8184px;background:teal'>x</div>",
        "it is 8,184 CSS pixels wide, and a picture can have 4,096",
    ),
    "too wide when whole": (
        f"<div style='overflow:auto'><table><tr>{'<td style=min-width:150px>x' * 40}</table></div>",
        "CSS pixels wide, and a picture can have 4,096",
    ),
    "too high when whole": (
        f"<div style='overflow:auto;height:99px'>{ROWS * 30}</div>",
        "CSS pixels high, and a picture",
    ),
    "an image": ("<img name=images src='dot.png'>", "an image: it did not load: dot.png"),
    "an image without words": ("seen <img src='dot.png' alt=''>", "dot.png"),
    "a sharper one": (f"<img src='{DOT}' srcset='dot.png 2x'>", "dot.png"),
    "one of several": (f"<picture><source srcset='x.webp'><img src='{DOT}'></picture>", "x.webp"),
    "a damaged one": ("<img src='data:image/png;base64,AAAA'>", "it is damaged"),
    "a background": ("<p style='background:no-repeat url(https://example.org/a.png)'>x", "https://example.org/a.png"),
    "a mark before": ("<style>p::before{content:url(x.png)}</style><p>x", "x.png"),
    "a list's marks": ("<ul style='list-style-image:url(a.png)'><li>x</ul>", "a.png"),
    "a button's": ("<input type=image src=a.png>", "a.png"),
    "a drawing's": ("<svg width=90 height=90><image xlink:href='a.png' width=50 height=50 /></svg>", "a.png"),
    "another drawing": ("<svg width=90 height=90><use href='a.svg#x'/></svg>x", "a.svg#x"),
    "a shadow's": ("<div><template shadowrootmode=open><img src=a.png></template></div>", "a.png"),
    "a frame's": ("<iframe srcdoc='<img src=a.png>'></iframe>", "a.png"),
    "a page": (
        "seen<iframe src=https://example.org></iframe>",
        "an <iframe>, which is not loaded: https://example.org",
    ),
    "a page in a text": ("<iframe src='data:text/html,<b>hello</b>'></iframe>", "an <iframe>"),
    "a locked page": ("<iframe sandbox srcdoc='<b>x</b>'></iframe>", "an <iframe>"),
    "an object": ("<object data=a.pdf>no pdf here</object>", "an <object>, which is not loaded: a.pdf"),
    "a plug-in's": ("seen<embed src=a.pdf>", "an <embed>"),
    "a film's poster": (f"<video poster='{DOT}' width=60 height=60></video>x", "a <video>"),
    "a film": ("<video controls><source src=a.webm></video>", "a <video>, which is not loaded: a.webm"),
    "a sound": ("<audio controls src=a.wav></audio>", "an <audio>"),
}

# What waits for a script, which is let run then, and fails.
UNDRAWN = {
    "a canvas": "<h3>Title</h3><canvas id=c></canvas><script>draw()</script>",
    "an animation": "<img id=frame><button>Play</button><script>draw()</script>",
    "a map": "trust me<iframe srcdoc='<div id=map></div><script>draw()</script>'></iframe>",
}


@pytest.fixture(scope="module")
def shots() -> Mapping[str, Photograph | CaptureError]:
    texts = {f"grown, {name}": text for name, (text, _) in GROWN.items()}
    texts |= {f"fine, {name}": text for name, text in FINE.items()}
    texts |= {f"undrawn, {name}": text for name, text in UNDRAWN.items()}
    texts |= {f"lost, {name}": text for name, (text, _) in LOST.items()}
    with new_camera() as room:
        pictures = room.photograph(
            [
                html(text, name=name, location=Location("n.ipynb", cell=1, cell_name=name))
                for name, text in texts.items()
            ]
        )
    return dict(zip(texts, pictures, strict=True))


@pytest.mark.parametrize("name", GROWN)
def test_a_box_that_scrolls_is_shown_whole(shots: Mapping[str, Photograph | CaptureError], name: str) -> None:
    shot, (_, (width, height)) = shots[f"grown, {name}"], GROWN[name]
    assert isinstance(shot, Photograph), shot
    assert shot.width >= width
    assert shot.height >= height


@pytest.mark.parametrize("name", FINE)
def test_what_hides_nothing_is_pictured(shots: Mapping[str, Photograph | CaptureError], name: str) -> None:
    shot = shots[f"fine, {name}"]
    assert isinstance(shot, Photograph), shot
    assert shot.width < 600, "as it was laid out"
    assert shot.height < 200


@pytest.mark.parametrize("name", LOST)
def test_what_would_be_missing_is_told(shots: Mapping[str, Photograph | CaptureError], name: str) -> None:
    error = shots[f"lost, {name}"]
    assert isinstance(error, IncompleteError), error
    assert LOST[name][1] in error.what
    assert error.what.startswith(f"The picture of lost, {name} would ")
    assert str(error.where) == f"n.ipynb, cell 1 (lost, {name})"
    assert error.remedy
    assert error.exit_code == Exit.USAGE


@pytest.mark.parametrize("name", UNDRAWN)
def test_what_a_script_does_not_draw_is_told(shots: Mapping[str, Photograph | CaptureError], name: str) -> None:
    error = shots[f"undrawn, {name}"]
    assert isinstance(error, CaptureError), error
    assert "draw is not defined" in error.what


def test_drawings_in_svg_are_images_that_load_nothing() -> None:
    namespace = 'xmlns="http://www.w3.org/2000/svg"'
    bare = '<svg width="90" height="60"><rect width="90" height="60"/></svg>'
    drawings = [bare, bare.replace("<svg", f"<svg {namespace}"), bare.replace("<rect", '<image href="dot.png"/><rect')]
    with new_camera() as room:
        shot, same, error = room.photograph([exhibit(display("image/svg+xml", drawing)) for drawing in drawings])
    assert isinstance(shot, Photograph)
    assert shot == same
    assert isinstance(error, IncompleteError)
    assert "dot.png" in error.what
