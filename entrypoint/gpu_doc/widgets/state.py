"""Reads the state of Jupyter widgets, which an executed notebook keeps after the last cell.

Format: https://ipywidgets.readthedocs.io/en/stable/embedding.html and @jupyter-widgets/schema. All of it comes from the
notebook and is not trusted: what has a wrong shape counts as absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpu_doc.model.values import Json

Output = Mapping[str, Json]
"""An output in nbformat 4."""
VIEW = "application/vnd.jupyter.widget-view+json"
"""The MIME type of an output that shows a widget."""
_STATE = "application/vnd.jupyter.widget-state+json"
OUTPUT = "OutputModel"
"""The widget that holds outputs."""
_REFERENCE = "IPY_MODEL_"
_LARGEST = 1e300
_DEEPEST = 20
"""The most levels of widgets in widgets. No layout is so deep; one that contains itself is."""
_MOST = 2_000
"""The most widgets in one output. Ten levels of ten widgets each would be more than anything can draw."""


@dataclass(frozen=True)
class Widget:
    """One widget with its last state, and those that it contains."""

    kind: str
    """Its model, such as `FloatProgressModel`; empty if the notebook has no state of it, because it was closed."""
    module: str
    state: Mapping[str, Any]
    buffers: Mapping[str, str] = field(default_factory=dict)
    """Binary values in base64, by the name of the trait."""
    layout: Mapping[str, Any] = field(default_factory=dict)
    style: Mapping[str, Any] = field(default_factory=dict)
    children: tuple[Widget, ...] = ()
    shown: tuple[tuple[Output, Widget | None], ...] = ()
    """The outputs in an Output widget, each with the widget that it shows, if any."""

    def text(self, name: str) -> str:
        """Return a trait that is a text or a number; empty if it is neither."""
        value = self.state.get(name)
        return str(value) if isinstance(value, (str, int, float)) else ""

    def number(self, name: str) -> float:
        """Return a trait that is a number; 0 if it is none that can be drawn."""
        return next(iter(numbers([self.state.get(name)])), 0.0)

    def list(self, name: str) -> Sequence[Any]:
        """Return a trait that is a list; empty if it is none."""
        return _list(self.state.get(name))


class WidgetStates:
    """The widgets of one executed notebook."""

    def __init__(self, metadata: Mapping[str, Json]) -> None:
        """`metadata` is the notebook's."""
        self._models = _mapping(_mapping(_mapping(metadata.get("widgets")).get(_STATE)).get("state"))
        self._left = _MOST

    def __bool__(self) -> bool:
        return bool(self._models)

    def widget(self, model_id: object) -> Widget:
        """Return the widget with an id, and all that it contains."""
        self._left = _MOST
        return self._widget(str(model_id), _DEEPEST)

    def _widget(self, model_id: str, deepest: int) -> Widget:
        self._left -= 1
        if not deepest or self._left < 0:
            return Widget(kind="a widget within too many others", module="", state={})
        model = _mapping(self._models.get(model_id))
        state = _mapping(model.get("state"))
        return Widget(
            kind=_text(model.get("model_name")),
            module=_text(model.get("model_module")),
            state=state,
            buffers=dict(_buffers(model)),
            layout=self._referenced(state.get("layout")),
            style=self._referenced(state.get("style")),
            children=tuple(self._children(state, deepest)),
            shown=tuple(self._shown(state, deepest)) if model.get("model_name") == OUTPUT else (),
        )

    def _children(self, state: Mapping[str, Any], deepest: int) -> Iterator[Widget]:
        for reference in _list(state.get("children")):
            if self._left >= 0:
                yield self._widget(str(reference).removeprefix(_REFERENCE), deepest - 1)

    def _shown(self, state: Mapping[str, Any], deepest: int) -> Iterator[tuple[Output, Widget | None]]:
        for output in filter(_is_output, _list(state.get("outputs"))):
            view = view_of(output)
            if view is None or self._left >= 0:
                yield output, None if view is None else self._widget(view, deepest - 1)

    def _referenced(self, reference: object) -> Mapping[str, Any]:
        model = self._models.get(reference.removeprefix(_REFERENCE)) if isinstance(reference, str) else None
        return _mapping(_mapping(model).get("state"))


def _buffers(model: Mapping[str, Any]) -> Any:
    buffers = model.get("buffers")
    for buffer in buffers if isinstance(buffers, list) else ():
        path, data = _mapping(buffer).get("path"), _mapping(buffer).get("data")
        if isinstance(path, list) and len(path) == 1 and isinstance(data, str):
            yield str(path[0]), "".join(data.split())


def view_of(output: object) -> str | None:
    """Return the id of the widget that an output shows; None if it shows none."""
    view = _mapping(_mapping(output).get("data")).get(VIEW)
    return None if view is None else str(_mapping(view).get("model_id"))


def numbers(values: Iterable[object]) -> Iterator[float]:
    """Return those values that are numbers, and not too large to be drawn."""
    for value in values:
        if isinstance(value, (int, float)) and abs(value) < _LARGEST:  # false for NaN, too
            yield float(value)


def _is_output(output: object) -> bool:
    """Return whether a value is an output of nbformat 4. For the outputs of cells, papermill checks that."""
    found = _mapping(output)
    kind = found.get("output_type")
    if kind == "stream":
        return isinstance(found.get("name"), str) and _is_text(found.get("text"))
    if kind == "error":
        return isinstance(found.get("traceback"), list) and _is_text(found["traceback"])
    data, metadata = found.get("data"), found.get("metadata", {})
    return (
        kind in ("display_data", "execute_result")
        and isinstance(metadata, dict)
        and isinstance(data, dict)
        and all(mime.endswith("json") or _is_text(content) for mime, content in data.items())
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(line, str) for line in value))


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
