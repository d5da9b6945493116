"""The names of a notebook's cells, and the executed notebook on disk."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

INJECTED = "injected-parameters"
"""papermill's tag for the cell that it adds. It has no number: addresses count the source notebook's cells."""

_DIRECTIVE = re.compile(r"raises-exception|skip-execution|(hide|remove|full|output|papermill)[-_].*")
"""Tags that tell tools what to do and name nothing."""

_LABEL = re.compile(r"^#\|\s*label:\s*(\S+)", re.MULTILINE)


def cell_numbers(cells: list[Any]) -> list[int | None]:
    """Return for each cell its number among the source notebook's code cells, from 1; None for all others."""
    numbers: list[int | None] = []
    count = 0
    for cell in cells:
        if cell["cell_type"] == "code" and INJECTED not in cell["metadata"].get("tags", []):
            count += 1
            numbers.append(count)
        else:
            numbers.append(None)
    return numbers


def cell_name(cell: Any) -> str:
    """Return the name that a person gave a cell: its first tag that names something, else its label, else nothing."""
    tags = [t for t in cell["metadata"].get("tags", []) if not _DIRECTIVE.fullmatch(t)]
    label = _LABEL.search(cell["source"])
    return tags[0] if tags else label[1] if label else ""


def write_atomically(path: Path, text: str) -> None:
    """Write a file of JSON so that whoever reads it, even after a crash, finds the old text or the new one.

    Half a character, as a cell may print it, is escaped as JSON does it: UTF-8 can't hold it.

    Raises OSError: with the file's name, among others where the disk is full.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(error.errno, os.strerror(error.errno or 0), str(path)) from error
