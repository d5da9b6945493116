"""Jupyter widgets from the state that a notebook keeps. Nothing of it is trusted."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_doc.functions.shared.plaintext import output_text
from gpu_doc.notebooks.noise import without_noise
from gpu_doc.widgets.outputs import unfolded, without_widgets
from gpu_doc.widgets.state import VIEW, WidgetStates

KEY = "application/vnd.jupyter.widget-state+json"


def states(**models: Any) -> WidgetStates:
    """States of widgets by id: `a=("LabelModel", {"value": "x"})`."""
    kept = {
        name: {"model_name": kind, "model_module": "@jupyter-widgets/controls", "state": state, **more}
        for name, (kind, state, *rest) in models.items()
        for more in [rest[0] if rest else {}]
    }
    return WidgetStates({"widgets": {KEY: {"state": kept, "version_major": 2, "version_minor": 0}}})


def view(name: str = "a", **data: Any) -> dict[str, Any]:
    shown = {VIEW: {"model_id": name, "version_major": 2}, "text/plain": "Widget()", **data}
    return {"output_type": "display_data", "data": shown, "metadata": {}}


def held(*names: str) -> dict[str, Any]:
    return {"children": [f"IPY_MODEL_{name}" for name in names]}


def shown(found: WidgetStates, *outputs: Any) -> list[dict[str, Any]]:
    return [dict(output) for output in unfolded(without_widgets(outputs or (view(),), found))]


def test_a_progress_bar_is_as_it_ended() -> None:
    found = states(
        a=("HBoxModel", held("left", "bar", "right")),
        left=("HTMLModel", {"value": "training: 100%"}),
        bar=("FloatProgressModel", {"value": 3.0, "min": 0, "max": 3.0, "bar_style": "success"}),
        right=("HTMLModel", {"value": "\u20073/3\u2007[00:00&lt;00:00, 1.2it/s]"}),
    )
    data = shown(found)[0]["data"]
    assert data["text/plain"] == "training: 100%|██████████| 3/3 [00:00<00:00, 1.2it/s]"
    assert 'data-gpu-doc-widget="fill success" style="width:100%"' in data["text/html"]
    assert VIEW not in data


@pytest.mark.parametrize(("second", "text"), [("adam", "rate 0.01 method adam"), ("a\nb", "rate 0.01\nmethod a\nb")])
def test_widgets_beside_each_other_stay_apart_in_text(second: str, text: str) -> None:
    found = states(
        a=("HBoxModel", held("left", "right")),
        left=("FloatSliderModel", {"value": 0.01, "description": "rate"}),
        right=("TextareaModel", {"value": second, "description": "method"}),
    )
    assert shown(found)[0]["data"]["text/plain"] == text


def test_a_dropdown_looks_like_no_text_field() -> None:
    chosen = {"_options_labels": ["adam", "sgd"], "index": 1}
    found = states(a=("DropdownModel", chosen), b=("TextModel", {"value": "sgd"}))
    dropdown, text = shown(found, view("a"), view("b"))
    assert 'data-gpu-doc-widget="field choice">sgd' in dropdown["data"]["text/html"]
    assert 'data-gpu-doc-widget="field">sgd' in text["data"]["text/html"]


def test_a_widget_that_was_closed_shows_nothing_and_the_others_keep_their_numbers() -> None:
    found = states(b=("LabelModel", {"value": "still there"}))
    closed, label = without_widgets((view("gone"), view("b")), found)
    assert closed["text"] == ""
    assert label["data"]["text/plain"] == "still there"


def test_what_an_output_widget_holds_stands_in_its_place() -> None:
    printed = {"output_type": "stream", "name": "stdout", "text": "inside\n"}
    outputs = [printed, view("b"), "nonsense", {}]
    found = states(a=("OutputModel", {"outputs": outputs}), b=("LabelModel", {"value": "x"}))
    assert shown(found)[0] == printed
    assert shown(found)[1]["data"]["text/plain"] == "x"
    assert len(without_widgets((view(),), found)) == 1


def test_an_output_widget_within_others_shows_all_it_holds() -> None:
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": "\x1b[31mred\x1b[0m <b>"},
        {"output_type": "display_data", "data": {"image/png": "aGk=", "text/plain": "<Figure>"}},
        {"output_type": "error", "traceback": ["Trace", "back"]},
        view("b"),
        {"output_type": "display_data", "data": {"text/html": "<i>html</i>"}},
    ]
    found = states(
        a=("TabModel", {**held("out", "b"), "titles": ["First"]}),
        out=("OutputModel", {"outputs": outputs}),
        b=("LabelModel", {"value": "label"}),
    )
    html = shown(found)[0]["data"]["text/html"]
    for part in ("First", "red &lt;b&gt;", "base64,aGk=", "Traceback", "label", "<i>html</i>"):
        assert part in html
    assert html.count("label</div>") == 2, "in the output, and in the second tab"
    assert "\x1b" not in html


@pytest.mark.parametrize(
    ("kind", "state", "text"),
    [
        ("IntSliderModel", {"description": "epochs", "value": 7, "min": 0, "max": 10}, "epochs 7"),
        ("FloatRangeSliderModel", {"value": [1.0, 2.5], "min": 0, "max": 10}, "1 \N{EN DASH} 2.5"),
        ("FloatLogSliderModel", {"value": 0.001, "base": 10, "min": -4, "max": 0}, "0.001"),
        ("TextModel", {"description": "name", "value": "a<b"}, "name a<b"),
        ("DropdownModel", {"_options_labels": ["x", "y"], "index": 1}, "y"),
        ("SelectMultipleModel", {"_options_labels": ["x", "y", "z"], "index": [0, 2]}, "x, z"),
        ("RadioButtonsModel", {"_options_labels": ["x"], "index": None}, ""),
        ("CheckboxModel", {"description": "on", "value": True}, "on yes"),
        ("ValidModel", {"value": False, "readout": "Invalid"}, "no"),
        ("ButtonModel", {"description": "Go", "button_style": "success"}, "Go"),
        ("HTMLModel", {"value": "one<br>two &amp; <b>three</b>"}, "one\ntwo & three"),
        ("ImageModel", {"format": "png"}, ""),
        ("AccordionModel", {"_titles": {"0": "T"}, "children": []}, ""),
    ],
)
def test_each_kind_has_text_and_html(kind: str, state: dict[str, Any], text: str) -> None:
    data = shown(states(a=(kind, state)))[0]["data"]
    assert data["text/plain"] == text
    assert "data-gpu-doc-widget=" in data["text/html"]


def test_an_image_is_shown_from_its_bytes() -> None:
    buffers = {"buffers": [{"encoding": "base64", "path": ["value"], "data": "aG\nk="}]}
    html = shown(states(a=("ImageModel", {"format": "jpg", "width": "200"}, buffers)))[0]["data"]["text/html"]
    assert '<img src="data:image/jpeg;base64,aGk=" width="200">' in html


def test_a_widget_that_cannot_be_drawn_is_named_among_what_can() -> None:
    found = states(a=("SceneModel", {}, {"model_module": "jupyter-threejs"}), b=("VBoxModel", held("a")))
    printed = {"output_type": "stream", "name": "stdout", "text": "loss 0.25\n"}
    named = shown(found, view(), printed)
    assert "Scene of jupyter-threejs can&#x27;t be drawn" in named[0]["data"]["text/html"]
    assert VIEW not in named[0]["data"]
    assert VIEW in shown(found, view())[0]["data"], "by itself it is refused, with what to do"
    blank = {"output_type": "stream", "name": "stdout", "text": ["\n", " "]}
    assert VIEW in shown(found, view(), blank)[0]["data"]
    assert "Scene of jupyter-threejs" in shown(found, view("b"))[0]["data"]["text/html"]


# --- hostile ---------------------------------------------------------------------------------------------------------


def test_what_a_state_says_is_no_markup() -> None:
    evil = '"><script>x</script>'
    found = states(
        a=("VBoxModel", {**held("bar", "text", "button", "image"), "layout": "IPY_MODEL_layout"}),
        bar=(
            "IntProgressModel",
            {"value": 1, "max": 2, "bar_style": evil, "description": evil, "style": "IPY_MODEL_s"},
        ),
        text=("TextModel", {"value": evil, "placeholder": evil}),
        button=("ButtonModel", {"description": evil, "button_style": evil}),
        image=("ImageModel", {"format": "png", "width": evil}, {"buffers": [{"path": ["value"], "data": evil}]}),
        layout=("LayoutModel", {"width": "1px;background:url(x)", "height": f"1px{evil}", "flex": "2", 'x"y': "1"}),
        s=("ProgressStyleModel", {"bar_color": "red;position:fixed"}),
    )
    html = shown(found)[0]["data"]["text/html"]
    assert "<script" not in html
    assert "url(" not in html
    assert "position:fixed" not in html
    assert "flex:2" in html


@pytest.mark.timeout(20)
def test_widgets_that_hold_themselves_or_too_many_are_named() -> None:
    circle = states(a=("VBoxModel", held("a", "b")), b=("LabelModel", {"value": "seen"}))
    assert "too many others" in shown(circle)[0]["data"]["text/html"]
    levels = {f"l{n}": ("VBoxModel", held(*[f"l{n + 1}"] * 10)) for n in range(18)}
    bomb = states(a=("VBoxModel", held("l0")), **levels)
    html = shown(bomb)[0]["data"]["text/html"]
    assert "too many others" in html
    assert len(html) < 1_000_000


MALFORMED = [
    {"output_type": "stream", "name": "stdout", "text": 5},
    {"output_type": "stream", "text": "no name"},
    {"output_type": "error", "traceback": [7]},
    {"output_type": "display_data", "data": [1]},
    {"output_type": "display_data", "data": {"text/plain": 1}},
    {"output_type": "display_data", "data": {}, "metadata": []},
    {"data": {}},
    None,
]


@pytest.mark.parametrize("inside", [False, True])
def test_outputs_of_an_output_widget_have_shape_or_are_absent(inside: bool) -> None:  # noqa: FBT001 - a parameter
    good = {"output_type": "stream", "name": "stdout", "text": "good"}
    output = ("OutputModel", {"outputs": [*MALFORMED, good]})
    found = states(a=("VBoxModel", held("o")) if inside else output, o=output)
    assert output_text(without_noise(shown(found))) == "good"


def test_views_and_children_of_an_output_are_told_apart() -> None:
    null = {"output_type": "display_data", "data": {VIEW: None, "text/plain": "plain"}, "metadata": {}}
    found = states(
        a=("VBoxModel", held("o")),
        o=("OutputModel", {**held("wrong"), "outputs": [null, view("right")]}),
        right=("LabelModel", {"value": "right"}),
        wrong=("LabelModel", {"value": "wrong"}),
    )
    assert output_text(shown(found)) == "plain\nright"


def test_an_output_that_shows_itself_or_very_much_ends() -> None:
    (itself,) = shown(states(a=("OutputModel", {"outputs": [view("a")]})))
    assert "too many others" in str(itself)
    twice = ("OutputModel", {"outputs": [view("b"), view("b")]})
    much = states(a=("VBoxModel", held(*["o"] * 1500)), o=twice, b=("LabelModel", {"value": "x"}))
    assert "too many others" in shown(much)[0]["data"]["text/html"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, -(10**400), [10**400, float("nan")]])
def test_numbers_that_nobody_can_draw_are_none(value: Any) -> None:
    for kind in (
        "FloatProgressModel",
        "IntSliderModel",
        "FloatRangeSliderModel",
        "FloatLogSliderModel",
        "FloatTextModel",
    ):
        for name in ("value", "min", "max", "base"):
            state = {"value": 1, "min": 0, "max": 2, "base": 10, name: value}
            assert "nan%" not in shown(states(a=(kind, state)))[0]["data"]["text/html"]


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"widgets": None},
        {"widgets": {KEY: []}},
        {"widgets": {KEY: {"state": {"a": None}}}},
        {"widgets": {KEY: {"state": {"a": {"model_name": 7, "state": []}}}}},
    ],
)
def test_states_without_shape_count_as_absent(metadata: dict[str, Any]) -> None:
    found = WidgetStates(metadata)
    for output in without_widgets((view(), view("b")), found):
        assert VIEW in (output.get("data") or {}) or output["text"] == ""


@pytest.mark.parametrize("value", [None, {}, [], [None], "x", {"x": [1]}, 1e400, True, -1])
def test_traits_of_any_type_are_drawn_somehow(value: Any) -> None:
    from gpu_doc.widgets.drawing import KINDS

    names = ("value", "min", "max", "base", "children", "outputs", "layout", "style", "_options_labels", "index")
    state = {**dict.fromkeys(names, value), "description": value, "titles": value, "_titles": value}
    for kind in KINDS:
        data = shown(states(a=(kind, state), b=("LabelModel", {})))[0]
        assert data


def markup(kind: str, **state: Any) -> str:
    return str(shown(states(a=(kind, state)))[0]["data"]["text/html"])


def test_texts_that_may_have_formulas_are_marked_where_jupyter_typesets_them() -> None:
    assert "<span data-gpu-doc-latex>$a&lt;b$</span>" in markup("LabelModel", value="$a<b$")
    assert r"<span data-gpu-doc-latex>\(x\)</span>" in markup("IntSliderModel", value=1, description=r"\(x\)")
    assert "latex" not in markup("LabelModel", value="a < b")
    assert "latex" not in markup("HTMLModel", value="from $5 to $7")
    assert "latex" not in markup("TextModel", value="$x$")


def test_in_html_formulas_stand_in_texts_only() -> None:
    html = '<p title="$a$">b &amp; $c &lt; d$<br/><code>$e$ &lt;</code><!-- $f$ --><style>p > a { color: $g }</style>$'
    assert markup("HTMLMathModel", value=html).endswith(
        '<p title="$a$"><span data-gpu-doc-latex>b &amp; $c &lt; d$</span><br/><code>$e$ &lt;</code>'
        "<style>p > a { color: $g }</style><span data-gpu-doc-latex>$</span></div></div>"
    )


def test_text_has_the_source_of_formulas() -> None:
    for kind in ("LabelModel", "HTMLMathModel"):
        assert shown(states(a=(kind, {"value": "loss $x^2$"})))[0]["data"]["text/plain"] == "loss $x^2$"


def test_a_formula_that_is_held_with_others_is_marked() -> None:
    formula = {"output_type": "display_data", "data": {"text/plain": "Math", "text/latex": ["$x$"]}, "metadata": {}}
    found = states(a=("VBoxModel", held("b")), b=("OutputModel", {"outputs": [formula]}))
    assert "<span data-gpu-doc-latex>$x$</span>" in shown(found)[0]["data"]["text/html"]
