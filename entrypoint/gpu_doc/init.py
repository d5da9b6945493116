"""`gpu-doc init`: a working configuration with an example notebook, template and workflow."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gpu_doc.config.editors import schema_text
from gpu_doc.config.load import PLACES, at
from gpu_doc.errors import UsageError
from gpu_doc.model.location import Location
from gpu_doc.resources import template_path, workflow_path
from gpu_doc.system import writing

SCHEMA = ".gpu-doc.schema.json"
"""Committed beside the configuration, so that editors need no network and use the schema of this version."""
_CONFIGURATION = PLACES[0]
_WORKFLOWS = ".github/workflows"
_WORKFLOW = "push.yml"


@dataclass(frozen=True)
class Initialised:
    """Paths relative to the folder, with forward slashes: new files, and files that existed and were kept."""

    written: tuple[str, ...]
    kept: tuple[str, ...]


def init(folder: Path, *, work_tree: Path | None = None) -> Initialised:
    """Write the missing files, each completely or not at all. Never overwrites a file.

    The configuration comes last, so that its files exist before it does. If there is a configuration already, only the
    files that it names are written, since others would be unused; and the workflow. That is workflows/push.yml, written
    only if no workflow calls gpu-doc yet. `work_tree` is the top of the repository, where GitHub looks for workflows.
    Raises UsageError if something can't be written.
    """
    found = at(folder)
    own = found.relative_to(folder).as_posix() if found else None
    named = _text(folder / own) if own else None
    written: list[str] = []
    kept = [own] if own else []
    for place, content in _files(folder, work_tree or folder):
        name = Path(os.path.relpath(place, folder)).as_posix()
        if name == _CONFIGURATION and own:
            continue
        if os.path.lexists(place):
            kept.append(name)
        elif named is None or name in named or _WORKFLOWS in name:
            (written if _create(place, name, content) else kept).append(name)
    return Initialised(written=tuple(sorted(written)), kept=tuple(sorted(kept)))


def _within(folder: Path, top: Path) -> str:
    """The folder's path from the repository's top; empty if it is the top."""
    path = folder.resolve().relative_to(top.resolve()).as_posix()
    return "" if path == "." else path


def _files(folder: Path, top: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield each file's path and content; a file comes after those that it uses."""
    source = template_path("init")
    files = sorted(path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file())
    for name in files:
        if name != _CONFIGURATION:
            yield folder / name, (source / name).read_bytes()
    yield folder / SCHEMA, schema_text().encode()
    yield _workflow(top), _working_in(_within(folder, top), workflow_path(_WORKFLOW).read_bytes())
    yield folder / _CONFIGURATION, (source / _CONFIGURATION).read_bytes()


def _working_in(folder: str, workflow: bytes) -> bytes:
    """Return the workflow for a project in a subfolder; its inputs are at its end."""
    return workflow + f"      working-directory: {json.dumps(folder)}\n".encode() if folder else workflow


def _workflow(top: Path) -> Path:
    """The existing workflow that calls gpu-doc, of any name; else a path for a new one that replaces no other."""
    folder = top / _WORKFLOWS
    ours = [path for path in sorted(folder.glob("*.y*ml")) if "gpu-doc" in _text(path)]
    free = [folder / name for name in (_WORKFLOW, "gpu-doc.yml") if not os.path.lexists(folder / name)]
    return [*ours, *free, folder / _WORKFLOW][0]


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""


def _create(path: Path, name: str, content: bytes) -> bool:
    """Create a file in one step; False if somebody else was faster."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return writing.create(path, content)
    except OSError as error:
        in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
        why = f"{path.parent.name} is not a folder" if in_the_way else (error.strerror or str(error)).lower()
        remedy = "Make room for it, or call init in another folder."
        raise UsageError(f"cannot write {name}: {why}", where=Location(name), remedy=remedy) from error
