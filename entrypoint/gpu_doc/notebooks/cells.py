"""The code cells of notebooks: of source notebooks, and of those that papermill executed.

notebooks/file.py reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from gpu_doc.errors import NotebookFileError, ReportError
from gpu_doc.execution.agent.kernel_names import is_any_python
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json
from gpu_doc.notebooks import file as notebook_file
from gpu_doc.notebooks.names import THAT_MATTER, counts, is_name, label, own_name
from gpu_doc.notebooks.shape import Notebook

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
_PYTHON = frozenset({"python", "ipython", "python3", "python2"})


@dataclass(frozen=True)
class SourceCell:
    """A code cell as its author wrote it."""

    number: int
    """Counts code cells from 1; 0 for injected parameters, which don't count."""
    id: str
    """Empty if the format has no permanent ids."""
    tags: tuple[str, ...]
    label: str
    """From its `#| label:` line, else empty."""
    source: str
    language: str
    """The language for fenced code: `python`, `bash`, ..."""

    @property
    def names(self) -> tuple[str, ...]:
        """All names that an address may use for it."""
        number = (f"#{self.number}",) if self.number else ()
        return (*number, *self.tags, *(name for name in (self.label, self.id) if name))

    @property
    def name(self) -> str:
        """Its name in messages, beside its number; may be empty."""
        return own_name(self.tags, self.label)


@dataclass(frozen=True)
class ExecutedCell(SourceCell):
    """A code cell with its outputs, as in nbformat 4."""

    outputs: tuple[Mapping[str, Json], ...] = ()
    ran_as: int = 0
    """Its number when it was executed, which may be another by now."""


def source_cells(path: Path) -> list[SourceCell]:
    """The code cells of a notebook, script or Markdown notebook. Raises NotebookFileError."""
    try:
        stat = path.stat()
    except OSError:
        return [SourceCell(*fields) for fields, _ in _code_cells(read(path))]
    return [*_source_cells(path, stat.st_mtime_ns, stat.st_size)]


@lru_cache(maxsize=8)
def _source_cells(path: Path, mtime: int, size: int) -> tuple[SourceCell, ...]:
    return tuple(SourceCell(*fields) for fields, _ in _code_cells(_read(path, mtime, size)))


def executed_cells(path: Path) -> list[ExecutedCell]:
    """The code cells of an executed notebook with their outputs; not cached. Raises NotebookFileError."""
    return _executed(_read_executed(path))


def shown_cells(path: Path) -> list[ExecutedCell]:
    """The same, with Jupyter widgets replaced by what they show at the end. Raises NotebookFileError."""
    notebook = _read_executed(path)
    if "widgets" not in notebook["metadata"]:
        return _executed(notebook)
    from gpu_doc.widgets.outputs import without_widgets
    from gpu_doc.widgets.state import WidgetStates

    states = WidgetStates(notebook["metadata"])
    return [replace(cell, outputs=without_widgets(cell.outputs, states)) for cell in _executed(notebook)]


def _read_executed(path: Path) -> Notebook:
    return notebook_file.read(path, str(path), outputs=True)


def _executed(notebook: Notebook) -> list[ExecutedCell]:
    return [ExecutedCell(*fields, outputs=tuple(cell["outputs"])) for fields, cell in _code_cells(notebook)]


def kernel_name(path: Path) -> str:
    """The kernelspec that a notebook names; empty if it names none.

    Raises NotebookFileError; also if it names none but is not in Python: a kernel without a name is Python's.
    """
    notebook = read(path)
    name = str(notebook["metadata"].get("kernelspec", {}).get("name") or "")
    if not name and (language := _language(notebook)) not in _PYTHON:
        raise NotebookFileError(
            f"this notebook is in {language}, but names no kernel",
            where=Location(str(path)),
            remedy="Choose its kernel in Jupyter and save it, or name one in gpu-doc.yml, as in `kernel: ir`.",
        )
    return name


def is_python(path: Path, kernel: str) -> bool:
    """Whether a notebook's code is Python: its kernel is a Python, or its metadata says so.

    An environment's kernel may have any name. Raises NotebookFileError.
    """
    return is_any_python(kernel) or _said_language(read(path)) in _PYTHON


def does_nothing(cell: SourceCell) -> bool:
    """Whether a cell has no code, or only comments, and no tag gives it a meaning."""
    if not THAT_MATTER.isdisjoint(cell.tags):
        return False
    comment = "#" if cell.language == "python" else ()
    return all(not line.strip() or line.lstrip().startswith(comment) for line in cell.source.split("\n"))


