"""JSON as a tree."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gpu_doc.errors import CaptureError
from gpu_doc.pictures.jsontree import tree


def lines(value: Any) -> list[str]:
    html = tree(value, "root", where="run/cell")
    return [re.sub(r"<[^>]*>", "", line) for line in re.findall(r'"line">(.*?)</div>', html)]


def test_all_of_it_is_shown() -> None:
    value = {"a": [1, {"b": None}], "c": {}, "d": "ü <\n", "e": True, "f": 0.5}
    assert lines(value) == [
        "root: {} 5 keys",
        "a: [] 2 items",
        "0: 1",
        "1: {} 1 key",
        "b: null",
        "c: {} 0 keys",
        "d: &quot;ü &lt;\\n&quot;",
        "e: true",
        "f: 0.5",
    ]


def test_a_single_value_is_a_tree_too() -> None:
    assert lines("x") == ["root: &quot;x&quot;"]


def test_names_bring_no_markup() -> None:
    assert "<script" not in tree({"<script>": "<script>"}, "<script>", where="")


def test_what_is_nested_too_deeply_is_refused() -> None:
    value: Any = 1
    for _ in range(5000):
        value = [value]
    with pytest.raises(CaptureError, match="more than 100 levels deep") as failure:
        tree(value, "root", where="run/cell")
    assert failure.value.where == "run/cell"
