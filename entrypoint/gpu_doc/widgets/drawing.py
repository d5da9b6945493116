"""Draws widgets as HTML without scripts, styled by templates/widgets.css. There is a function for each kind.

They look as in Jupyter: https://github.com/jupyter-widgets/ipywidgets, packages/controls/src. An unknown kind is shown
by its name, so that the rest can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

from gpu_doc.text.plain import plain as plain_text
from gpu_doc.widgets.math import with_math, with_math_in_html
from gpu_doc.widgets.state import Widget, numbers
from gpu_doc.widgets.wording import pressed, share, shown_value, span, titles

_UNSAFE = re.compile(r"[;{}<>\"\\]|/\*")
_IMAGE = re.compile(r"[\w.+-]+")


def drawn(widget: Widget) -> str | None:
    """Return the HTML of a widget; None if its kind is not known."""
    return _drawn(widget) if widget.kind in KINDS else None


def _drawn(widget: Widget) -> str:
    if not widget.kind:
        return ""  # it was closed
    draw = KINDS.get(widget.kind)
    return placeholder(widget) if draw is None else draw(widget)


def placeholder(widget: Widget) -> str:
    """Return the HTML with the name of a widget of unknown kind."""
    module = f" of {widget.module}" if widget.module else ""
    text = f"{widget.kind.removesuffix('Model')}{module} can't be drawn without scripts"
    return _part("unknown", escape(text))


# --- parts -----------------------------------------------------------------------------------------------------------


def _part(kind: str, content: str = "", *styles: str) -> str:
    """Return an element; `kind` is its class in templates/widgets.css, one word or several."""
    style = escape(";".join(filter(None, styles)))
    styled = f' style="{style}"' if style else ""
    return f'<div data-gpu-doc-widget="{escape(kind.strip())}"{styled}>{content}</div>'


def _element(widget: Widget, kind: str, content: str, *styles: str) -> str:
    return _part(kind, content, _layout(widget.layout), *styles)


def _layout(layout: Mapping[str, Any]) -> str:
    """Return the CSS of a widget's layout, whose traits have CSS's names."""
    rules = [
        f"{name.replace('_', '-')}:{value}"
        for name, value in layout.items()
        if not name.startswith("_") and isinstance(value, str) and value and not _UNSAFE.search(name + value)
    ]
    return ";".join(rules)


def _labelled(widget: Widget, content: str, *, readout: str = "") -> str:
    text = widget.text("description")
    html = with_math_in_html(text) if widget.state.get("description_allow_html") is True else with_math(text)
    label = _part("label", html) if text else ""
    return _element(widget, "row-control", label + content + (_part("readout", escape(readout)) if readout else ""))


def _colour(value: object) -> str:
    return f"background:{value}" if isinstance(value, str) and value and not _UNSAFE.search(value) else ""


# --- kinds -----------------------------------------------------------------------------------------------------------


def _box(direction: str) -> Callable[[Widget], str]:
    return lambda widget: _element(widget, direction, "".join(map(_drawn, widget.children)))


def _titled(widget: Widget) -> str:
    """Draw tabs and accordions, all open, since nobody can click on a picture."""
    parts = zip(titles(widget), widget.children, strict=False)
    return _element(widget, "titled", "".join(_part("title", escape(name)) + _drawn(child) for name, child in parts))


def _html(widget: Widget) -> str:
    return _labelled(widget, _part("html", widget.text("value")))


def _html_math(widget: Widget) -> str:
    return _labelled(widget, _part("html", with_math_in_html(widget.text("value"))))


def _label(widget: Widget) -> str:
    return _labelled(widget, _part("html", with_math(widget.text("value"))))


def _progress(widget: Widget) -> str:
    width = f"width:{100 * share(widget, widget.number('value')):.4g}%"
    fill = _part(f"fill {widget.text('bar_style')}", "", width, _colour(widget.style.get("bar_color")))
    return _labelled(widget, _part("bar", fill))


def _slider(widget: Widget) -> str:
    values = [*numbers(widget.list("value"))] or [widget.number("value")]
    if "base" in widget.state:  # a logarithmic one: its ends are exponents
        shares = [share(widget, _logarithm(value, widget.number("base"))) for value in values]
    else:
        shares = [share(widget, value) for value in values]
    left = shares[0] if len(shares) > 1 else 0.0
    fill = _part("fill", "", f"left:{100 * left:.4g}%", f"width:{100 * (shares[-1] - left):.4g}%")
    knobs = "".join(_part("knob", "", f"left:{100 * at:.4g}%") for at in shares)
    readout = span(values) if widget.state.get("readout") is not False else ""
    return _labelled(widget, _part("track", fill + knobs), readout=readout)


def _logarithm(value: float, base: float) -> float:
    import math

    return math.log(value, base) if value > 0 and base > 1 else 0.0


def _field(widget: Widget) -> str:
    return _labelled(widget, _part("field", f"{escape(shown_value(widget))}&#8203;"))


def _dropdown(widget: Widget) -> str:
    return _labelled(widget, _part("field choice", f"{escape(shown_value(widget))}&#8203;"))


def _checkbox(widget: Widget) -> str:
    mark = "☑" if widget.state.get("value") is True else "☐"
    return _element(widget, "row-control", f"{mark} {with_math(widget.text('description'))}")


def _valid(widget: Widget) -> str:
    return _labelled(widget, "✔" if widget.state.get("value") is True else escape(f"✘ {widget.text('readout')}"))


def _button(widget: Widget) -> str:
    kind = f"button {widget.text('button_style')}{' down' * (widget.state.get('value') is True)}"
    return _element(widget, kind, escape(widget.text("description")), _colour(widget.style.get("button_color")))


def _toggles(widget: Widget) -> str:
    kind = f"button {widget.text('button_style')}"
    return _labelled(widget, "".join(_part(kind + " down" * down, escape(name)) for name, down in pressed(widget)))


def _choice(marks: tuple[str, str]) -> Callable[[Widget], str]:
    def draw(widget: Widget) -> str:
        lines = (_part("option" + " down" * down, marks[down] + escape(name)) for name, down in pressed(widget))
        return _labelled(widget, _part("options", "".join(lines)))

    return draw


def _image(widget: Widget) -> str:
    kind, data = widget.text("format") or "png", widget.buffers.get("value", "")
    if not _IMAGE.fullmatch(kind):
        return ""
    kind = {"svg": "svg+xml", "jpg": "jpeg"}.get(kind, kind)
    sizes = "".join(f' {side}="{escape(widget.text(side))}"' for side in ("width", "height") if widget.text(side))
    return _element(widget, "image", f'<img src="data:image/{kind};base64,{escape(data)}"{sizes}>')


def _canvas(widget: Widget) -> str:
    """Draw ipympl's figure, whose last frame is in its state."""
    return _element(widget, "image", f'<img src="{escape(widget.text("_data_url"))}">')


