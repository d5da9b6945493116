"""Alternative texts say what a picture shows."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_doc.functions.shared.address import parse
from gpu_doc.functions.shared.alternative import of_outputs, of_terminal
from gpu_doc.notebooks.cells import ExecutedCell

FIGURE: dict[str, Any] = {
    "output_type": "display_data",
    "data": {"image/png": "x", "text/plain": "<Figure size 640x480>"},
}
FRAME = (
    "<table><thead><tr><th></th><th>loss</th><th>acc</th></tr></thead>"
    "<tbody><tr><th>0</th><td>1</td><td>2</td></tr></tbody></table>"
)


def shown(*outputs: dict[str, Any], source: str = "", language: str = "python", **call: Any) -> str:
    cell = ExecutedCell(2, "", ("c",), "", source, language, outputs=tuple(outputs))
    return of_outputs(cell, outputs, parse("run/#2"), call)


def data(**content: str) -> dict[str, Any]:
    return {"output_type": "execute_result", "data": {k.replace("_", "/"): v for k, v in content.items()}}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            "%matplotlib inline\nax.set_title('Training\\nloss')\nax.set_xlabel('epoch'); plt.ylabel('loss')",
            "Figure: Training loss (axes: epoch, loss)",
        ),
        ("df.plot(title='A', xlabel='x')", "Figure: A (axes: x)"),
        ("fig.suptitle('All'); a.set(title='One'); b.set(title='Two')", "Figure: All, One, Two"),
        ("plt.plot(x).title(name); plt.title(f'{x}')", "Figure of cell #2 in run run"),
        ("this is no Python", "Figure of cell #2 in run run"),
        ("(" * 5000, "Figure of cell #2 in run run"),
    ],
)
def test_a_figure_has_its_title_and_axes_from_the_source(source: str, text: str) -> None:
    assert shown(FIGURE, source=source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("figure.update_layout(title='Memory', yaxis_title='GB')", "Figure: Memory (axes: GB)"),
        ("p = figure(title='Bandwidth', x_axis_label='GB', y_axis_label='TB/s')", "Figure: Bandwidth (axes: GB, TB/s)"),
        ("show(p)", "Output of cell #2 in run run"),
        (
            "alt.Chart(title='A').encode(x=alt.X(title='Step'), y=alt.Y('b').title('Loss'), color=Color(title='K'))",
            "Figure: A (axes: Step, Loss)",
        ),
        (
            "alt.Chart(df).encode(alt.X('a', axis=alt.Axis(title='Step'))).properties(title='T')",
            "Figure: T (axes: Step)",
        ),
        ("figure.update_xaxes(title='GB')", "Figure (axes: GB)"),
    ],
)
def test_what_scripts_draw_has_them_too(source: str, text: str) -> None:
    drawn = {"output_type": "display_data", "data": {"application/vnd.plotly.v1+json": {"data": []}}}
    assert shown(drawn, source=source) == text


def test_titles_of_another_output_are_none_of_this_one() -> None:
    cell = ExecutedCell(2, "", (), "", "plt.title('A')\nplt.title('B')", "python", outputs=(FIGURE, FIGURE))
    assert of_outputs(cell, cell.outputs, parse("run/#2"), {}) == "2 figures: A, B"
    assert of_outputs(cell, cell.outputs[1:], parse("run/#2"), {"output": 2}) == "Figure of cell #2 in run run"


HTML = "<IPython.core.display.HTML object>"


def json(tree: Any) -> dict[str, Any]:
    shown = {"application/json": tree, "text/plain": "<IPython.core.display.JSON object>"}
    return {"output_type": "execute_result", "data": shown}


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (data(text_html=FRAME), "Table: 1 row \u00d7 2 columns (loss, acc)"),
        (data(text_html=f"{FRAME}<p>900 rows \u00d7 9 columns</p>"), "Table: 900 rows \u00d7 9 columns (loss, acc)"),
        (
            data(text_html=FRAME.replace("<thead>", "<caption>Best</caption><thead>")),
            "Table: Best: 1 row \u00d7 2 columns (loss, acc)",
        ),
        (data(text_html="<b>x</b>", text_plain="<xarray.Set> 1\nDims"), "Text: <xarray.Set> 1, the first of 2 lines"),
        (data(text_html="<b>x</b>", text_plain="<IPython.core.display.HTML object>"), "Text: x"),
        (data(text_html="<style>b{}</style><p>x &amp;</p><b>y</b>", text_plain=HTML), "Text: x & y"),
        (data(text_html="<button>Once</button><script>go()</script>", text_plain=HTML), "Output of cell #2 in run run"),
        (data(text_html="<audio controls>Your browser plays none</audio>", text_plain=HTML), "Player of audio"),
        (data(text_latex=r"$\displaystyle p_i = 1$", text_plain=HTML), "Formula: p_i = 1"),
        (data(text_markdown="# Head\n\ntext"), "Text: Head, the first of 2 lines"),
        (json({"lr": 1, "amp": True}), "JSON: lr, amp"),
        (json([1, 2]), "JSON"),
        ({"output_type": "stream", "name": "stdout", "text": "\x1b[31m 1%\r 99%\x1b[0m\n"}, "Text: 99%"),
        ({"output_type": "error", "ename": "ValueError", "evalue": "bad"}, "ValueError: bad"),
        (data(text_plain="training: 100%|██████████| 3/3"), "Text: training: 100% 3/3"),
        (data(text_plain="x" * 500), "Text: " + "x" * 79 + "…"),
    ],
)  # fmt: skip
def test_other_outputs_are_described(output: dict[str, Any], text: str) -> None:
    assert shown(output) == text


def test_several_outputs_and_the_source_above_them() -> None:
    printed = [{"output_type": "stream", "name": "stdout", "text": f"{n}\n"} for n in range(5)]
    assert shown(FIGURE, *printed) == "Figure of cell #2 in run run; Text: 0; Text: 1; and 3 more"
    assert shown(printed[0], show="cell") == "Source of cell #2 in run run, and below it: Text: 0"
    assert shown(show="cell") == "Source of cell #2 in run run"


def test_a_terminal() -> None:
    assert of_terminal(("python", "a b.py"), ["1", "done", ""]) == "Terminal: python 'a b.py'; its last line: done"
