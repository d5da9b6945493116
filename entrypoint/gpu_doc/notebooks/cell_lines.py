"""Finds the lines of a notebook's file that a code cell stands on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gpu_doc.errors import GpuDocError
from gpu_doc.notebooks import json_places
from gpu_doc.notebooks.cells import joined, source_cells
from gpu_doc.notebooks.names import counts


def cell_lines(path: Path, number: int, line: int = 0) -> tuple[int, int]:
    """Return the first and last line, in a notebook's file, of a code cell's source, or of one line of it.

    Returns 0, 0 if not found. `number` is the cell's, as in addresses; `line` is from 1, or 0 for the whole cell.
    """
    try:
        if path.suffix == ".ipynb":
            lines = _lines_in_json(path.read_text("utf-8-sig"), number)
        else:
            lines = _lines_in_script(path.read_text("utf-8-sig").splitlines(), path, number)
    except (OSError, ValueError, LookupError, TypeError, RecursionError, GpuDocError):
        return 0, 0  # the file is broken, or was changed meanwhile: show the message without lines
    if 0 < line <= len(lines):
        return lines[line - 1], lines[line - 1]
    return (lines[0], lines[-1]) if lines else (0, 0)


# --- notebooks -------------------------------------------------------------------------------------------------------


def _lines_in_json(text: str, number: int) -> list[int]:
    """Return the file's line for each line of a code cell; for nbformat 3 too."""
    count = 0
    for at in json_places.cells(text):
        cell = dict(json_places.members(text, at))
        if json_places.value(text, cell["cell_type"]) != "code" or not counts(_tags(text, cell)):
            continue
        count += 1
        if count == number:
            return _source_lines(text, cell["source"] if "source" in cell else cell["input"])
    return []


def _tags(text: str, cell: dict[str, int]) -> Sequence[object]:
    metadata = json_places.value(text, cell["metadata"]) if "metadata" in cell else {}
    return metadata.get("tags") or () if isinstance(metadata, dict) else ()


def _source_lines(text: str, at: int) -> list[int]:
    """Return the same for a source at `at`: one string, or a list of strings that are mostly a line each."""
    parts = list(json_places.items(text, at)) if text[at] == "[" else [at]
    counts = [joined(json_places.value(text, part)).removesuffix("\n").count("\n") + 1 for part in parts]
    return [text.count("\n", 0, part) + 1 for part, count in zip(parts, counts, strict=True) for _ in range(count)]


# --- scripts and Markdown --------------------------------------------------------------------------------------------


def _lines_in_script(script: Sequence[str], path: Path, number: int) -> list[int]:
    """Return the same for files that jupytext reads. It tells no lines, so cells are searched in their order."""
    after = 0
    for cell in source_cells(path):
        source = cell.source.splitlines()
        after = _found(script, source, after)
        if cell.number == number:
            return list(range(after + 1, after + 1 + len(source)))
        after += len(source)
    return []


def _found(script: Sequence[str], source: Sequence[str], after: int) -> int:
    """Return the index where a cell's lines come next. Raises LookupError if nowhere."""
    wanted = [_bare(line) for line in source]
    for start in range(after, len(script) - len(source) + 1):
        if all(_bare(line) == want for line, want in zip(script[start:], wanted, strict=False)):
            return start
    raise LookupError(source)


def _bare(line: str) -> str:
    """Return a line without the comment sign that jupytext puts before magics in scripts."""
    return line.strip().removeprefix("# ").removeprefix("#").strip()
