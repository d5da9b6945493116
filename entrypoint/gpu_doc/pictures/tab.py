"""A page of Chromium, spoken to by its DevTools protocol: each call has a deadline, and a page that crashed is told."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from gpu_doc.model.values import Json

TICK = 0.02
"""Seconds between two looks at something that sends no event."""


class BrowserLostError(Exception):
    """The page crashed, hung, or was replaced: this browser is of no more use."""


class FigureLostError(BrowserLostError):
    """That happened to a figure on a page that draws many: on a page of its own it may be drawn."""


async def ask(connection: Any, deadline: float, method: str, **params: Json) -> Json:
    """Call a method of the browser itself. Raises BrowserLostError where no answer comes in time."""
    try:
        call: asyncio.Future[Json] = connection.send(method, params)
    except ConnectionError as error:
        raise BrowserLostError(str(error)) from error
    call.add_done_callback(lambda done: done.cancelled() or done.exception())
    await _first_of({call}, deadline)
    return _result(call)


async def _first_of(calls: set[asyncio.Future[Any]], deadline: float) -> None:
    # asyncio.wait_for would cancel the call, and its late answer would then break pyppeteer's connection.
    await asyncio.wait(calls, timeout=deadline - time.monotonic(), return_when=asyncio.FIRST_COMPLETED)


def _result(call: asyncio.Future[Json]) -> Json:
    if not call.done():
        raise BrowserLostError("the page did not answer in time")
    try:
        return call.result()
    except Exception as error:  # pyppeteer raises its NetworkError and bare exceptions of websockets alike
        raise BrowserLostError(str(error)) from error


class Tab:
    """One page. Lives on the browser's event loop; deadlines are times of `time.monotonic`."""

    def __init__(self, session: Any) -> None:
        """`session` is pyppeteer's."""
        self._session = session
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        session.on("Inspector.targetCrashed", lambda _: self.lose())
        session.on("Page.javascriptDialogOpening", lambda _: self.send("Page.handleJavaScriptDialog", accept=False))

    def lose(self, why: str = "the page crashed") -> None:
        """Let calls fail that nobody will answer any more."""
        if not self._lost.done():
            self._lost.set_result(why)

    async def call(self, deadline: float, method: str, **params: Json) -> Json:
        """Call a method of the protocol and give its answer. Raises BrowserLostError where none comes in time."""
        return await self.answered(deadline, self.send(method, **params))

    async def answered(self, deadline: float, call: asyncio.Future[Json]) -> Json:
        """Give the answer to a call. Raises BrowserLostError where none comes in time."""
        await _first_of({call, self._lost}, deadline)
        if self._lost.done():
            raise BrowserLostError(self._lost.result())
        return _result(call)

    async def evaluate(self, deadline: float, expression: str, **where: Json) -> Json:
        """Evaluate JavaScript on the page and give its value, waiting for promises."""
        answer = await self.call(
            deadline, "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, **where
        )
        if "exceptionDetails" in answer:
            raise BrowserLostError(
                answer["exceptionDetails"].get("exception", {}).get("description", "the page failed")
            )
        return answer["result"].get("value")

    def send(self, method: str, **params: Json) -> asyncio.Future[Json]:
        """Call a method of the protocol, without waiting for its answer."""
        call: asyncio.Future[Json] = self._session.send(method, params)
        call.add_done_callback(lambda done: done.cancelled() or done.exception())
        return call
