"""A document whose scripts run, on a page of its own: drawn until nothing moves, photographed, and gone.

The page has an origin and a browser context that no other page has. Its policy (a sandbox, sent as a header that no
script can change) closes windows, dialogs, downloads, forms and every scheme but HTTPS; the gate answers requests; and
Chromium has no network. What we ask of the page runs in a world of its own, beside the output's scripts.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from gpu_doc.model.values import Json
from gpu_doc.pictures.chromium import ChromiumProcess
from gpu_doc.pictures.gate import Gate, is_missed
from gpu_doc.pictures.layout import Box, Loss
from gpu_doc.pictures.tab import TICK, Tab, ask
from gpu_doc.resources import template_path

_HIGHEST = 16_000  # device pixels: from about 40,000 on Chromium's pictures are wrong without an error
_LARGEST = 64_000_000  # device pixels of a window; 190 MB when decoded
_MOST_TOLD = 100  # errors and refused requests of one page
_MOST_MEMORY = 3_000_000_000  # bytes of all of Chromium; without scripts, it takes 0.6 GB
_WORLD = "gpu-doc"
_SHORT = 0.3  # seconds that scripts get to end what they began, before each picture
_STARTING_HEIGHT = 600  # CSS pixels of the window that the scripts see first
_POLICY = (
    "sandbox allow-scripts allow-same-origin; default-src data: blob: https: 'unsafe-inline' 'unsafe-eval'; "
    "frame-src data: blob:; worker-src data: blob:; object-src 'none'; base-uri 'none'; form-action 'none'"
)

_WATCH = """
globalThis.blocked = [];
document.addEventListener('securitypolicyviolation', ({ blockedURI, effectiveDirective }) => {
  const needed = ['connect-src', 'script-src-elem', 'style-src-elem', 'font-src'].includes(effectiveDirective);
  if (needed && /^(http:|file)/.test(blockedURI)) blocked.push(`${blockedURI}`.slice(0, 200));
});
"""
"""Runs before all scripts of a document, in our own world: what the policy forbids comes to no gate."""


@dataclass(frozen=True)
class LiveDocument:
    """A whole HTML document, and the width (CSS pixels) of the window that it is shown in."""

    html: str
    width: int


@dataclass
class Drawing:
    """A picture of a document's body, and what was seen on the way. Sizes in CSS pixels."""

    png: bytes = b""
    """The whole window; the body is cut out of it by `box`."""
    box: Box = field(default_factory=lambda: Box(0, 0, 1, 1))
    text: str = ""
    """All that can be read."""
    rare: str = ""
    """Characters that may have no font, each once."""
    errors: list[str] = field(default_factory=list)
    """What scripts did not catch."""
    refused: list[str] = field(default_factory=list)
    """Addresses that were asked for and not given."""
    empty: bool = False
    """Whether a library never drew."""
    moves: bool = False
    """Whether it never came to rest."""
    needs_webgl: bool = False


async def drawn(
    connection: Any, document: LiveDocument, gate: Gate, process: ChromiumProcess, limits: tuple[int, float]
) -> Drawing:
    """Draw a document on a page of its own. `limits` are the device scale, and the time by which it must be done.

    Raises BrowserLostError.
    """
    scale, deadline = limits
    window = await opened(connection, document.width, deadline)
    page = LivePage(window, document, gate)
    async with watched(process, page):
        drawing = await page.drawn(scale, deadline)
        await window.close(deadline)
    return drawing


@dataclass(frozen=True)
class Window:
    """A window of a browser context of its own: nothing that is stored there is seen in another one."""

    connection: Any
    context: str
    target: str
    id: int
    session: Any

    async def close(self, deadline: float) -> None:
        """Close it, and forget what was stored. Raises BrowserLostError."""
        await ask(self.connection, deadline, "Target.disposeBrowserContext", browserContextId=self.context)


