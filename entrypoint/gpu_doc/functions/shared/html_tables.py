"""Reads tables in the HTML of outputs, of pandas' frames and Stylers, polars, great_tables and itables."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from gpu_doc.errors import ReportError
from gpu_doc.model.values import Json

if TYPE_CHECKING:
    from bs4 import Tag

_WIDEST = 1000
"""The most columns of a span in HTML."""
_ITABLES = re.compile(r"dt_for_itables|\bnew ITable\(|Loading ITables")
_ARGUMENT = r'"{}":\s*(?P<json>"(?:[^"\\]|\\.)*")'
_DATA = re.compile(_ARGUMENT.format("data_json"))
_OLD_DATA = re.compile(r"\bconst data = (?P<json>\[.*?\]);\n", re.DOTALL)
_HEAD = re.compile(_ARGUMENT.format("table_html"))
_CAPTION = re.compile(_ARGUMENT.format("caption"))
_LESS = re.compile(_ARGUMENT.format("downsampling_warning"))


@dataclass(frozen=True)
class Rows:
    """A table's text: its head, its rows, and the lines above and below it."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    titles: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def from_html(text: str) -> Rows | None:
    """Return the first table in a piece of HTML, several levels of a head joined with ` / `; None if it has none.

    Raises ReportError if it contains only a part of its rows.
    """
    return _from_itables(text) if _ITABLES.search(text) else _first_table(text)


def _first_table(text: str) -> Rows | None:
    from bs4 import BeautifulSoup, Tag

    table = BeautifulSoup(text, "html.parser").find("table")
    if not isinstance(table, Tag):
        return None
    lines = [line for line in table.find_all("tr") if line.find_parent("table") is table]
    titles, lines = _apart(lines, "thead")
    notes, lines = _apart(lines, "tfoot")
    heads = [line for line in lines if _is_head(line)]
    bodies = [line for line in lines if not _is_head(line)]
    head = _joined_heads(_grid(heads, repeat=True))
    captions = [_said(caption) for caption in table.find_all("caption", recursive=False)]
    rows = tuple(tuple(row) for row in _grid(bodies, repeat=False))
    return Rows(head, rows, tuple(filter(None, [*captions, *titles])), tuple(filter(None, notes)))


def _apart(lines: Sequence[Tag], part: str) -> tuple[list[str], list[Tag]]:
    """Return the text of one-cell lines in a head or foot, where great_tables has title and notes; the other lines."""
    alone = [
        line
        for line in lines
        if line.parent is not None and line.parent.name == part
        if [cell.name for cell in line.find_all(["th", "td"], recursive=False)] == ["td"]
    ]
    return [_said(line) for line in alone], [line for line in lines if not any(line is one for one in alone)]


def _is_head(line: Tag) -> bool:
    parent = line.parent
    if parent is not None and parent.name in ("thead", "tbody", "tfoot"):
        return parent.name == "thead"
    return line.find("td") is None


def _said(tag: Tag) -> str:
    return tag.get_text(" ").replace("\u00a0", " ").strip()


def _grid(lines: Sequence[Tag], *, repeat: bool) -> list[list[str]]:
    """Return the cells of each line, spans expanded; `repeat`: with their text in each cell, else in the first."""
    grid: list[dict[int, str]] = [{} for _ in lines]
    for number, line in enumerate(lines):
        place = 0
        for cell in line.find_all(["th", "td"], recursive=False):
            while place in grid[number]:
                place += 1
            text = _said(cell)
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
    """Join several heads: pandas puts each level of columns, and the names of the index, into a separate line."""
    width = max((len(row) for row in rows), default=0)
    columns = [[row[place] for row in rows if place < len(row) and row[place]] for place in range(width)]
    return tuple(" / ".join(part for part, _ in groupby(column)) for column in columns)


# --- itables ---------------------------------------------------------------------------------------------------------


def _from_itables(text: str) -> Rows:
    """Return the table that itables' script would show; its rows are in the script."""
    if less := _argument(_LESS, text):
        raise ReportError(
            f"itables left rows out: {_plain(less)}", remedy="Show the frame with itables.show(frame, maxBytes=0)."
        )
    found, given = _DATA.search(text) or _OLD_DATA.search(text), _argument(_HEAD, text)
    frame = _first_table(given or text.partition("<script")[0])
    try:
        data: Json = json.loads(found["json"]) if found else []
        data = json.loads(data) if isinstance(data, str) else data
        rows = tuple(tuple(_plain(cell) for cell in row) for row in data)
    except (ValueError, TypeError):
        frame = None
    if frame is None or not (found or given):
        raise ReportError("The rows of this table come by a script", remedy="Show the frame without itables.")
    caption = _argument(_CAPTION, text)
    return replace(frame, rows=rows or frame.rows, titles=(_plain(caption),) if caption else frame.titles)


def _argument(name: re.Pattern[str], text: str) -> str:
    found = name.search(text)
    return str(json.loads(found["json"])) if found else ""


def _plain(cell: Json) -> str:
    """Return the text of a cell, which is HTML; a number is a pair of the text to show and the value to sort by."""
    shown = cell[0] if isinstance(cell, list) and cell else cell
    text = "" if shown is None else str(shown)
    return html.unescape(re.sub(r"<[^>]*>", " ", text)).strip() if "<" in text or "&" in text else text
