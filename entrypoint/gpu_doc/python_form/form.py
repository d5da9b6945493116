"""The canonical form of Python source."""

from __future__ import annotations

from hashlib import sha256

from gpu_doc.python_form import tokens
from gpu_doc.python_form.errors import NotParsedError
from gpu_doc.python_form.statements import Statements

VERSION = 1
"""Grows with every change after which some source has another form."""


def form(source: str, *, cell: bool = False) -> str | None:
    """Return the canonical form of a module, or of a notebook's cell; None if it is no Python that we know."""
    try:
        found = tokens.split(_with_line_feeds(source), cell=cell)
        written = Statements(found).everything()
    except (NotParsedError, RecursionError):
        return None
    last = [token for token in found if token.kind not in ("line", "dedent", "end")][-1:]
    # At the end of a cell, `;` says not to show its value.
    return written + "\n;" if cell and last and last[0].text == ";" and last[0].kind == "operator" else written


def digest(source: str, *, cell: bool = False) -> str | None:
    """Return the first 16 hexadecimal digits of the SHA-256 of a form; empty for a source that says nothing."""
    written = form(source, cell=cell)
    return written and sha256(written.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def decoded(content: bytes) -> str | None:
    """Return the text of a module; None if it says that it is in another encoding than UTF-8: PEP 263."""
    import re

    start = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t\f]*(?:#[^\r\n]*)?\r?\n)?[ \t\f]*#[^\n]*?coding[:=][ \t]*([-\w.]+)")
    said = start.match(content) or re.compile(rb"(?:\xef\xbb\xbf)?[ \t\f]*#[^\n]*?coding[:=][ \t]*([-\w.]+)").match(
        content
    )
    if said and said[1].lower().replace(b"_", b"-") not in (b"utf-8", b"utf8", b"utf-8-sig", b"ascii", b"us-ascii"):
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _with_line_feeds(source: str) -> str:
    return source.replace("\r\n", "\n").replace("\r", "\n")
