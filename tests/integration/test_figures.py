"""Figures of Plotly's that are data: drawn one after the other on one page, and each as if it were alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.errors import CaptureError
from gpu_doc.model.pictures import Exhibit, Photograph
from gpu_doc.pictures import figurepage, livepage
from gpu_doc.pictures.browser import Browser, find_chromium
from gpu_doc.pictures.capture import Camera
from gpu_doc.system.python_environment import PythonEnvironment

from .pictures import display, exhibit, stream

pytestmark = [pytest.mark.needs("chromium", "packages"), pytest.mark.full]

MIME = "application/vnd.plotly.v1+json"
SHAPE = "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'><rect width='40' height='40'/></svg>"


def figure(*traces: dict[str, Any], **layout: Any) -> Exhibit:
    content = {"data": traces, "layout": {"height": 300, "title": {"text": "Figure"}, **layout}}
    return exhibit(display(MIME, content))


def written(text: str, **trace: Any) -> Exhibit:
    """A figure with this text wherever Plotly shows text."""
    note = {"text": text, "x": 1, "y": 2, "showarrow": False}
    bars = {"type": "bar", "x": [text, "b"], "y": [1, 2], "name": text, "text": [text, text], **trace}
    axis = {"title": {"text": text}}
    return figure(bars, title={"text": text}, annotations=[note], xaxis=axis, yaxis=axis, showlegend=True)


LINE = {"type": "scatter", "mode": "lines+markers+text", "x": [0, 1, 2], "y": [1, 3, 2], "text": ["a", "b", "c"]}
KINDS = {
    "lines": figure(LINE, {**LINE, "y": [3, 2, 1], "fill": "tonexty"}),
    "bars": figure({"type": "bar", "x": ["a", "b"], "y": [1, 2], "marker": {"pattern": {"shape": "/"}}}),
    "heatmap": figure({"type": "heatmap", "z": [[1, 2], [3, 4]]}),
    "contour": figure({"type": "contour", "z": [[1, 2, 1], [3, 4, 2], [1, 0, 1]]}),
    "box": figure({"type": "box", "y": [1, 2, 3, 9]}, {"type": "violin", "y": [1, 2, 3, 9]}),
    "pie": figure({"type": "pie", "labels": ["a", "b"], "values": [1, 2]}),
    "table": figure({"type": "table", "header": {"values": ["a"]}, "cells": {"values": [[1, 2]]}}),
    "polar": figure({"type": "scatterpolar", "r": [1, 2, 3], "theta": [0, 90, 180]}),
    "sankey": figure(
        {"type": "sankey", "node": {"label": ["a", "b"]}, "link": {"source": [0], "target": [1], "value": [1]}}
    ),
    "sunburst": figure({"type": "sunburst", "labels": ["a", "b"], "parents": ["", "a"]}),
    "indicator": figure({"type": "indicator", "mode": "number+gauge", "value": 7}),
    "slider": figure(LINE, sliders=[{"steps": [{"label": "1", "method": "skip"}, {"label": "2", "method": "skip"}]}]),
    "dark": figure(LINE, template={"layout": {"paper_bgcolor": "#111", "font": {"color": "#eee"}}}),
    "narrow": figure(LINE, width=300, font={"family": "serif", "size": 20}),
}
HOSTILE = {
    "HTML": written("<b>x</b><i>y</i><sub>1</sub><img src=x onerror='document.title=1'><script>1</script>"),
    "links": written("<a href='javascript:document.body.remove()'>x</a><a href='https://example.org'>y</a>"),
    "styles": written("<span style='position:fixed;font-size:400px;fill:red;color:red'>x</span>"),
    "a style sheet": written("</text></svg><style>* { fill: red !important; font-size: 60px }</style>"),
    "templates": written("a", hovertemplate="%{x}<extra></extra>", texttemplate="%{y:.3f} %{constructor} %{text}"),
    "formulas": written(r"$\def\x{y}\newcommand{\alpha}{LEAK}\alpha$"),
    "a formula": written(r"$\alpha$"),
    "an image": figure(LINE, images=[{"source": f"data:image/svg+xml,{SHAPE}", "sizex": 9, "sizey": 9}]),
    "a foreign image": figure(LINE, images=[{"source": "https://example.org/x.png", "sizex": 1, "sizey": 1}]),
    "a prototype": exhibit(display(MIME, f'{{"data": [], "layout": {{"__proto__": {{"title": "{"LEAK" * 9}"}}}}}}')),
    "a path to it": figure({"type": "bar", "y": [1], "transforms": [{"target": "__proto__.title"}]}),
    "a constructor": figure(LINE, **{"constructor.prototype.width": 7, "xaxis.constructor": {"prototype": {"x": 1}}}),
    "a map": figure({"type": "scattergeo", "lon": [1], "lat": [2]}),
    "WebGL": figure({"type": "scatter3d", "x": [1], "y": [2], "z": [3]}),
    "a kind that is unknown": figure({"type": "no such thing", "y": [1]}),
    "no data": exhibit(display(MIME, {"data": "x", "layout": 7})),
    "NaN": exhibit(display(MIME, '{"data": [{"y": [NaN]}]}')),
    "frames": exhibit(display(MIME, {"data": [LINE], "layout": {}, "frames": [{"name": "1", "data": [{"y": [9]}]}]})),
    "settings": exhibit(
        display(MIME, {"data": [LINE], "layout": {"separators": ",."}, "config": {"locale": "de", "staticPlot": True}})
    ),
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> PythonEnvironment:
    folder = tmp_path_factory.mktemp("packages")
    words = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder)]
    subprocess.run([*words, "plotly"], check=True, capture_output=True)
    return PythonEnvironment(Path(sys.executable), "3.11", (str(folder),))


def camera(packages: PythonEnvironment) -> Camera:
    return Camera(
        lambda: find_chromium(None, os.environ), environ=os.environ, patience=120, environment=lambda: packages
    )


def same(one: Photograph | CaptureError, other: Photograph | CaptureError) -> bool:
    if isinstance(one, CaptureError) and isinstance(other, CaptureError):
        return one.what == other.what
    return one == other


@pytest.mark.timeout(1200)
def test_each_figure_is_drawn_as_if_it_were_alone(packages: PythonEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the pixel: whatever came before it, and in the words by which it is refused."""
    exhibits = KINDS | HOSTILE
    with camera(packages) as room:
        # Each of the usual kinds before, between and after the hostile ones.
        plain = [*KINDS.values()]
        order = [*plain, *(each for one in HOSTILE.values() for each in (one, KINDS["lines"])), *plain]
        together = room.photograph(order)
    with monkeypatch.context() as patched:
        patched.setattr(figurepage, "is_plain", lambda _: False)
        with camera(packages) as room:
            alone = dict(zip(exhibits, room.photograph([*exhibits.values()]), strict=True))
    assert all(isinstance(alone[kind], Photograph) for kind in KINDS)
    names = {id(each): name for name, each in exhibits.items()}
    wrong = [
        names[id(each)] for each, shot in zip(order, together, strict=True) if not same(shot, alone[names[id(each)]])
    ]
    assert wrong == []


