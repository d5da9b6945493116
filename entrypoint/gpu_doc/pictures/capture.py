"""Takes pictures of exhibits: many on one page, captured at once, then cut apart.

A capture of a page of twenty exhibits costs little more than that of a single one. While Chromium captures a band of
the page, the band before is cut apart and encoded.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from gpu_doc.errors import CaptureError
from gpu_doc.model.pictures import Exhibit, Photograph
from gpu_doc.pictures import losses
from gpu_doc.pictures.losses import BlankError, LacksScriptsError
from gpu_doc.pictures.png import Cutter, StripError, decoded_equal, encoded
from gpu_doc.pictures.scripts import Scripts
from gpu_doc.pictures.secrets import check_secrets
from gpu_doc.redaction import Redactor
from gpu_doc.system.python_environment import PythonEnvironment, own_environment

if TYPE_CHECKING:
    from gpu_doc.pictures.browser import Browser
    from gpu_doc.pictures.cellpage import CellPages
    from gpu_doc.pictures.formulas import Formula, Typeset
    from gpu_doc.pictures.layout import Band, Box
    from gpu_doc.pictures.vega import FileSeal

__all__ = ["Camera", "decoded_equal"]

Shot = Photograph | CaptureError
_Section = tuple[int, Exhibit, str]  # its index among the exhibits asked for, what it shows, its HTML
_Page = Sequence[_Section]
_Cut = dict[int, Shot]  # shots by their index on the page

_ON_A_PAGE = 64
_PAGE_SIZE = 16_000_000  # characters
_LARGEST_TEXT = 3_000_000  # characters, without pictures in data: addresses
_LARGEST = 64_000_000  # characters
_DATA = re.compile(r"data:[\w.+/;=-]*,[\w+/=%\s-]*")


class Camera:
    """Takes photographs of exhibits, with one Chromium that starts when it is first needed.

    `chromium` finds the program to start. `patience` is the limit, in seconds, for a page of exhibits. An exhibit that
    hangs or crashes costs up to twice that; the others on its page are still photographed.
    """

    def __init__(
        self,
        chromium: Callable[[], Path],
        *,
        environ: Mapping[str, str],
        patience: float = 30.0,
        redactor: Redactor | None = None,
        allow_hosts: Sequence[str] = (),
        environment: Callable[[], PythonEnvironment] = own_environment,
        seal: Callable[[], FileSeal | None] = lambda: None,
    ) -> None:
        """For outputs with scripts: `environment`, where kernels run, has libraries; `seal` is that of kept ones."""
        self._redactor = redactor or Redactor()
        self._chromium = chromium
        self._environ = environ
        self._patience = patience
        self._one_at_a_time = threading.Lock()
        self._helpers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="camera")
        self._cutter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cutter")  # two would need twice the memory
        self._browser: Future[Browser] | None = None
        self._pages: Future[CellPages] | None = None
        self._scripts = Scripts(environment, environ=environ, allowed=allow_hosts, seal=seal)
        self._typeset = lru_cache(maxsize=1000)(self._drawn_formula)

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._close_browser()
        for helpers in (self._helpers, self._cutter):
            helpers.shutdown(wait=True, cancel_futures=True)

    def warm_up(self, scale: int = 2) -> None:
        """Start Chromium and import nbconvert in the background. `photograph` raises what fails there.

        `scale` is the scale of the exhibits to come; for another one, Chromium has to be started again.
        """
        if self._browser is None:
            self._browser = self._helpers.submit(self._start_browser, scale)
        if self._pages is None:
            self._pages = self._helpers.submit(_make_pages, self._typeset)

    def drawn_by(self, exhibit: Exhibit) -> str:
        """What draws its outputs besides their own scripts; empty where none of them need scripts."""
        return self._scripts.drawn_by(exhibit)

    def photograph(self, exhibits: Sequence[Exhibit]) -> list[Shot]:
        """Return a photograph of each exhibit, in order, or the error that says why there is none.

        Raises MachineError if Chromium is not found or does not start.
        """
        with self._one_at_a_time:
            shots = self._taken(dict(enumerate(exhibits)))
            # A canvas or an image without an address was left to a script: now let it run.
            again = {n: exhibits[n] for n, shot in shots.items() if isinstance(shot, LacksScriptsError)}
            shots |= self._taken(again, every_script=True)
        return [shots[number] for number in range(len(exhibits))]

    def _taken(self, exhibits: Mapping[int, Exhibit], *, every_script: bool = False) -> dict[int, Shot]:
        shots: dict[int, Shot] = {}
        sections = self._sections(exhibits, shots, every_script=every_script)
        cuts = [cut for page in _pages(sections) for cut in self._shoot(page)]
        for page, bands in cuts:
            shots.update(self._collected(page, bands))
        return shots

    def _sections(
        self, exhibits: Mapping[int, Exhibit], shots: dict[int, Shot], *, every_script: bool
    ) -> Iterator[_Section]:
        from gpu_doc.pictures.browser import BrowserLostError

        for number, exhibit in sorted(exhibits.items(), key=lambda each: each[1].scale):
            try:
                _check_something_to_see(exhibit)
                self.warm_up(exhibit.scale)
                assert self._pages is not None
                section = self._pages.result().section(self._drawn(exhibit, every=every_script))
                _check_size(section, exhibit)
                check_secrets(section, exhibit, self._redactor)
            except CaptureError as error:
                shots[number] = error
            except BrowserLostError as error:  # over a formula
                self._close_browser()
                shots[number] = losses.failed(exhibit, str(error))
            else:
                yield number, exhibit, section

    def _drawn(self, exhibit: Exhibit, *, every: bool, alone: bool = False) -> Exhibit:
        """The exhibit, with what is drawn in the place of outputs that their scripts draw."""
        from gpu_doc.pictures.tab import BrowserLostError, FigureLostError

        assert self._pages is not None
        try:
            pages = self._pages.result()
            return self._scripts.drawn(exhibit, pages, self._browser_for, self._redactor, every=every, alone=alone)
        except FigureLostError:
            self._close_browser()
            return self._drawn(exhibit, every=every, alone=True)
        except BrowserLostError as error:
            self._close_browser()
            raise losses.script_failed(exhibit, str(error)) from error

    def _drawn_formula(self, formula: Formula) -> Mapping[str, str]:
        assert self._browser is not None
        return self._browser.result().typeset(formula)

    def _shoot(self, page: _Page) -> list[tuple[_Page, list[Future[_Cut]]]]:
        """Photograph a page; its bands are cut in the background. If the page fails, try each exhibit alone."""
        from gpu_doc.pictures.browser import BrowserLostError

        try:
            return [(page, [*self._bands(page)])]
        except BrowserLostError as error:
            self._close_browser()
            if len(page) > 1:
                return [cut for section in page for cut in self._shoot([section])]
            return [(page, [_done({0: losses.failed(page[0][1], str(error))})])]

    def _bands(self, page: _Page) -> Iterator[Future[_Cut]]:
        assert self._pages is not None
        html = self._pages.result().page([section for _, _, section in page])
        browser = self._browser_for(page[0][1].scale)
        layout = browser.lay_out(html, width=_page_width(page))
        exhibits = [exhibit for _, exhibit, _ in page]
        yield _done(
            {n: losses.incomplete(exhibits[n], box.losses) for n, box in enumerate(layout.boxes) if not box.fits}
        )
        cutter = Cutter(layout)
        for number in range(layout.bands):
            yield self._cutter.submit(_cut, cutter, layout.boxes, exhibits, browser.band(layout, number))
        yield _done(self._without_a_font(layout.boxes, exhibits))

    def _without_a_font(self, boxes: Sequence[Box], exhibits: Sequence[Exhibit]) -> _Cut:
        """Return errors in the place of pictures that would show empty boxes."""
        refused: _Cut = {}
        for number, box in enumerate(boxes):
            if box.rare:
                from gpu_doc.pictures.characters import check_characters

                try:
                    check_characters(box.rare, exhibits[number], self._environ)
                except CaptureError as error:
                    refused[number] = error
        return refused

    def _collected(self, page: _Page, bands: Sequence[Future[_Cut]]) -> Iterator[tuple[int, Shot]]:
        try:
            cut = {number: shot for band in bands for number, shot in band.result().items()}
        except StripError as error:
            if len(page) > 1:
                yield from self._alone(page)
                return
            cut = {0: losses.failed(page[0][1], str(error))}
        # Take a blank one again, alone: on a busy machine, an exhibit once came out blank by mistake.
        blank = [place for place, shot in cut.items() if isinstance(shot, BlankError) and len(page) > 1]
        yield from ((page[place][0], shot) for place, shot in cut.items() if place not in blank)
        yield from self._alone([page[place] for place in blank])

    def _alone(self, page: _Page) -> Iterator[tuple[int, Shot]]:
        for section in page:
            for each, bands in self._shoot([section]):
                yield from self._collected(each, bands)

    def _browser_for(self, scale: int) -> Browser:
        self.warm_up(scale)
        assert self._browser is not None
        if self._browser.result().scale != scale:
            self._close_browser()
            return self._browser_for(scale)
        return self._browser.result()

    def _start_browser(self, scale: int) -> Browser:
        from gpu_doc.pictures.browser import Browser

        return Browser(self._chromium(), self._environ, scale=scale, patience=self._patience).__enter__()

    def _close_browser(self) -> None:
        browser, self._browser = self._browser, None
        if browser is not None and not browser.cancel():
            with suppress(Exception):  # it never started: `photograph` has raised that, or nobody needed it
                browser.result().__exit__(None, None, None)


def _make_pages(typeset: Typeset) -> CellPages:
    from gpu_doc.pictures.cellpage import CellPages

    return CellPages(typeset)


def _pages(sections: Iterable[_Section]) -> Iterator[_Page]:
    """Divide sections, ordered by scale, among pages: each is made while the one before is being cut apart."""
    page: list[_Section] = []
    size = 0
    for section in sections:
        full = len(page) == _ON_A_PAGE or size + len(section[2]) > _PAGE_SIZE
        if page and (full or section[1].scale != page[0][1].scale):
            yield page
            page, size = [], 0
        page.append(section)
        size += len(section[2])
    yield from [page] if page else []


def _page_width(page: _Page) -> int:
    """Return a width for two of the widest sections side by side, if there are two: the page gets less high."""
    from gpu_doc.pictures.cellpage import PADDING

    return max(exhibit.width + 2 * PADDING for _, exhibit, _ in page) * min(2, len(page))


def _cut(cutter: Cutter, boxes: Sequence[Box], exhibits: Sequence[Exhibit], band: Band) -> _Cut:
    from gpu_doc.pictures.cellpage import BACKGROUND, PADDING

    shots: _Cut = {}
    for number, picture in cutter.cut(band):
        exhibit = exhibits[number]
        background = BACKGROUND[exhibit.theme]
        canvas = exhibit.canvas and exhibit.canvas + 2 * PADDING
        photograph = encoded(picture, boxes[number], background=background, scale=exhibit.scale, canvas=canvas)
        shots[number] = photograph or losses.blank(exhibit)
    return shots


def _done(cut: _Cut) -> Future[_Cut]:
    done: Future[_Cut] = Future()
    done.set_result(cut)
    return done


def _check_something_to_see(exhibit: Exhibit) -> None:
    from gpu_doc.pictures.cellpage import joined

    source = exhibit.kind == "cell" and bool(exhibit.source.strip())
    screen = any(span.text.strip() or span.background for line in exhibit.lines for span in line)
    outputs = any(o["output_type"] != "stream" or o["text"].strip() for o in joined(exhibit.outputs))
    if not (source or screen or outputs):
        raise losses.empty(exhibit)


def _check_size(section: str, exhibit: Exhibit) -> None:
    """Refuse a huge section: Chromium hung on 100 MB of text."""
    text = len(section) if len(section) <= _LARGEST_TEXT else len(_DATA.sub("", section))
    if text > _LARGEST_TEXT or len(section) > _LARGEST:
        raise losses.too_large(exhibit, len(section))
