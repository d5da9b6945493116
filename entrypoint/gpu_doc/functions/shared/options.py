"""The kinds of options of template functions, and the messages for wrong values."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gpu_doc.errors import ReportError
from gpu_doc.functions.shared.plaintext import check_pattern, line_slice
from gpu_doc.model.values import Json
from gpu_doc.text.nearest import did_you_mean, listed

Judge = Callable[[str, Json], None]
"""Raises ReportError if the option of this name can't have this value."""

LATER = frozenset({"annotate", "focus"})
"""Options for later versions; they are refused by name."""
_WIDTHS = range(16, 4097)


def text(name: str, value: Json) -> None:
    """Accept any text."""
    if not isinstance(value, str):
        raise ReportError(f"{name}= is a text, not {value!r}")


def choice(*allowed: str) -> Judge:
    """Accept one of some words."""

    def judge(name: str, value: Json) -> None:
        if value not in allowed:
            raise ReportError(
                f"{name}={value!r} is none of: {listed(allowed)}", remedy=did_you_mean(str(value), allowed)
            )

    return judge


def _number(name: str, value: Json) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ReportError(f"{name}={value!r} is no output: 1 is the first output of the cell, 2 the second")


def _width(name: str, value: Json) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value not in _WIDTHS:
        raise ReportError(f"{name}={value!r} is no width: it is CSS pixels, {_WIDTHS[0]} to {_WIDTHS[-1]}")


def _lines(name: str, value: Json) -> None:
    text(name, value)
    line_slice(value)


def _pattern(name: str, value: Json) -> None:
    text(name, value)
    check_pattern(value)


CAPTION: Mapping[str, Judge] = {"caption": text, "alt": text}
"""The texts beside a picture."""
PICTURE: Mapping[str, Judge] = {**CAPTION, "theme": choice("light", "dark", "both"), "width": _width}
"""How a picture is taken."""
OUTPUT: Mapping[str, Judge] = {"output": _number}
"""Which output of a cell, from 1."""
LINES: Mapping[str, Judge] = {"lines": _lines, "match": _pattern}
"""Which lines of a text."""
STREAM: Judge = choice("stdout", "stderr")
"""Which of the two that a program prints to."""
