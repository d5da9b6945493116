"""Marks around the parts of a text that come from calls: written by template_trace.py, read by trace.py."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

BEGIN, _NUMBERS, _END = "\ufdd2", "\ufdd3", "\ufdd4"
"""No characters of any language."""
MARK = re.compile(f"{BEGIN}([0-9,]*){_NUMBERS}|{_END}")


def marked(text: str, calls: Iterable[int]) -> str:
    """Return a part with marks around it."""
    return f"{BEGIN}{','.join(map(str, calls))}{_NUMBERS}{text}{_END}"


@dataclass(frozen=True)
class Part:
    """A part of a text, and the calls that it came from."""

    start: int
    end: int
    calls: tuple[int, ...]


def read(text: str) -> tuple[str, list[Part]]:
    """Return a text without its marks, and the parts that they were around; inner parts come before outer ones."""
    pieces: list[str] = []
    parts: list[Part] = []
    opened: list[tuple[int, tuple[int, ...]]] = []
    length = here = 0
    for mark in MARK.finditer(text):
        pieces.append(text[here : mark.start()])
        length += len(pieces[-1])
        here = mark.end()
        if mark[0] != _END:
            opened.append((length, tuple(int(number) for number in mark[1].split(",") if number)))
        elif opened:
            start, calls = opened.pop()
            parts.append(Part(start, length, calls))
    return "".join([*pieces, text[here:]]), parts
