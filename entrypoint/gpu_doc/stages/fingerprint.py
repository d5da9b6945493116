"""What a run is made of: the two parts of its fingerprint.

*Source* can be computed anywhere: code, parameters, local modules, declared files, image reference, kernel.
*Machine* only where it can be seen: package versions, GPU or CPU, data outside git. Each part is a small mapping, kept
in evidence as it is, so that a difference can be said in words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gpu_doc.errors import NotebookFileError
from gpu_doc.model import DataSource, Json, Run
from gpu_doc.outside.environment import PythonEnvironment
from gpu_doc.stages import imports
from gpu_doc.stages.notebook import SourceCell, kernel_name, source_cells

# Tags that change what papermill and nbclient do with a cell; any other tag only names it.
_TAGS_THAT_MATTER = frozenset({"parameters", "injected-parameters", "raises-exception", "skip-execution"})
_LFS_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:(?P<oid>[0-9a-f]{64})\n")
_PYTHON_KERNELS = frozenset({"", "python", "python3"})


@dataclass(frozen=True)
class Surroundings:
    """What of this machine a fingerprint may depend on, given by the caller so that planning stays pure."""

    environment: PythonEnvironment
    gpu: bool
    is_outside_git: Callable[[str], bool]
    """Whether a path inside root is unknown to git, so that another checkout does not have it."""


@dataclass(frozen=True)
class Fingerprint:
    """Both parts of what a run is made of, as JSON-like mappings."""

    source: Mapping[str, Json]
    machine: Mapping[str, Json]

    @property
    def text(self) -> str:
        """`SOURCE-MACHINE`, 16 hexadecimal digits each: the key of state."""
        return f"{short_hash(self.source)}-{short_hash(self.machine)}"


def short_hash(value: Json) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def of(run: Run, *, root: Path, surroundings: Surroundings) -> Fingerprint:
    """The fingerprint of a run on this machine."""
    code, found = _notebook_code(run, root) if run.notebook else _command_code(run, root)
    inside, outside = _data(run.data, root, surroundings.is_outside_git)
    files = _files(run.depends_on, root)
    source: dict[str, Json] = {
        **code,
        "image": "local",
        "parameters": dict(run.parameters),
        "modules": dict(sorted(found.modules.items())),
        "files": files,
        "data": inside,
        "produces": sorted(run.produces),
    }
    environment = surroundings.environment
    python = ".".join(environment.version.split(".")[:2])  # a bug-fix release of Python makes no GPU hour worth it
    packages = {"python": python, **environment.versions(found.packages)}
    if source.get("kernel", "python3") != "python3":
        packages = {}  # another language's packages are not looked into
    device = "gpu" if surroundings.gpu and run.gpus != "none" else "cpu"
    machine = {"device": device, "image-digest": None, "packages": packages, "data": outside}
    return Fingerprint({k: v for k, v in source.items() if v not in ({}, [])}, machine)


def _notebook_code(run: Run, root: Path) -> tuple[dict[str, Json], imports.Found]:
    path = root / str(run.notebook)
    cells = source_cells(path)
    kernel = run.kernel or kernel_name(path)
    folder = root if run.cwd == "root" else path.parent
    python = kernel in _PYTHON_KERNELS
    found = imports.follow((c.source for c in cells), folder=folder, root=root) if python else imports.Found()
    kernel = "python3" if python else kernel
    return {"kernel": kernel, "cwd": run.cwd, "code": [_cell_hash(cell) for cell in cells]}, found


def _cell_hash(cell: SourceCell) -> str:
    tags = sorted(_TAGS_THAT_MATTER.intersection(cell.tags))
    return short_hash([cell.source, tags] if tags else cell.source)[:12]


def _command_code(run: Run, root: Path) -> tuple[dict[str, Json], imports.Found]:
    words = run.command or ()
    named = [root / word for word in words if word and not word.startswith("-") and _is_file(root / word)]
    return {"command": list(words)}, imports.follow_files(named, root=root)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a word of a command may be anything, a name too long for a file included
        return False


def _files(patterns: Iterable[str], root: Path) -> dict[str, str]:
    paths = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    return {path.relative_to(root).as_posix(): content_hash(path) for path in sorted(paths)}


def _data(
    sources: Iterable[DataSource], root: Path, is_outside_git: Callable[[str], bool]
) -> tuple[dict[str, str], dict[str, str | None]]:
    """Declared data: what git carries belongs to the source part, the rest to the machine part (None: not here)."""
    inside: dict[str, str] = {}
    outside: dict[str, str | None] = {}
    for source in sources:
        path = root / source.path
        if source.version is not None:
            inside[source.path] = f"version {source.version}"
        elif path.resolve().is_relative_to(root) and not is_outside_git(source.path):
            inside[source.path] = tree_hash(path) or "missing"
        else:
            outside[source.path] = tree_hash(path)
    return inside, outside


def tree_hash(path: Path) -> str | None:
    """SHA-256 of a file, or over names and contents of a folder; None where there is neither."""
    if path.is_file():
        return content_hash(path)
    if not path.is_dir():
        return None
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return short_hash([[file.relative_to(path).as_posix(), content_hash(file)] for file in files])


def content_hash(path: Path) -> str:
    """SHA-256 of a file's content; a Git LFS pointer counts as the content that it points to."""
    digest = sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                if match := _LFS_POINTER.match(block):
                    return match["oid"].decode()
                digest.update(block)
    except OSError as error:
        raise NotebookFileError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="Make the file readable for this user."
        ) from error
    return digest.hexdigest()