async def opened(connection: Any, width: int, deadline: float) -> Window:
    """Open a window of a width in CSS pixels. Raises BrowserLostError."""
    context = await ask(connection, deadline, "Target.createBrowserContext", disposeOnDetach=True)
    where = {"browserContextId": context["browserContextId"]}
    await ask(connection, deadline, "Browser.setDownloadBehavior", behavior="deny", **where)
    size = {"width": width, "height": _STARTING_HEIGHT}
    target = await ask(connection, deadline, "Target.createTarget", url="about:blank", newWindow=True, **size, **where)
    window = await ask(connection, deadline, "Browser.getWindowForTarget", targetId=target["targetId"])
    session = await connection.createSession({**target, "type": "page"})
    return Window(connection, context["browserContextId"], target["targetId"], window["windowId"], session)


@asynccontextmanager
async def watched(process: ChromiumProcess, page: Tab) -> AsyncIterator[None]:
    """End what takes all of the machine's memory meanwhile, before the kernel ends something else."""
    watch = asyncio.ensure_future(_watch(process, page))
    try:
        yield
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch


async def _watch(process: ChromiumProcess, page: Tab) -> None:
    while True:
        await asyncio.sleep(5 * TICK)
        if await asyncio.get_running_loop().run_in_executor(None, process.memory) > _MOST_MEMORY:
            page.lose(f"its scripts took more than {_MOST_MEMORY // 10**9} GB of memory")
            process.end_children()
            return


