"""Returns the plain text of outputs as a person saw it, and parts of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from gpu_doc.errors import ReportError
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import joined
from gpu_doc.system.matching import matching

# Escape sequences after ECMA-48: CSI, the strings (OSC, DCS, ...), and all others.
_CONTROL = re.compile(
    r"\x1b\[(?P<arguments>[0-?]*)[ -/]*(?P<final>[@-~])"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[ -/]*[0-~]"
    r"|(?P<plain>[\x00-\x08\x0b-\x1f\x7f])"
)
_NEEDS_SCREEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_OBJECT = re.compile(r"(?:<IPython\.core\.display\.\w+ object>)?")
"""The text/plain of an object that has no text, such as Math or JSON."""
_FARTHEST = 1000
"""The most lines or columns that a control sequence may move at once."""
_SLICE = re.compile(r"\s*(-?\d+)?\s*(:)?\s*(-?\d+)?\s*(:)?\s*(-?\d+)?\s*")


def as_seen(text: str) -> str:
    """Return a text after carriage returns, backspaces, erasures and cursor moves, without colours.

    Lines are not wrapped.
    """
    text = text.replace("\r\n", "\n")
    if not _NEEDS_SCREEN.search(text):
        return text
    sheet = _Sheet()
    here = 0
    for control in _CONTROL.finditer(text):
        sheet.write(text[here : control.start()])
        sheet.obey(control)
        here = control.end()
    sheet.write(text[here:])
    return "\n".join(line.rstrip(" ") for line in sheet.lines)


class _Sheet:
    """Lines of any length, and a cursor."""

    def __init__(self) -> None:
        self.lines = [""]
        self._row = self._column = 0

    def write(self, text: str) -> None:
        first, *rest = text.split("\n")
        self._put(first)
        for part in rest:
            self._row, self._column = self._row + 1, 0
            if self._row == len(self.lines):
                self.lines.append("")
            self._put(part)

    def _put(self, text: str) -> None:
        if not text:
            return
        line = self.lines[self._row].ljust(self._column)
        self._column += len(text)
        self.lines[self._row] = line[: self._column - len(text)] + text + line[self._column :]

    def obey(self, control: re.Match[str]) -> None:
        if control["plain"] == "\r":
            self._column = 0
        elif control["plain"] == "\b":
            self._column = max(0, self._column - 1)
        elif control["final"]:
            self._move(control["final"], control["arguments"])

    def _move(self, final: str, arguments: str) -> None:
        first = arguments.partition(";")[0]
        number = min(int(first), _FARTHEST) if first.isascii() and first.isdigit() else 0
        step = max(number, 1)
        if final in "AF":
            self._row = max(0, self._row - step)
        elif final in "BE":
            self._row = min(len(self.lines) - 1, self._row + step)
        elif final == "C":
            self._column += step
        elif final == "D":
            self._column = max(0, self._column - step)
        elif final == "G":
            self._column = step - 1
        elif final == "K":
            line = self.lines[self._row]
            kept = {0: line[: self._column], 1: " " * self._column + line[self._column :]}
            self.lines[self._row] = kept.get(number, "")
        if final in "EF":
            self._column = 0


def output_text(outputs: Iterable[Mapping[str, Json]]) -> str:
    """Return standard output, text/plain and tracebacks of a cell, in their order, without pictures' text/plain."""
    parts: list[str] = []
    for output in outputs:
        kind = output.get("output_type")
        if kind == "stream" and output.get("name") == "stdout":
            parts.append(joined(output.get("text", "")))
        elif kind in ("execute_result", "display_data"):
            parts.append(_closed(parts, _plain(output.get("data") or {})))
        elif kind == "error":
            parts.append(_closed(parts, "\n".join(map(str, output.get("traceback") or ()))))
    return as_seen("".join(parts)).rstrip("\n")


def _plain(data: Mapping[str, Json]) -> str:
    if any(kind.startswith("image/") for kind in data):
        return ""
    plain = joined(data.get("text/plain", ""))
    if not _OBJECT.fullmatch(plain.strip()):
        return plain
    if "text/latex" in data:
        return joined(data["text/latex"])
    tree = next((data[kind] for kind in ("application/json", "application/geo+json") if kind in data), None)
    return plain if tree is None else json.dumps(tree, indent=2, ensure_ascii=False)


def _closed(before: Sequence[str], text: str) -> str:
    """Return a text that begins on a new line and ends with a line end."""
    unfinished = next((part for part in reversed(before) if part), "\n")
    return ("" if unfinished.endswith("\n") else "\n") + text.rstrip("\n") + "\n" if text else ""


# --- parts of a text -------------------------------------------------------------------------------------------------


def line_slice(text: str) -> slice:
    """Return the slice for a text such as `-20:`; a single number is one line. Raises ReportError."""
    found = _SLICE.fullmatch(text)
    if not found or not text.strip() or found[5] == "0":
        raise ReportError(f'lines="{text}" is no Python slice', remedy='Write it like "-20:", ":10" or "3:5".')
    first, colon, last, _, step = found.groups()
    if not colon:
        start = int(first)
        return slice(start, start + 1 or None)
    return slice(*(int(part) if part else None for part in (first, last, step)))


def check_pattern(pattern: str) -> None:
    """Raise ReportError if `match=` is no regular expression."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ReportError(
            f'match="{pattern}" is no regular expression: {error}', remedy="Python's `re` says how."
        ) from error


def kept_lines(lines: Sequence[str], *, lines_wanted: str | None, match: str | None) -> list[int]:
    """Return the indices of the lines that `match=` keeps, and of those the ones that `lines=` keeps.

    Raises ReportError if none is left: the report would silently show nothing.
    """
    kept = list(range(len(lines)))
    if match is not None:
        check_pattern(match)
        kept = matching(match, lines)
        if not kept:
            raise ReportError(f'match="{match}" fits none of the {len(lines)} lines')
    if lines_wanted is not None:
        before = len(kept)
        kept = kept[line_slice(lines_wanted)]
        if not kept:
            raise ReportError(f'lines="{lines_wanted}" leaves none of {before} lines')
    return kept
