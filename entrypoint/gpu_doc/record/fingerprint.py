"""Computes a run's fingerprint, which has two parts.

*Source* can be computed anywhere: code, parameters, local modules, declared files, image reference, kernel.
*Machine* only where it can be seen: package versions, GPU or CPU, data outside git. Each part is a small mapping, kept
in evidence unchanged, so that a difference can be explained.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from gpu_doc.errors import ConfigError
from gpu_doc.execution.agent.kernel_names import PYTHON, is_any_python
from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.configuration import DataSource, ImageIdentity, Run
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import SourceCell, is_python, kernel_name, source_cells
from gpu_doc.notebooks.names import THAT_MATTER
from gpu_doc.record import imports
from gpu_doc.record.contents import Contents, unreadable
from gpu_doc.record.imports import is_file
from gpu_doc.redaction import Redactor
from gpu_doc.system.python_environment import PythonEnvironment

OUTPUT = "limits.output"
"""The key of the limit that cuts what a run prints; evidence of earlier versions lacks it."""

_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class Machine:
    """Facts about this machine for fingerprints. The caller gives them, so that planning stays pure."""

    environment: PythonEnvironment
    gpu: bool
    tracked: Callable[[str], frozenset[str] | None]
    """The files at or below a path that git tracks, relative to root; None if git gives no answer."""
    line_ends: LineEnds = field(default_factory=LineEnds)
    redactor: Redactor = field(default_factory=Redactor)
    """Redacts known secrets: nothing that is kept may contain one, even if the configuration does."""


@dataclass(frozen=True)
class Fingerprint:
    """Both parts of a fingerprint, as JSON-like mappings."""

    source: Mapping[str, Json]
    machine: Mapping[str, Json]

    @property
    def text(self) -> str:
        """`SOURCE-MACHINE`, 16 hexadecimal digits each: the key of state."""
        return f"{short_hash(self.source)}-{short_hash(_without_origin(self.machine))}"


def _without_origin(machine: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return the machine part with only the image's content: its digest in a registry does not change results."""
    if not machine.get("image-content"):
        return machine
    rest = {key: value for key, value in machine.items() if key != "image-content"}
    return {**rest, "image-digest": machine["image-content"]}


