"""Finds which parts of a Markdown text are prose, and which are code, front matter and the like.

CommonMark's block structure (https://spec.commonmark.org/0.31.2/#appendix-a-parsing-strategy) as far as it decides
that: containers, fenced and indented code, headings, comments. Admonitions and tabs of MkDocs are containers too,
though their content is code to CommonMark. Written out because parsers of the whole language take
longer to import than a refresh with nothing to do may take; the tests hold it against markdown-it-py.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_LIST = re.compile(r"([-+*]|\d{1,9}[.)])( +|$)")
_FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_HEADING = re.compile(r"#{1,6}(?: |$)")
_RULE = re.compile(r"(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})$|=+ *$|-+ *$")
_ADMONITION = re.compile(r"(?:!!!|\?\?\?\+?) ?[\w-]+(?: |$)|===[!+]* +[\"']")
"""What opens an admonition, or a tab, of MkDocs' and Material's: their content is indented by four columns."""
_QUOTE = -1
"""Stands for a block quote among the containers; a list item is the number of columns before its content."""

_DEEPEST = 100
"""How deep containers are followed, as other parsers do: each `>` of a line is one."""

_INLINE = re.compile(r"\\[\s\S]|`+|<!--")
_FRONT_MATTER = re.compile(r"\ufeff?(---|\+\+\+)[ \t]*(?:\r\n|\r|\n)(?=[ \t]*\S)")


def front_matter_end(text: str) -> int:
    """Where the front matter at the start of a text ends; 0 if there is none. A rule followed by prose is not one."""
    start = _FRONT_MATTER.match(text)
    if not start:
        return 0
    closing = ("---", "...") if start[1] == "---" else ("+++",)
    for line in _LINE.finditer(text, start.end()):
        if line[0].rstrip() in closing:
            return line.end()
        if line[0].startswith("<!--"):
            return 0
    return 0


def comments(text: str) -> Iterator[tuple[int, int | None]]:
    """Yield start and end of every HTML comment in prose; the end is None if its part of the text does not close it."""
    for start, end in stretches(text, front_matter_end(text)):
        yield from _comments(text, start, end)


def stretches(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of each part of prose that inline markup can span, from a place on."""
    return _Structure().stretches(text, start)


def in_indented_code(text: str) -> list[int]:
    """Return where the lines of indented code start."""
    structure = _Structure()
    for _ in structure.stretches(text, front_matter_end(text)):
        pass
    return structure.indented


def _comments(text: str, start: int, end: int) -> Iterator[tuple[int, int | None]]:
    """Yield the comments of one part. Of code spans and comments, the one that begins first wins."""
    runs: dict[int, list[int]] = {}
    for run in re.finditer("`+", text[start:end]):
        runs.setdefault(len(run[0]), []).append(start + run.start())
    last_close = text.rfind("-->", start, end)
    here = start
    while found := _INLINE.search(text, here, end):
        here = found.end()
        if found[0].startswith("`"):
            same = runs.get(len(found[0]), [])
            after = bisect_right(same, found.start())
            here = same[after] + len(found[0]) if after < len(same) else here
        elif found[0] == "<!--":
            close = text.find("-->", here, end) if here <= last_close else -1
            yield found.start(), close + 3 if close >= 0 else None
            here = close + 3 if close >= 0 else here


