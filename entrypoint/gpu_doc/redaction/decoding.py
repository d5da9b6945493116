"""Resolves escapes in a text, and converts positions back to the original text.

Any letter may be written as an HTML entity or as an escape of JSON, Python, C or a URL; a word may mix these with plain
letters. So we search the resolved text too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property, lru_cache

_ESCAPE = re.compile(
    rb"&(?:#[xX][0-9A-Fa-f]{1,12};?|#[0-9]{1,12};?|[A-Za-z][A-Za-z0-9]{1,31};)"
    rb"|\\{1,8}(?:u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|[0-7]{3})"
    rb"|%[0-9A-Fa-f]{2}"
)
_SIGNS = (b"&", b"\\", b"%")
_DEPTH = 3
"""How many times a text may be escaped, one upon another."""
_LAST = 0x10FFFF


class Decoded:
    """A text with its escapes resolved once. `data` is the result; `back` converts a span to the original text."""

    def __init__(self, original: bytes) -> None:
        self._original = original
        self.data = _ESCAPE.sub(_letter, original)

    @cached_property
    def _places(self) -> tuple[list[int], list[int], list[tuple[int, int]]]:
        """For each escape: the start and end of its letter in the result, and its span in the original."""
        begins, ends, origins, at, size = [], [], [], 0, 0
        for escape in _ESCAPE.finditer(self._original):
            begins.append(size + escape.start() - at)
            size = begins[-1] + len(_letter(escape))
            ends.append(size)
            origins.append(escape.span())
            at = escape.end()
        return begins, ends, origins

    def back(self, begin: int, end: int) -> tuple[int, int]:
        """Convert a span of the result to the original; it covers whole escapes."""
        return self._place(begin)[0], self._place(end - 1)[1]

    def _place(self, at: int) -> tuple[int, int]:
        """The original span of the byte at a position."""
        begins, ends, origins = self._places
        number = bisect_right(begins, at) - 1
        if number < 0:
            return at, at + 1
        if at < ends[number]:
            return origins[number]
        origin = origins[number][1] + at - ends[number]
        return origin, origin + 1


def decodings(data: bytes) -> Iterator[list[Decoded]]:
    """Yield the text with escapes resolved once, twice, ...: each as the chain of steps from the original."""
    steps: list[Decoded] = []
    while len(steps) < _DEPTH and any(sign in data for sign in _SIGNS):
        step = Decoded(data)
        if step.data == data:
            return
        steps = [*steps, step]
        data = step.data
        yield steps


def _letter(escape: re.Match[bytes]) -> bytes:
    return _resolved(escape[0])


@lru_cache(maxsize=4096)
def _resolved(escape: bytes) -> bytes:
    """The letter of an escape; the escape itself if it has none."""
    if escape[:1] == b"%":
        return bytes([int(escape[1:], 16)])
    if escape[:1] == b"&":
        from html import unescape  # needed only for a text with escapes

        return unescape(escape.decode()).encode("utf-8", "surrogatepass")
    kind = escape.lstrip(b"\\")
    if kind[:1] in b"uU":
        code = int(kind[1:].strip(b"{}"), 16)
        return chr(code).encode("utf-8", "surrogatepass") if code <= _LAST else escape
    return bytes([int(kind[1:], 16) if kind[:1] == b"x" else int(kind, 8) & 0xFF])
