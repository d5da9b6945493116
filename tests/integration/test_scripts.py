"""Outputs that scripts draw: with the script that they bring, or with that of the package which made them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gpu_doc.errors import CaptureError
from gpu_doc.model.pictures import Exhibit, Photograph
from gpu_doc.pictures.browser import find_chromium
from gpu_doc.pictures.capture import Camera
from gpu_doc.system.python_environment import PythonEnvironment

from .pictures import display, exhibit, html, new_camera, stream, taken

pytestmark = pytest.mark.needs("chromium")

CANVAS = (
    "<canvas id=c width=300 height=90></canvas><script>const on = document.getElementById('c').getContext('2d');"
    "on.fillStyle = 'COLOUR'; on.fillRect(0, 0, 300, 90)</script>"
)


def colours(shot: Photograph) -> set[tuple[int, ...]]:
    """The colours that fill a hundredth of a picture or more."""
    with Image.open(io.BytesIO(shot.png)) as picture:
        shown = picture.convert("RGB")
    found = shown.getcolors(shown.width * shown.height) or []
    return {colour for count, colour in found if isinstance(colour, tuple) and count > shown.width * shown.height / 100}


def test_a_canvas_is_drawn_among_the_other_outputs_of_its_cell() -> None:
    with new_camera() as room:
        alone, among, dark = taken(
            room,
            html(CANVAS.replace("COLOUR", "#ff0000")),
            exhibit(stream("before\n"), display("text/html", CANVAS.replace("COLOUR", "#ff0000")), stream("after\n")),
            html(CANVAS.replace("COLOUR", "#ff0000"), theme="dark"),
        )
    assert (255, 0, 0) in colours(alone) & colours(among) & colours(dark)
    assert among.height > alone.height + 30


def test_what_is_drawn_late_is_waited_for() -> None:
    later = (
        "<div id=d></div><script>setTimeout(() => { d.innerHTML = '<p style=\"background:#f00\">late' }, 900)</script>"
    )
    with new_camera() as room:
        (shot,) = taken(room, html(later))
    assert (255, 0, 0) in colours(shot)


@pytest.mark.parametrize(
    "later",
    [
        "let n = 0; const next = () => { ++n > 30 ? (STEP)() : requestIdleCallback(next) }; next()",
        "let n = 0; const on = () => ++n > 2000 ? (STEP)() : fetch('data:,').then((a) => a.text()).then(on); on()",
        "let n = 0; const i = setInterval(() => { if (++n > 2) { clearInterval(i); (STEP)() } }, 200)",
    ],
    ids=["idle", "answers", "intervals"],
)
def test_what_is_drawn_in_several_steps_is_waited_for(later: str) -> None:
    """Each step leaves two pictures alike, long before the last one has drawn."""
    last = "() => { d.innerHTML += '<p style=\"background:#f00\">last' }"
    with new_camera() as room:
        (shot,) = taken(
            room, html(f"<div id=d></div><script>d.innerHTML = '<p>first'; {later.replace('STEP', last)}</script>")
        )
    assert (255, 0, 0) in colours(shot)


def test_a_place_for_one_more_figure_is_waited_for() -> None:
    """The last figure's place appears when all seemed to be drawn, and stays empty for a while."""
    script = (
        "setTimeout(() => { d.innerHTML += '<div id=p class=plotly-graph-div></div>';"
        "const soon = new MessageChannel(); const end = performance.now() + 400;"
        "soon.port1.onmessage = () => { if (performance.now() < end) soon.port2.postMessage(1); else "
        "p.innerHTML = '<svg class=main-svg></svg><p style=\"background:#f00\">last' };"
        "soon.port2.postMessage(1) }, 700)"
    )
    with new_camera() as room:
        (shot,) = taken(room, html(f"<div id=d></div><script>d.innerHTML = '<p>first'; {script}</script>"))
    assert (255, 0, 0) in colours(shot)


def test_javascript_draws_into_the_output_before_it() -> None:
    with new_camera() as room:
        (shot,) = taken(
            room,
            exhibit(
                display("text/html", "<div id=here></div>"),
                display("application/javascript", "here.innerHTML = '<p style=\"background:#f00\">x</script>'"),
            ),
        )
    assert (255, 0, 0) in colours(shot)


def test_a_library_that_comes_first_draws_nothing_itself() -> None:
    """As Bokeh's output_notebook() and show() in one cell."""
    library = "window.paint = (id) => { document.getElementById(id).innerHTML = '<p style=\"background:#f00\">x' }"
    with new_camera() as room:
        (shot,) = taken(
            room,
            exhibit(
                display("application/javascript", library),
                display("text/html", "<div id=first></div>"),
                display("application/javascript", "paint('first')"),
                display("text/html", "<p>between</p>"),
                display("text/html", "<div id=second></div>"),
                display("application/javascript", "paint('second')"),
            ),
        )
    assert (255, 0, 0) in colours(shot)


