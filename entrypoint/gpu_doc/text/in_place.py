"""Blocks in ordinary Markdown: `<!-- gpu-doc: EXPRESSION -->` to `<!-- gpu-doc: end -->`.

Only the text between two markers is replaced. Markers in code are ordinary text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from gpu_doc.errors import ReportError
from gpu_doc.model.location import Location
from gpu_doc.text.prose import comments, in_indented_code

_MARKER = re.compile(r"<!--\s*gpu-doc\s*:")
_BEGINS = re.compile(r"[ \t>]*<!--\s*gpu-doc\s*:(?!\s*end\s*-->)")
_NEWLINE = re.compile(r"\r\n|\r|\n")
_PREFIX = re.compile(r"\ufeff?[ \t]*(?:(?:>|[-+*]|\d{1,9}[.)])(?:[ \t]+|$))*")
_PIPE = re.compile(r"(?<!\\)\|")
_END = "<!-- gpu-doc: end -->"


@dataclass(frozen=True)
class Block:
    """One block: its expression and its present text."""

    line: int
    expression: str
    body: str
    """Its lines joined by `\\n`, without the prefix that a list or quote puts before each of them."""
    inline: bool
    """Whether it is inside a line, so that it can hold only one line."""
    prefix: str
    """The prefix that a list or quote puts before each line of the body."""
    start: int
    """Where the first marker ends."""
    end: int
    """Where the last marker begins; in a block of several lines, the line it stands on."""
    in_row: bool = False
    """Whether it stands in a row of a table, where a pipe begins the next cell."""


@dataclass(frozen=True)
class Document:
    """A Markdown text and its blocks."""

    text: str
    name: str
    """Its path, for messages."""
    blocks: tuple[Block, ...] = field(default=())

    def fill(self, bodies: Sequence[str]) -> str:
        """Return the text with new bodies, one for each block. Every byte outside of blocks stays the same.

        Raises ReportError if a body does not fit where its block is.
        """
        parts, here = [], 0
        for block, body in zip(self.blocks, bodies, strict=True):
            parts += [self.text[here : block.start], self._filled(block, _without_commands(body))]
            here = block.end
        text = "".join([*parts, self.text[here:]])
        self._check(text, bodies)
        return text

    def _filled(self, block: Block, body: str) -> str:
        if block.inline:
            if "\n" in body:
                raise ReportError(
                    f"this block stands inside a line, but it is given {len(body.splitlines())} lines",
                    where=self.at(block.line),
                    remedy="Put its two markers on lines of their own.",
                )
            return _in_line(block, body)
        found = _NEWLINE.search(self.text, block.start) or _NEWLINE.search(self.text)
        newline = found[0] if found else "\n"
        if block.prefix and body.startswith("|"):
            body = f"\n{body}\n"  # in a list, quote or admonition, Python-Markdown sees no table without these
        lines = [block.prefix + line if line else block.prefix.rstrip() for line in body.split("\n")] if body else []
        # If the end marker shares its line with other text, put it on a separate line.
        alone = self.text[block.end - 1] in "\r\n"
        return newline + "".join(line + newline for line in lines) + ("" if alone else block.prefix)

    def _check(self, text: str, bodies: Sequence[str]) -> None:
        """Parse the new text: a body may open a comment or code and not close it."""
        try:
            again = parse(text, self.name).blocks
        except ReportError:
            again = ()
        for index, block in enumerate(self.blocks):
            expected = _without_commands(bodies[index])
            expected = _in_line(block, expected) if block.inline else expected
            if index >= len(again) or again[index].body != expected or again[index].expression != block.expression:
                raise ReportError(
                    "what fills this block would swallow the marker that ends it",
                    where=self.at(block.line),
                    remedy="It opens code or a comment and does not close it; show it with text() instead.",
                )

    def at(self, line: int) -> Location:
        """Return a line of the document as a place for messages."""
        return Location(self.name, line)


def parse(text: str, name: str = "") -> Document:
    """Find the blocks of a Markdown text; `name` is its path, for messages.

    Raises ReportError if a marker lacks its counterpart.
    """
    document = Document(text, name)
    if not _MARKER.search(text):
        return document
    blocks: list[Block] = []
    opened: tuple[int, int, str] | None = None
    for start, end in comments(text):
        marker = _MARKER.match(text, start)
        if not marker:
            continue
        line = _line_at(text, start)
        expression = _expression(text, (start, marker.end(), end), document, line)
        if expression != "end":
            if opened:
                raise _unclosed(document, opened, f"another one begins on line {line}")
            opened = (start, end or len(text), expression)
        elif opened:
            blocks.append(_block(document, opened, start))
            opened = None
        else:
            raise ReportError(
                "this marker ends a block that never began",
                where=document.at(line),
                remedy="Remove it, or put `<!-- gpu-doc: … -->` before it.",
            )
    if opened:
        raise _unclosed(document, opened, "the file ends")
    return Document(text, name, tuple(blocks))


def overlooked(text: str) -> int:
    """Return the line of the first block that nobody fills, since it stands in indented code; 0 if there is none."""
    lines = in_indented_code(text) if _MARKER.search(text) else ()
    return next((_line_at(text, start) for start in lines if _BEGINS.match(text, start)), 0)


def fingerprints(text: str) -> list[tuple[int, str, str]]:
    """Line, expression and SHA-256 of the body of each block. Raises ReportError like `parse`."""
    return [
        (b.line, b.expression, sha256(b.body.encode("utf-8", "surrogatepass")).hexdigest()) for b in parse(text).blocks
    ]


def _expression(text: str, marker: tuple[int, int, int | None], document: Document, line: int) -> str:
    """What a marker asks for: it begins, its expression begins, it ends."""
    begin, start, end = marker
    inside = _NEWLINE.sub("\n", text[start : end - 3].strip()) if end is not None else "<!--"
    if "<!--" in inside:
        raise ReportError(
            "this marker is not closed",
            where=document.at(line),
            remedy="End it with `-->`.",
        )
    if not inside:
        raise ReportError(
            "this marker asks for nothing",
            where=document.at(line),
            remedy='Write what shall stand here, such as <!-- gpu-doc: shot("baseline/loss-curve") -->.',
        )
    if not _in_row(text, begin):
        return inside
    if _PIPE.search(inside):
        raise ReportError(
            "this marker stands in a row of a table, and its | begins the next cell",
            where=document.at(line),
            remedy="Write \\| instead: the table is then whole, and gpu-doc reads |.",
        )
    return inside.replace("\\|", "|")


def _in_row(text: str, marker: int) -> bool:
    """Whether a marker stands in a row of a table that begins with a pipe."""
    before = text[_line_start(text, marker) : marker]
    prefix = _PREFIX.match(before)
    return before[prefix.end() if prefix else 0 :].startswith("|")


def _unclosed(document: Document, opened: tuple[int, int, str], before: str) -> ReportError:
    return ReportError(
        f"this block is not closed: {before} before `{_END}`",
        where=document.at(_line_at(document.text, opened[0])),
        remedy=f"Put `{_END}` after it; where it shall be text, put it into fenced code.",
    )


def _block(document: Document, opened: tuple[int, int, str], end: int) -> Block:
    """Return the block between its opening marker and the end marker at `end`."""
    text = document.text
    marker, start, expression = opened
    line = _line_at(text, marker)
    if hidden := _MARKER.search(text, start, end):
        raise ReportError(
            f"this block holds another marker, in code on line {_line_at(text, hidden.start())}: where does it end?",
            where=document.at(line),
            remedy=f"Put `{_END}` before that code, or remove the code.",
        )
    prefix = _prefix(text, marker)
    inner = text[start:end]
    if not _NEWLINE.search(inner):
        before, after = text[_line_start(text, marker) : marker], _NEWLINE.split(text[end:], maxsplit=1)[0]
        inline = not _PREFIX.fullmatch(before) or bool(after.partition("-->")[2].strip())
        return Block(line, expression, inner, inline, prefix, start, end, _in_row(text, marker))
    last = _line_start(text, end)
    if _PREFIX.fullmatch(text, last, end):
        end = last
    return Block(line, expression, _body(text[start:end], prefix), inline=False, prefix=prefix, start=start, end=end)


def _body(inner: str, prefix: str) -> str:
    lines = _NEWLINE.split(inner)
    first, *rest = lines
    kept = [first] if first.strip() else []
    for line in rest:
        blank = line.rstrip() == prefix.rstrip()
        kept.append("" if blank and not line.startswith(prefix) else line.removeprefix(prefix))
    return "\n".join(kept).strip("\n")


def _prefix(text: str, marker: int) -> str:
    """Return the prefix that keeps the lines after a marker in the same list item or quote."""
    found = _PREFIX.match(text, _line_start(text, marker), marker)
    before = found[0].removeprefix("\ufeff") if found else ""
    return re.sub(r"[^>\t]", " ", before)


def _without_commands(body: str) -> str:
    """Return a body to write: one kind of line ending, and no markers.

    A zero-width space breaks up a marker: it is invisible, so that even in code the text looks the same.
    """
    body = _NEWLINE.sub("\n", body).strip("\n")
    return _MARKER.sub(lambda marker: marker[0][:-1] + "\u200b:", body)


def _in_line(block: Block, body: str) -> str:
    """A body as it can stand in a line: nothing in it ends a table's cell, nor escapes the marker that follows."""
    body = _PIPE.sub(r"\\|", body) if block.in_row else body
    slashes = len(body) - len(body.rstrip("\\"))
    return body + "\\" if slashes % 2 else body


def _line_start(text: str, position: int) -> int:
    return max(text.rfind("\n", 0, position), text.rfind("\r", 0, position)) + 1


def _line_at(text: str, position: int) -> int:
    """Return the number, from 1, of the line at a position."""
    newlines = text.count("\n", 0, position) + text.count("\r", 0, position) - text.count("\r\n", 0, position)
    return newlines + 1
