"""Taking pictures of exhibits: many on one page, one capture of it, cut up afterwards.

A capture of a page of twenty exhibits costs little more than that of a single one. While Chromium lays out the next
page, the last one is cut and encoded.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from gpu_doc.errors import CaptureError
from gpu_doc.model import Exhibit, Photograph
from gpu_doc.outside.png import StripError, cut, decoded_equal, encoded

if TYPE_CHECKING:
    from gpu_doc.outside.browser import Browser
    from gpu_doc.outside.strip import Strip
    from gpu_doc.stages.cellpage import CellPages

__all__ = ["Darkroom", "decoded_equal"]

Shot = Photograph | CaptureError
_Document = tuple[int, Exhibit, str]  # its place in what was asked for, what it shows, its HTML
_Page = Sequence[_Document]
_Cutting = Future[list[Shot]]

_ON_A_PAGE = 24
_PAGE_SIZE = 16_000_000  # characters
_LARGEST_TEXT = 3_000_000  # characters, pictures in data: addresses apart
_LARGEST = 64_000_000  # characters
_DATA = re.compile(r"data:[\w.+/;=-]*,[\w+/=%\s-]*")


class Darkroom:
    """Develops exhibits into photographs, with one Chromium that starts when it is first needed.

    `chromium` finds the program to start. `patience` is how many seconds a page of exhibits may take: one that hangs
    or crashes costs up to twice that, and the others on its page are photographed all the same.
    """

    def __init__(self, chromium: Callable[[], Path], *, environ: Mapping[str, str], patience: float = 30.0) -> None:
        self._chromium = chromium
        self._environ = environ
        self._patience = patience
        self._one_at_a_time = threading.Lock()
        self._helpers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="darkroom")
        self._browser: Future[Browser] | None = None
        self._pages: Future[CellPages] | None = None

    def __enter__(self) -> Darkroom:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._close_browser()
        self._helpers.shutdown(wait=True, cancel_futures=True)

    def warm_up(self, scale: int = 2) -> None:
        """Start Chromium and import nbconvert in the background. What fails there is raised by `develop`.

        `scale` is that of the exhibits to come; another one costs a new start.
        """
        if self._browser is None:
            self._browser = self._helpers.submit(self._start_browser, scale)
        if self._pages is None:
            self._pages = self._helpers.submit(_make_pages)

    def develop(self, exhibits: Sequence[Exhibit]) -> list[Shot]:
        """Give a photograph of each exhibit, in order, or the error that says why there is none.

        Raises MachineError where Chromium is not found or does not start.
        """
        shots: dict[int, Shot] = {}
        with self._one_at_a_time:
            documents = [*self._documents(exhibits, shots)]
            cuttings = [cutting for page in _pages(documents) for cutting in self._shoot(page)]
            for page, cutting in cuttings:
                shots.update(self._collected(page, cutting))
        return [shots[number] for number in range(len(exhibits))]

    def _documents(self, exhibits: Sequence[Exhibit], shots: dict[int, Shot]) -> Iterator[_Document]:
        for number, exhibit in enumerate(exhibits):
            try:
                _check_something_to_see(exhibit)
                self.warm_up(exhibit.scale)
                assert self._pages is not None
                document = self._pages.result().document(exhibit)
                _check_size(document, exhibit)
            except CaptureError as error:
                shots[number] = error
            else:
                yield number, exhibit, document

    def _shoot(self, page: _Page) -> list[tuple[_Page, _Cutting]]:
        """Photograph a page; its pictures are cut in the background. A page that fails is tried one by one."""
        from gpu_doc.outside.browser import BrowserLostError, TooHighError

        try:
            strip = self._strip(page)
        except TooHighError as error:
            reason = f"it would be {error.args[0]} CSS pixels high, more than a page can be"
        except BrowserLostError as error:
            self._close_browser()
            reason = str(error)
        else:
            return [(page, self._helpers.submit(_cut, strip, [exhibit for _, exhibit, _ in page]))]
        if len(page) > 1:
            return [shot for document in page for shot in self._shoot([document])]
        refused: _Cutting = Future()
        refused.set_result([_refused(page[0][1], reason)])
        return [(page, refused)]

    def _collected(self, page: _Page, cutting: _Cutting) -> Iterator[tuple[int, Shot]]:
        try:
            shots = cutting.result()
        except StripError as error:
            if len(page) > 1:
                for document in page:
                    for again in self._shoot([document]):
                        yield from self._collected(*again)
                return
            shots = [_refused(page[0][1], str(error))]
        for (number, _, _), shot in zip(page, shots, strict=True):
            yield number, shot

    def _strip(self, page: _Page) -> Strip:
        assert self._pages is not None
        html = self._pages.result().page([(exhibit, document) for _, exhibit, document in page])
        return self._browser_for(page[0][1].scale).photograph(html, width=_strip_width(page))

    def _browser_for(self, scale: int) -> Browser:
        self.warm_up(scale)
        assert self._browser is not None
        if self._browser.result().scale != scale:
            self._close_browser()
            return self._browser_for(scale)
        return self._browser.result()

    def _start_browser(self, scale: int) -> Browser:
        from gpu_doc.outside.browser import Browser

        return Browser(self._chromium(), self._environ, scale=scale, patience=self._patience).__enter__()

    def _close_browser(self) -> None:
        browser, self._browser = self._browser, None
        if browser is not None and not browser.cancel():
            with suppress(Exception):  # it never started: develop has raised that, or nobody needed it
                browser.result().__exit__(None, None, None)


def _make_pages() -> CellPages:
    from gpu_doc.stages.cellpage import CellPages

    return CellPages()


def _pages(documents: Sequence[_Document]) -> Iterator[list[_Document]]:
    """Share documents out over pages: one scale to a page, and not more than it can well hold."""
    for scale in sorted({exhibit.scale for _, exhibit, _ in documents}):
        page: list[_Document] = []
        size = 0
        for document in documents:
            if document[1].scale != scale:
                continue
            if page and (len(page) == _ON_A_PAGE or size + len(document[2]) > _PAGE_SIZE):
                yield page
                page, size = [], 0
            page.append(document)
            size += len(document[2])
        yield page


def _strip_width(page: _Page) -> int:
    """Room for two of the widest side by side, where there are two: less height for the same pictures."""
    from gpu_doc.stages.cellpage import PADDING

    return max(exhibit.width + 2 * PADDING for _, exhibit, _ in page) * min(2, len(page))


def _cut(strip: Strip, exhibits: Sequence[Exhibit]) -> list[Shot]:
    from gpu_doc.stages.cellpage import BACKGROUND

    shots: list[Shot] = []
    for exhibit, box, picture in zip(exhibits, strip.boxes, cut(strip), strict=True):
        photograph = encoded(picture, box, background=BACKGROUND[exhibit.theme], scale=exhibit.scale)
        shots.append(photograph or _blank(exhibit))
    return shots


def _check_something_to_see(exhibit: Exhibit) -> None:
    from gpu_doc.stages.cellpage import joined

    source = exhibit.kind == "cell" and bool(exhibit.source.strip())
    screen = any(span.text.strip() or span.background for line in exhibit.lines for span in line)
    outputs = any(o["output_type"] != "stream" or o["text"].strip() for o in joined(exhibit.outputs))
    if not (source or screen or outputs):
        what = "terminal" if exhibit.kind == "terminal" else "cell"
        raise CaptureError(
            f"The {what} has no output: there is nothing to picture.",
            where=exhibit.name,
            remedy="address a cell that prints or draws something",
        )


def _check_size(document: str, exhibit: Exhibit) -> None:
    """Chromium was seen to hang on 100 MB of text, and so would everyone's browser on the picture."""
    text = len(document) if len(document) <= _LARGEST_TEXT else len(_DATA.sub("", document))
    if text > _LARGEST_TEXT or len(document) > _LARGEST:
        raise _refused(exhibit, f"it holds {len(document) / 1e6:.0f} MB")


def _refused(exhibit: Exhibit, reason: str) -> CaptureError:
    return CaptureError(
        f"The output cannot be photographed: {reason}.",
        where=exhibit.name,
        remedy="print or draw less, or show a part of it: output=N, lines=…",
    )


def _blank(exhibit: Exhibit) -> CaptureError:
    return CaptureError(
        "The picture came out blank.",
        where=exhibit.name,
        remedy="see what the cell shows in Jupyter; an output drawn by a script needs a static image beside it",
    )
