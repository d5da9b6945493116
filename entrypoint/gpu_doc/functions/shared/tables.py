"""Makes the tables of functions: Markdown for the report and cells for evidence, from the same entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gpu_doc.model.answers import Cell, Cells
from gpu_doc.model.values import Scalar
from gpu_doc.text import markdown
from gpu_doc.text.markdown import Alignment, Written


@dataclass(frozen=True)
class Entry:
    """The content of one cell; with an address, also its source and its value before it was rounded."""

    written: Written
    address: str = ""
    value: Scalar = None

    @property
    def cell(self) -> Cell:
        """The cell as evidence keeps it."""
        return Cell(text=self.written.text, address=self.address, value=self.value)


@dataclass(frozen=True)
class Table:
    """A table in two forms."""

    markdown: str
    cells: Cells


def table(rows: Sequence[Sequence[Entry]], alignments: Sequence[Alignment] = ()) -> Table:
    """Return a table of rows, its head first; short rows are filled up."""
    width = max(map(len, rows))
    filled = [[*row, *[Entry(Written("", ""))] * (width - len(row))] for row in rows]
    lines = [[entry.written.markdown for entry in row] for row in filled]
    cells = tuple(tuple(entry.cell for entry in row) for row in filled)
    return Table(markdown.table(lines[0], lines[1:], alignments), cells)
