"""Outputs that only their scripts can draw: each becomes a document of its own, and its picture takes their place.

From then on they are what a stored image is: laid out among the cell's other outputs, which none of this touches.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from gpu_doc.model.pictures import Exhibit
from gpu_doc.model.values import Json
from gpu_doc.pictures import losses
from gpu_doc.pictures.gate import Gate
from gpu_doc.pictures.libraries import Libraries, MissingLibraryError
from gpu_doc.pictures.png import window_part
from gpu_doc.pictures.richest import JAVASCRIPT, PLOTLY, VEGA, needs_scripts, scripted
from gpu_doc.pictures.secrets import check_text
from gpu_doc.redaction import Redactor
from gpu_doc.resources import template_path
from gpu_doc.system.python_environment import PythonEnvironment, own_environment

if TYPE_CHECKING:
    from gpu_doc.pictures.browser import Browser
    from gpu_doc.pictures.cellpage import CellPages
    from gpu_doc.pictures.livepage import Drawing
    from gpu_doc.pictures.vega import FileSeal

_ASKS_REQUIRE = re.compile(r"\brequire(?:js)?\(\s*\[\s*[\"']plotly")
_SCHEMA = re.compile(r"/schema/(?P<kind>vega(?:-lite)?)/v(?P<version>\d[\d.]*?)\.json")
_NOTHING_SEEN = re.compile(
    r"(?:\s|<!--.*?-->|<(script|style|noscript)\b[^>]*>.*?</\1\s*>|<(?:link|meta)\b[^>]*>)*", re.IGNORECASE | re.DOTALL
)


class Scripts:
    """Has outputs drawn by their scripts."""

    def __init__(
        self,
        environment: Callable[[], PythonEnvironment],
        *,
        environ: Mapping[str, str],
        allowed: Sequence[str],
        seal: Callable[[], FileSeal | None],
    ) -> None:
        """`environment`: where kernels run; `allowed`: hosts that may be reached; `seal`: that of kept scripts."""
        self._seal = seal
        self._environment = environment
        self._environ = environ
        self._allowed = allowed

    @cached_property
    def _libraries(self) -> Libraries:
        return Libraries([self._environment(), own_environment()], self._environ, self._seal)

    @cached_property
    def _gate(self) -> Gate:
        return Gate(self._allowed, environ=self._environ, local=self._libraries.at)

    def drawn(
        self,
        exhibit: Exhibit,
        pages: CellPages,
        browser: Callable[[int], Browser],
        redactor: Redactor,
        *,
        every: bool = False,
        alone: bool = False,
    ) -> Exhibit:
        """Give the exhibit with pictures in the place of what only scripts can draw, or of `every` one with a script.

        Figures that are data are given as HTML, drawn on one page, or each `alone` on a page of its own as all others.
        Raises CaptureError where that can't be shown, BrowserLostError where it hangs or crashes.
        """
        outputs: list[Json] = []
        for group, live in _groups(exhibit.outputs, every=every):
            if not live:
                outputs += group
                continue
            content = "".join(_fragment(output) for output in group)
            if not alone and (figure := self._figure(content, group, pages, browser, exhibit)):
                outputs.append(figure)
                continue
            document = pages.live_document(content, self._tags(content, group, exhibit), exhibit)
            drawing = browser(exhibit.scale).draw(document, self._gate)
            _check(drawing, exhibit, self._environ)
            check_text(drawing.text, exhibit, redactor)
            outputs.append(_pictured(drawing, exhibit))
        return replace(exhibit, outputs=tuple(outputs))

    def drawn_by(self, exhibit: Exhibit) -> str:
        """What draws an exhibit besides its own scripts: a digest of our pages, and libraries with their versions."""
        groups = [group for group, live in _groups(exhibit.outputs, every=True) if live]
        lent = sorted({self._libraries.version("".join(map(_fragment, group))) for group in groups})
        return " ".join([_live_pages(), *lent]) if groups else ""

    def _figure(
        self, content: str, group: Sequence[Json], pages: CellPages, browser: Callable[[int], Browser], exhibit: Exhibit
    ) -> Json:
        """Give the output that shows a figure which is data; None where it needs a page of its own."""
        from gpu_doc.pictures.figurepage import is_plain

        data = _texts(group[0])
        if len(group) > 1 or scripted(data) != PLOTLY:
            return None
        figure = data[PLOTLY] if isinstance(data[PLOTLY], str) else json.dumps(data[PLOTLY])
        if not is_plain(figure):
            return None
        document = pages.live_document("", self._tags(content, group, exhibit), exhibit)
        html = browser(exhibit.scale).figure(figure, document, self._gate)
        return html and {"output_type": "display_data", "data": {"text/html": html}, "metadata": {}}

    def _tags(self, content: str, group: Sequence[Json], exhibit: Exhibit) -> str:
        try:
            return self._libraries.tags(content)
        except MissingLibraryError as missing:
            data = _texts(group[0])
            raise needs_scripts(str(missing), next(iter(data)), exhibit.where) from missing


@cache
def _live_pages() -> str:
    files = sorted([*template_path("").glob("live*"), template_path("figure.js")])
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _groups(outputs: Sequence[Json], *, every: bool) -> Iterator[tuple[list[Json], bool]]:
    """Share outputs out: those that belong together, and whether scripts draw them.

    JavaScript with nothing before it that it could draw into is a library for what follows: Bokeh's `output_notebook`.
    """
    library: list[Json] = []
    drawn = False
    for group, live in _neighbours(outputs, every=every):
        if live and all(
            "text/html" not in _texts(output) and scripted(_texts(output)) == JAVASCRIPT for output in group
        ):
            library += group
            continue
        drawn = drawn or live
        yield [*library, *group] if live else group, live
    if library and not drawn:
        yield library, True


def _neighbours(outputs: Sequence[Json], *, every: bool) -> Iterator[tuple[list[Json], bool]]:
    """Join neighbours that belong together, and tell whether scripts draw them.

    JavaScript by itself draws into what stands before it: Bokeh's `show` gives an empty <div>, then the script. And
    HTML with nothing but scripts is a library for what follows.
    """
    group: list[Json] = []
    live = False
    for output in outputs:
        data = _texts(output)
        kind = scripted(data, every=every)
        before = _texts(group[-1]).get("text/html") if group else None
        if before is not None and (kind == JAVASCRIPT or (live and kind and _NOTHING_SEEN.fullmatch(before))):
            group, live = [*group, output], True
            continue
        if group:
            yield group, live
        group, live = [output], bool(kind)
    if group:
        yield group, live


def _texts(output: Json) -> dict[str, Any]:
    """Content by MIME type; notebooks may hold a list of lines wherever they hold text."""
    data = output.get("data") or {}
    return {
        mime: "".join(part) if isinstance(part, list) and not mime.endswith("json") else part
        for mime, part in data.items()
    }


def _fragment(output: Json) -> str:
    """The HTML that shows an output with scripts."""
    data = _texts(output)
    kind = scripted(data) or "text/html"
    if kind == PLOTLY:
        figure = data[kind] if isinstance(data[kind], str) else json.dumps(data[kind])
        text = template_path("live-plotly.html").read_text("utf-8").replace("FIGURE", _in_script(figure))
    elif chart := VEGA.fullmatch(kind):
        text = _chart(chart, data[kind], (output.get("metadata") or {}).get(kind) or {})
    elif kind == JAVASCRIPT:
        text = f"<script>((element) => {{{_in_script(data[kind])}\n}})(document.currentScript.parentElement)</script>"
    else:
        text = data[kind]
    lent = "<script>window[Symbol.for('gpu-doc')].lendRequire()</script>" if _ASKS_REQUIRE.search(text) else ""
    return f'<div class="output_area"><div class="output_subarea output_html rendered_html">{lent}{text}</div></div>'


def _chart(mime: re.Match[str], spec: Any, metadata: Json) -> str:
    """The HTML that draws a chart of Vega or Vega-Lite that is data."""
    kind = {"vega": "vega", "vegalite": "vega-lite"}[mime["kind"]]
    spec = spec if isinstance(spec, dict) else json.loads(spec)
    told = _SCHEMA.search(str(spec.get("$schema")))
    options = metadata.get("embed_options")
    chart = json.dumps({"spec": spec, "options": options if isinstance(options, dict) else {}})
    version = told["version"] if told and told["kind"] == kind else mime["major"]
    text = template_path("live-vega.html").read_text("utf-8").replace("KIND", kind).replace("VERSION", version)
    return text.replace("CHART", _in_script(chart))


def _in_script(text: str) -> str:
    """Text that stands in a <script> and must not end it. Inside of JavaScript's strings, it means the same."""
    return re.sub(r"<(?=/script|!--)", r"\\u003c", text, flags=re.IGNORECASE)


