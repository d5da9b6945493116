"""Exhibits to web pages: nbconvert gives the HTML of outputs and sources, each exhibit gets a section of its own.

An exhibit that brings HTML along is put into a frame there: a document in a sandbox without scripts. Nothing in it
(styles, ids, unclosed tags, `position: fixed`) can reach another exhibit, so a picture from a page of many equals the
picture from a page of one. Text and images come out of nbconvert escaped; a frame would only cost them 10 ms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

from gpu_doc.model import Exhibit, Json
from gpu_doc.resources import template_path
from gpu_doc.stages.capturing.folding import fold
from gpu_doc.stages.capturing.legible import legible
from gpu_doc.stages.capturing.richest import richest

BACKGROUND = {"light": "#ffffff", "dark": "#0d1117"}
"""Of the page, by theme; templates/page.css says the same."""
PADDING = 16
"""CSS pixels around an exhibit in its frame."""
_RGB = re.compile(r'style="color: rgb\((\d+),(\d+),(\d+)\)"')


class CellPages:
    """Makes pages. Creating one imports nbconvert (half a second); then an exhibit takes a millisecond or two."""

    def __init__(self) -> None:
        from nbconvert.exporters import HTMLExporter
        from nbconvert.filters import ansi2html
        from nbformat.v4 import new_notebook

        exporter = HTMLExporter(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)
        # Converting an empty notebook sets up what the template needs. Its own conversion would then pass all HTML
        # through BeautifulSoup, which mends unclosed tags across cells and takes most of the time.
        _, self._resources = exporter.from_notebook_node(new_notebook())
        exporter.register_filter("ansi2html", self._coloured)
        self._ansi2html: Callable[[str], str] = ansi2html
        self._background = BACKGROUND["light"]
        self._template = exporter.template
        self._style = template_path("page.css").read_text("utf-8")
        self._page = template_path("page.html").read_text("utf-8")

    def page(self, sections: Sequence[str]) -> str:
        """Give one page with the sections, in order."""
        return self._page.replace("/* style */", self._style).replace("<!-- sections -->", "\n".join(sections))

    def section(self, exhibit: Exhibit) -> str:
        """Give the HTML of one exhibit's section.

        Raises CaptureError where an output cannot be shown without scripts.
        """
        outputs = [_shown(output, exhibit) for output in joined(exhibit.outputs)]
        content = _terminal(exhibit) if exhibit.kind == "terminal" else self._cell(exhibit, outputs)
        looks, size = f"{exhibit.theme} {exhibit.kind}", f"width:{exhibit.width + 2 * PADDING}px"
        if any(_is_markup(output) for output in outputs):
            document = (
                f'<!doctype html><html class="{exhibit.theme}"><head><meta charset="utf-8"><style>{self._style}</style>'
                f'</head><body class="page {looks}" style="max-width:{exhibit.width}px">{content}</body></html>'
            )
            content = f'<iframe sandbox="allow-same-origin" style="{size}" srcdoc="{escape(document)}"></iframe>'
        else:
            content = f'<div class="page {looks}" style="max-width:{exhibit.width}px">{content}</div>'
        return f'<section class="{exhibit.theme}" style="{size}">{content}</section>'

    def _cell(self, exhibit: Exhibit, outputs: Sequence[Json]) -> str:
        self._background = BACKGROUND[exhibit.theme]
        cell = {
            "cell_type": "code",
            "source": exhibit.source,
            "metadata": {"magics_language": exhibit.language, "transient": {"remove_source": exhibit.kind != "cell"}},
            "outputs": outputs,
        }
        html: str = self._template.render(nb={"cells": [cell], "metadata": {}}, resources=self._resources)
        return html

    def _coloured(self, text: str) -> str:
        """Turn ANSI colours into HTML as nbconvert does, those chosen for another background made legible."""
        html: str = self._ansi2html(text)
        return _RGB.sub(lambda rgb: f'style="color: {self._legible(rgb)}"', html)

    def _legible(self, rgb: re.Match[str]) -> str:
        return legible("#{:02x}{:02x}{:02x}".format(*map(int, rgb.groups())), self._background)


def joined(outputs: Iterable[Json]) -> list[dict[str, Any]]:
    """Give the outputs with neighbouring pieces of one stream as one, without streams that show only white space.

    A line may have been written in several pieces. And a progress bar's last newline, written after something else
    was printed, would be an empty strip of its own.
    """
    return _neighbours_joined(output for output in _neighbours_joined(outputs) if not _is_white(output))


def _is_white(output: dict[str, Any]) -> bool:
    return output["output_type"] == "stream" and not fold(output["text"]).strip()


def _neighbours_joined(outputs: Iterable[Json]) -> list[dict[str, Any]]:
    whole: list[dict[str, Any]] = []
    for output in outputs:
        if output["output_type"] != "stream":
            whole.append(dict(output))
        elif whole and whole[-1]["output_type"] == "stream" and whole[-1]["name"] == output["name"]:
            whole[-1]["text"] += _text(output["text"])
        else:
            whole.append({**output, "text": _text(output["text"])})
    return whole


def _shown(output: dict[str, Any], exhibit: Exhibit) -> dict[str, Any]:
    """Give the output as nbconvert shall show it: text folded, one representation, no more metadata than that needs."""
    if output["output_type"] == "stream":
        return {**output, "text": fold(output["text"]).rstrip("\n")}
    if output["output_type"] == "error":
        traceback = output.get("traceback") or [f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"]
        return {**output, "traceback": traceback}
    data = {mime: _text(content) for mime, content in output.get("data", {}).items()}
    mime, content = richest(data, name=exhibit.name)
    metadata = output.get("metadata", {}).get(mime, {})
    size = {key: metadata[key] for key in ("width", "height") if str(metadata.get(key, "")).isdigit()}
    return {"output_type": "display_data", "data": {mime: content}, "metadata": {mime: size}}


def _is_markup(output: dict[str, Any]) -> bool:
    """Tell whether an output's own HTML is on the page. SVG is not: it stands in the address of an image."""
    return not {"text/html", "text/markdown"}.isdisjoint(output.get("data", {}))


