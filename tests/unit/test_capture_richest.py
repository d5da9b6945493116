from __future__ import annotations

from typing import Any

import pytest

from gpu_doc.errors import CaptureError
from gpu_doc.pictures.richest import richest

PLOTLY = '<div id="p"></div><script>Plotly.newPlot("p", [])</script>'


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        ({"text/plain": "1"}, "text/plain"),
        ({"text/plain": "   a\n0  1", "text/html": "<table></table>"}, "text/html"),
        ({"text/plain": "<Figure>", "image/png": "iVBOR"}, "image/png"),
        ({"image/png": "iVBOR", "image/svg+xml": "<svg/>"}, "image/svg+xml"),
        ({"text/html": PLOTLY, "image/png": "iVBOR"}, "image/png"),
        ({"application/vnd.plotly.v1+json": {}, "text/html": "<b>x</b>", "image/svg+xml": "<svg/>"}, "image/svg+xml"),
        ({"text/html": "<table><tr><td>1</table><script>copy()</script>"}, "text/html"),
        ({"text/latex": "$x^2$", "text/plain": "x**2"}, "text/latex"),
        ({"text/latex": "$x^2$", "image/png": "iVBOR"}, "image/png"),
        ({"image/gif": "R0lGOD"}, "text/html"),
        ({"text/latex": "$$x$$", "text/plain": "<IPython.core.display.Math object>"}, "text/latex"),
        ({"application/json": {"a": 1}, "text/plain": "<IPython.core.display.JSON object>"}, "application/json"),
        ({"application/geo+json": {"type": "Point"}, "text/plain": "<...>"}, "application/geo+json"),
    ],
)
def test_the_richest_that_needs_no_script_is_shown(data: dict[str, Any], mime: str) -> None:
    assert richest(data, where="run/cell")[0] == mime


@pytest.mark.parametrize(
    "data",
    [
        {"text/html": PLOTLY},
        {"application/vnd.plotly.v1+json": {}, "text/plain": "Figure()"},
        {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "  0%|  | 0/9"},
        {"text/html": "<div></div><script>draw()</script>"},
        {"application/javascript": "alert(1)", "text/plain": "<IPython.core.display.Javascript object>"},
    ],
)
def test_what_needs_scripts_is_refused_rather_than_pictured_blank(data: dict[str, Any]) -> None:
    with pytest.raises(CaptureError, match="needs scripts") as failure:
        richest(data, where="run/cell")
    assert failure.value.where == "run/cell"
    assert "static image" in failure.value.remedy


def test_what_nothing_shows_is_refused() -> None:
    with pytest.raises(CaptureError, match="application/x-parquet"):
        richest({"application/x-parquet": "UEFSMQ=="}, where="run/cell")