class _Structure:
    """Goes through the lines, and keeps what CommonMark calls the open blocks."""

    def __init__(self) -> None:
        self._containers: list[int] = []
        self._fence: tuple[str, int] | None = None
        """The fence that closes the open code block, and the number of containers around it."""
        self._comment = False
        """Whether an HTML block that began with a comment is open."""
        self._paragraph = False
        self._empty_item = False
        """Whether the line before began an empty list item."""
        self._indented_code = False
        """Whether this line is one of indented code."""
        self.indented: list[int] = []
        """Where the lines of indented code start."""

    def stretches(self, text: str, start: int) -> Iterator[tuple[int, int]]:
        """Yield start and end of each part of prose that inline markup can span."""
        begin: int | None = None
        end = start
        for line in _LINE.finditer(text, start):
            self._indented_code = False
            joins, is_prose, ends = self._line(line[0].rstrip("\r\n").expandtabs(4))
            if self._indented_code:
                self.indented.append(line.start())
            if begin is not None and not joins:
                yield begin, end
                begin = None
            if is_prose:
                begin, end = (line.start() if begin is None else begin), line.end()
            if ends and begin is not None:
                yield begin, end
                begin = None
        if begin is not None:
            yield begin, end

    def _line(self, line: str) -> tuple[bool, bool, bool]:
        """Return whether a line continues the part before it, whether it is prose, and whether it ends the part."""
        depth, rest = self._continued(line)
        if self._fence and depth >= self._fence[1]:
            if _closes(rest, self._fence[0]):
                self._fence = None
            return False, False, True
        if self._comment and depth == len(self._containers):
            self._comment = "-->" not in rest
            return True, True, not self._comment
        self._fence, self._comment = None, False
        if not rest.strip(" "):
            self._containers = self._containers[: depth - self._empty_item]
            self._paragraph = self._empty_item = False
            return False, False, True
        self._empty_item = False
        return self._leaf(depth, rest)

    def _continued(self, line: str) -> tuple[int, str]:
        """Return how many open containers a line continues, and the rest of the line inside them."""
        for depth, container in enumerate(self._containers):
            inside = line.lstrip(" ")
            indent = len(line) - len(inside)
            if container == _QUOTE:
                if indent > 3 or not inside.startswith(">"):
                    return depth, line
                line = inside[2:] if inside.startswith("> ") else inside[1:]
            elif indent >= container:
                line = line[container:]
            elif inside:
                return depth, line
        return len(self._containers), line

    def _leaf(self, depth: int, rest: str) -> tuple[bool, bool, bool]:
        opened = False
        while depth < _DEEPEST and (container := self._opens(rest, depth)):
            width, rest = container
            self._containers = [*self._containers[:depth], width]
            depth, opened, self._paragraph = depth + 1, True, False
        inside = rest.lstrip(" ")
        if not inside:
            self._empty_item = self._containers[-1] != _QUOTE
            return False, False, True
        if len(rest) - len(inside) >= 4:
            return self._indented(depth)
        if _ADMONITION.match(inside):
            self._containers = [*self._containers[:depth], len(rest) - len(inside) + 4]
            self._paragraph = False
            return False, True, True
        return self._block(depth, inside, joins=not opened)

    def _indented(self, depth: int) -> tuple[bool, bool, bool]:
        """Handle a line indented by four columns: code, unless it continues a paragraph."""
        if self._paragraph:
            return True, True, False
        self._containers = self._containers[:depth]
        self._indented_code = True
        return False, False, True

    def _block(self, depth: int, inside: str, *, joins: bool) -> tuple[bool, bool, bool]:
        fence = _FENCE.match(inside)
        single = bool(_HEADING.match(inside) or _RULE.match(inside))
        comment = inside.startswith("<!--")
        lazy = self._paragraph and not (fence or single or comment)
        if not lazy:
            self._containers = self._containers[:depth]
        self._paragraph = not (fence or single or comment)
        if fence:
            self._fence = (fence[1] or fence[2], depth)
            return False, False, True
        if comment:
            self._comment = "-->" not in inside
            return False, True, not self._comment
        row = inside.startswith("|")  # cells of a table can't share a code span
        return joins and lazy and not row, True, single or row

    def _opens(self, rest: str, depth: int) -> tuple[int, str] | None:
        """Return the container that a line opens, and the rest of the line inside it."""
        inside = rest.lstrip(" ")
        indent = len(rest) - len(inside)
        if indent > 3:
            return None
        if inside.startswith(">"):
            return _QUOTE, inside[2:] if inside.startswith("> ") else inside[1:]
        item = _LIST.match(inside)
        if not item or re.match(r"(?:(?:\* *){3,}|(?:- *){3,})$", inside):
            return None
        interrupts = self._paragraph and depth == len(self._containers)
        if interrupts and (not inside[item.end() :].strip(" ") or item[1][:-1] not in ("", "1")):
            return None
        spaces = len(item[2])
        spaces = spaces if 1 <= spaces <= 4 and item.end() < len(inside) else 1
        width = len(item[1]) + spaces
        return indent + width, inside[width:]


def _closes(rest: str, fence: str) -> bool:
    inside = rest.strip(" ")
    indent = len(rest) - len(rest.lstrip(" "))
    return indent <= 3 and len(inside) >= len(fence) and inside == fence[0] * len(inside)