def _check(drawing: Drawing, exhibit: Exhibit, environ: Mapping[str, str]) -> None:
    """Raise CaptureError where a picture would not show what Jupyter does."""
    if drawing.refused:
        raise losses.not_loaded(exhibit, drawing.refused[0])
    if error := _failure(drawing):
        raise losses.script_failed(exhibit, error)
    if drawing.box.losses:
        raise losses.incomplete(exhibit, drawing.box.losses)
    if drawing.rare:
        from gpu_doc.pictures.characters import check_characters

        check_characters(drawing.rare, exhibit, environ)


def _failure(drawing: Drawing) -> str:
    if drawing.errors:
        return drawing.errors[0]
    if drawing.needs_webgl:
        return "it needs WebGL, which is off"
    if drawing.empty:
        return "nothing was drawn"
    return "it never comes to rest" if drawing.moves else ""


def _pictured(drawing: Drawing, exhibit: Exhibit) -> Json:
    from gpu_doc.pictures.cellpage import BACKGROUND

    cut = window_part(drawing.png, drawing.box, background=BACKGROUND[exhibit.theme], scale=exhibit.scale)
    if cut is None:
        raise losses.blank(exhibit)
    png, place = cut
    size = f"width:{place.width}px;height:{place.height}px;max-width:none"
    image = f'<img src="data:image/png;base64,{b64encode(png).decode()}" style="display:block;{size}">'
    html = f'<div style="padding:{place.y}px 0 0 {place.x}px">{image}</div>'
    return {"output_type": "display_data", "data": {"text/html": html}, "metadata": {}}