def _text(content: Json) -> Any:
    """Give text as such: notebooks may hold a list of lines wherever they hold text."""
    return "".join(content) if isinstance(content, list) else content


def _terminal(exhibit: Exhibit) -> str:
    lines = ("".join(_span(span, exhibit.theme) for span in line) for line in exhibit.lines)
    return f'<pre class="screen">{"<br>".join(lines)}</pre>'


def _span(span: Any, theme: str) -> str:
    background = span.background or BACKGROUND[theme]
    styles = [f"color:{legible(span.foreground, background)}"] if span.foreground else []
    styles += [f"background:{span.background}"] if span.background else []
    styles += ["font-weight:bold"] if span.bold else []
    styles += ["font-style:italic"] if span.italic else []
    lines = [name for name, drawn in (("underline", span.underline), ("line-through", span.strike)) if drawn]
    styles += [f"text-decoration:{' '.join(lines)}"] if lines else []
    text = _on_grid(span.text)
    return f'<span style="{escape(";".join(styles))}">{text}</span>' if styles else text


# Characters that DejaVu Sans Mono draws in exactly one cell: up to Cyrillic, punctuation, arrows, box drawing, blocks.
_PLAIN = re.compile(r"[ -\u052f\u2010-\u2027\u2030-\u205e\u2190-\u21ff\u2500-\u259f]+")


def _on_grid(text: str) -> str:
    """Give each character the cells that the terminal gave it, whatever the width of its glyph."""
    from wcwidth import wcwidth

    parts: list[str] = []
    at = 0
    while at < len(text):
        plain = _PLAIN.match(text, at)
        if plain:
            parts.append(escape(plain[0]))
            at = plain.end()
            continue
        end = at + 1
        while end < len(text) and wcwidth(text[end]) == 0:
            end += 1
        cells = 2 if wcwidth(text[at]) == 2 else 1
        parts.append(f'<i class="c{cells}">{escape(text[at:end])}</i>')
        at = end
    return "".join(parts)