def _output(widget: Widget) -> str:
    return _element(widget, "column", "".join(_nested(widget)))


def _nested(widget: Widget) -> Iterable[str]:
    """Draw the outputs of an Output inside another widget. By itself it is shown as any output."""
    for each, held in widget.shown:
        if held is not None:
            yield _drawn(held)
        elif "data" in each:
            yield _richest(each["data"])
        else:
            yield f"<pre>{escape(plain_text(_joined(each.get('text') or each.get('traceback') or '')))}</pre>"


def _richest(data: Mapping[str, Any]) -> str:
    for kind in ("image/png", "image/jpeg"):
        if isinstance(data.get(kind), (str, list)):
            return f'<img src="data:{kind};base64,{escape("".join(_joined(data[kind]).split()))}">'
    for kind in ("image/svg+xml", "text/html"):
        if isinstance(data.get(kind), (str, list)):
            return _part("html", _joined(data[kind]))
    if isinstance(data.get("text/latex"), (str, list)):
        return _part("html", with_math(_joined(data["text/latex"])))
    return f"<pre>{escape(plain_text(_joined(data.get('text/plain') or '')))}</pre>"


def _joined(text: Any) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


KINDS: Mapping[str, Callable[[Widget], str]] = {
    **dict.fromkeys(("HBoxModel", "BoxModel"), _box("row")),
    "VBoxModel": _box("column"),
    "GridBoxModel": _box("grid"),
    **dict.fromkeys(("TabModel", "AccordionModel", "StackModel"), _titled),
    "HTMLModel": _html,
    "HTMLMathModel": _html_math,
    "LabelModel": _label,
    **dict.fromkeys(("IntProgressModel", "FloatProgressModel"), _progress),
    **dict.fromkeys(
        ("IntSliderModel", "FloatSliderModel", "FloatLogSliderModel", "IntRangeSliderModel", "FloatRangeSliderModel"),
        _slider,
    ),
    **dict.fromkeys(
        (
            *("TextModel", "TextareaModel", "ComboboxModel", "SelectionSliderModel"),
            *("IntTextModel", "FloatTextModel", "BoundedIntTextModel", "BoundedFloatTextModel"),
        ),
        _field,
    ),
    "DropdownModel": _dropdown,
    "CheckboxModel": _checkbox,
    "ValidModel": _valid,
    **dict.fromkeys(("ButtonModel", "ToggleButtonModel"), _button),
    "ToggleButtonsModel": _toggles,
    "RadioButtonsModel": _choice(("○ ", "◉ ")),
    **dict.fromkeys(("SelectModel", "SelectMultipleModel"), _choice(("", ""))),
    "ImageModel": _image,
    "MPLCanvasModel": _canvas,
    "OutputModel": _output,
}
