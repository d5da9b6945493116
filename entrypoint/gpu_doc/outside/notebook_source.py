"""Notebook files as they are read for a run, the names of their cells, and the executed notebook on disk."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from gpu_doc.errors import NotebookFileError

INJECTED = "injected-parameters"
"""papermill's tag for the cell that it adds. It has no number: addresses count the source notebook's cells."""

_DIRECTIVE = re.compile(r"raises-exception|skip-execution|(hide|remove|full|output|papermill)[-_].*")
"""Tags that tell tools what to do and name nothing."""

_LABEL = re.compile(r"^#\|\s*label:\s*(\S+)", re.MULTILINE)


def read_source(path: Path, name: str) -> Any:
    """Read a notebook, or a script or Markdown file that jupytext turns into one.

    Returns the notebook in the format that the file has: plain JSON, or jupytext's node.

    Raises NotebookFileError: missing, empty, or no notebook; `name` is what the message calls it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise NotebookFileError(f"can't read the notebook: {error.strerror}", where=name) from error
    except UnicodeDecodeError as error:
        raise NotebookFileError(f"this is no text in UTF-8 (byte {error.start})", where=name) from error
    if path.suffix != ".ipynb":
        return _read_text(text, path.suffix, name)
    if not text.strip():
        raise NotebookFileError(
            "this is no notebook: the file is empty", where=name, remedy="Save it again, or restore it from git."
        )
    return _read_json(text, name)


def _read_json(text: str, name: str) -> Any:
    try:
        notebook = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        conflict = "<<<<<<<" in text
        raise NotebookFileError(
            f"this is no notebook: broken JSON ({error})",
            where=f"{name}:{line}",
            remedy="It holds a merge conflict: resolve it." if conflict else "Restore the file, or save it again.",
        ) from error
    if not isinstance(notebook, dict) or not ({"cells", "worksheets"} & notebook.keys() and "nbformat" in notebook):
        raise NotebookFileError("this is no notebook: JSON without `cells` and `nbformat`", where=name)
    return notebook


def _read_text(text: str, suffix: str, name: str) -> Any:
    import jupytext

    try:
        return jupytext.reads(text, fmt={"extension": suffix})
    except Exception as error:  # jupytext has no exception class of its own
        raise NotebookFileError(f"jupytext can't read this as a notebook: {error}", where=name) from error


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
    """Write a file so that whoever reads it, even after a crash, finds the old text or the new one.

    Raises OSError: with the file's name, among others where the disk is full.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_text(text, encoding="utf-8", errors="surrogatepass")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(error.errno, os.strerror(error.errno or 0), str(path)) from error
