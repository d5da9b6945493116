"""Text in pictures can be read, in light and in dark: a contrast of 4.5 with what is behind it, 3 where it is large."""

from __future__ import annotations

import base64
import io
import os
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gpu_doc.model.pictures import Exhibit, Photograph
from gpu_doc.pictures.browser import Browser, find_chromium
from gpu_doc.pictures.cellpage import CellPages
from gpu_doc.text.terminal import read_screen
from gpu_doc.text.terminal_colours import Theme
from gpu_doc.widgets.outputs import unfolded, without_widgets
from gpu_doc.widgets.state import VIEW, WidgetStates

from .pictures import display, exhibit, html, new_camera, stream, taken

pytestmark = pytest.mark.needs("chromium")

RECORDED = Path(__file__).with_name("recorded")
"""HTML of xarray 2026.9.0, great_tables 1.1.0: what their objects' `_repr_html_` gave."""
MARKDOWN = """# Large
Text with a [link](https://example.org), `code`, *more*.

> A quote with `code` and a [link](https://example.org).

- item

| a | b |
|---|---|
| 1 | `2` |
| 3 | [4](x) |

```python
import numpy as np  # remark
print(f"{x!r:>3}\\n", 1.5, None)
```
"""
SOURCE = '''# remark
from __future__ import annotations
@decorated
class Net(Module):
    """Text."""
    def forward(self, x: float) -> str:
        raise ValueError(f"{x:.2f}\\n", 0x1F, 1.5e3, None, not True, r"a\\d", b"x") or len(x) @ 3
%matplotlib inline
!pip list
lambda self: yield_ if a else b
'''
OWN = {
    "a light background, no colour": "<div style='background:#eef'>x <a href=x>y</a> <code>z</code></div>",
    "a dark background, no colour": "<p style='background:#222'>x <a href=x>y</a> <b style='background:#eee'>z</b></p>",
    "colours meant for white": "<p>x <b style='color:navy'>y</b> <b style='color:#000'>z <i>z</i></b></p>",
    "a table on white": "<style>.t{background:white;color:#333}</style><table class=t><tr><td>x</td></tr></table>",
    "an old table on white": "<table bgcolor=white><tr><td>x<td>y<tr><td>x<td>y</table>",
    "controls": "<button>x</button><details open><summary>y</summary>z</details><mark>u</mark><kbd>v</kbd>",
    "Jupyter's colours": "".join(
        f"<p style='color:var(--jp-{name},#777);background:var(--jp-layout-color{ground},#777)'>x</p>"
        for name in (
            "content-font-color0",
            "content-font-color1",
            "ui-font-color1",
            "content-font-color2",
            "error-color1",
        )
        for ground in (0, 1, 2)
    ),
}


CHOSEN = {
    ("an estimator", "i"), ("an estimator", "?"), ("a fitted estimator", "i"), ("a fitted estimator", "?"),
    ("great-tables-coloured", "5550.0"), ("great-tables-coloured", "65100.0"),
}  # fmt: skip
"""Texts whose colour and background were both chosen by who made the output: they stay as they are in Jupyter."""


def ansi() -> str:
    codes = [*range(30, 38), *range(90, 98), *(f"38;5;{n}" for n in range(0, 256, 5)), "38;2;9;9;9", "2", "7", "2;7"]
    grounds = ["", *range(40, 48), *range(100, 108), "48;5;17", "48;5;120", "48;5;244", "48;2;250;250;9"]
    return "\n".join("".join(f"\x1b[{ground};{code}mx\x1b[0m" for code in ["", *codes]) for ground in grounds) + "\n"


def widgets() -> tuple[Any, ...]:
    styles = ("", "primary", "success", "info", "warning", "danger")
    names = ("bar", "text", "on", "tabs", "odd", *(f"b{number}" for number in range(len(styles))))
    states = {
        "box": ("VBoxModel", {"children": [f"IPY_MODEL_{name}" for name in names]}),
        "bar": ("FloatProgressModel", {"value": 1.0, "max": 3.0, "description": "training"}),
        "text": ("TextModel", {"value": "x", "description": "name"}),
        "on": ("ToggleButtonModel", {"value": True, "description": "on"}),
        "tabs": ("AccordionModel", {"children": ["IPY_MODEL_text"], "titles": ["one"], "selected_index": 0}),
        "odd": ("MeshModel", {}),
    } | {
        f"b{n}": ("ButtonModel", {"description": "go", "button_style": style})
        for n, style in enumerate(styles)
    }  # fmt: skip
    kept = {
        name: {"model_name": kind, "model_module": "@jupyter-widgets/controls", "state": state}
        for name, (kind, state) in states.items()
    }
    key = "application/vnd.jupyter.widget-state+json"
    found = WidgetStates({"widgets": {key: {"state": kept, "version_major": 2, "version_minor": 0}}})
    view = {VIEW: {"model_id": "box", "version_major": 2}, "text/plain": "VBox()"}
    output = {"output_type": "display_data", "data": view, "metadata": {}}
    return tuple(unfolded(without_widgets((output,), found)))


