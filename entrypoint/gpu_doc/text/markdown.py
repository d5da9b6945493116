"""Writes Markdown in which any text from notebooks stays text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

Alignment = Literal["left", "right"]

_SPECIAL = re.compile(r"[\\`*\[\]]|(?<![^\W_])_|_(?![^\W_])")
# Entities, not backslashes: Python-Markdown, which MkDocs uses, does not accept a backslash before these.
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "~": "&#126;"}
_ENTITY = re.compile(r"[<>|~]|&(?=#?\w+;)")
_ADDRESS = re.compile(r"((?:https?|ftp)://[^\s<>|`\"]*[^\s<>|`\"'.,;:!?)\]}*_~])")
_READ_ON = (
    # GitHub looks for emoji in the text that came out of the Markdown: only a tag keeps them apart.
    (re.compile(r":(?=[+-]1:|100:|1234:|[\w+-]*[a-z][\w+-]*:)"), "<span>:</span>"),
    # docutils makes dashes of hyphens, and one backslash of two, in the text that came out of the Markdown.
    (re.compile(r"--"), "-<span>-</span>"),
    (re.compile(r"(\\\\)(\\\\)"), r"\1<span>\2</span>"),
    # attr_list takes `x {.red}` for a class, MyST and mkdocs-macros `{{ x }}` for a variable.
    (re.compile(r"(?<=\s)\{|\{(?=[{%:.#])"), "&#123;"),
    # pymdownx.mark, .keys and .caret: `==x==`, `++ctrl++`, `x^2^`.
    (re.compile(r"==(?=.*==)"), "&#61;="),
    (re.compile(r"\+\+(?=[\w\"'])"), "&#43;+"),
    (re.compile(r"\^(?=.*\^)"), "&#94;"),
)
"""What others than CommonMark find in a text, and what shows the same and is found by none of them."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def one_line(text: str) -> str:
    """Put a text on one line, without control characters."""
    return " ".join(_CONTROL.sub(" ", text).split())


def escape(text: str) -> str:
    """Return Markdown that shows exactly this text, on one line, inside other text.

    An underscore between letters needs no escape. Characters that matter only at the start of a line stay.
    """
    return _escaped(one_line(text))


def _escaped(line: str) -> str:
    return _SPECIAL.sub(lambda found: "\\" + found[0], _ENTITY.sub(lambda found: _ENTITIES[found[0]], line))


def prose(text: str) -> str:
    """Return what `escape` does, where no site's extensions find a formula, an emoji and the like in it.

    An address with special characters becomes a link: GitHub makes one of it in any case, in which it reads no escapes.
    Not for an image's own text, in which no tag can stand.
    """
    parts = _ADDRESS.split(one_line(text))  # every second one is an address
    formulas = text.count("$") > 1
    written = [
        f"<{part}>" if number % 2 and _escaped(part) != part else _unread(_escaped(part), formulas=formulas)
        for number, part in enumerate(parts)
    ]
    return "".join(written)


def _unread(escaped: str, *, formulas: bool) -> str:
    if formulas:  # GitHub wants the tag, MyST's dollarmath and pymdownx.arithmatex the entity
        escaped = escaped.replace("$", "<span>&#36;</span>")
    for found, shown in _READ_ON:
        escaped = found.sub(shown, escaped)
    return escaped


@dataclass(frozen=True)
class Written:
    """A text on one line, and the Markdown that shows it."""

    text: str
    markdown: str

    def __add__(self, other: Written | str) -> Written:
        """The two, one after the other; a `str` is Markdown that shows itself."""
        if isinstance(other, str):
            other = Written(other, other)
        return Written(self.text + other.text, self.markdown + other.markdown)


def plain(text: str) -> Written:
    """A text as it is."""
    return Written(one_line(text), prose(text))


def code(text: str) -> Written:
    """A text as code, also inside a table."""
    line = one_line(text)
    inside = line.replace("|", "\\|")
    ticks = "`" * (max((len(run) for run in re.findall("`+", inside)), default=0) + 1)
    return Written(line, f"{ticks} {inside} {ticks}" if "`" in inside else f"`{inside}`")


def bold(written: Written) -> Written:
    """The same in bold, if there is anything to see."""
    return Written(written.text, f"**{written.markdown}**") if written.text else written


def joined(parts: Iterable[Written]) -> Written:
    """All of them, with commas between."""
    several = list(parts)
    return Written(", ".join(part.text for part in several), ", ".join(part.markdown for part in several))


def attribute(text: str) -> str:
    """Escape a text for an HTML attribute in double quotes, in Markdown."""
    return html.escape(one_line(text)).replace("|", "&#124;").replace("`", "&#96;")


def link(path: str) -> str:
    """A relative path as the target of a link."""
    return quote(path, safe="/-._~")


def image(path: str, alt: str) -> str:
    """An image at a path relative to the report."""
    return f"![{escape(alt)}]({link(path)})"


def themed_by_address(light: str, dark: str, alt: str) -> str:
    """The same for Material for MkDocs.

    Source: https://squidfunk.github.io/mkdocs-material/reference/images/#light-and-dark-mode
    """
    text = escape(alt)
    return f"![{text}]({link(light)}#only-light)![{text}]({link(dark)}#only-dark)"


def themed_by_class(light: str, dark: str, alt: str) -> str:
    """The same for Sphinx with MyST, by the classes that furo and the PyData theme know."""
    described = " ".join(alt.split())
    return "\n\n".join(
        f"```{{image}} {path}\n:class: only-{theme}\n:alt: {described}\n```"
        for path, theme in ((light, "light"), (dark, "dark"))
    )


def themed_picture(light: str, dark: str, alt: str) -> str:
    """One image for each of the reader's colour schemes, as GitHub and browsers choose it."""
    source = f'<source media="(prefers-color-scheme: dark)" srcset="{link(dark)}">'
    return f'<picture>{source}<img alt="{attribute(alt)}" src="{link(light)}"></picture>'


def captioned(picture: str, caption: str) -> str:
    """A picture with its caption below, in italics."""
    return f"{picture}\n\n*{prose(caption)}*" if caption.strip() else picture


def fenced(text: str, language: str = "") -> str:
    """Put a text into a code block at column 0; the text may contain backticks."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    info = re.sub(r"[^\w+#.-]", "", language)
    return f"{fence}{info}\n{text}\n{fence}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], alignments: Sequence[Alignment] = ()) -> str:
    """Return a table; the cells are Markdown already. Short rows are filled with empty cells."""
    width = max([len(head), *(len(row) for row in rows)])
    marks = ["---:" if place < len(alignments) and alignments[place] == "right" else "---" for place in range(width)]
    filled = [[*row, *[""] * (width - len(row))] for row in (head, *rows)]
    lines = [filled[0], marks, *filled[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def without_comments(text: str) -> str:
    """Escape all starts and ends of HTML comments: a comment would hide what follows."""
    return text.replace("<!--", "&lt;!--").replace("-->", "--&gt;")
