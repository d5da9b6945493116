"""How much of a run's output is kept: what is printed and what is displayed apart, for each cell and for the whole run.

A cell that prints without end takes nothing from the pictures beside it, and little from the cells after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from gpu_doc.text.units import readable_size

Reached = Literal["cell prints", "run prints", "cell displays", "run displays", "traceback"]
"""Which limit was reached."""

_TIMES: Mapping[Reached, int] = {"cell prints": 1, "run prints": 5, "cell displays": 10, "run displays": 20}
"""How many times `limits.output` is kept: pictures are larger than text, and a run has many cells."""

LONGEST_ERROR = 200_000
"""Bytes to keep of a traceback, even past all limits: without it, nobody knows what happened."""


def sentence(reached: Reached, limit: int) -> str:
    """Return what was cut, and where; `limit` is `limits.output`, in bytes."""
    if reached == "traceback":
        return f"traceback cut at {readable_size(LONGEST_ERROR)}"
    times = _TIMES[reached]
    said = f"{times} times limits.output" if times > 1 else "limits.output"
    return f"output cut at {readable_size(limit * times)}, the most that is kept of what a {reached} ({said})"


class Room:
    """The bytes that printed text, or displayed data, may still use: in its cell, and in the run.

    A cell is told by the list of its outputs, which lives as long as the run.
    """

    def __init__(self, limit: int, kind: Literal["prints", "displays"]) -> None:
        """`limit` is `limits.output`, in bytes."""
        self._in_cell: Reached = "cell prints" if kind == "prints" else "cell displays"
        self._in_run: Reached = "run prints" if kind == "prints" else "run displays"
        self._left = limit * _TIMES[self._in_run]
        self._most = limit * _TIMES[self._in_cell]
        self._used: dict[int, int] = {}
        self._closed: dict[int, Reached] = {}

    def left(self, cell: list[Any]) -> int:
        """Bytes that a cell may still keep; never negative. Always 0 after something of it was left out."""
        return 0 if id(cell) in self._closed else max(0, min(self._left, self._left_in(cell)))

    def take(self, *parts: tuple[list[Any], int]) -> bool:
        """Count so many more bytes in cells (or fewer, if negative); close the cells, and return False, if too many."""
        total = sum(size for _, size in parts)
        if total <= max(0, self._left) and all(size <= self.left(cell) for cell, size in parts):
            for cell, size in parts:
                self.count(cell, size)
            return True
        for cell, size in parts:
            self.close(cell, size)
        return False

    def count(self, cell: list[Any], size: int) -> None:
        """Count bytes that are there, or negative ones that are gone: of a mark, which never counted, none."""
        used = self._used.get(id(cell), 0)
        size = max(size, -used)
        self._left -= size
        self._used[id(cell)] = used + size

    def close(self, cell: list[Any], size: int = 0) -> None:
        """Note that something of a cell, of this size, is left out: from now on, all is."""
        inside = self._left_in(cell)
        too_many = size > inside if size else inside <= self._left
        self._closed.setdefault(id(cell), self._in_cell if too_many else self._in_run)

    def open(self, cell: list[Any]) -> None:
        """Note that a cell begins anew."""
        self._closed.pop(id(cell), None)

    def reached(self, cell: list[Any]) -> Reached | None:
        """Return which limit closed a cell, if one did."""
        return self._closed.get(id(cell))

    def _left_in(self, cell: list[Any]) -> int:
        return self._most - self._used.get(id(cell), 0)