def places(cells: Sequence[SourceCell]) -> list[int]:
    """Return for each code cell its place among those that do something, from 1.

    It is what a result has for the cell, whatever is written around it. A cell that does nothing, and papermill's own,
    has none: it is given minus the number of those before it, less 1.
    """
    found, count = [], 0
    for cell in cells:
        acts = bool(cell.number) and not does_nothing(cell)
        count += acts
        found.append(count if acts else -count - 1)
    return found


def as_in_source(executed: Sequence[ExecutedCell], source: Sequence[SourceCell]) -> list[ExecutedCell]:
    """Return executed cells as their notebook has them now: with its names, numbers and text, and its empty cells."""
    ran, now = places(executed), places(source)
    acting = {place: cell for place, cell in zip(ran, executed, strict=True) if place > 0}
    if sorted(acting) != sorted(place for place in now if place > 0):
        return [replace(cell, ran_as=cell.number) for cell in executed]
    ours = {-place - 1: cell for place, cell in zip(ran, executed, strict=True) if not cell.number}
    found = [ours[0]] if 0 in ours else []
    for place, cell in zip(now, source, strict=True):
        if not cell.number:
            continue  # of an earlier papermill, which replaced it
        was = acting.get(place)
        outputs, number = (was.outputs, was.number) if was else ((), 0)
        fields = (cell.number, cell.id, cell.tags, cell.label, cell.source, cell.language)
        found.append(ExecutedCell(*fields, outputs=outputs, ran_as=number))
        if place in ours:  # papermill's own comes right after the cell with the parameters, or first
            found.append(ours[place])
    return found


Cell = TypeVar("Cell", bound=SourceCell)


def find_cell(cells: Sequence[Cell], name: str, notebook: str) -> Cell:
    """Return the cell that a tag, id, label or number names; `notebook` is its path for messages.

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
    """Return the error about a name that neither a cell nor a glued value has."""
    count = sum(1 for cell in cells if cell.number)
    if re.fullmatch(r"#\d+", name):
        return ReportError(f"no cell {name} in {notebook}; it has {count} code cell{'s' if count != 1 else ''}")
    tags = [tag for cell in cells for tag in cell.tags if is_name(tag)]
    known = list(dict.fromkeys([*tags, *(cell.label for cell in cells if cell.label), *values]))
    from gpu_doc.text.nearest import did_you_mean, listed  # only a mistake pays for it

    has = f"it has: {listed(known)}" if known else "none of its cells has a tag"
    remedy = did_you_mean(name, [*known, *(cell.id for cell in cells if cell.id)])
    if not remedy and not known and count:
        remedy = f"Tag the cell, or name it by its number: #1 to #{count}."
    return ReportError(f"no cell tagged `{name}` in {notebook}; {has}", remedy=remedy)


# --- files -----------------------------------------------------------------------------------------------------------


def read(path: Path) -> Mapping[str, Json]:
    """A notebook in the shape of shape.py; the last few are cached. Raises NotebookFileError."""
    try:
        stat = path.stat()
    except OSError:
        return notebook_file.read(path, str(path))
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _read(path: Path, _mtime: int, _size: int) -> Mapping[str, Json]:
    return notebook_file.read(path, str(path))


# --- cells -----------------------------------------------------------------------------------------------------------

_Fields = tuple[int, str, tuple[str, ...], str, str, str]


def _code_cells(notebook: Mapping[str, Json]) -> Iterator[tuple[_Fields, Mapping[str, Json]]]:
    """Yield the fields of each code cell (number, id, tags, label, source, language), and the cell itself."""
    language, number = _language(notebook), 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        tags, source = tuple(cell["metadata"]["tags"]), cell["source"]
        counted = counts(tags)
        number += counted
        own = _cell_language(source, language)
        yield (number if counted else 0, cell["id"], tags, label(source), source, own), cell


def joined(text: Json) -> str:
    """Join a text that nbformat may have split into lines."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def _language(notebook: Mapping[str, Json]) -> str:
    return _said_language(notebook) or "python"


def _said_language(notebook: Mapping[str, Json]) -> str:
    metadata = notebook["metadata"]
    info, spec, script = (metadata.get(key) for key in ("language_info", "kernelspec", "jupytext"))
    said = [(info or {}).get("name"), (spec or {}).get("language")]
    said += [script.get("main_language")] if isinstance(script, dict) else []
    return next((str(name) for name in said if name), "").lower()


def _cell_language(source: str, language: str) -> str:
    """The language of a cell: a magic such as `%%bash` on its first line changes it."""
    magic = re.match(r"\s*%%(\w+)", source)
    return _MAGIC_LANGUAGES.get(magic[1], language) if magic else language