def frames() -> Mapping[str, str]:
    import pandas as pd  # type: ignore[import-untyped] # its stubs are a package of their own
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped] # it has no types
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped] # it has no types
    from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped] # it has no types

    frame = pd.DataFrame({"a": [1.0, -2.0, 3.0], "b": ["x", "y", "z"]})
    model = make_pipeline(StandardScaler(), LogisticRegression())
    stripes = {"selector": "tr:nth-child(even)", "props": "background:#ddf"}
    heads = {"selector": "th", "props": "background:#eef"}
    gradient = frame.style.set_caption("caption").background_gradient(subset=["a"], text_color_threshold=0.2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own
        return {
            "a data frame": frame._repr_html_(),
            "a long one": pd.concat([frame] * 40)._repr_html_(),
            "a Styler": gradient.to_html(),
            "a Styler's marks": frame.style.highlight_max(color="yellow").highlight_min(props="color:navy").to_html(),
            "a Styler's rules": frame.style.set_table_styles([stripes, heads]).to_html(),
            "an estimator": model._repr_html_(),
            "a fitted estimator": model.fit([[0.0], [1.0]], [0, 1])._repr_html_(),
        }  # fmt: skip


def exhibits(theme: Theme) -> Mapping[str, Exhibit]:
    lines = read_screen(ansi().encode(), theme=theme)
    error = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": [ansi(), "\x1b[0;31mE\x1b[0m: v"]}
    markup = {**frames(), **OWN, **{path.stem: path.read_text("utf-8") for path in RECORDED.glob("*.html")}}
    return {
        "stdout": exhibit(stream(ansi()), theme=theme),
        "stderr": exhibit(stream(ansi(), "stderr"), theme=theme),
        "a traceback": exhibit(error, theme=theme),
        "plain text": exhibit(display("text/plain", "x"), theme=theme),
        "Markdown": exhibit(display("text/markdown", MARKDOWN), theme=theme),
        "source": exhibit(stream("x"), kind="cell", source=SOURCE, theme=theme),
        "source in bash": exhibit(
            kind="cell", source='for x in $(ls); do echo "$x" # y\ndone', language="bash", theme=theme
        ),
        "a terminal": exhibit(kind="terminal", lines=lines, theme=theme),
        "widgets": exhibit(*widgets(), theme=theme),
        "JSON": exhibit(display("application/json", {"a": [1, "x", None, True], "b": {}}), theme=theme),
        **{name: html(text, theme=theme) for name, text in markup.items()},
    }


@pytest.fixture(scope="module", params=["light", "dark"])
def measured(request: pytest.FixtureRequest) -> Mapping[str, list[dict[str, Any]]]:
    """For each kind of output its texts: what they say, their contrast, and the least that it may be."""
    wanted = exhibits(request.param)
    pages = CellPages(lambda _: {})
    page = pages.page([pages.section(one) for one in wanted.values()])
    with Browser(find_chromium(None, os.environ), os.environ, scale=1, patience=60) as browser:
        layout = browser.lay_out(page, width=2000)
        assert [box.losses for box in layout.boxes if not box.fits] == []
        assert browser._page is not None
        script = Path(__file__).with_name("contrast.js").read_text("utf-8")
        call = browser._page.evaluate(time.monotonic() + 60, f"({script})()")
        measured: list[list[dict[str, Any]]] = browser._wait(call)
    return dict(zip(wanted, measured, strict=True))


def test_text_can_be_read(measured: Mapping[str, list[dict[str, Any]]]) -> None:
    assert [name for name, texts in measured.items() if not texts] == [], "every kind has text that was looked at"
    low = {
        (name, *text.values())
        for name, texts in measured.items()
        for text in texts
        if text["contrast"] < text["least"] and (name, text["text"]) not in CHOSEN
    }
    assert sorted(low, key=str) == []


def test_what_brings_its_own_background_looks_alike_in_both_themes() -> None:
    """Our stripes don't lie under a table that is white, and it keeps its text."""
    rows = "<tbody><tr><td>x</td></tr><tr><td>y</td></tr></tbody></table>"
    rules = "<style>tr { background: transparent } table { background: #fff; color: #333 }</style>"
    tables = [f"<table bgcolor=white style='color:#333'>{rows}", f"{rules}<table>{rows}"]
    with new_camera() as camera:
        for table in tables:
            light, dark = (
                colours(one)
                for one in taken(camera, *(html(table, theme=theme, scale=1) for theme in ("light", "dark")))
            )
            assert dark[0] == (13, 17, 23), "the page"
            assert max(abs(a - b) for a, b in zip(light[0], dark[1], strict=True)) < 10


def colours(shot: Photograph) -> list[tuple[int, ...]]:
    """Those of a picture, the most frequent first."""
    found = Image.open(io.BytesIO(shot.png)).convert("RGB").getcolors(1 << 20) or []
    return [colour for _, colour in sorted(found, reverse=True) if isinstance(colour, tuple)]


def test_a_transparent_figure_stands_on_what_it_is_made_for() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (40, 40)).save(buffer, "png")
    image = base64.b64encode(buffer.getvalue()).decode()
    plain = display("image/png", image, width=20)
    needs = {**plain, "metadata": {**plain["metadata"], "needs_background": "light"}}  # as Matplotlib's backend says it
    drawn = display("image/svg+xml", '<svg width="40" height="40"/>')
    drawn_for = {**drawn, "metadata": {"needs_background": "light"}}
    with new_camera() as camera:
        unsaid, svg_unsaid, light, dark, svg = taken(
            camera,
            exhibit(plain, stream("x"), theme="dark"),
            exhibit(drawn, stream("x"), theme="dark"),
            exhibit(needs, stream("x"), theme="light"),
            exhibit(needs, stream("x"), theme="dark"),
            exhibit(drawn_for, stream("x"), theme="dark"),
        )
    for shot in (unsaid, svg_unsaid):
        assert (255, 255, 255) not in colours(shot)
    assert colours(light)[0] == (255, 255, 255)
    for shot in (dark, svg):
        assert (255, 255, 255) in colours(shot)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_on_a_bar_of_pandas_can_be_read(theme: Theme) -> None:
    """A gradient behind text without a colour of its own: where it ends, the cell is as it is in a light page."""
    bar = "width:200px;background:linear-gradient(90deg, #8ab4f8 50%, transparent 50%)"
    with new_camera() as camera:
        (shot,) = taken(camera, html(f"<table><tr><td style='{bar}'>███</td></tr></table>", theme=theme))
    assert {(31, 35, 40), (138, 180, 248), (255, 255, 255)} <= set(colours(shot)[:6])


def test_colours_that_were_chosen_for_a_gradient_stay() -> None:
    dark = "<p style='background:linear-gradient(#024, #036)'>███</p>"
    chosen = "<p style='color:#000;background:linear-gradient(#eee, #fff)'>███</p>"
    with new_camera() as camera:
        unchosen, black = taken(camera, html(dark, theme="dark"), html(chosen, theme="dark"))
    assert (230, 237, 243) in colours(unchosen)
    assert (0, 0, 0) in colours(black)


def test_nothing_is_seen_between_outputs_of_broken_heights() -> None:
    """An edge between two pixels was a line as wide as the page, off by one from its colour; so it wasn't cropped."""
    block = "<div style='height:20.4px;width:30px;background:#0ff'></div>"
    outputs = [display("text/html", block)] * 3
    with new_camera() as camera:
        (shot,) = taken(camera, exhibit(*outputs, theme="dark"))
    assert len(colours(shot)) <= 4, "the page, the blocks, and where they end between two pixels"
    assert (12, 16, 22) not in colours(shot)


@pytest.mark.parametrize(("theme", "shown"), [("light", (255, 0, 0)), ("dark", (0, 255, 255))])
def test_outputs_are_told_the_theme_as_in_jupyter(theme: Theme, shown: tuple[int, ...]) -> None:
    red, cyan = "#f00", "#0ff"
    looks = {
        "prefers": f"i {{ background: {red} }} @media (prefers-color-scheme: dark) {{ i {{ background: {cyan} }} }}",
        "light-dark": f"i {{ background: light-dark({red}, {cyan}) }}",
        "attribute": f"i {{ background: {red} }} [data-jp-theme-light=false] i {{ background: {cyan} }}",
    }
    block = "<i style='display:block;width:90px;height:90px'></i>"
    with new_camera() as camera:
        shots = taken(camera, *(html(f"<style>{rule}</style>{block}", theme=theme, scale=1) for rule in looks.values()))
    assert {name: colours(shot)[0] for name, shot in zip(looks, shots, strict=True)} == dict.fromkeys(looks, shown)