def test_a_figures_neighbours_change_no_pixel_of_it(packages: PythonEnvironment) -> None:
    """Letters that stand askew come out in other pixels further down a page: such figures are drawn alone."""
    askew = figure({"type": "pie", "labels": [f"label {n}" for n in range(5)], "values": [*range(1, 6)]})
    upright = written("a rotated title")
    others = [exhibit(stream("line\n" * count)) for count in (1, 3, 7)]
    with camera(packages) as room:
        shots = room.photograph([askew, upright, others[0], askew, upright, others[1], others[2], askew, upright])
    assert isinstance(shots[0], Photograph)
    assert shots[0] == shots[3] == shots[7]
    assert shots[1] == shots[4] == shots[8]


def test_figures_that_are_data_share_a_page(packages: PythonEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    original = livepage.opened

    async def counted(*given: Any) -> Any:
        opened.append(1)
        return await original(*given)

    monkeypatch.setattr(figurepage, "opened", counted)
    monkeypatch.setattr(Browser, "draw", lambda *_: pytest.fail("a page of its own"))
    with camera(packages) as room:
        shots = room.photograph([*(KINDS[name] for name in ("lines", "bars", "heatmap", "box", "table", "narrow"))])
    assert all(isinstance(shot, Photograph) for shot in shots), shots
    assert len(opened) == 1


def test_a_figure_that_takes_too_long_there_gets_a_page_of_its_own(
    packages: PythonEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = '{"data": [], "layout": {}, "hangs": 1}'
    original = figurepage.FigurePage._figure

    async def slow(page: figurepage.FigurePage, text: str, deadline: float) -> Any:
        if "hangs" in text:
            await page.evaluate(deadline, "(() => { for (;;) {} })()")
        return await original(page, text, deadline)

    monkeypatch.setattr(figurepage.FigurePage, "_figure", slow)
    monkeypatch.setattr(figurepage, "_PATIENCE", 2.0)
    with camera(packages) as room:
        before, hanging, after = room.photograph([KINDS["lines"], exhibit(display(MIME, hangs)), KINDS["lines"]])
    assert isinstance(before, Photograph)
    assert isinstance(hanging, Photograph), "empty axes"
    assert before == after


def test_what_a_figure_leaves_behind_reaches_no_other(
    packages: PythonEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a Plotly would whose data can change the objects of all scripts (CVE-2023-46308)."""
    leaves = '{"data": [{"y": [1]}], "leaves": 1}'
    original = figurepage.FigurePage._figure

    async def leaking(page: figurepage.FigurePage, text: str, deadline: float) -> Any:
        if "leaves" in text:
            await page.evaluate(deadline, "Object.prototype.title = {text: 'LEAK'}; 0")
        return await original(page, text, deadline)

    monkeypatch.setattr(figurepage.FigurePage, "_figure", leaking)
    with camera(packages) as room:
        before, itself, after = room.photograph([KINDS["lines"], exhibit(display(MIME, leaves)), KINDS["lines"]])
    assert isinstance(itself, Photograph), "on a page of its own"
    assert before == after
