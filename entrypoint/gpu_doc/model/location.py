"""Where in a project something is, and what is wrong there: carried as fields, and written as text only here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Location:
    """A place that a person can open. `str` of it is how every message names it."""

    file: str
    """A path from root, or an absolute one."""
    line: int = 0
    """From 1, of the file, or of the cell if one is given; 0 where it is not known."""
    column: int = 0
    """From 1; 0 where it is not known."""
    cell: int = 0
    """The number of a notebook's code cell, counted as addresses count them; 0 for none."""
    cell_name: str = ""
    """What the cell is called beside its number: it has no number where only papermill's own copy has the cell."""
    shows: str = ""
    """Where that comes from which is shown here: of a call in a template, the notebook's cell."""

    def __str__(self) -> str:
        shows = f", which shows {self.shows}" * bool(self.shows)
        if self.cell:
            return f"{self.file}, cell {self.cell}" + f" ({self.cell_name})" * bool(self.cell_name) + shows
        if self.cell_name:
            return f"{self.file}, {self.cell_name}{shows}"
        return ":".join([self.file, *(str(number) for number in (self.line, self.column) if number)]) + shows

    def relative_to(self, root: Path) -> Location:
        """The same place, with a path from `root` where the file lies below it."""
        return replace(self, file=self.file.removeprefix(f"{root}/"))


@dataclass(frozen=True)
class Problem:
    """What is wrong at a place, where several things are told at once."""

    location: Location
    message: str

    def __str__(self) -> str:
        return f"{self.location}: {self.message}"
