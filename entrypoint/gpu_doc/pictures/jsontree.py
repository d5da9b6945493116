"""JSON as a tree, as JupyterLab shows it, all of it unfolded. templates/json.css says what it looks like."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from gpu_doc.errors import CaptureError
from gpu_doc.model.location import Location

_DEEPEST = 100
"""Levels. From 512 elements in each other on, a page shows others beside them instead."""


def tree(value: Any, root: str, *, where: Location | str) -> str:
    """Return the HTML of a value called `root`. Raises CaptureError at `where` if it is nested too deeply."""
    if _depth(value) > _DEEPEST:
        raise CaptureError(
            f"The JSON is more than {_DEEPEST} levels deep.", where=where, remedy="Show a part of it, or use text()."
        )
    return _part("tree", "".join(_lines(root, value)))


def _depth(value: Any) -> int:
    """Count levels, up to one more than may be: Python's own recursion has a limit too."""
    level, depth = [value], 0
    while level and depth <= _DEEPEST:
        level = [inner for each in level for inner in _inside(each)]
        depth += 1
    return depth


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _lines(key: str, value: Any) -> Iterator[str]:
    name = _span("key", key) + ": "
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        yield _part("line", name + _span("count", _count(value)))
        if value:
            yield _part("inside", "".join(line for inner, each in items for line in _lines(str(inner), each)))
    else:
        yield _part("line", name + _span(_kind(value), json.dumps(value, ensure_ascii=False)))


def _count(value: dict[str, Any] | list[Any]) -> str:
    brackets, one, many = ("{}", "key", "keys") if isinstance(value, dict) else ("[]", "item", "items")
    return f"{brackets} {len(value):,} {one if len(value) == 1 else many}"


def _kind(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "word"
    return "text" if isinstance(value, str) else "number"


def _part(kind: str, html: str) -> str:
    return f'<div data-gpu-doc-json="{kind}">{html}</div>'


def _span(kind: str, text: str) -> str:
    return f'<span data-gpu-doc-json="{kind}">{escape(text)}</span>'
