"""The cells of tables as evidence keeps them: a text, or where a cell shows a value, that and its address too."""

from __future__ import annotations

import math

from gpu_doc.model.answers import Cell, Cells
from gpu_doc.model.values import Json, Scalar


def to_json(cells: Cells) -> list[list[Json]]:
    """Rows of cells as lists."""
    return [[_to_json(cell) for cell in row] for row in cells]


def _to_json(cell: Cell) -> Json:
    return {"text": cell.text, "address": cell.address, "value": cell.value} if cell.address else cell.text


def from_json(rows: Json) -> Cells:
    """Cells from what may be anything. Raises ValueError, KeyError or TypeError where it is not as we write it."""
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise TypeError("no rows of cells")
    return tuple(tuple(map(_from_json, row)) for row in rows)


def _from_json(cell: Json) -> Cell:
    if isinstance(cell, str):
        return Cell(text=cell)
    text, address = cell["text"], cell["address"]
    if not isinstance(text, str) or not isinstance(address, str) or not address:
        raise TypeError("no text, or no address")
    return Cell(text=text, address=address, value=_scalar(cell["value"]))


def _scalar(value: Json) -> Scalar:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("JSON has no such number")
    if value is not None and not isinstance(value, str | int | float):
        raise TypeError("no single value")
    return value
