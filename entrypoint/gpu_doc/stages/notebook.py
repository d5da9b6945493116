"""Reading notebooks: source notebooks as their authors wrote them, executed ones as papermill left them.

Neither needs nbformat, whose import would cost the fresh path 0.15 s; jupytext is imported only for `.py` and `.md`.
Formats: https://nbformat.readthedocs.io/en/latest/format_description.html (4; of 3 what sources need).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from gpu_doc.errors import NotebookFileError, ReportError
from gpu_doc.model import Json
from gpu_doc.stages.reporting.address import listed, nearest

_OPTION = re.compile(r"(?:#|//|--|%)\|\s*(?P<key>[\w-]+)\s*:\s*(?P<value>.*?)\s*")
_CONFLICT = re.compile(rb"^(?:<<<<<<< |>>>>>>> )", re.MULTILINE)
_INJECTED = "injected-parameters"
_UNNAMING = frozenset({"parameters", _INJECTED})
"""Tags that papermill gives a meaning: they are names too, but not worth proposing."""
_MAGIC_LANGUAGES = {
    "bash": "bash",
    "sh": "bash",
    "script": "bash",
    "html": "html",
    "HTML": "html",
    "javascript": "javascript",
    "js": "javascript",
    "latex": "latex",
    "markdown": "markdown",
    "R": "r",
    "sql": "sql",
    "perl": "perl",
    "ruby": "ruby",
    "cython": "cython",
}
_REPAIR = "Open it in Jupyter, or take the last good version from git."


@dataclass(frozen=True)
class SourceCell:
    """A code cell as its author wrote it."""

    number: int
    """From 1, code cells only; 0 for injected parameters, which don't count."""
    id: str
    """Empty where the format has none that lasts."""
    tags: tuple[str, ...]
    label: str
    """From its `#| label:` line, else empty."""
    source: str
    language: str
    """For fenced code: `python`, `bash`, ..."""

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that an address may call it."""
        number = (f"#{self.number}",) if self.number else ()
        return (*number, *self.tags, *(name for name in (self.label, self.id) if name))

    @property
    def name(self) -> str:
        """What messages call it: its first tag of its own, its label, or its number."""
        own = [tag for tag in self.tags if tag not in _UNNAMING]
        return next(iter([*own, *filter(None, [self.label])]), f"#{self.number}")


@dataclass(frozen=True)
class ExecutedCell(SourceCell):
    """A code cell with what it put out, as in nbformat 4."""

    outputs: tuple[Mapping[str, Json], ...] = ()


def source_cells(path: Path) -> list[SourceCell]:
    """The code cells of a notebook, script or Markdown notebook. Raises NotebookFileError."""
    return [SourceCell(*fields) for fields, _ in _code_cells(read(path), lasting_ids=path.suffix == ".ipynb")]


def executed_cells(path: Path) -> list[ExecutedCell]:
    """The code cells of an executed notebook with their outputs, read anew. Raises NotebookFileError."""
    cells = _code_cells(_load(path), lasting_ids=True)
    return [ExecutedCell(*fields, outputs=tuple(cell.get("outputs") or ())) for fields, cell in cells]


def kernel_name(path: Path) -> str:
    """The kernelspec that a notebook names; empty if it names none. Raises NotebookFileError."""
    return str(_metadata(read(path), "kernelspec").get("name") or "")


Cell = TypeVar("Cell", bound=SourceCell)


def find_cell(cells: Sequence[Cell], name: str, notebook: str) -> Cell:
    """Give the cell that a tag, id, label or number names; `notebook` is its path for messages.

    Raises ReportError, with the names there are, if the name fits no cell or more than one.
    """
    found = [cell for cell in cells if name in cell.names]
    if len(found) == 1:
        return found[0]
    if found:
        raise ReportError(
            f"`{name}` fits {len(found)} cells of {notebook}: {', '.join(f'#{cell.number}' for cell in found)}",
            remedy=f"Give the one you mean a tag of its own, or write its number: #{found[0].number}.",
        )
    raise missing_cell(cells, name, notebook)


def missing_cell(cells: Sequence[SourceCell], name: str, notebook: str, *, values: Sequence[str] = ()) -> ReportError:
    """The error about a name that no cell has, nor any of the glued `values`."""
    count = sum(1 for cell in cells if cell.number)
    if re.fullmatch(r"#\d+", name):
        return ReportError(f"no cell {name} in {notebook}; it has {count} code cell{'s' if count != 1 else ''}")
    tags = [tag for cell in cells for tag in cell.tags if tag not in _UNNAMING]
    known = list(dict.fromkeys([*tags, *(cell.label for cell in cells if cell.label), *values]))
    has = f"it has: {listed(known)}" if known else "none of its cells has a tag"
    remedy = nearest(name, [*known, *(cell.id for cell in cells if cell.id)])
    if not remedy and not known and count:
        remedy = f"Tag the cell, or name it by its number: #1 to #{count}."
    return ReportError(f"no cell tagged `{name}` in {notebook}; {has}", remedy=remedy)


# --- files -----------------------------------------------------------------------------------------------------------


def read(path: Path) -> Mapping[str, Json]:
    """A notebook as nbformat has it, whatever its file format; the last few are kept. Raises NotebookFileError."""
    try:
        stat = path.stat()
    except OSError:
        return _load(path)
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _read(path: Path, _mtime: int, _size: int) -> Mapping[str, Json]:
    return _load(path)


def _load(path: Path) -> Mapping[str, Json]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotebookFileError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="Check the path."
        ) from error
    return _from_json(content, path) if path.suffix == ".ipynb" else _from_text(content, path)


def _from_json(content: bytes, path: Path) -> Mapping[str, Json]:
    if not content.strip():
        raise NotebookFileError("this notebook is empty", where=f"{path}:1", remedy=_REPAIR)
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotebookFileError("this notebook is not UTF-8", where=f"{path}:{line}", remedy=_REPAIR) from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise _broken(content, path, error) from error
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells", notebook.get("worksheets")), list):
        raise NotebookFileError("this is JSON, but not a notebook: it has no cells", where=f"{path}:1", remedy=_REPAIR)
    return notebook


def _broken(content: bytes, path: Path, error: Exception) -> NotebookFileError:
    if conflict := _CONFLICT.search(content):
        line = content.count(b"\n", 0, conflict.start()) + 1
        return NotebookFileError(
            "this notebook holds an unresolved merge conflict",
            where=f"{path}:{line}",
            remedy="Resolve it; nbdime understands notebooks.",
        )
    line, why = (error.lineno, error.msg) if isinstance(error, json.JSONDecodeError) else (1, "nested too deeply")
    return NotebookFileError(f"this notebook is not valid JSON: {why}", where=f"{path}:{line}", remedy=_REPAIR)


def _from_text(content: bytes, path: Path) -> Mapping[str, Json]:
    """A script or Markdown file, as jupytext reads it."""
    import jupytext

    try:
        notebook = jupytext.reads(content.decode("utf-8-sig"), fmt=path.suffix.removeprefix("."))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotebookFileError("this file is not UTF-8", where=f"{path}:{line}", remedy="Save it as UTF-8.") from error
    except Exception as error:  # jupytext documents no errors, and parses the header as YAML
        why = " ".join(str(error).split())[:200]
        raise NotebookFileError(
            f"jupytext cannot read this: {why}", where=f"{path}:1", remedy="Check its header."
        ) from error
    as_json: Mapping[str, Json] = json.loads(json.dumps(notebook))
    return as_json


# --- cells -----------------------------------------------------------------------------------------------------------

_Fields = tuple[int, str, tuple[str, ...], str, str, str]


def _code_cells(notebook: Mapping[str, Json], *, lasting_ids: bool) -> Iterator[tuple[_Fields, Mapping[str, Json]]]:
    """Number, id, tags, label, source and language of each code cell, and the cell itself."""
    language, number = _language(notebook), 0
    for cell in _all_cells(notebook):
        if cell.get("cell_type") != "code":
            continue
        metadata = _metadata(cell)
        tags = tuple(str(tag) for tag in metadata.get("tags") or ())
        counts = _INJECTED not in tags
        number += counts
        source = joined(cell.get("source", cell.get("input", "")))
        cell_id = str(cell.get("id") or "") if lasting_ids else ""
        yield (number if counts else 0, cell_id, tags, _label(source), source, _cell_language(source, language)), cell


def _all_cells(notebook: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """All cells, of nbformat 3's worksheets too."""
    sheets = [notebook] if "cells" in notebook else notebook.get("worksheets", [])
    for sheet in sheets:
        yield from (cell for cell in sheet.get("cells") or () if isinstance(cell, dict))


def joined(text: Json) -> str:
    """A text that nbformat may have split into lines."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def _label(source: str) -> str:
    """The value of the `#| label:` line among the option lines at a cell's head."""
    for line in source.splitlines():
        option = _OPTION.fullmatch(line.strip())
        if option and option["key"] == "label":
            return option["value"].strip("\"'")
        if line.strip() and not option and not line.startswith("%%"):
            return ""
    return ""


def _metadata(holder: Mapping[str, Json], *keys: str) -> Mapping[str, Json]:
    found: Json = holder.get("metadata")
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _language(notebook: Mapping[str, Json]) -> str:
    info, spec = _metadata(notebook, "language_info"), _metadata(notebook, "kernelspec")
    return str(info.get("name") or spec.get("language") or "python").lower()


def _cell_language(source: str, language: str) -> str:
    """The language of a cell: a magic such as `%%bash` at its head changes it."""
    magic = re.match(r"\s*%%(\w+)", source)
    return _MAGIC_LANGUAGES.get(magic[1], language) if magic else language
