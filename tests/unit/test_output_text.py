"""What text() says of objects that have no text of their own."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_doc.functions.shared.plaintext import output_text

MATH, JSON = ({"text/plain": f"<IPython.core.display.{name} object>"} for name in ("Math", "JSON"))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param({**MATH, "text/latex": ["$x$\n", "$y$"]}, "$x$\n$y$", id="a formula's source"),
        pytest.param({"text/plain": "x**2", "text/latex": "$x^2$"}, "x**2", id="sympy's own text"),
        pytest.param({**JSON, "application/json": {"a": ["ü"]}}, '{\n  "a": [\n    "ü"\n  ]\n}', id="JSON, indented"),
        pytest.param({**JSON, "application/json": []}, "[]", id="empty JSON"),
        pytest.param({"application/geo+json": {"type": "Point"}}, '{\n  "type": "Point"\n}', id="GeoJSON"),
        pytest.param({**MATH, "image/png": "iVBOR", "text/latex": "$x$"}, "", id="a picture"),
    ],
)
def test_text_of(data: dict[str, Any], text: str) -> None:
    assert output_text([{"output_type": "display_data", "data": data, "metadata": {}}]) == text
