"""What to do about an output whose script is to come from the network, by the library that the address names.

Tests run each of them (tests/integration/test_remedies.py).
"""

from __future__ import annotations

import re

_ALLOW = "or allow the host in gpu-doc.yml: capture: {allow-hosts: [...]}."
_REMEDIES = {
    r"\bplotly\b|plot\.ly": 'Let the figure bring its script: plotly.io.renderers.default = "notebook" in the same '
    "cell, or HTML(figure.to_html(include_plotlyjs=True)). Or install plotly here in the version that made it",
    r"\bbokeh\b": "Let the figure bring its script: "
    "HTML(bokeh.embed.file_html(figure, bokeh.resources.INLINE)). Or install bokeh here in the version that made it",
    r"dt_for_itables|\bitables\b": "Install the version of itables here that made the table, or let the cell show "
    "the data frame itself, or write table() in place of shot()",
    r"\bvega": 'Let charts be static images: alt.renderers.enable("png") in the notebook; it takes the package '
    'vl-convert-python, which also lets them be drawn as they are: pip install --upgrade "altair[save]"',
    r"\bleaflet\b|\bfolium\b": "Maps of folium and Leaflet load their script and what they show: let the cell show an "
    "image of the map, Image(filename=...), such as GeoPandas' plot() draws, or link to the page that map.save() makes",
    r"\bmermaid\b": "Write the diagram into the report's text, between ```mermaid and ```, which GitHub and most sites "
    "draw. Or let the cell show an image of it, Image(filename=...)",
}
_OTHER = "Let the output bring along what it loads, or give it a static image"


def of_address(address: str) -> str:
    """Return what to do where a script at this address is not to be had."""
    found = next((remedy for name, remedy in _REMEDIES.items() if re.search(name, address)), _OTHER)
    return f"{found}; {_ALLOW}"
