"""Converts notebooks into one shape: nbformat 4.5, with every key present and of its type.

https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from gpu_doc.errors import NotebookFileError
from gpu_doc.model.location import Location

Notebook = dict[str, Any]
"""`cells`, `metadata`, `nbformat`, `nbformat_minor`. A cell has `cell_type`, `id` (may be empty), `metadata` with its
`tags`, `source` (one text), and if it is code `outputs` and `execution_count`."""

NO_CELLS = "this is JSON, but not a notebook: it has no cells"
REPAIR = "Open it in Jupyter, or take the last good version from git."
_CORRECT = "Correct it in a text editor, or take the last good version from git."
_NEWEST = 4
_OLDEST = 2
_KINDS = {"code": "code", "markdown": "markdown", "raw": "raw"}
_OLD_KINDS = {**_KINDS, "heading": "markdown", "html": "markdown", "plaintext": "raw"}
"""Cells of nbformat 2 and 3."""
_DEEPEST_HEADING = 6
_LEFT_OUT = frozenset({"papermill", "execution", "ExecuteTime", "tags", "widgets", "language_info", "kernelspec"})
"""Metadata to drop: of an earlier execution, or read separately."""
_DEEPEST = 50
_MOST = 1_000_000
"""The most values in a notebook's metadata: YAML's aliases can multiply a few lines endlessly."""
_LONGEST = 40
_HALF = re.compile("[\ud800-\udfff]")
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def normal(notebook: Mapping[str, Any], name: str, text: str, *, outputs: bool) -> Notebook:
    """Convert a notebook into the shape. `text` is its file if that is JSON; `outputs`: keep the outputs.

    Raises NotebookFileError if its meaning is not clear.
    """
    return _Normal(notebook, name, text, outputs=outputs).notebook()


class _Normal:
    """The conversion of one notebook."""

    def __init__(self, notebook: Mapping[str, Any], name: str, text: str, *, outputs: bool) -> None:
        self._notebook = notebook
        self._name = name
        self._text = text
        """The file, if it is JSON: errors name the line of the cell."""
        self._outputs = outputs
        self._place = 0
        self._room = _MOST

    def notebook(self) -> Notebook:
        major = self._major()
        found = list(self._cells())
        kinds = _KINDS if major == _NEWEST else _OLD_KINDS
        cells = []
        for self._place, cell in enumerate(found, start=1):
            cells.append(self._cell(cell, kinds))
        self._place = 0
        return {"cells": cells, "metadata": self._about(), "nbformat": 4, "nbformat_minor": 5}

    def _refuse(self, what: str, remedy: str = _CORRECT) -> NotebookFileError:
        """Return an error about the notebook or the present cell; its number counts text cells too."""
        line = 1
        if self._place and self._text:
            with suppress(ValueError, LookupError, RecursionError):
                from gpu_doc.notebooks import json_places  # only a mistake pays for it

                line = self._text.count("\n", 0, list(json_places.cells(self._text))[self._place - 1]) + 1
        subject = f"cell {self._place} (text cells count too)" if self._place else "this notebook"
        return NotebookFileError(f"{subject} {what}", where=Location(self._name, line), remedy=remedy)

    def _major(self) -> int:
        """The format's major version: 2, 3 or 4; if the file has none, the one that it looks like."""
        said = self._notebook.get("nbformat")
        if isinstance(said, str) and said.strip().isdecimal():
            said = int(said)
        if isinstance(said, float) and said.is_integer():
            said = int(said)
        if said is None:
            return 4 if "cells" in self._notebook else 3
        if isinstance(said, bool) or not isinstance(said, int):
            raise self._refuse(f"says its format is {_shown(said)}", 'Jupyter\'s is 4: write `"nbformat": 4`.')
        if said > _NEWEST:
            raise self._refuse(f"has the format {said}, which is newer than Jupyter's 4", "Save it in format 4.")
        if said < _OLDEST:
            raise self._refuse(f"has the format {said}, which nobody reads any more", "Save it in format 4.")
        return said

    def _cells(self) -> Iterator[Any]:
        """All cells, also those in nbformat 3's worksheets."""
        sheets = [self._notebook] if "cells" in self._notebook else self._notebook.get("worksheets")
        if not isinstance(sheets, list):
            raise self._no_cells()
        for sheet in sheets:
            cells = sheet.get("cells", []) if isinstance(sheet, dict) else None
            if not isinstance(cells, list):
                raise self._no_cells()
            yield from cells

    def _no_cells(self) -> NotebookFileError:
        return NotebookFileError(NO_CELLS, where=Location(self._name, 1), remedy=REPAIR)

    def _cell(self, cell: Any, kinds: Mapping[str, str]) -> dict[str, Any]:
        if not isinstance(cell, dict):
            raise self._refuse(f"is {_shown(cell)}, not a cell")
        said = cell.get("cell_type")
        if said is None:
            raise self._refuse("does not say whether it is code or text: it has no `cell_type`")
        kind = kinds.get(said) if isinstance(said, str) else None
        if kind is None:
            raise self._refuse(
                f"is of an unknown kind, {_shown(said)}", f"Jupyter knows code, markdown and raw. {_CORRECT}"
            )
        source = self._source(cell)
        if kind == "code":
            if _HALF.search(source):
                half = ascii(_HALF.findall(source)[0]).strip("'")
                raise self._refuse(f"holds half a character ({half}), which no kernel takes", "Type it again.")
        else:
            source = _mended(source)
        if said == "heading":
            level = cell.get("level")
            source = f"{'#' * (level if isinstance(level, int) and 0 < level <= _DEEPEST_HEADING else 1)} {source}"
        identity = cell.get("id")
        found = {
            "cell_type": kind,
            "id": _mended(identity) if isinstance(identity, str) else "",
            "metadata": self._metadata(cell),
            "source": source,
        }
        return found | ({"execution_count": None, "outputs": self._kept_outputs(cell)} if kind == "code" else {})

    def _source(self, cell: Mapping[str, Any]) -> str:
        source = cell.get("source", cell.get("input"))
        if source is None:
            return ""
        if isinstance(source, str):
            return _whole(source)
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            return _whole("".join(source))
        wrong = source if not isinstance(source, list) else next(line for line in source if not isinstance(line, str))
        raise self._refuse(f"has {_shown(wrong)} where the text of its source belongs")

    def _kept_outputs(self, cell: Mapping[str, Any]) -> list[Any]:
        """The outputs, if we executed the notebook; old outputs in a source notebook are dropped."""
        outputs = cell.get("outputs") if self._outputs else None
        return [output for output in outputs if isinstance(output, dict)] if isinstance(outputs, list) else []

    def _metadata(self, cell: Mapping[str, Any]) -> dict[str, Any]:
        metadata = cell.get("metadata") or {}
        if not isinstance(metadata, dict):
            raise self._refuse(f"has {_shown(metadata)} for its metadata")
        return {"tags": self._tags(metadata.get("tags")), **self._rest(metadata)}

    def _rest(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        return {_mended(str(key)): self._clean(value, 0) for key, value in metadata.items() if key not in _LEFT_OUT}

    def _tags(self, said: Any) -> list[str]:
        """Return tags as text. A number is a valid name; JSON null is none."""
        if said is None:
            return []
        tags = said if isinstance(said, list) else [said]
        for tag in tags:
            if tag is not None and not isinstance(tag, str | int | float):
                raise self._refuse(f"has a tag that is no text: {_shown(tag)}")
        text = ",".join(tag if isinstance(tag, str) else json.dumps(tag) for tag in tags if tag is not None)
        # A tag can't contain a comma: Jupyter reads it as two tags.
        return list(dict.fromkeys(name for part in _mended(text).split(",") if (name := part.strip())))

    def _about(self) -> dict[str, Any]:
        """The notebook's metadata; `kernelspec` and `language_info` only with valid fields."""
        metadata = self._notebook.get("metadata") or {}
        if not isinstance(metadata, dict):
            raise self._refuse(f"has {_shown(metadata)} for its metadata")
        spec = metadata.get("kernelspec") or {}
        if not isinstance(spec, dict) or not isinstance(spec.get("name") or "", str):
            wrong = spec.get("name") if isinstance(spec, dict) else spec
            raise self._refuse(f"names its kernel by {_shown(wrong)}", "Choose a kernel in Jupyter and save it.")
        found = self._rest(metadata)
        if self._outputs and "widgets" in metadata:
            found["widgets"] = self._clean(metadata["widgets"], 0)
        named = {key: _mended(spec[key]) for key in ("name", "display_name", "language") if _is_text(spec.get(key))}
        if "name" in named:
            found["kernelspec"] = {"display_name": named["name"], **named}
        info = metadata.get("language_info") or {"name": named.get("language")}
        if isinstance(info, dict) and _is_text(info.get("name")):
            found["language_info"] = {key: self._clean(value, 0) for key, value in info.items()}
        return found

    def _clean(self, value: Any, depth: int) -> Any:
        """Return metadata that JSON in UTF-8 can hold."""
        self._room -= 1
        if depth > _DEEPEST or self._room < 0:
            raise self._refuse(f"has metadata {'nested too deeply' if self._room >= 0 else 'without end'}")
        if isinstance(value, str):
            return _mended(value)
        if isinstance(value, dict):
            return {_mended(str(key)): self._clean(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean(item, depth + 1) for item in value]
        return value if value is None or isinstance(value, int | float) else _mended(str(value))  # a date, from YAML


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _shown(value: Any) -> str:
    """Return a value for a message."""
    text = json.dumps(value, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _whole(text: str) -> str:
    """Join surrogate pairs: a list of lines may have split a character in the middle."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") if _HALF.search(text) else text


def _mended(text: str) -> str:
    """Join surrogate pairs, and replace a lone half by the replacement character."""
    return _HALF.sub("\ufffd", _whole(text))


def with_valid_ids(notebook: Notebook) -> Notebook:
    """Return the notebook with a unique, valid id for each cell, as nbformat demands.

    Use it only for execution: addresses use the ids in the file, even repeated ones.
    """
    said = [cell["id"] for cell in notebook["cells"]]
    taken, cells = set(said), []
    for place, cell in enumerate(notebook["cells"]):
        own = cell["id"]
        if not _ID.fullmatch(own) or own in said[:place]:
            own = next(name for n in range(len(said) + 1) if (name := f"cell-{place + 1 + n}") not in taken)
            taken.add(own)
        cells.append({**cell, "id": own})
    return {**notebook, "cells": cells}
