"""The only module that talks to Chromium: it gets a page of frames, and returns pictures of the whole page.

pyppeteer speaks the DevTools protocol. Its own launcher and screenshots are not used: the launcher leaves handlers for
signals and exit behind, and one capture per element takes three times as long as one of the whole page.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import threading
import time
from collections.abc import Coroutine, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from gpu_doc.model.values import Json
from gpu_doc.pictures.chromium import ChromiumProcess, find_chromium, sandbox_closed
from gpu_doc.pictures.formulas import Formula, script
from gpu_doc.pictures.gate import Gate
from gpu_doc.pictures.layout import MARK, Band, Box, Layout, Loss
from gpu_doc.pictures.livepage import Drawing, LiveDocument, drawn, watched
from gpu_doc.pictures.tab import BrowserLostError, FigureLostError, Tab
from gpu_doc.resources import template_path

if TYPE_CHECKING:
    from gpu_doc.pictures.figurepage import FigurePage

__all__ = ["Browser", "BrowserLostError", "find_chromium", "sandbox_closed"]

_HIGHEST = 32_000  # device pixels of one picture: 170 MB when decoded
_BAND_HEIGHT = 16_000  # device pixels; from about 40,000 on Chromium's pictures are wrong without an error
_BAND_AREA = 8_000_000  # device pixels; 24 MB when decoded
_LOWEST = 500  # CSS pixels of a window

_Answer = TypeVar("_Answer")


class Browser:
    """A running Chromium with one page. Its methods block; the event loop runs in a separate thread.

    `scale` is the number of device pixels per CSS pixel. `patience` is the limit, in seconds, for laying out a page
    and for each capture of it.
    """

    def __init__(self, executable: Path, environ: Mapping[str, str], *, scale: int = 2, patience: float = 30.0) -> None:
        self.scale = scale
        self._executable = executable
        self._environ = environ
        self._patience = patience
        self._stack = ExitStack()
        self._loop = asyncio.new_event_loop()
        # pyppeteer leaves futures behind of what it sent to a page that is gone.
        self._loop.set_exception_handler(lambda *_: None)
        self._thread = threading.Thread(target=self._loop.run_forever, name="browser", daemon=True)
        self._connection: Any = None
        self._page: _Page | None = None
        self._figures: FigurePage | None = None

    def __enter__(self) -> Browser:
        with ExitStack() as stack:
            stack.callback(self._stop_loop)
            self._thread.start()
            stack.callback(self._disconnect)  # after Chromium was killed: if it hangs, it never closes the connection
            self._process = stack.enter_context(ChromiumProcess(self._executable, self._environ, scale=self.scale))
            address = self._process.address(seconds=30)
            self._page = self._wait(self._connected(address))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stack.close()

    def lay_out(self, html: str, *, width: int) -> Layout:
        """Load a page of sections (templates/page.html) and arrange them. It replaces the page before.

        Raises BrowserLostError if that takes too long.
        """
        assert self._page is not None
        return self._wait(self._page.lay_out(html, width, self.scale, time.monotonic() + self._patience))

    def band(self, layout: Layout, number: int) -> Band:
        """Photograph a band of the page. Raises BrowserLostError if the page is not the one of the layout."""
        assert self._page is not None
        return self._wait(self._page.band(layout, number, time.monotonic() + self._patience))

    def draw(self, document: LiveDocument, gate: Gate) -> Drawing:
        """Photograph a document whose scripts run, on a page of its own that is gone afterwards.

        Raises BrowserLostError when that is not done in time, or takes too much memory.
        """
        deadline = time.monotonic() + self._patience
        return self._wait(drawn(self._connection, document, gate, self._process, (self.scale, deadline)))

    def figure(self, figure: str, document: LiveDocument, gate: Gate) -> str:
        """Return the HTML, without scripts, of a figure that is data (figurepage.py); empty where it needs more.

        `document` loads what draws it. Raises FigureLostError when that is not done in time, or takes too much memory.
        """
        try:
            return self._wait(self._figure(figure, document, gate, time.monotonic() + self._patience))
        except BrowserLostError as error:
            raise FigureLostError(str(error)) from error

    def typeset(self, formula: Formula) -> dict[str, str]:
        """Return the SVG of a formula under `svg`, or under `error` why there is none.

        Raises BrowserLostError if that takes too long, and MachineError if MathJax is not installed.
        """
        assert self._page is not None
        return self._wait(self._page.typeset(formula, time.monotonic() + self._patience))

    async def _figure(self, figure: str, document: LiveDocument, gate: Gate, deadline: float) -> str:
        from gpu_doc.pictures.figurepage import FigurePage

        page, self._figures = self._figures, None
        if page is not None and (page.document != document or page.is_used_up):
            await page.close(deadline)
            page = None
        if page is None:
            page = await FigurePage.opened(self._connection, document, gate, deadline)
        async with watched(self._process, page):
            html = await page.drawn_figure(figure, deadline)
        self._figures = page
        return html

    async def _connected(self, address: str) -> _Page:
        self._connection = _connect(address, self._loop)
        return await _Page.opened(self._connection)

    def _wait(self, work: Coroutine[Any, Any, _Answer]) -> _Answer:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._wait(self._connection.dispose())

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


class _Page(Tab):
    """The page of static exhibits, driven on the browser's event loop."""

    def __init__(self, session: Any, frame: str, window: int) -> None:
        super().__init__(session)
        self._frame = frame
        self._window = window
        self._viewport = (0, 0)
        self._frame_size = (0, 0)  # by how much the window is larger than the page in it
        self._typesetter: int | None = None  # the isolated world that MathJax is in
        session.on("Fetch.requestPaused", self._refuse)

    @classmethod
    async def opened(cls, connection: Any) -> _Page:
        targets = await connection.send("Target.getTargets")
        target = next(info for info in targets["targetInfos"] if info["type"] == "page")
        window = await connection.send("Browser.getWindowForTarget", {"targetId": target["targetId"]})
        session = await connection.createSession(target)
        page = cls(session, target["targetId"], window["windowId"])
        connection.setClosedCallback(page.lose)  # without a connection, pyppeteer's calls would wait for ever
        deadline = time.monotonic() + 10
        for domain in ("Page", "Inspector", "Runtime"):
            await page.call(deadline, f"{domain}.enable")
        await page.call(deadline, "Fetch.enable", patterns=[{"urlPattern": "*"}])
        bounds, inside = window["bounds"], await page._run(deadline, "size", None)
        page._frame_size = (bounds["width"] - inside["width"], bounds["height"] - inside["height"])
        return page

    async def lay_out(self, html: str, width: int, scale: int, deadline: float) -> Layout:
        marker = secrets.token_hex(8)
        await self.call(deadline, "Page.setDocumentContent", frameId=self._frame, html=html)
        limits = {"band": _BAND_HEIGHT // scale, "area": _BAND_AREA // scale**2, "highest": _HIGHEST // scale}
        placed = await self._run(deadline, "place", {"marker": marker, "width": width, **limits})
        boxes = [_box(box) for box in placed.pop("boxes")]
        layout = Layout(marker=marker, scale=scale, boxes=tuple(boxes), **placed)
        height = _rounded_up(min(layout.band, layout.height), layout.band) + MARK
        await self._view(deadline, layout.width, height)
        return layout

    async def band(self, layout: Layout, number: int, deadline: float) -> Band:
        top = number * layout.band
        height, mark = min(layout.band, layout.height - top), f"#{secrets.token_hex(3)}"
        shown = {"marker": layout.marker, "top": top, "height": height, "colour": mark}
        await self._run(deadline, "show", shown)
        # No clip: Chromium would emulate another device for a moment, and lay the page out for that.
        answer = await self.call(deadline, "Page.captureScreenshot", format="png", optimizeForSpeed=True)
        return Band(number=number, png=base64.b64decode(answer["data"]), height=height, mark=mark)

    async def typeset(self, formula: Formula, deadline: float) -> dict[str, str]:
        """Call MathJax. It is loaded once, into an isolated world: pages and their scripts do not see it."""
        if self._typesetter is None:
            world = await self.call(deadline, "Page.createIsolatedWorld", frameId=self._frame)
            self._typesetter = world["executionContextId"]
            begin = "globalThis.MathJax = {startup: {ready() {}}};"
            for source in (begin, script().read_text("utf-8"), template_path("typeset.js").read_text("utf-8")):
                await self.evaluate(deadline, f"{source}\n;0", contextId=self._typesetter)
        call = f"typeset({json.dumps(asdict(formula))})"
        answer: dict[str, str] = await self.evaluate(deadline, call, contextId=self._typesetter)
        return answer

    async def _view(self, deadline: float, width: int, height: int) -> None:
        """Resize the window so that a page of this size fits. An emulated size would change the scale."""
        while self._viewport != (width, height):
            frame = self._frame_size
            bounds = {"width": width + frame[0], "height": height + frame[1]}
            await self.call(deadline, "Browser.setWindowBounds", windowId=self._window, bounds=bounds)
            got = await self._run(deadline, "sized", {"width": width, "height": height})
            self._viewport = (got["width"], got["height"])
            self._frame_size = (bounds["width"] - got["width"], bounds["height"] - got["height"])

    async def _run(self, deadline: float, function: str, argument: Json) -> Json:
        """Call a function of templates/page.js. It is evaluated each time, so that it leaves nothing on the page."""
        names = ("page.js", "whole.js", "readable.js", "characters.js")
        page, *others = (template_path(name).read_text("utf-8") for name in names)
        others[0] = f"({others[0]})()"
        call = f"({page})({', '.join(others)})[{json.dumps(function)}]({json.dumps(argument)})"
        return await self.evaluate(deadline, call)

    def _refuse(self, event: Json) -> None:
        """Refuse to fetch anything. What the page itself contains (data:) is not a request and still works."""
        self.send("Fetch.failRequest", requestId=event["requestId"], errorReason="Aborted")


def _box(found: Json) -> Box:
    losses = tuple(Loss(**loss) for loss in found.pop("losses"))
    return Box(**{**found, "keep": found["keep"] and tuple(found["keep"]), "losses": losses})


def _rounded_up(height: int, band: int) -> int:
    """Round a height up to one of a few: resizing the window costs more than capturing some empty space."""
    while band > _LOWEST and height * 2 <= band:
        band = -(-band // 2)
    return band


def _connect(address: str, loop: asyncio.AbstractEventLoop) -> Any:
    import pyppeteer.connection
    from websockets.legacy.client import connect

    def plain(url: str, *, loop: Any, **options: Any) -> Any:  # noqa: ARG001 - websockets deprecates what pyppeteer hands it
        return connect(url, compression=None, **options)

    # pyppeteer asks for compression, which costs more time than it saves on the loopback.
    pyppeteer.connection.ws_connect = plain
    return pyppeteer.connection.Connection(address, loop)