def short_hash(value: Json) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a value's canonical JSON."""
    return sha256(_CANONICAL.encode(value).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def of(
    run: Run, *, root: Path, machine: Machine, contents: Contents, image: ImageIdentity | None = None
) -> Fingerprint:
    """The fingerprint of a run on this machine, in this image; None: it has no image, or it can't be seen."""
    redact = machine.redactor.json
    made_code = _notebook_code if run.notebook else _command_code
    code, found = made_code(run, root, redact, contents)
    inside, outside = _data(run.data, root, machine.tracked, contents)
    files = _files(run.depends_on, root, contents)
    source: dict[str, Json] = {
        **code,
        "image": run.image or "local",
        "parameters": redact(dict(run.parameters)),
        "modules": dict(sorted(found.modules.items())),
        "files": files,
        "data": inside,
        "produces": sorted(run.produces),
        OUTPUT: run.limits.output,
        "inputs": run.inputs if run.inputs == "declared" else [],
    }
    device = "gpu" if machine.gpu and run.gpus != "none" else "cpu"
    packages = {} if run.image else _packages(source.get("kernel", PYTHON), machine.environment, found)
    digest = image.to_machine() if image else {"image-digest": None}
    made_on = {"device": device, **digest, "packages": packages, "data": outside}
    return Fingerprint({k: v for k, v in source.items() if v not in ({}, [])}, made_on)


def _packages(kernel: str, environment: PythonEnvironment, found: imports.Found) -> dict[str, str | None]:
    """The versions of imported packages; in a container, the image's digest covers them."""
    if kernel != PYTHON:
        return {}  # packages of another language, or of an environment that we don't inspect
    python = ".".join(environment.version.split(".")[:2])  # a bug-fix release of Python is not worth a GPU hour
    return {"python": python, **environment.versions(found.packages)}


def _notebook_code(
    run: Run, root: Path, redact: Callable[[Json], Json], contents: Contents
) -> tuple[dict[str, Json], imports.Found]:
    path = root / str(run.notebook)
    cells = source_cells(path)
    kernel = run.kernel or kernel_name(path)
    folder = root / run.folder
    sources = [cell.source for cell in cells] if is_python(path, kernel) else []
    found = imports.follow(sources, folder=folder, root=root, contents=contents)
    kernel = PYTHON if is_any_python(kernel) else kernel
    # Equal notebooks in different folders may read different files beside them, so they can't share a result.
    place = folder.relative_to(root).as_posix()
    # Redacted, since they are compared with an executed notebook, which is redacted.
    shown = [replace(cell, source=redact(cell.source)) for cell in cells]
    return {"kernel": kernel, "cwd": place, "code": [cell_hash(cell) for cell in shown]}, found


def cell_hash(cell: SourceCell) -> str:
    """Hash the parts of a code cell that affect results: its source, and the tags that change its execution."""
    tags = tags_that_matter(cell)
    return short_hash([cell.source, tags] if tags else cell.source)[:12]


def tags_that_matter(cell: SourceCell) -> list[str]:
    """Return the tags that change what is done with a cell, in order."""
    return sorted(THAT_MATTER.intersection(cell.tags))


def _command_code(
    run: Run, root: Path, redact: Callable[[Json], Json], contents: Contents
) -> tuple[dict[str, Json], imports.Found]:
    """A command's code: files named by its words, as in `train.py --config=small.yml`, and the module after `-m`."""
    words = run.command or ()
    named = [root / value for word in words for value in (word, word.partition("=")[2]) if value]
    modules = [after for word, after in pairwise(words) if word == "-m"]
    found = imports.follow_files(filter(is_file, named), modules, root=root, contents=contents)
    return {"command": redact(list(words))}, found


def _files(patterns: Iterable[str], root: Path, contents: Contents) -> dict[str, str]:
    paths = {path for pattern in patterns for path in pattern_files(root, pattern)}
    return {path.relative_to(root).as_posix(): contents.hash(path) for path in sorted(paths)}


def pattern_files(root: Path, pattern: str) -> list[Path]:
    """The files that a pattern matches, without git's files and our own. Raises ConfigError."""
    from gpu_doc.execution.agent.patterns import GIT_AND_STATE

    try:
        found = [path for path in root.glob(pattern) if is_file(path)]
    except (ValueError, NotImplementedError) as error:
        remedy = "`**` stands alone between slashes, as in `src/**/*.py`."
        raise ConfigError(f"`depends-on: {pattern}` is no pattern: {error}", remedy=remedy) from error
    return [path for path in found if GIT_AND_STATE.isdisjoint(path.relative_to(root).parts)]


def _data(
    sources: Iterable[DataSource], root: Path, tracked: Callable[[str], frozenset[str] | None], contents: Contents
) -> tuple[dict[str, str], dict[str, str | None]]:
    """Hash declared data. What git tracks belongs to the source part.

    If there is more, the machine part has the hash of all of it. So unchanged data keep their hash when they are added
    to git later. None: nothing of it is here.
    """
    inside: dict[str, str] = {}
    outside: dict[str, str | None] = {}
    for source in sources:
        path = root / source.path
        known = tracked(source.path) if _lies_in(path, root) else frozenset()
        files = [] if source.version is not None else data_files(path)
        if source.version is not None:
            inside[source.path] = f"version {source.version}"
        elif known is None:
            inside[source.path] = _tree_hash(path, files, contents)
        else:
            carried = [file for file in files if file.relative_to(root).as_posix() in known] if known else []
            if known:
                inside[source.path] = _tree_hash(path, carried, contents)
            if len(carried) < len(files) or not known:
                outside[source.path] = _tree_hash(path, files, contents) if files else None
    return inside, outside


def _lies_in(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):  # not a valid path, or a loop of links
        return False


def data_files(path: Path) -> list[Path]:
    """The file itself, or all files below a folder, following links once; empty if there is neither."""
    if is_file(path):
        return [path]
    if "\0" in str(path):
        return []
    files: list[Path] = []
    seen = set[tuple[int, int]]()
    for folder, folders, names in os.walk(path, followlinks=True, onerror=_walk_error):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:  # a link leads back up
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        files += [file for name in names if is_file(file := Path(folder, name))]
    return sorted(files)


def _tree_hash(path: Path, files: Sequence[Path], contents: Contents) -> str:
    """SHA-256 of a file, or of names and contents of a folder's files; `missing` if there are none."""
    if not files:
        return "missing"
    if files == [path]:
        return contents.hash(path)
    return short_hash([[file.relative_to(path).as_posix(), contents.hash(file)] for file in files])


def _walk_error(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise unreadable(error, str(error.filename)) from error
