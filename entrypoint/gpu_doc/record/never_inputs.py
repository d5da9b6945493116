"""Tells which paths are never inputs: git's files, our own, environments, caches, and what a run produces."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from gpu_doc.execution.agent.patterns import BESIDE, names
from gpu_doc.git import checkout
from gpu_doc.model.configuration import Config, Run

_MARKS = ("pyvenv.cfg", "conda-meta", "CACHEDIR.TAG")
"""A folder with one of them is an environment or a cache (https://bford.info/cachedir/), as of pytest, mypy, Ruff."""
_LITTER = BESIDE | {".hg", ".svn", ".DS_Store", "Thumbs.db", ".tox", ".nox", ".eggs", ".hypothesis"}


class NeverInputs:
    """The rule for one configuration, with what it has looked at."""

    def __init__(self, root: Path, ours: Iterable[Path], caches: Iterable[str] = ()) -> None:
        """`ours`: what gpu-doc writes, reports and their assets and state; `caches`: of all runs."""
        self.root = str(root)
        self._ours = frozenset(os.path.normpath(path) for path in (*map(str, ours), *caches))
        self._above = frozenset(str(above) for path in self._ours for above in Path(path).parents)
        self._litter: dict[str, bool] = {}

    @cached_property
    def tree(self) -> str:
        """The top of the checkout: root, or the repository around it."""
        return str(checkout.work_tree(Path(self.root)) or self.root)

    def full(self, path: str) -> str:
        """A path of inputs as an absolute one."""
        return os.path.normpath(path if path.startswith("/") else f"{self.root}/{path}")  # Path takes longer

    def relative(self, path: str) -> str | None:
        """A path that was observed, as inputs name it; None if it is not in the checkout."""
        full = self.full(path)
        if full == self.root:
            return "."
        if full.startswith(f"{self.root}/"):
            return full[len(self.root) + 1 :]
        inside = full == self.tree or full.startswith(f"{self.tree}/")
        return os.path.relpath(full, self.root) if inside else None

    def holds(self, path: str, run: Run) -> bool:
        """Whether a path of inputs is never one of a run's."""
        return self._is_ours_or_litter(self.full(path)) or any(names(pattern, path) for pattern in run.produces)

    def names_in(self, folder: str, run: Run) -> frozenset[str] | None:
        """The names in a folder that count; None if it is not there."""
        place = self.full(folder)
        try:
            with os.scandir(place) as entries:
                found = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
        except OSError:
            return None
        prefix = "" if folder == "." else f"{folder}/"
        return frozenset(
            name
            for name, is_folder in found.items()
            if not self._is_ours_or_litter(f"{place}/{name}", is_folder=is_folder)
            and not any(names(pattern, prefix + name) for pattern in run.produces)
        )

    def _is_ours_or_litter(self, full: str, *, is_folder: bool | None = None) -> bool:
        """Whether this or a folder above it, up to the checkout's top, is ours, or an environment or a cache."""
        if full in self._litter:
            return self._litter[full]
        if len(full) <= len(self.tree):
            return False
        parent = full.rpartition("/")[0]
        found = self._litter[full] = self._is_ours_or_litter(parent, is_folder=True) or self._itself(
            full, is_folder=is_folder
        )
        return found

    def _itself(self, full: str, *, is_folder: bool | None = None) -> bool:
        if full.rpartition("/")[2] in _LITTER or full in self._ours:
            return True
        if is_folder is False or not os.path.isdir(full):  # noqa: PTH112 - a Path for each name takes five times as long
            return False
        marked = any(os.path.lexists(f"{full}/{mark}") for mark in _MARKS)
        return marked or (full in self._above and self._has_ours_only(full))

    def _has_ours_only(self, folder: str) -> bool:
        """Whether a folder that has something of ours has nothing else: then we made it."""
        with suppress(OSError):
            inside = os.listdir(folder)  # noqa: PTH208 - as above
            return bool(inside) and all(self._itself(f"{folder}/{name}") for name in inside)
        return False


def never_inputs(config: Config, state: Path) -> NeverInputs:
    """The rule for a whole configuration."""
    written = [config.root / path for report in config.reports for path in report.written]
    caches = {path for report in config.reports for run in report.runs for path in run.caches.values()}
    return NeverInputs(config.root, [state, *written], caches)
