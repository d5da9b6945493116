"""Marks the texts of widgets in which Jupyter typesets formulas; pictures/cellpage.py then typesets them."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

_SKIPPED = frozenset({"script", "noscript", "style", "textarea", "pre", "code", "math"})
"""Elements that MathJax leaves alone, by its option skipHtmlTags."""


def with_math(text: str) -> str:
    """Return a text as HTML, marked if it may contain formulas."""
    html = escape(text)
    return f"<span data-gpu-doc-latex>{html}</span>" if "$" in text or "\\" in text else html


def with_math_in_html(html: str) -> str:
    """Return HTML with those of its texts marked that may contain formulas. No formula reaches over a tag."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return "".join(reader.parts)


class _Reader(HTMLParser):
    """Repeats HTML in parts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._skipped: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - HTMLParser's signature
        self.parts.append(self.get_starttag_text() or "")
        if tag in _SKIPPED:
            self._skipped.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.handle_starttag(tag, attrs)  # HTML has no such tags: a slash at the end of one means nothing

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(f"</{tag}>")
        if tag in self._skipped:
            del self._skipped[self._skipped.index(tag) :]

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:
            self.parts.append(data)
        else:
            self.parts.append(escape(data, quote=False) if self._skipped else with_math(data))
