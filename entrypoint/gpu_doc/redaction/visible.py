"""Extracts the text that a person reads on a page: without comments and tags, with entities resolved."""

from __future__ import annotations

import re
from base64 import b64decode
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes

_UNSEEN = frozenset({"script", "style", "head", "title"})
_SHOWN_ATTRIBUTES = frozenset({"alt", "placeholder", "title", "value"})
_NOTHING = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
"""Characters without a width: soft hyphens, joiners, direction marks."""
_TAG = re.compile(r"<!--.*?-->|<[^<>]*>", re.DOTALL)
_DRAWING = re.compile(r"data:image/svg\+xml(?P<options>[^,]*),(?P<data>.*)", re.IGNORECASE | re.DOTALL)
_DEEPEST = 5
"""The most levels of documents in documents."""


def visible_text(html: str, depth: int = 0) -> str:
    """The text of a page, including documents in its frames and drawings in its addresses."""
    parser = _Text(depth)
    try:
        parser.feed(html)
        parser.close()
        text = "\0".join(["".join(parser.parts), *parser.apart])
    except (AssertionError, NotImplementedError, ValueError):  # html.parser raises these for `<![if x]>`
        text = unescape(_TAG.sub("", html))
    return _NOTHING.sub("", text)


class _Text(HTMLParser):
    def __init__(self, depth: int) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.apart: list[str] = []
        """Elements whose content is separate text: the text around them is continuous."""
        self._depth = depth
        self._unseen = ""
        """The present element, if its content is not shown."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN and not self._unseen:
            self._unseen = tag
        for name, value in attrs:
            if name in _SHOWN_ATTRIBUTES:
                self.apart.append(value or "")
            elif name == "srcdoc":
                self._inner(value or "")
            elif drawing := _DRAWING.fullmatch(value or ""):
                self._inner(_drawn(drawing))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._unseen:
            self._unseen = ""

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data)

    def _inner(self, html: str) -> None:
        if self._depth < _DEEPEST:
            self.apart.append(visible_text(html, self._depth + 1))


def _drawn(drawing: re.Match[str]) -> str:
    data = unquote_to_bytes(drawing["data"])
    if "base64" in drawing["options"]:
        try:
            data = b64decode(data)
        except ValueError:
            return ""
    return data.decode("utf-8", "replace")
