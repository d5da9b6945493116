"""The Python environment that local kernels run in, inspected without starting it if possible.

A refresh where nothing is stale comes through here. So this lists folders and reads small files instead of importing
`importlib.metadata`, which costs more than all hashing together.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_PROBE = "import sys, json; print(json.dumps([sys.path, '.'.join(map(str, sys.version_info[:3]))]))"
_ACTIVE = ("VIRTUAL_ENV", "CONDA_PREFIX", "pythonLocation")
"""What names an active environment; `pythonLocation` is what actions/setup-python sets."""
_METADATA = re.compile(r"(?P<name>.+?)-(?P<version>\d[^-]*?)(-py\d.*)?\.(dist-info|egg-info)")

# Distributions with another import name. The guess counts only if both are installed in the same folder.
_USUAL_NAMES = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


@dataclass(frozen=True)
class PythonEnvironment:
    """An interpreter, its version ("3.11.7") and where it looks for packages."""

    executable: Path
    version: str
    search_path: tuple[str, ...]

    @cached_property
    def _folders(self) -> tuple[_Folder, ...]:
        return tuple(_Folder.read(place) for place in self.search_path if place)

    def has(self, module: str) -> bool:
        """Whether a top-level module or package can be imported."""
        return any(folder.has(module) for folder in self._folders)

    def package_version(self, module: str) -> tuple[str, str] | None:
        """The distribution that provides an import name, and its version; None if it can't be imported.

        A module without metadata, such as a file copied there by hand, has the version "unknown".
        """
        for folder in self._folders:
            if folder.has(module):
                return folder.distribution_of(module)
        return None

    def versions(self, modules: Iterable[str]) -> dict[str, str | None]:
        """Map distribution names to versions, for each import name. A missing one maps its import name to None."""
        found = {module: self.package_version(module) for module in modules}
        pairs = [pair or (module, None) for module, pair in found.items()]
        return dict(sorted(pairs))


class _Folder:
    """One entry of a search path: what can be imported from it, and from which distributions."""

    def __init__(self, path: str, entries: Iterable[str]) -> None:
        self._path = Path(path)
        self._metadata: dict[str, tuple[str, str]] = {}
        self._modules: set[str] = set()
        for entry in entries:
            if match := _METADATA.fullmatch(entry):
                self._metadata[_normal(match["name"])] = (entry, match["version"])
            elif entry.endswith((".py", ".so", ".pyc")):
                self._modules.add(entry.partition(".")[0])
            elif "." not in entry:
                self._modules.add(entry + "/")

    @classmethod
    def read(cls, path: str) -> _Folder:
        try:
            return cls(path, os.listdir(path))  # noqa: PTH208 - Path.iterdir makes an object for each of 1,000 names
        except OSError:  # absent, or a zip file, whose versions we can't tell
            return cls(path, ())

    def has(self, module: str) -> bool:
        # A script in a folder of programs has no suffix either, so a package must really be a folder.
        return module in self._modules or (f"{module}/" in self._modules and (self._path / module).is_dir())

    def distribution_of(self, module: str) -> tuple[str, str]:
        for guess in (_normal(module), _USUAL_NAMES.get(module, "")):
            if guess in self._metadata:
                return guess, self._metadata[guess][1]
        name = self._owners.get(module)
        return (name, self._metadata[name][1]) if name else (module, "unknown")

    @cached_property
    def _owners(self) -> dict[str, str]:
        """Map import names to distributions, as installers recorded them; only needed for names that no guess finds."""
        owners: dict[str, str] = {}
        for name, (entry, _) in self._metadata.items():
            for module in _provided(self._path / entry):
                owners.setdefault(module, name)
        return owners


def _provided(metadata: Path) -> set[str]:
    # https://packaging.python.org/en/latest/specifications/recording-installed-packages/
    for listing in ("top_level.txt", "RECORD"):
        try:
            lines = (metadata / listing).read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        return {re.split(r"[/.,]", line.strip(), maxsplit=1)[0] for line in lines if line.strip()}
    return set()


def _normal(name: str) -> str:
    # https://packaging.python.org/en/latest/specifications/name-normalization/
    return re.sub(r"[-_.]+", "-", name).lower()


def own_environment() -> PythonEnvironment:
    """The environment that gpu-doc itself runs in."""
    version = ".".join(map(str, sys.version_info[:3]))
    return PythonEnvironment(Path(sys.executable), version, tuple(place for place in sys.path if place))


def active_environment(environ: Mapping[str, str]) -> PythonEnvironment:
    """The environment that the user activated, if it has ipykernel; else our own."""
    for variable in _ACTIVE:
        prefix = environ.get(variable)
        if not prefix:
            continue
        if _is_own(prefix):
            return own_environment()
        candidate = _probe(Path(prefix) / "bin" / "python")
        if candidate and candidate.has("ipykernel"):
            return candidate
    return own_environment()


def with_programs_of(chosen: PythonEnvironment, environ: Mapping[str, str]) -> dict[str, str]:
    """Return variables with which `python` and `pip` are those of the chosen Python environment.

    If another environment is active but can't run kernels, its programs stay first: the user chose them for commands.
    """
    active = [prefix for variable in _ACTIVE if (prefix := environ.get(variable))]
    if chosen == own_environment() and active and not any(_is_own(prefix) for prefix in active):
        return dict(environ)
    path = environ.get("PATH") or os.defpath
    return {**environ, "PATH": os.pathsep.join([str(chosen.executable.parent), path])}


def _is_own(prefix: str) -> bool:
    return Path(prefix).resolve() == Path(sys.prefix).resolve()


def _probe(python: Path) -> PythonEnvironment | None:
    if not python.exists():
        return None
    from gpu_doc.system import process

    try:
        answer = process.output([str(python), "-c", _PROBE], limit=20)
        search_path, version = json.loads(answer)
    except (OSError, ValueError):
        return None
    return PythonEnvironment(python, version, tuple(place for place in search_path if place))


def has_gpu() -> bool:
    """Whether the NVIDIA driver has set up a device on this machine."""
    return Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()
