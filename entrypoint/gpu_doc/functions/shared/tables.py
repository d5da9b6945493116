"""Tables that functions give: as Markdown for the report, and as cells for evidence, from the same entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gpu_doc.model.answers import Cell, Cells
from gpu_doc.model.values import Scalar
from gpu_doc.text import markdown
from gpu_doc.text.markdown import Alignment, Written


@dataclass(frozen=True)
class Entry:
    """What stands in one cell; with an address, where it comes from and what it was before it was rounded."""

    written: Written
    address: str = ""
    value: Scalar = None

    @property
    def cell(self) -> Cell:
        """What evidence keeps of it."""
        return Cell(text=self.written.text, address=self.address, value=self.value)


@dataclass(frozen=True)
class Table:
    """A table, said twice."""

    markdown: str
    cells: Cells


def table(rows: Sequence[Sequence[Entry]], alignments: Sequence[Alignment] = ()) -> Table:
    """A table of rows, its head first; rows that are short are filled up."""
    width = max(map(len, rows))
    filled = [[*row, *[Entry(Written("", ""))] * (width - len(row))] for row in rows]
    lines = [[entry.written.markdown for entry in row] for row in filled]
    cells = tuple(tuple(entry.cell for entry in row) for row in filled)
    return Table(markdown.table(lines[0], lines[1:], alignments), cells)