class LivePage(Tab):
    """The page of one document."""

    def __init__(self, window: Window, document: LiveDocument, gate: Gate) -> None:
        super().__init__(window.session)
        self._window = window
        self._document = document
        self._gate = gate
        self._address = f"https://{secrets.token_hex(8)}.invalid/"
        self._given = False
        self._world = 0
        self._drawing = Drawing()
        self._fetching: set[asyncio.Future[None]] = set()
        window.session.on("Fetch.requestPaused", self._paused)
        window.session.on("Runtime.exceptionThrown", self._failed)

    async def _load(self, deadline: float) -> None:
        """Go to the document. What is called in our world afterwards may come before its scripts have run."""
        for domain in ("Page", "Inspector", "Runtime"):
            await self.call(deadline, f"{domain}.enable")
        await self.call(deadline, "Fetch.enable", patterns=[{"urlPattern": "*"}])
        await self.call(deadline, "Page.addScriptToEvaluateOnNewDocument", source=_WATCH, worldName=_WORLD)
        await self.call(deadline, "Page.navigate", url=self._address)
        world = await self.call(deadline, "Page.createIsolatedWorld", frameId=self._window.target, worldName=_WORLD)
        self._world = world["executionContextId"]

    async def drawn(self, scale: int, deadline: float) -> Drawing:
        """Draw the document. Raises BrowserLostError."""
        await self._load(deadline)
        if await self._ready(deadline):
            await self._photographed(scale, deadline)
            self._drawing.text = await self._run(deadline, "text", None)
            on_canvas = await self.evaluate(deadline, "window[Symbol.for('gpu-doc')].written()")
            self._drawing.rare = await self._run(deadline, "rare", str(on_canvas))
        blocked = await self.evaluate(deadline, "globalThis.blocked ?? []", contextId=self._world)
        self._drawing.refused += blocked[:_MOST_TOLD]
        return self._drawing

    async def _ready(self, deadline: float) -> bool:
        """Wait until scripts wait for nothing more; tell whether they drew all that they were to draw."""
        patience = time.monotonic() + max(1.0, (deadline - time.monotonic()) / 3)
        while True:
            while await self._run(deadline, "waiting", None):
                self._drawing.empty = time.monotonic() > patience
                if self._drawing.empty or self._drawing.refused or self._drawing.errors:
                    return False
                await asyncio.sleep(TICK)
            await self._rest(deadline, patience)
            if not await self._run(deadline, "waiting", None):  # a script may have made place for one more figure
                return True

    async def _rest(self, deadline: float, patience: float) -> None:
        """Wait, while there is patience, until scripts wait for no timer, no frame and no answer."""
        while True:
            milliseconds = max(0.0, patience - time.monotonic()) * 1000
            await self.evaluate(deadline, f"window[Symbol.for('gpu-doc')].quiet({milliseconds})")
            if not self._fetching or time.monotonic() > patience:
                return
            await asyncio.sleep(TICK)

    async def _photographed(self, scale: int, deadline: float) -> None:
        """Take pictures until two are alike: of a window that holds all there is."""
        size, before = (0, 0), b""
        patience = time.monotonic() + (deadline - time.monotonic()) / 2
        while time.monotonic() < patience:
            found = await self._run(
                deadline, "measured", {"highest": _HIGHEST // scale, "largest": _LARGEST // scale**2}
            )
            self._drawing.needs_webgl = found.pop("failure") == "webgl"
            wanted = found.pop("page")
            losses = tuple(Loss(**loss) for loss in found.pop("losses"))
            keep = found.pop("keep")
            self._drawing.box = Box(**found, keep=keep and tuple(keep), losses=losses, fits=not losses)
            if losses:
                return
            now = max(self._document.width, wanted[0]), max(_STARTING_HEIGHT, wanted[1])
            if now != size:
                await self._resize(deadline, now)
                size, before = now, b""
                continue
            answer = await self.call(deadline, "Page.captureScreenshot", format="png", optimizeForSpeed=True)
            self._drawing.png = base64.b64decode(answer["data"])
            if self._drawing.png == before:
                return
            before = self._drawing.png
            await self._run(deadline, "frames", None)
            await self._rest(deadline, time.monotonic() + _SHORT)
        self._drawing.moves = True

    async def _resize(self, deadline: float, size: tuple[int, int]) -> None:
        """Make the window so large that the page has this size."""
        inside = await self._run(deadline, "size", None)
        bounds = await self.call(deadline, "Browser.getWindowBounds", windowId=self._window.id)
        more = {side: size[n] - inside[side] + bounds["bounds"][side] for n, side in enumerate(("width", "height"))}
        await self.call(deadline, "Browser.setWindowBounds", windowId=self._window.id, bounds=more)
        while tuple((await self._run(deadline, "size", None)).values()) != size:
            await asyncio.sleep(TICK)

    async def _run(self, deadline: float, function: str, argument: Json) -> Json:
        """Call a function of templates/live.js, in our own world on the page."""
        names = ("live.js", "whole.js", "characters.js")
        live, whole, characters = (template_path(name).read_text("utf-8") for name in names)
        call = f"({live})(({whole})({{ scripts: true }}), {characters})[{json.dumps(function)}]({json.dumps(argument)})"
        return await self.evaluate(deadline, call, contextId=self._world)

    def _failed(self, event: Json) -> None:
        details = event["exceptionDetails"]
        thrown = details.get("exception", {})
        text = thrown.get("description") or thrown.get("value") or details.get("text", "")
        if len(self._drawing.errors) < _MOST_TOLD:
            self._drawing.errors.append(str(text).partition("\n")[0].removeprefix("Uncaught (in promise) ")[:200])

    def _paused(self, event: Json) -> None:
        request, first = event["request"], not self._given
        if first and request["url"] == self._address:
            self._given = True
            headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": _POLICY}
            self._fulfil(event["requestId"], self._document.html.encode("utf-8", "replace"), headers)
        elif event["resourceType"] == "Document":
            self._refuse(event)
        else:
            fetching = asyncio.ensure_future(self._answered(event))
            self._fetching.add(fetching)
            fetching.add_done_callback(self._fetching.discard)

    async def _answered(self, event: Json) -> None:
        request = event["request"]
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(None, self._gate.answer, request["url"], request["method"])
        if answer is None:
            self._refuse(event)
            return
        headers = {"Content-Type": answer.type, "Access-Control-Allow-Origin": "*"}
        self._fulfil(event["requestId"], answer.body, headers, answer.status)

    def _refuse(self, event: Json) -> None:
        missed = is_missed(event["request"]["url"], event["resourceType"])
        if missed and len(self._drawing.refused) < _MOST_TOLD:
            self._drawing.refused.append(event["request"]["url"].removeprefix(self._address)[:200])
        with suppress(Exception):  # the page may be gone
            self.send("Fetch.failRequest", requestId=event["requestId"], errorReason="Aborted")

    def _fulfil(self, request: str, body: bytes, headers: Mapping[str, str], status: int = 200) -> None:
        with suppress(Exception):  # the page may be gone
            self.send(
                "Fetch.fulfillRequest",
                requestId=request,
                responseCode=status,
                responseHeaders=[{"name": name, "value": value} for name, value in headers.items()],
                body=base64.b64encode(body).decode(),
            )
