"""Reads notebook files. Plans, runs and reports see notebooks only through this module.

Many programs write notebooks, and not all of them follow the format. If Jupyter opens a file too, and its meaning is
clear, we accept it; everything else is refused before anything runs, with the line. The result always has the same
shape (shape.py), without the outputs of earlier executions. We don't import nbformat: it would add 0.15 s to a refresh
with nothing to do.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any

from gpu_doc.errors import NotebookFileError
from gpu_doc.git import lfs
from gpu_doc.model.location import Location
from gpu_doc.notebooks.shape import NO_CELLS, REPAIR, Notebook, normal

_LARGEST_HEADER = 100_000
"""The most values in the YAML header of a file."""
_CONFLICT = re.compile(rb"^(?:<<<<<<< |>>>>>>> )", re.MULTILINE)


def read(path: Path, name: str, *, outputs: bool = False) -> Notebook:
    """Read a notebook, or a script or Markdown file that jupytext turns into one; `name` is its path in messages.

    `outputs`: keep the outputs, for a notebook that we executed. Raises NotebookFileError.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotebookFileError(
            f"cannot be read: {error.strerror}", where=Location(name), remedy="Check the path."
        ) from error
    if lfs.oid(content):
        what = "this notebook was not fetched: a pointer of Git LFS stands in its place"
        raise NotebookFileError(what, where=Location(name), remedy=lfs.remedy(name))
    if path.suffix != ".ipynb":
        return _from_text(content, path.suffix, name)
    text = _decoded(content, name)
    return normal(_parsed(text, content, name), name, text, outputs=outputs)


# --- files -----------------------------------------------------------------------------------------------------------


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        wide = " but UTF-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ""
        raise NotebookFileError(
            f"this file is not UTF-8{wide}", where=Location(name, line), remedy="Save it as UTF-8."
        ) from error


def _parsed(text: str, content: bytes, name: str) -> dict[str, Any]:
    if not text.strip():
        raise NotebookFileError("this notebook is empty", where=Location(name, 1), remedy=REPAIR)
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of more than 4300 digits raises another ValueError
        raise _broken(content, name, error) from error
    if not isinstance(notebook, dict):
        raise NotebookFileError(NO_CELLS, where=Location(name, 1), remedy=REPAIR)
    return notebook


def _broken(content: bytes, name: str, error: Exception) -> NotebookFileError:
    if conflict := _CONFLICT.search(content):
        line = content.count(b"\n", 0, conflict.start()) + 1
        return NotebookFileError(
            "this notebook holds an unresolved merge conflict",
            where=Location(name, line),
            remedy="Resolve it; nbdime understands notebooks.",
        )
    line, why = 1, "nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        line, why = error.lineno, error.msg
    elif isinstance(error, ValueError):
        why = "it holds a number of thousands of digits"
    return NotebookFileError(f"this notebook is not valid JSON: {why}", where=Location(name, line), remedy=REPAIR)


def _from_text(content: bytes, suffix: str, name: str) -> Notebook:
    """Read a script or Markdown file with jupytext."""
    import jupytext

    text = _decoded(content, name)
    if line := _endless_header(text):
        what = "the header grows without end: its YAML names parts of itself again and again"
        raise NotebookFileError(what, where=Location(name, line), remedy="Write it without `*` and `&`.")
    try:
        node = jupytext.reads(text, fmt={"extension": suffix})
    except Exception as error:  # jupytext documents no errors, and parses the header as YAML
        why = " ".join(str(error).split())[:200]
        raise NotebookFileError(
            f"jupytext cannot read this: {why}",
            where=Location(name, 1),
            remedy="Check its header, and the tags of its cells.",
        ) from error
    notebook = normal(node, name, "", outputs=False)
    for cell in notebook["cells"]:
        cell["id"] = ""  # jupytext makes new ones each time
    return notebook


def _endless_header(text: str) -> int:
    """Return the line of a YAML part that becomes huge when its aliases are expanded; 0 if there is none.

    jupytext expands aliases, and would never finish with such a "bomb".
    """
    lines = [line.removeprefix("#").strip() for line in text.splitlines()]
    ends = [number for number, line in enumerate(lines) if line == "---"]
    for start, end in pairwise(ends):
        piece = "\n".join(line.removeprefix("# ") for line in text.splitlines()[start + 1 : end])
        if "&" in piece and "*" in piece and _size(piece) > _LARGEST_HEADER:
            return start + 1
    return 0


def _size(piece: str) -> float:
    """Return the number of values in a YAML text with aliases expanded; infinite if it contains itself."""
    import yaml

    sizes: dict[int, float] = {}

    def measure(node: yaml.Node) -> float:
        if id(node) not in sizes:
            sizes[id(node)] = inf  # while it is measured: if it occurs again, it contains itself
            value = node.value if isinstance(node, yaml.CollectionNode) else ()
            parts = [part for entry in value for part in (entry if isinstance(entry, tuple) else (entry,))]
            sizes[id(node)] = 1 + sum(map(measure, parts))
        return sizes[id(node)]

    try:
        root = yaml.compose(piece, Loader=yaml.SafeLoader)
        return measure(root) if root else 0
    except (yaml.YAMLError, RecursionError):
        return 0  # jupytext says what is wrong with it
