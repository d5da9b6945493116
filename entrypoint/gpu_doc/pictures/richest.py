"""Chooses which of an output's representations is shown: the richest that a page without scripts can show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gpu_doc.errors import CaptureError
from gpu_doc.model.location import Location

_STATIC = ("image/svg+xml", "image/png", "image/jpeg")
_OTHER_IMAGES = ("image/gif", "image/webp", "image/bmp", "image/avif")
_INTERACTIVE = re.compile(
    r"application/(vnd\.plotly|vnd\.vega|vnd\.bokeh|vnd\.holoviews|vnd\.jupyter\.widget-view|javascript)|text/vnd\.mermaid"
)
# Libraries that draw by script. Other HTML with a script in it, such as scikit-learn's diagrams, is fine without.
_DRAWS = re.compile(
    r"Plotly\.(newPlot|react)|\bBokeh\b|vegaEmbed|\brequire\(\[|requirejs|\becharts\b|mpld3|\bL\.map\(|itables|anywidget|pyvis",
)
_SCRIPT = re.compile(r"<script\b.*?(?:</script\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_REMOVED = re.compile(r"<(style|template|head)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_CONTENT = re.compile(r"<(img|svg|table|hr|input|button|progress|meter|iframe)\b", re.IGNORECASE)
_REPR = re.compile(r"<[\w.]+ (object|at 0x)[^<>]*>|<[\w.]+ object>")


def richest(data: Mapping[str, Any], *, where: Location | str) -> tuple[str, Any]:
    """Return the MIME type to show and its content.

    Raises CaptureError at `where` if every representation needs scripts or can't be on a page.
    """
    html = data.get("text/html")
    lively = next((mime for mime in data if _INTERACTIVE.match(mime)), None)
    drawn_by_script = lively is not None or (isinstance(html, str) and _needs_scripts(html))
    if html is not None and not drawn_by_script:
        return "text/html", html
    order = ("text/markdown", *_STATIC) if not drawn_by_script else _STATIC
    for mime in order:
        if mime in data:
            return mime, data[mime]
    for mime in _OTHER_IMAGES:
        if mime in data:
            return "text/html", f'<img src="data:{mime};base64,{data[mime].strip()}">'
    if drawn_by_script:
        raise _needs(lively or "text/html", where)
    return _plain(data, where)


def _needs_scripts(html: str) -> bool:
    scripts = _SCRIPT.findall(html)
    if not scripts:
        return False
    rest = _REMOVED.sub("", _SCRIPT.sub("", html))
    return any(_DRAWS.search(script) for script in scripts) or not (
        _CONTENT.search(rest) or re.sub(r"<[^>]*>", "", rest).strip()
    )


def _plain(data: Mapping[str, Any], where: Location | str) -> tuple[str, Any]:
    plain = data.get("text/plain")
    if plain is not None and not ("text/latex" in data and _REPR.fullmatch(plain.strip())):
        return "text/plain", plain
    if plain is None and "application/json" in data:
        import json

        return "text/plain", json.dumps(data["application/json"], indent=2, ensure_ascii=False)
    kinds = ", ".join(data) or "nothing"
    raise CaptureError(
        f"The output holds {kinds}, none of which can be shown in a picture.",
        where=where,
        remedy="let the cell give an image or text as well"
        + (" (formulas: as an image)" if "text/latex" in data else ""),
    )


def _needs(mime: str, where: Location | str) -> CaptureError:
    return CaptureError(
        f"The output ({mime}) needs scripts that gpu-doc does not have.",
        where=where,
        remedy="give the figure a static image (Plotly: fig.show('png'); Altair: chart.save; widgets: print the result)"
        ", or picture another output of the cell with output=N",
    )
