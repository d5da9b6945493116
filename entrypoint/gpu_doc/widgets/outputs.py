"""Replaces outputs that show widgets with HTML and text of the widgets' last state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gpu_doc.widgets.drawing import drawn, placeholder
from gpu_doc.widgets.state import OUTPUT, VIEW, Output, Widget, WidgetStates, view_of
from gpu_doc.widgets.wording import wording

_NESTED = "application/vnd.gpu-doc.outputs+json"
"""The key for the outputs in an Output widget. They take the place of one output, so that its number stays the same."""
_PLACEHOLDER = "application/vnd.gpu-doc.placeholder+json"
"""Replaces a widget that can't be drawn if something else of its cell can."""

_NOTHING: Output = {"output_type": "stream", "name": "stdout", "text": ""}


def without_widgets(outputs: Iterable[Output], states: WidgetStates) -> tuple[Output, ...]:
    """Return the outputs of a cell; widgets are replaced with what they show at the end."""
    views = ((output, view_of(output)) for output in outputs)
    return tuple(output if view is None else _replaced(output, states.widget(view), states) for output, view in views)


def unfolded(outputs: Iterable[Output]) -> tuple[Output, ...]:
    """Return outputs in which those of an Output widget replace it.

    A widget that can't be drawn is named if others can; by itself it stays unchanged, and is refused later.
    """
    flat = tuple(_flat(outputs))
    if all(_PLACEHOLDER in _data(output) for output in flat if _shows(output)):
        return flat
    return tuple(_named(output) if _PLACEHOLDER in _data(output) else output for output in flat)


def _flat(outputs: Iterable[Output]) -> Iterator[Output]:
    for output in outputs:
        nested = _data(output).get(_NESTED)
        if nested is None:
            yield output
        else:
            yield from _flat(nested) if nested else (_NOTHING,)


def _shows(output: Output) -> bool:
    return bool(_data(output)) or bool("".join(output.get("text") or "").strip()) or output["output_type"] == "error"


def _named(output: Output) -> Output:
    data = {kind: content for kind, content in output["data"].items() if kind not in (VIEW, _PLACEHOLDER)}
    return {**output, "data": {**data, "text/html": output["data"][_PLACEHOLDER]}}


def _data(output: Output) -> Mapping[str, Any]:
    return output.get("data") or {}


def _replaced(output: Output, widget: Widget, states: WidgetStates) -> Output:
    data: dict[str, Any] = dict(output["data"])
    if widget.kind == OUTPUT:
        nested = [each if held is None else _replaced(each, held, states) for each, held in widget.shown]
        return {**output, "data": {_NESTED: nested}}
    if not widget.kind and states and "text/html" not in data:
        return _NOTHING  # it was closed, as `tqdm(leave=False)` closes its bar at the end
    html = drawn(widget)
    if html is None:
        return {**output, "data": {**data, _PLACEHOLDER: placeholder(widget)} if widget.kind else data}
    del data[VIEW]
    return {**output, "data": {**data, "text/html": html, "text/plain": wording(widget)}}
