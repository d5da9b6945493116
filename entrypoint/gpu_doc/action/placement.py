"""Turns an error's location into lines of a file of the repository, beside which GitHub can show the message."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gpu_doc.console.workflow_commands import FileLines
from gpu_doc.model.location import Location
from gpu_doc.notebooks.cell_lines import cell_lines


def place(location: Location, *, bases: Sequence[Path], top: Path) -> FileLines | None:
    """Return the lines of a location, whose file is relative to one of `bases`; None if no such file is below `top`."""
    path = _file(location.file, bases)
    name = Path(os.path.relpath(path, top)).as_posix() if path else "../"
    if path is None or name.startswith("../"):
        return None
    if location.cell:
        return FileLines(name, *cell_lines(path, location.cell, location.line))
    return FileLines(name, location.line)


def _file(name: str, bases: Sequence[Path]) -> Path | None:
    with suppress(OSError, ValueError):  # not a path: too long, or with a null character
        return next((base / name for base in bases if name and (base / name).is_file()), None)
    return None
