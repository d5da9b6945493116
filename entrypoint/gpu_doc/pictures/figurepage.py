"""A page that draws figures of Plotly's that are data, one after the other, and gives each as HTML without scripts.

To load Plotly takes ten times as long as a figure does. Figures that are data bring no script, so they share one: each
is drawn into an empty document, given as text and removed before the next one comes. What is shown of it is a document
of its own, as that of any other HTML. A figure that is not drawn whole, or leaves anything behind, is not taken: it
gets a page of its own (livepage.py), and those after it another page.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any

from gpu_doc.model.values import Json
from gpu_doc.pictures.gate import Gate
from gpu_doc.pictures.livepage import LiveDocument, LivePage, Window, opened
from gpu_doc.resources import template_path

_MOST = 100
"""Figures of one page: then another one begins, with its memory free."""
_LONGEST = 1_000_000
"""Characters of a figure's data, and of its HTML: more of them take longer there than a picture does."""
_PATIENCE = 10.0
"""Seconds for one figure; on a page of its own it gets more."""
_ALONE = re.compile(
    r'\$|"images"|"image"|"(?:scatter|choropleth|density)?(?:geo|map|mapbox)\d*"|"choropleth"|gl"|3d"|'
    r'__proto__|"constructor"|"prototype"'
)
"""What a figure that shares a page does not contain: formulas (MathJax keeps definitions), what is loaded, or drawn by
WebGL, and names by which data could change objects that are not its own (CVE-2023-46308)."""
_USUAL = '{"data": [{"type": "bar", "x": ["a"], "y": [1]}], "layout": {"title": {"text": "a"}}}'
"""What this leaves on a new page, each figure may leave."""


def is_plain(figure: str) -> bool:
    """Tell whether a figure, as JSON, can be drawn where others are."""
    return len(figure) <= _LONGEST and not _ALONE.search(figure)


class FigurePage(LivePage):
    """One such page."""

    def __init__(self, window: Window, document: LiveDocument, gate: Gate) -> None:
        super().__init__(window, document, gate)
        self.document = document
        self._count = 0
        self._state = ""

    @classmethod
    async def opened(cls, connection: Any, document: LiveDocument, gate: Gate, deadline: float) -> FigurePage:
        """Open a page: `document` is empty but for the script of Plotly. Raises BrowserLostError."""
        page = cls(await opened(connection, document.width, deadline), document, gate)
        await page._load(deadline)
        await page._ready(deadline)
        page._state = (await page._figure(_USUAL, deadline))["state"]
        return page

    async def close(self, deadline: float) -> None:
        """Close it. Raises BrowserLostError."""
        await self._window.close(deadline)

    async def drawn_figure(self, figure: str, deadline: float) -> str:
        """Give the HTML of a figure; empty where it needs a page of its own. Raises BrowserLostError if it hangs."""
        self._count += 1
        given = await self._figure(figure, min(deadline, time.monotonic() + _PATIENCE))
        if given["state"] != self._state:
            self._count = _MOST + 1
        html = str(given["html"])
        return html if not self.is_used_up and len(html) <= _LONGEST else ""

    @property
    def is_used_up(self) -> bool:
        """Whether it is to draw no more."""
        return self._count > _MOST or self._has_failed

    @property
    def _has_failed(self) -> bool:
        return bool(self._drawing.errors or self._drawing.refused)

    async def _figure(self, figure: str, deadline: float) -> Json:
        patience = max(0.0, deadline - time.monotonic()) * 500
        script = template_path("figure.js").read_text("utf-8")
        return await self.evaluate(deadline, f"({script})({json.dumps(figure)}, {patience})")
