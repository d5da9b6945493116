"""`table()`: a data frame that a cell shows, or a CSV file, as a Markdown table."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.errors import ReportError
from gpu_doc.functions.shared import checks, options
from gpu_doc.functions.shared.function import PART, BoundCall, Function
from gpu_doc.functions.shared.results import Output, ResultReader, the_cell
from gpu_doc.functions.shared.tables import Entry, Table
from gpu_doc.functions.shared.tables import table as tabled
from gpu_doc.model.answers import Answer
from gpu_doc.notebooks.cells import joined
from gpu_doc.text import markdown

if TYPE_CHECKING:
    from bs4 import Tag

_NUMBER = re.compile(r"[-+−]?(?:\d[\d,'_ \u00a0\u202f]*)?\.?\d+(?:[eE][-+]?\d+)?\s*%?")  # noqa: RUF001 - a real minus sign
_NOT_FINITE = frozenset({"nan", "inf", "-inf"})
_MISSING = frozenset({"", "none", "null", "na", "n/a", "<na>", "nat", "...", "…", "-", "–"})  # noqa: RUF001 - a real dash
_WIDEST = 1000
"""Columns that a span in HTML may claim."""
_SUFFIXES = frozenset({".csv", ".tsv", ".tab", ".txt"})


def _check(call: BoundCall, root: Path) -> None:
    checks.part_of_run(call, root, file=checks.ending_in("table", _SUFFIXES))


def _answer(call: BoundCall, results: ResultReader) -> Answer:
    if call.address.file is not None:
        rows = from_csv(results.file(call).read_bytes(), call.address.file)
    else:
        rows = _only_table(results.outputs(call), the_cell(call.address))
    shown = written(rows)
    return call.answered(shown.markdown, cells=shown.cells)


def _only_table(outputs: Sequence[Output], what: str) -> Rows:
    """The one table among outputs. Raises ReportError if there is none, or more than one."""
    pieces = [joined((output.get("data") or {}).get("text/html", "")) for output in outputs]
    found = [rows for html in pieces if "<table" in html if (rows := from_html(html))]
    if not found:
        raise ReportError(f"{what} shows no data frame", remedy="shot() takes a picture of it, text() its text.")
    if len(found) > 1:
        raise ReportError(f"{what} shows {len(found)} tables", remedy="Say which output with output=, from 1.")
    return found[0]


@dataclass(frozen=True)
class Rows:
    """A table's text: its head, and its rows."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def written(table: Rows) -> Table:
    """The table; columns of numbers are right-aligned."""
    width = max([len(table.head), *(len(row) for row in table.rows)])
    columns = [[row[place] if place < len(row) else "" for row in table.rows] for place in range(width)]
    alignments: list[markdown.Alignment] = ["right" if _numbers(column) else "left" for column in columns]
    return tabled([[Entry(markdown.plain(cell)) for cell in row] for row in (table.head, *table.rows)], alignments)


def _numbers(column: Sequence[str]) -> bool:
    """Whether a column holds numbers, and otherwise only what stands for a missing one."""
    cells = [cell.strip().lower() for cell in column]
    numbers = [cell for cell in cells if cell in _NOT_FINITE or _NUMBER.fullmatch(cell)]
    return bool(numbers) and len(numbers) == sum(1 for cell in cells if cell not in _MISSING)


# --- CSV -------------------------------------------------------------------------------------------------------------


def from_csv(content: bytes, path: str) -> Rows:
    """A file of comma-, semicolon- or tab-separated values, its first row the head. Raises ReportError."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReportError(f"{path} is not UTF-8, so no table", remedy="Save it as UTF-8.") from error
    first = text.partition("\n")[0]
    delimiter = "\t" if path.lower().endswith((".tsv", ".tab")) else max(",;\t", key=first.count)
    try:
        rows = [tuple(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    except csv.Error as error:
        raise ReportError(f"{path} is no CSV file: {error}") from error
    if not rows:
        raise ReportError(f"{path} is empty")
    return Rows(rows[0], tuple(rows[1:]))


# --- HTML ------------------------------------------------------------------------------------------------------------


def from_html(html: str) -> Rows | None:
    """The first table of a piece of HTML, several levels of a head joined with ` / `; None if it has none."""
    from bs4 import BeautifulSoup, Tag

    table = BeautifulSoup(html, "html.parser").find("table")
    if not isinstance(table, Tag):
        return None
    lines = [line for line in table.find_all("tr") if line.find_parent("table") is table]
    heads = [line for line in lines if _is_head(line)]
    bodies = [line for line in lines if not _is_head(line)]
    head = _joined_heads(_grid(heads, repeat=True))
    return Rows(head, tuple(tuple(row) for row in _grid(bodies, repeat=False)))


def _is_head(line: Tag) -> bool:
    parent = line.parent
    if parent is not None and parent.name in ("thead", "tbody", "tfoot"):
        return parent.name == "thead"
    return line.find("td") is None


def _grid(lines: Sequence[Tag], *, repeat: bool) -> list[list[str]]:
    """The cells of each line, spans spread out; `repeat`: with their text in each place, else in the first."""
    grid: list[dict[int, str]] = [{} for _ in lines]
    for number, line in enumerate(lines):
        place = 0
        for cell in line.find_all(["th", "td"], recursive=False):
            while place in grid[number]:
                place += 1
            text = cell.get_text(" ").replace("\u00a0", " ").strip()
            across, down = _span(cell, "colspan"), min(_span(cell, "rowspan"), len(lines) - number)
            for row in range(number, number + down):
                for column in range(place, place + across):
                    grid[row][column] = text if repeat or (row, column) == (number, place) else ""
            place += across
    return [[row.get(column, "") for column in range(max(row, default=-1) + 1)] for row in grid]


def _span(cell: Tag, name: str) -> int:
    number = str(cell.get(name, "1"))
    return max(1, min(int(number), _WIDEST)) if number.isascii() and number.isdigit() else 1


def _joined_heads(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """One head of several: pandas puts levels of columns, and the names of the index, into lines of their own."""
    width = max((len(row) for row in rows), default=0)
    columns = [[row[place] for row in rows if place < len(row) and row[place]] for place in range(width)]
    return tuple(" / ".join(part for part, _ in groupby(column)) for column in columns)


FUNCTION = Function(
    name="table",
    text="a data frame or a CSV file as a Markdown table",
    first=PART,
    options=options.OUTPUT,
    gives=("table",),
    check=_check,
    answer=_answer,
)
