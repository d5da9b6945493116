"""Chooses which of an output's representations is shown: the richest that a page without scripts can show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gpu_doc.errors import CaptureError
from gpu_doc.model.location import Location

JSON = ("application/json", "application/geo+json")
"""What is shown as a tree."""
_STATIC = ("image/svg+xml", "image/png", "image/jpeg")
_OTHER_IMAGES = ("image/gif", "image/webp", "image/bmp", "image/avif")
_INTERACTIVE = re.compile(
    r"application/(vnd\.plotly|vnd\.vega|vnd\.bokeh|vnd\.holoviews|vnd\.jupyter\.widget-view|javascript)|text/vnd\.mermaid"
)
# Libraries that draw by script. Other HTML with a script in it, such as scikit-learn's diagrams, is fine without.
_DRAWS = re.compile(
    r"Plotly\.(newPlot|react)|\bBokeh\b|vegaEmbed|\brequire\(\[|requirejs|\becharts\b|mpld3|\bL\.map\(|itables|anywidget|pyvis",
)
PLOTLY = "application/vnd.plotly.v1+json"
VEGA = re.compile(r"application/vnd\.(?P<kind>vega(?:lite)?)\.v(?P<major>\d+)[+.]json")
"""A chart of Altair's as data. Until version 5 it wrote `v5+json`, and now it writes `v6.json`."""
JAVASCRIPT = "application/javascript"
_BY_SCRIPT = (re.compile(re.escape(PLOTLY)), VEGA, re.compile("text/html"), re.compile(JAVASCRIPT))
"""What we can let draw, the first that there is."""
_REMEDIES = {
    "plotly": 'Let the figure bring its script, with plotly.io.renderers.default = "notebook" in the same cell, or be '
    'a static image, with plotly.io.renderers.default = "png" (it takes the package kaleido).',
    "itables": "Install the version of itables here that made the table, or let the cell show the data frame itself, "
    "or write table() in place of shot().",
    "vega": "Install vl-convert-python where kernels run, in a version that knows this one: pip install --upgrade "
    '"altair[save]". Or let charts be static images, by the same package: alt.renderers.enable("png").',
    "widget": "Print the widget's result, or give it a static image.",
    "": "Let the cell give a static image as well, by another MIME type.",
}
_HAS_SCRIPT = re.compile(r"(?:<|&lt;|&#60;)script\b", re.IGNORECASE)
"""In a frame's `srcdoc`, it is written in one of the other ways: folium does so."""
_SCRIPT = re.compile(r"<script\b.*?(?:</script\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_REMOVED = re.compile(r"<(style|template|head)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_CONTENT = re.compile(r"<(img|svg|table|hr|input|button|progress|meter|iframe)\b", re.IGNORECASE)


def richest(data: Mapping[str, Any], *, where: Location | str) -> tuple[str, Any]:
    """Return the MIME type to show and its content.

    Raises CaptureError at `where` if every representation needs scripts or can't be on a page.
    """
    html = data.get("text/html")
    drawn_by_script = _draws_by_script(data)
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
        raise needs_scripts("", next(filter(_INTERACTIVE.match, data), "text/html"), where)
    return _plain(data, where)


def scripted(data: Mapping[str, Any], *, every: bool = False) -> str:
    """Give the MIME type of what only its scripts can show; empty where anything else shows it.

    `every` script in HTML counts, not only those that are known to draw.
    """
    html = data.get("text/html")
    if any(mime in data for mime in (*_STATIC, *_OTHER_IMAGES)):
        return ""
    if not _draws_by_script(data) and not (every and isinstance(html, str) and _HAS_SCRIPT.search(html)):
        return ""
    return next((mime for kind in _BY_SCRIPT for mime in data if kind.fullmatch(mime)), "")


def _draws_by_script(data: Mapping[str, Any]) -> bool:
    html = data.get("text/html")
    return any(map(_INTERACTIVE.match, data)) or (isinstance(html, str) and _needs_scripts(html))


def _needs_scripts(html: str) -> bool:
    scripts = _SCRIPT.findall(html)
    if not scripts:
        return False
    rest = _REMOVED.sub("", _SCRIPT.sub("", html))
    return any(_DRAWS.search(script) for script in scripts) or not (
        _CONTENT.search(rest) or re.sub(r"<[^>]*>", "", rest).strip()
    )


def _plain(data: Mapping[str, Any], where: Location | str) -> tuple[str, Any]:
    for mime in ("text/latex", *JSON, "text/plain"):
        if mime in data:
            return mime, data[mime]
    kinds = ", ".join(data) or "nothing"
    raise CaptureError(
        f"The output holds {kinds}, none of which can be shown in a picture.",
        where=where,
        remedy="let the cell give an image or text as well",
    )


def needs_scripts(library: str, mime: str, where: Location | str) -> CaptureError:
    """Say that an output needs scripts that are not here: those of a library, where that is known."""
    remedy = next((remedy for kind, remedy in _REMEDIES.items() if kind in (library or mime)), _REMEDIES[""])
    return CaptureError(
        f"The output ({mime}) needs scripts that gpu-doc does not have{f': those of {library}' * bool(library)}.",
        where=where,
        remedy=f"{remedy} Or picture another output of the cell with output=N.",
    )