def test_matplotlibs_player_shows_the_first_frame() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot
    from matplotlib.animation import FuncAnimation

    figure = pyplot.figure(figsize=(3, 2))
    axes = figure.add_axes((0, 0, 1, 1))
    player = FuncAnimation(figure, lambda number: axes.set_facecolor(["#ff0000", "#0000ff"][number]), frames=2)
    text = player.to_jshtml()
    pyplot.close(figure)
    with new_camera() as room:
        (shot,) = taken(room, html(text))
    assert (255, 0, 0) in colours(shot)
    assert (0, 0, 255) not in colours(shot)


def test_two_takes_are_alike() -> None:
    with new_camera() as room:
        first, second = taken(room, html(CANVAS), html(CANVAS))
    assert first == second


FIGURE = {
    "data": [{"type": "bar", "x": ["a", "b"], "y": [1, 2], "marker": {"color": "#ff0000"}}],
    "layout": {"title": {"text": "Bars </script>"}},
}
PLOTLY = display("application/vnd.plotly.v1+json", FIGURE)


def test_without_the_package_it_is_said_what_to_do() -> None:
    nothing = PythonEnvironment(Path(sys.executable), "3.11", ())
    room = Camera(lambda: find_chromium(None, os.environ), environ=os.environ, environment=lambda: nothing)
    with room:
        plotly, vega, script = room.photograph(
            [
                exhibit(PLOTLY),
                exhibit(display("application/vnd.vegalite.v5+json", {})),
                html("<script src='https://cdn.example.org/a.js'></script><script>L.map('x')</script>"),
            ]
        )
    for shot, says in ((plotly, "plotly.io.renderers"), (vega, 'alt.renderers.enable("png")'), (script, "allow-hosts")):
        assert isinstance(shot, CaptureError)
        assert says in shot.remedy


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> PythonEnvironment:
    """Packages as they are installed, without what they need in Python: only their scripts are read."""
    folder = tmp_path_factory.mktemp("packages")
    words = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder)]
    subprocess.run([*words, "plotly", "bokeh", "itables"], check=True, capture_output=True)
    return PythonEnvironment(Path(sys.executable), "3.11", (str(folder),))


def _version(environment: PythonEnvironment, package: str) -> str:
    found = environment.package_version(package)
    assert found
    return found[1]


def _plotly(_: PythonEnvironment) -> list[dict[str, Any]]:
    return [PLOTLY]


def _plotly_of_another_cell(_: PythonEnvironment) -> list[dict[str, Any]]:
    call = "Plotly.newPlot('p', [{type: 'bar', x: ['a'], y: [1], marker: {color: '#ff0000'}}])"
    return [display("text/html", f"<div id=p class=plotly-graph-div></div><script>{call}</script>")]


def _plotly_for_require(_: PythonEnvironment) -> list[dict[str, Any]]:
    call = "P.newPlot('p', [{type: 'bar', x: ['a'], y: [1], marker: {color: '#ff0000'}}]) // Plotly.newPlot"
    script = f"<script>require(['plotly'], (P) => {{ {call}\n }})</script>"
    return [display("text/html", f"<div id=p class=plotly-graph-div></div>{script}")]


def _bokeh(environment: PythonEnvironment) -> list[dict[str, Any]]:
    version = _version(environment, "bokeh")
    roots = (
        '[{"type": "object", "name": "Div", "id": "p1", "attributes": {"text": '
        "\"<div style='background:#ff0000;width:200px;height:90px'></div>\"}}]"
    )
    document = f'{{"d": {{"version": "{version}", "title": "t", "roots": {roots}}}}}'
    script = (
        f"const docs_json = {document}; const items = [{{docid: 'd', roots: {{p1: 'b1'}}, root_ids: ['p1']}}];"
        "Bokeh.embed.embed_items_notebook(docs_json, items)"
    )
    return [
        display("text/html", '<div id="b1" data-root-id="p1" style="display: contents;"></div>'),
        {"output_type": "display_data", "data": {"application/javascript": script}, "metadata": {}},
    ]


def _itables(environment: PythonEnvironment) -> list[dict[str, Any]]:
    name = f"_itables_{_version(environment, 'itables').replace('.', '_')}"
    options = "{data_json: '[[1]]', table_html: '<table><thead><tr><th>a</th></tr></thead></table>'}"
    script = f"const {{ ITable }} = await window.{name}; new ITable(document.getElementById('itables_1'), {options})"
    style = "<style>#itables_1 td { background: #ff0000 !important; width: 300px }</style>"
    return [display("text/html", f'{style}<table id="itables_1"></table><script type="module">{script}</script>')]


