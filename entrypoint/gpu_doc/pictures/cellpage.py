"""Makes web pages of exhibits: nbconvert writes the HTML of outputs and sources; each exhibit gets its own section.

An output that contains HTML is put into a frame: a separate document in a sandbox without scripts. Nothing in it
(styles, ids, unclosed tags, `position: fixed`) can change our page or another output, and no style of our page changes
it. So an exhibit looks the same on a page of many as on a page of one. nbconvert escapes text and images; they need no
frame, which would cost 10 ms each.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from html import escape
from string import Template
from typing import Any

from gpu_doc.model.pictures import Exhibit
from gpu_doc.model.values import Json
from gpu_doc.pictures.ansi import coloured
from gpu_doc.pictures.formulas import Formulas, Typeset
from gpu_doc.pictures.jsontree import tree
from gpu_doc.pictures.livepage import LiveDocument
from gpu_doc.pictures.richest import JSON, richest
from gpu_doc.pictures.svg import as_image
from gpu_doc.resources import template_path
from gpu_doc.text.folding import fold
from gpu_doc.text.terminal_colours import Theme, legible

BACKGROUND = {"light": "#ffffff", "dark": "#0d1117"}
"""The page's colour in each theme; templates/page.css has the same."""
_ON_BACKGROUND = ("image/png", "image/jpeg", "image/svg+xml")
_JUPYTER = {
    "light": {"light": "true", "jupyter": "JupyterLab Light"},
    "dark": {"light": "false", "jupyter": "JupyterLab Dark"},
}
"""What JupyterLab says of a theme on the page's body, where outputs look."""
_COLOURED = re.compile(r"(?<!current)color|background", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(\.\d+)?")
"""CSS pixels of an image; Altair gives 437.0."""
PADDING = 16
"""CSS pixels around an exhibit in its frame."""
_STYLES = ("page.css", "widgets.css", "formulas.css", "json.css")
_STYLES_ONLY = re.compile(
    r"(?:\s|<!--.*?-->|<link\b[^>]*>|<meta\b[^>]*>|<style\b[^>]*>.*?</style\s*>)*", re.IGNORECASE | re.DOTALL
)
_AREA = '<div class="output_area">'
_END_OF_CELL = re.compile(r"(?:\s*</div>){4}\s*\Z")  # output_area, output, output_wrapper, cell


class CellPages:
    """Makes pages. Creating the first imports nbconvert (half a second); then an exhibit takes a millisecond or two.

    `typeset` draws formulas.
    """

    def __init__(self, typeset: Typeset) -> None:
        from nbconvert.exporters import HTMLExporter
        from nbconvert.filters import ansi2html
        from nbformat.v4 import new_notebook

        exporter = HTMLExporter(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)
        # Before a template is compiled: nbconvert's own filter takes its context too.
        exporter.register_filter("markdown2html", self._markdown)
        # Converting an empty notebook sets up what the template needs. We call the template ourselves: nbconvert would
        # pass all HTML through BeautifulSoup, which closes tags across cells and takes most of the time.
        _, self._resources = exporter.from_notebook_node(new_notebook())
        exporter.register_filter("ansi2html", self._coloured)
        self._ansi2html: Callable[[str], str] = ansi2html
        self._theme: Theme = "light"
        self._typeset = typeset
        self._formulas: Formulas  # those of the exhibit that is being made
        self._template = exporter.template
        self._style = "".join(template_path(name).read_text("utf-8") for name in _STYLES)
        self._document = Template(template_path("output.html").read_text("utf-8").rstrip())
        self._live = Template(template_path("live.html").read_text("utf-8").rstrip())
        style = self._style + template_path("cell.css").read_text("utf-8")
        self._page = template_path("page.html").read_text("utf-8").replace("/* style */", style)

    def page(self, sections: Sequence[str]) -> str:
        """Return one page with the sections, in order."""
        return self._page.replace("<!-- sections -->", "\n".join(sections))

    def section(self, exhibit: Exhibit) -> str:
        """Return the HTML of one exhibit's section.

        Raises CaptureError if an output can't be shown without scripts, or a formula can't be typeset.
        """
        self._theme = exhibit.theme
        self._formulas = Formulas(exhibit, self._typeset)
        outputs = self._isolated([self._shown(output, exhibit) for output in joined(exhibit.outputs)], exhibit)
        content = _terminal(exhibit) if exhibit.kind == "terminal" else self._cell(exhibit, outputs)
        theme, width = exhibit.theme, exhibit.width
        content = f'<div data-gpu-doc="{theme}" data-gpu-doc-page style="max-width:{width}px">{content}</div>'
        return f'<section data-gpu-doc="{theme}" style="width:{width + 2 * PADDING}px">{content}</section>'

    def live_document(self, content: str, libraries: str, exhibit: Exhibit) -> LiveDocument:
        """Give a document whose scripts run; first of all the HTML that loads `libraries`."""
        html = self._live.substitute(
            theme=exhibit.theme,
            light=str(exhibit.theme == "light").lower(),
            prelude=template_path("live-prelude.js").read_text("utf-8"),
            style=self._style,
            libraries=libraries,
            width=exhibit.width,
            content=content,
        )
        return LiveDocument(html, exhibit.width + 2 * PADDING)

    def _isolated(self, outputs: Sequence[Json], exhibit: Exhibit) -> Sequence[Json]:
        """Put each output that contains HTML into its own document.

        An output that holds only styles is meant for the outputs beside it, as in Jupyter. Then every output is put
        into a document, together with these styles.
        """
        styles = [output["data"]["text/html"] for output in outputs if _is_styles_only(output)]
        shown = [output for output in outputs if not _is_styles_only(output)]
        return [
            self._framed("".join([*styles, self._html(output, exhibit)]), exhibit)
            if styles or _is_markup(output)
            else output
            for output in shown
        ]

    def _html(self, output: Json, exhibit: Exhibit) -> str:
        """Return an output's HTML as nbconvert writes it, without the cell around it."""
        whole = self._cell(replace(exhibit, kind="output"), [output])
        return _END_OF_CELL.sub("", whole.partition(_AREA)[2]).strip()

    def _framed(self, html: str, exhibit: Exhibit) -> Json:
        document = self._document.substitute(
            theme=exhibit.theme, style=self._style, width=exhibit.width, content=html, **_JUPYTER[exhibit.theme]
        )
        attributes = f'style="width:{exhibit.width + 2 * PADDING}px"' + (
            " data-coloured" * bool(_COLOURED.search(html))
        )
        frame = f'<iframe sandbox="allow-same-origin" {attributes} srcdoc="{escape(document)}"></iframe>'
        data = {"text/html": f'<div class="holder">{frame}</div>'}
        return {"output_type": "display_data", "data": data, "metadata": {}}

    def _cell(self, exhibit: Exhibit, outputs: Sequence[Json]) -> str:
        cell = {
            "cell_type": "code",
            "source": exhibit.source,
            "metadata": {"magics_language": exhibit.language, "transient": {"remove_source": exhibit.kind != "cell"}},
            "outputs": outputs,
        }
        html: str = self._template.render(nb={"cells": [cell], "metadata": {}}, resources=self._resources)
        return html

    def _shown(self, output: dict[str, Any], exhibit: Exhibit) -> dict[str, Any]:
        """Return the output as nbconvert should show it: text folded, one representation, only its size as metadata."""
        if output["output_type"] == "stream":
            return {**output, "text": fold(output["text"]).rstrip("\n")}
        if output["output_type"] == "error":
            traceback = output.get("traceback") or [f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"]
            return {**output, "traceback": traceback}
        data = {mime: content if mime in JSON else _text(content) for mime, content in output.get("data", {}).items()}
        mime, content = richest(data, where=exhibit.where)
        metadata = output.get("metadata", {}).get(mime, {})
        if mime == "image/svg+xml":
            content = as_image(content, exhibit)
        elif mime == "text/latex":
            mime, content = "text/html", self._formulas.latex(content)
        elif mime == "text/html":
            content = self._formulas.in_widgets(content)
        elif mime in JSON:
            mime, content = "text/html", tree(content, str(metadata.get("root") or "root"), where=exhibit.where)
        size = {key: metadata[key] for key in ("width", "height") if _NUMBER.fullmatch(str(metadata.get(key, "")))}
        needed = output.get("metadata", {}).get("needs_background")  # beside the metadata of its types
        if mime in _ON_BACKGROUND and needed in BACKGROUND and needed != exhibit.theme:
            mime, content, size = "text/html", _on_background(mime, content, BACKGROUND[needed], size), {}
        return {"output_type": "display_data", "data": {mime: content}, "metadata": {mime: size}}

    def _markdown(self, text: str) -> str:
        """Turn Markdown into HTML as nbconvert does, with formulas typeset."""
        from nbconvert.filters.markdown_mistune import MarkdownWithMath

        html: str = MarkdownWithMath(renderer=self._formulas.renderer()).render(text)
        return html

    def _coloured(self, text: str) -> str:
        return coloured(self._ansi2html(text), self._theme)


def joined(outputs: Iterable[Json]) -> list[dict[str, Any]]:
    """Join neighbouring pieces of one stream, and drop streams that show only white space.

    A line may have been written in several pieces. And a progress bar's last newline, if it comes after other output,
    would be shown as an empty strip.
    """
    whole = _neighbours_joined(outputs)
    return _neighbours_joined(o for o in whole if o["output_type"] != "stream" or fold(o["text"]).strip())


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


def _on_background(mime: str, image: str, colour: str, size: Mapping[str, Any]) -> str:
    """Give an image that is transparent and says so on what it is made for, as JupyterLab does (Matplotlib says it)."""
    sides = "".join(f' {side}="{number}"' for side, number in size.items())
    if mime == "image/svg+xml":
        image = b64encode(image.encode()).decode()
    return f'<img style="background:{colour}"{sides} src="data:{mime};base64,{escape(image.strip())}">'


def _is_markup(output: dict[str, Any]) -> bool:
    """Return whether the output puts its own HTML on the page. SVG does not: it is in the address of an image."""
    return not {"text/html", "text/markdown"}.isdisjoint(output.get("data", {}))


def _is_styles_only(output: dict[str, Any]) -> bool:
    html = output.get("data", {}).get("text/html")
    return html is not None and "<style" in html.lower() and _STYLES_ONLY.fullmatch(html) is not None


def _text(content: Json) -> Any:
    """Join text: notebooks may hold a list of lines in place of text."""
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
# Scripts whose letters are shaped by their neighbours (Hebrew to Myanmar, Khmer): apart they are not the same word.
_SHAPED = re.compile(r"[\u0590-\u109f\u1780-\u17ff][\u0590-\u109f\u1780-\u17ff\u200c\u200d]*")


def _on_grid(text: str) -> str:
    """Give each character as many columns as the terminal did; its glyph may have another width."""
    from wcwidth import wcwidth

    parts: list[str] = []
    at = 0
    while at < len(text):
        plain = _PLAIN.match(text, at)
        if plain:
            parts.append(escape(plain[0]))
            at = plain.end()
            continue
        if shaped := _SHAPED.match(text, at):
            cells = sum(max(0, wcwidth(each)) for each in shaped[0])
            parts.append(f'<i style="width:{cells}ch">{escape(shaped[0])}</i>')
            at = shaped.end()
            continue
        end = at + 1
        while end < len(text) and wcwidth(text[end]) == 0:
            end += 1
        cells = 2 if wcwidth(text[at]) == 2 else 1
        parts.append(f'<i class="c{cells}">{escape(text[at:end])}</i>')
        at = end
    return "".join(parts)
