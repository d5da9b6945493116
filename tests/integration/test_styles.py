"""Nothing of an output reaches our page or another output, and no rule of our page reaches an output."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from gpu_doc.model.pictures import Exhibit
from gpu_doc.pictures.capture import Camera
from gpu_doc.pictures.png import MARGIN

from .pictures import display, exhibit, html, new_camera, stream, taken

pytestmark = pytest.mark.needs("chromium")

TABLE = display("text/html", "<table class='table dataframe'><tr><th>a</th></tr><tr><td class=note>1</td></tr></table>")
PLAIN = "<div>x</div>"
LEAKING = {
    "rules for names of ours": "<style>.page, .output, .output_area, .screen, .cell, .holder, section, iframe, pre, "
    "table { display: none !important }</style><div>x</div>",
    "rules for everybody": "<style>td, th, pre { color: red !important } .table { border: 9px solid red !important }"
    "body ~ *, html + * { display: none }</style><div>x</div>",
    "variables, fonts, imports": "<style>:root { --x: red } .note { color: var(--x) !important } @import 'x.css'; "
    "@font-face { font-family: 'DejaVu Sans'; src: url(data:,) }</style><div>x</div>",
    "ends of what it did not begin": "<div>x</div></div></div></div></div></body></html>"
    "<style>.cell { display: none }</style>",
    "beginnings without an end": "<div>x</div><table hidden><tr><td>never closed <b><i><!-- ",
    "a head": "<base href='https://example.org/'><meta name=color-scheme content=dark><title>t</title>"
    "<meta http-equiv=refresh content='0;url=data:,elsewhere'><div>x</div>",
    "ids of ours": "<div>x</div><div id=end></div><section></section><p hidden class=holder><iframe></iframe></p>",
}
COMMON = (
    "page output output_area output_wrapper screen input input_area cell inner_cell holder frame dark light end section"
)


@pytest.fixture(scope="module")
def room() -> Iterator[Camera]:
    with new_camera() as opened:
        yield opened


def cells(output: str) -> list[Exhibit]:
    """An output first and last among others, below their source too."""
    own = display("text/html", output)
    return [
        exhibit(own, TABLE, stream("printed\n"), stream("careful\n", "stderr")),
        exhibit(stream("printed\n"), TABLE, own, kind="cell", source="x = 1"),
    ]


def test_an_output_changes_nothing_but_itself(room: Camera) -> None:
    expected = taken(room, *cells(PLAIN))
    exhibits = [one for text in LEAKING.values() for one in cells(text)]
    shots = taken(room, *exhibits)
    for number, name in enumerate(LEAKING):
        assert shots[2 * number : 2 * number + 2] == expected, name


def test_our_page_changes_no_output(room: Camera) -> None:
    text = "<div{}>text <a href=x>link</a> <i class=c1>1</i></div>"
    themes = ("light", "dark")
    plain = taken(room, *(html(text.format(""), theme=theme) for theme in themes))
    named = [html(text.format(f" class={name} id={name}"), theme=theme) for name in COMMON.split() for theme in themes]
    shots = taken(room, *named)
    for number, name in enumerate(COMMON.split()):
        assert shots[2 * number : 2 * number + 2] == plain, name


def test_what_lies_above_all_covers_only_itself(room: Camera) -> None:
    above = "<div style='position:fixed;inset:0;background:#0f0;z-index:99'></div><div>x</div>"
    first, last = taken(room, *cells(above))
    (below, before) = taken(room, exhibit(*cells(above)[0].outputs[1:]), exhibit(*cells(above)[1].outputs[:-1]))
    for shot, other, end in ((first, below, "bottom"), (last, before, "top")):
        picture = Image.open(io.BytesIO(shot.png)).convert("RGB")
        half = 2 * (other.height - 2 * MARGIN)
        top = 2 * MARGIN if end == "top" else picture.height - 2 * MARGIN - half
        rest = picture.crop((0, top, picture.width, top + half))
        colours = rest.getcolors(1 << 20) or []
        assert (0, 255, 0) not in {colour for _, colour in colours}
        assert (0, 255, 0) in {colour for _, colour in picture.getcolors(1 << 20) or []}, "it is there"


def test_styles_alone_are_meant_for_what_stands_beside_them(room: Camera) -> None:
    """As `display(HTML("<style>...</style>"))` works in Jupyter, in the same cell and no other."""
    rule = "<style>td { color: red } pre { font-weight: bold }</style>"
    styles, printed = display("text/html", rule), stream("printed\n")
    (plain, styled, after, within) = taken(
        room,
        exhibit(TABLE, printed),
        exhibit(styles, TABLE, printed),
        exhibit(TABLE, printed),
        exhibit(display("text/html", f"{rule}{TABLE['data']['text/html']}"), printed),
    )
    assert plain == after
    assert styled != plain
    assert within not in (styled, plain)