@pytest.mark.full
@pytest.mark.needs("packages")
@pytest.mark.parametrize("outputs", [_plotly, _plotly_of_another_cell, _plotly_for_require, _bokeh, _itables])
def test_a_librarys_script_comes_from_its_package(
    packages: PythonEnvironment, outputs: Callable[[PythonEnvironment], list[dict[str, Any]]]
) -> None:
    room = Camera(lambda: find_chromium(None, os.environ), environ=os.environ, environment=lambda: packages)
    with room:
        shots = room.photograph([exhibit(*outputs(packages)), exhibit(*outputs(packages))])
    assert isinstance(shots[0], Photograph), shots[0]
    assert (255, 0, 0) in colours(shots[0])
    assert shots[0] == shots[1]


@pytest.mark.full
@pytest.mark.needs("packages")
def test_a_legend_that_scrolls_is_refused(packages: PythonEnvironment) -> None:
    """A picture would show the first of its names only, and nothing would say so."""

    def plot(lines: int) -> dict[str, Any]:
        data = [{"type": "scatter", "name": f"run {n}", "x": [0, 1], "y": [n, n + 1]} for n in range(lines)]
        figure = {"data": data, "layout": {"width": 600, "height": 300, "showlegend": True}}
        return display("application/vnd.plotly.v1+json", figure)

    with Camera(lambda: find_chromium(None, os.environ), environ=os.environ, environment=lambda: packages) as room:
        short, long = room.photograph([exhibit(plot(3)), exhibit(plot(60))])
    assert isinstance(short, Photograph), short
    assert isinstance(long, CaptureError)
    assert "a <legend>" in long.what
    assert "CSS pixels high" in long.what


@pytest.mark.full
@pytest.mark.needs("packages")
def test_plotlys_labels_are_typeset(packages: PythonEnvironment) -> None:
    """A label that is a formula has no dollars; what would lose a part, or MathJax does not know, is refused."""

    def titled(*titles: str) -> Exhibit:
        hidden = {"visible": False}
        notes = [{"text": text, "x": 0, "y": n, "showarrow": False} for n, text in enumerate(titles)]
        layout = {"width": 400, "height": 300, "xaxis": hidden, "yaxis": hidden, "annotations": notes}
        return exhibit(display("application/vnd.plotly.v1+json", {"data": [], "layout": layout}))

    with Camera(lambda: find_chromium(None, os.environ), environ=os.environ, environment=lambda: packages) as room:
        formula, source, plain, escaped, price, unknown, mixed = room.photograph(
            [
                titled(r"$\alpha_1$"),
                titled(r"&#36;\alpha_1&#36;"),
                titled("from $5 to $7"),
                titled("from &#36;5 to &#36;7"),
                titled("$", "$$"),
                titled(r"$\foo$"),
                titled("$x$", "from $5 to $7"),
            ]
        )
    assert _ink(formula) < _ink(source) / 2, "no dollars, no backslash"
    assert _ink(plain) == _ink(escaped), "prices alone are no formulas"
    assert isinstance(price, Photograph)
    assert isinstance(unknown, CaptureError)
    assert r"label “$\foo$”: MathJax says “Undefined control sequence \foo”" in unknown.what
    assert isinstance(mixed, CaptureError)
    assert "label “from $5 to $7”: Plotly takes a part of it" in mixed.what
    assert "&#36;" in mixed.remedy


def _ink(shot: Photograph | CaptureError) -> int:
    """The width of what is drawn."""
    assert isinstance(shot, Photograph), shot
    with Image.open(io.BytesIO(shot.png)) as picture:
        box = picture.convert("L").point(lambda level: 255 if level < 200 else 0).getbbox()
    assert box
    return int(box[2] - box[0])


@pytest.mark.full
@pytest.mark.needs("packages")
def test_a_formula_that_comes_too_late_for_mathjax_is_refused(packages: PythonEnvironment) -> None:
    layout = "{annotations: [{text: '$' + 'x$', showarrow: false}]}"
    text = f"<div id=p class=plotly-graph-div></div><script>Plotly.newPlot('p', [], {layout})</script>"
    with Camera(lambda: find_chromium(None, os.environ), environ=os.environ, environment=lambda: packages) as room:
        [shot] = room.photograph([html(text)])
    assert isinstance(shot, CaptureError)
    assert "label “$x$”: it is not typeset" in shot.what
