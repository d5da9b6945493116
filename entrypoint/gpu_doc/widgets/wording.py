"""Writes widgets as plain text, for `text()`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import unescape

from gpu_doc.text.plain import plain
from gpu_doc.widgets.state import Widget, numbers

_TAG = re.compile(r"<[^>]*>")
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li)\b[^>]*>", re.IGNORECASE)
_CELLS = 10
"""The width of a bar in characters, as tqdm's in a log."""
_BARS = ("IntProgressModel", "FloatProgressModel")


def wording(widget: Widget) -> str:
    """Return what a widget shows, as text, without empty lines."""
    return "\n".join(line for line in _said(widget).splitlines() if line.strip())


def _decimal(value: float) -> str:
    """Return a number as a widget shows it."""
    return f"{value:g}" if abs(value) < 1e15 and value == round(value, 6) else str(value)


def titles(widget: Widget) -> Iterator[str]:
    """Return the titles of tabs, a list since ipywidgets 8, a mapping before; any may lack one."""
    named = widget.list("titles")
    before = widget.state.get("_titles")
    for number in range(len(widget.children)):
        if number < len(named):
            yield str(named[number])
        else:
            yield str(before.get(str(number), "")) if isinstance(before, dict) else ""


def pressed(widget: Widget) -> Iterator[tuple[str, bool]]:
    """Return the options of a selection, each with whether it is chosen."""
    index = widget.state.get("index")
    chosen = index if isinstance(index, list) else [index]
    for number, name in enumerate(widget.list("_options_labels")):
        yield str(name), number in chosen


def shown_value(widget: Widget) -> str:
    """Return the value that a field shows: the chosen option, if there are options."""
    if "_options_labels" in widget.state:
        return ", ".join(name for name, chosen in pressed(widget) if chosen)
    value = widget.state.get("value")
    return _decimal(value) if isinstance(value, float) else widget.text("value")


def share(widget: Widget, value: float) -> float:
    """Return a value's position between a widget's `min` and `max`, from 0 to 1."""
    low, high = widget.number("min"), widget.number("max")
    return min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.0


def span(values: Iterable[float]) -> str:
    """Return the values of a slider as it shows them."""
    return " \N{EN DASH} ".join(map(_decimal, values))


def _said(widget: Widget) -> str:
    if said := _KINDS.get(widget.kind):
        return said(widget)
    if widget.children:
        return "\n".join(map(_said, widget.children))
    values = [*numbers(widget.list("value"))]
    return _described(widget, span(values) if values else shown_value(widget))


def _bar(widget: Widget) -> str:
    full = int(share(widget, widget.number("value")) * _CELLS)
    return _described(widget, f"|{'█' * full}{' ' * (_CELLS - full)}|")


def _described(widget: Widget, text: str) -> str:
    description = without_tags(widget.text("description"))
    return f"{description} {text}" if description else text


def without_tags(html: str) -> str:
    """Return the text of a piece of HTML."""
    return unescape(_TAG.sub("", _BREAK.sub("\n", html))).replace("\xa0", " ").replace("\u2007", " ")


def _outputs(widget: Widget) -> Iterator[str]:
    for each, held in widget.shown:
        text = each.get("text") or (each.get("data") or {}).get("text/plain") or ""
        text = "".join(map(str, text)) if isinstance(text, list) else str(text)
        yield plain(text) if held is None else _said(held)


def _row(widget: Widget) -> str:
    """Widgets beside each other in one line. A bar needs no space beside it: tqdm's is `100%|███| 3/3` in a log."""
    parts = [(text, child.kind in _BARS) for child in widget.children if (text := _said(child))]
    if any("\n" in text for text, _ in parts):
        return "\n".join(text for text, _ in parts)
    line, after_bar = "", True
    for text, bar in parts:
        line += text if bar or after_bar else f" {text}"
        after_bar = bar
    return line


def _switch(widget: Widget) -> str:
    return _described(widget, "yes" if widget.state.get("value") is True else "no")


_KINDS: Mapping[str, Callable[[Widget], str]] = {
    **dict.fromkeys(("HBoxModel", "BoxModel"), _row),
    "OutputModel": lambda widget: "\n".join(_outputs(widget)),
    **dict.fromkeys(_BARS, _bar),
    **dict.fromkeys(
        ("HTMLModel", "HTMLMathModel"), lambda widget: _described(widget, without_tags(widget.text("value")))
    ),
    **dict.fromkeys(("CheckboxModel", "ValidModel"), _switch),
    **dict.fromkeys(("ButtonModel", "ToggleButtonModel"), lambda widget: widget.text("description")),
    **dict.fromkeys(("ImageModel", "MPLCanvasModel"), lambda _: ""),
}
