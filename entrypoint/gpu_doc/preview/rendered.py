"""Renders a report as HTML with embedded pictures and nothing active: a stranger may have written it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from gpu_doc.model.values import Json
from gpu_doc.preview.pictures import Picture

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

LONGEST = 1_000_000
"""The most characters of a report to render; that takes some seconds."""

_TAGS = (
    *(
        "a",
        "b",
        "code",
        "del",
        "em",
        "i",
        "ins",
        "kbd",
        "mark",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strong",
        "u",
        "var",
    ),
    *(
        "blockquote",
        "br",
        "details",
        "div",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "p",
        "pre",
        "sub",
        "summary",
        "sup",
    ),
    *("caption", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "dd", "dl", "dt", "li", "ol", "ul"),
    *("figcaption", "figure", "img", "picture", "source"),
)
_ATTRIBUTES = {
    "a": ["href", "title"],
    "img": ["src", "alt", "title", "width", "height"],
    "source": ["media", "srcset"],
    "ol": ["start"],
    "td": ["align", "colspan", "rowspan"],
    "th": ["align", "colspan", "rowspan"],
    "details": ["open"],
}
_SCHEMES = ("(prefers-color-scheme: dark)", "(prefers-color-scheme: light)")


def rendered(text: str, path: str, picture: Callable[[str], Picture | None]) -> str:
    """Return a report's Markdown as HTML. `path` is the report's; `picture` finds a picture by its path from root."""
    import bleach
    from bs4 import BeautifulSoup
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = markdown.parse(text)
    for token in tokens:
        style = token.attrGet("style")
        if token.type in ("td_open", "th_open") and isinstance(style, str):
            # The page allows no styles but its own.
            token.attrs = {"align": style.removeprefix("text-align:")}
    dirty = markdown.renderer.render(tokens, markdown.options, {})
    clean = bleach.clean(dirty, tags=_TAGS, attributes=_ATTRIBUTES, protocols=("http", "https", "mailto"), strip=True)
    page = BeautifulSoup(clean, "html.parser")
    _show_pictures(page, lambda source: picture(_from_root(source, path)))
    _mend_links(page)
    return str(page)


def _from_root(source: str, path: str) -> str:
    """Convert a relative path in a report to a path from root; empty if it leads elsewhere."""
    try:
        parts = urlsplit(source)
    except ValueError:
        return ""
    whole = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(parts.path)))
    elsewhere = parts.scheme or parts.netloc or not parts.path or "\0" in whole
    return "" if elsewhere or whole.startswith(("/", "../")) else whole


def _show_pictures(page: BeautifulSoup, find: Callable[[str], Picture | None]) -> None:
    for source in page.find_all("source"):
        found = find(_attribute(source, "srcset")) if _attribute(source, "media") in _SCHEMES else None
        if found:
            source["srcset"] = found.source
        else:
            source.decompose()
    for image in page.find_all("img"):
        found = find(_attribute(image, "src"))
        if found is None:
            place = page.new_tag("span", attrs={"class": "missing"})
            place.string = f"{_attribute(image, 'alt') or _attribute(image, 'src') or 'picture'} (not shown here)"
            image.replace_with(place)
            continue
        image["src"] = found.source
        if found.width and not image.has_attr("width"):
            image["width"] = str(found.width)


def _mend_links(page: BeautifulSoup) -> None:
    """Keep links to the web. Turn links to files beside the report into text: from here they lead nowhere."""
    for link in page.find_all("a"):
        if _attribute(link, "href").startswith(("https://", "http://", "mailto:")):
            link["rel"] = "noopener noreferrer nofollow"
        else:
            link.unwrap()


def _attribute(tag: Tag, name: str) -> str:
    value: Json = tag.get(name)
    return value if isinstance(value, str) else ""
