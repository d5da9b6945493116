"""Formulas and JSON in pictures, by the real MathJax in the real Chromium."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image, ImageChops
from tests.integration.pictures import display, exhibit, new_camera, taken

from gpu_doc.errors import CaptureError
from gpu_doc.model.pictures import Exhibit, Photograph
from gpu_doc.pictures.capture import Camera
from gpu_doc.widgets.outputs import unfolded, without_widgets
from gpu_doc.widgets.state import VIEW, WidgetStates

pytestmark = pytest.mark.needs("chromium")

SYMPY = {
    "text/plain": "Matrix([[cos(x), 1/2]])",
    "text/latex": "$\\displaystyle \\left[\\begin{matrix}\\cos{\\left(x \\right)} & \\frac{1}{2}\\end{matrix}\\right]$",
}


@pytest.fixture(scope="module")
def camera() -> Iterator[Camera]:
    with new_camera() as camera:
        yield camera


def latex(text: str, **others: Any) -> Exhibit:
    return exhibit(display("text/latex", text), **others)


def markdown(text: str, **others: Any) -> Exhibit:
    return exhibit(display("text/markdown", text), **others)


def pixels(shot: Photograph) -> Image.Image:
    return Image.open(io.BytesIO(shot.png)).convert("RGB")


def refused(camera: Camera, text: str) -> str:
    [shot] = camera.photograph([latex(text)])
    assert isinstance(shot, CaptureError)
    return shot.what


def test_a_formula_is_set_in_its_line(camera: Camera) -> None:
    plain, formula, fraction, display_style = taken(
        camera,
        markdown("The loss falls when n grows."),
        markdown("The loss $x_1$ falls when $n$ grows."),
        markdown(r"The loss $\frac{x}{y}$ falls when $n$ grows."),
        markdown(r"The loss $$\frac{x}{y}$$ falls when $n$ grows."),
    )
    assert abs(formula.height - plain.height) <= 2, "as high as text"
    assert fraction.height - plain.height < 12, "a line with a small fraction in it"
    assert display_style.height > 2 * plain.height, "lines of its own"


def test_sympy_and_ipython_are_typeset(camera: Camera) -> None:
    outputs = {"output_type": "execute_result", "data": SYMPY, "metadata": {}, "execution_count": 1}
    matrix, source, inline, environment = taken(
        camera,
        exhibit(outputs),
        exhibit(display("text/plain", SYMPY["text/plain"])),
        latex("$x$"),
        latex("\\begin{eqnarray}\na & = & b \\\\\nc & = & d\n\\end{eqnarray}"),
    )
    assert matrix.width < source.width
    assert matrix.height > source.height
    assert inline.width < 80
    assert environment.height > 1.5 * inline.height


def test_formulas_take_the_colour_of_the_page(camera: Camera) -> None:
    shots = taken(camera, latex("$$x=1$$"), latex("$$x=1$$", theme="dark"))
    light, dark = (sorted(pixels(shot).convert("L").tobytes()) for shot in shots)
    assert light[0] < 80
    assert light[-1] == 255
    assert dark[0] < 30
    assert dark[-1] > 200


def test_text_between_formulas_is_no_markup(camera: Camera) -> None:
    hostile = r"$\text{</svg><img src=x onerror=alert(1)>\" '}$ <b>&amp;</b>"
    plain, shot = taken(camera, latex("$x$"), latex(hostile))
    assert shot.width > 4 * plain.width, "all of it is text"


def widget(kind: str, text: str, **others: Any) -> Exhibit:
    state = {"a": {"model_name": kind, "state": {"value": text}}}
    states = WidgetStates({"widgets": {"application/vnd.jupyter.widget-state+json": {"state": state}}})
    return exhibit(*map(dict, unfolded(without_widgets([display(VIEW, {"model_id": "a"})], states))), **others)


def test_formulas_in_widgets_are_typeset(camera: Camera) -> None:
    label, markup, expected, dark, plain, verbatim = taken(
        camera,
        widget("LabelModel", r"$\frac{x}{y}$ and \(z\)"),
        widget("HTMLMathModel", r"$\frac{x}{y}$ and \(z\)"),
        latex(r"$\frac{x}{y}$ and $z$"),
        widget("LabelModel", r"$\frac{x}{y}$", theme="dark"),
        widget("HTMLMathModel", "<b>from</b> $5 to <i>$7</i>"),
        widget("HTMLModel", "<b>from</b> $5 to <i>$7</i>"),
    )
    assert label.png == markup.png
    assert abs(label.width - expected.width) <= 16, "as wide as the same in an output of LaTeX"
    assert label.height > plain.height, "a fraction"
    assert max(pixels(dark).convert("L").tobytes()) > 200
    assert plain.png == verbatim.png, "no formula reaches over a tag"


@pytest.mark.parametrize("kind", ["LabelModel", "HTMLMathModel"])
def test_a_widgets_formula_that_mathjax_does_not_know_is_refused(camera: Camera, kind: str) -> None:
    [shot] = camera.photograph([widget(kind, r"rate $\foo$")])
    assert isinstance(shot, CaptureError)
    assert r"Undefined control sequence \foo" in shot.what


def test_definitions_reach_no_other_output(camera: Camera) -> None:
    defined = r"$\newcommand{\zz}{x+y} \def\alpha{b} \zz$, $\zz$"
    one, alone, expected = taken(camera, latex(defined), latex(r"$\alpha$"), latex("$x+y$, $x+y$"))
    assert not ImageChops.difference(pixels(one), pixels(expected)).getbbox()
    [before] = taken(camera, latex(r"${\alpha}$"))
    assert not ImageChops.difference(pixels(alone), pixels(before)).getbbox()
    assert r"\zz" in refused(camera, r"$\zz$")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (r"$\foo{x}$", r"Undefined control sequence \foo"),
        (r"\begin{tabular}{l}x\end{tabular}", "Unknown environment 'tabular'"),
        (r"$$a \\ b$$", r"A line ends (\\) outside of an environment"),
        (r"$\frac{1}$", r"Missing argument for \frac"),
        (r"$x_1_2$", "Double subscripts"),
        (r"$\href{javascript:alert(1)}{x}$", r"Undefined control sequence \href"),
        (r"$\style{position:fixed}{x}$", r"Undefined control sequence \style"),
        (r"$\def\a{\a\a}\a$", "maximum macro substitution count exceeded"),
        (f"${'{' * 4900}x{'}' * 4900}$", "Maximum call stack size exceeded"),
        (r"$x\hspace{100000em}y$", "would be cut"),
    ],
)
def test_what_mathjax_does_not_know_is_refused(camera: Camera, text: str, why: str) -> None:
    assert why in refused(camera, text)


def test_the_next_formula_is_drawn_after_one_that_failed(camera: Camera) -> None:
    first, second = camera.photograph([latex(r"$\foo$"), latex("$x$")])
    assert isinstance(first, CaptureError)
    assert isinstance(second, Photograph)


def test_json_is_a_tree(camera: Camera) -> None:
    values = {"name": "run", "metrics": [0.5, {"loss": None}]}
    unfolded, one, geo = taken(
        camera,
        exhibit(display("application/json", values, expanded=False, root="config")),
        exhibit(display("application/json", ["a", "b"])),
        exhibit(display("application/geo+json", {"type": "Point", "coordinates": [125.6, 10.1]}), theme="dark"),
    )
    assert unfolded.height > 6 * 20
    assert 3 * 20 <= one.height <= 3 * 20 + 40, "the list, and its two items"
    assert geo.height > 4 * 20


def test_a_list_that_is_json_stands_beside_what_a_script_draws(camera: Camera) -> None:
    drawn = display("text/html", "<div id=a></div><script>Plotly = 0; a.textContent = 'drawn'; // Bokeh\n</script>")
    [both] = taken(camera, exhibit(display("application/json", [1, 2]), drawn))
    [alone] = taken(camera, exhibit(display("application/json", [1, 2])))
    assert both.height > alone.height
