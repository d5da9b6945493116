"""`table()`: a data frame that a cell shows, or a CSV file, as a Markdown table."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from gpu_doc.errors import ReportError
from gpu_doc.functions.shared import checks, options
from gpu_doc.functions.shared.function import PART, BoundCall, Function
from gpu_doc.functions.shared.html_tables import Rows, from_html
from gpu_doc.functions.shared.results import Output, ResultReader, the_cell
from gpu_doc.functions.shared.tables import Entry, Table
from gpu_doc.functions.shared.tables import table as tabled
from gpu_doc.model.answers import Answer
from gpu_doc.notebooks.cells import joined
from gpu_doc.text import markdown

_NUMBER = re.compile(r"[-+−]?(?:\d[\d,'_ \u00a0\u202f]*)?\.?\d+(?:[eE][-+]?\d+)?\s*%?")  # noqa: RUF001 - a real minus sign
_NOT_FINITE = frozenset({"nan", "inf", "-inf"})
_MISSING = frozenset({"", "none", "null", "na", "n/a", "<na>", "nat", "...", "…", "-", "–"})  # noqa: RUF001 - a real dash
_QUOTED = re.compile(r'"(?:[^"]|"")*(?:"|\Z)')
_SAMPLE = 100_000
"""The number of characters in which the end of a file's first line is searched."""
_SUFFIXES = frozenset({".csv", ".tsv", ".tab", ".txt"})


def _check(call: BoundCall, root: Path) -> None:
    checks.part_of_run(call, root, file=checks.ending_in("table", _SUFFIXES))


def _answer(call: BoundCall, results: ResultReader) -> Answer:
    if call.address.file is not None:
        rows = from_csv(results.file(call).read_bytes(), call.address.file)
    else:
        rows = only_table(results.outputs(call), the_cell(call.address))
    shown = written(rows)
    around = [[f"*{markdown.prose(line)}*" for line in lines] for lines in (rows.titles, rows.notes)]
    return call.answered("\n\n".join([*around[0], shown.markdown, *around[1]]), cells=shown.cells)


def only_table(outputs: Sequence[Output], what: str) -> Rows:
    """Return the only table among outputs. Raises ReportError if there is none, or more than one."""
    pieces = [joined((output.get("data") or {}).get("text/html", "")) for output in outputs]
    found = [rows for html in pieces if "<table" in html if (rows := from_html(html))]
    if not found:
        raise ReportError(f"{what} shows no data frame", remedy="shot() takes a picture of it, text() its text.")
    if len(found) > 1:
        raise ReportError(f"{what} shows {len(found)} tables", remedy="Say which output with output=, from 1.")
    return found[0]


def written(table: Rows) -> Table:
    """Return the table; columns of numbers are right-aligned."""
    width = max([len(table.head), *(len(row) for row in table.rows)])
    columns = [[row[place] if place < len(row) else "" for row in table.rows] for place in range(width)]
    alignments: list[markdown.Alignment] = ["right" if _numbers(column) else "left" for column in columns]
    return tabled([[Entry(markdown.plain(cell)) for cell in row] for row in (table.head, *table.rows)], alignments)


def _numbers(column: Sequence[str]) -> bool:
    """Return whether a column has only numbers and signs for missing ones."""
    cells = [cell.strip().lower() for cell in column]
    numbers = [cell for cell in cells if cell in _NOT_FINITE or _NUMBER.fullmatch(cell)]
    return bool(numbers) and len(numbers) == sum(1 for cell in cells if cell not in _MISSING)


# --- CSV -------------------------------------------------------------------------------------------------------------


def from_csv(content: bytes, path: str) -> Rows:
    """Read comma-, semicolon- or tab-separated values; the first row is the head. Raises ReportError."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReportError(f"{path} is not UTF-8, so no table", remedy="Save it as UTF-8.") from error
    first = _QUOTED.sub("", text[:_SAMPLE]).partition("\n")[0]
    delimiter = "\t" if path.lower().endswith((".tsv", ".tab")) else max(",;\t", key=first.count)
    try:
        rows = [tuple(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    except csv.Error as error:
        raise ReportError(f"{path} is no CSV file: {error}") from error
    if not rows:
        raise ReportError(f"{path} is empty")
    return Rows(rows[0], tuple(rows[1:]))


FUNCTION = Function(
    name="table",
    text="a data frame or a CSV file as a Markdown table",
    first=PART,
    options=options.OUTPUT,
    gives=("table",),
    check=_check,
    answer=_answer,
)
