"""Makes a set of inputs of what a run's processes were seen to look at, when the run has ended."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gpu_doc.errors import NotebookFileError
from gpu_doc.git import checkout
from gpu_doc.model.configuration import Run
from gpu_doc.model.observed import Observed
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import source_cells
from gpu_doc.record.contents import DIGITS, Contents
from gpu_doc.record.imports import read_names
from gpu_doc.record.inputs import CHANGED, RECENT, Inputs, Names, digest_of_names, stamp_of
from gpu_doc.record.never_inputs import NeverInputs


@dataclass(frozen=True, kw_only=True)
class Taken:
    """The inputs of a run, and what a person must know about them."""

    inputs: Inputs
    changed: tuple[str, ...]
    """What changed while the run went on: the run is not called fresh."""
    stamps: Mapping[str, str]
    """What the files looked like that were hashed: as long as they look the same, they need not be hashed again."""
    elsewhere: tuple[str, ...]
    """Files that it read outside of the checkout; a folder with a slash at its end for several in it."""


class Taking:
    """Makes the sets of inputs of the runs of a refresh."""

    def __init__(self, never: NeverInputs, *, installed: Iterable[str]) -> None:
        """`installed`: how paths of Python environments and of programs' settings begin: nobody declares them."""
        self._never = never
        self._installed = (*_SYSTEM, *installed)

    def of(
        self,
        observed: Observed,
        run: Run,
        *,
        source: Mapping[str, Json],
        began: float,
        contents: Contents,
        variables: Mapping[str, str],
    ) -> Taken:
        """Return the inputs of a run that began at a time (seconds since the epoch), as things are now.

        `source` is that part of its fingerprint: what it contains is not counted twice. `variables`: the keyed hash of
        each value of `env`, by name.
        """
        one = _One(self._never, run, source, began, contents, _written(observed, self._never))
        inputs = one.inputs(observed, {f"env {name}": code for name, code in variables.items()})
        elsewhere = _elsewhere(observed, self._never, one.data, self._installed)
        return Taken(inputs=inputs, changed=tuple(sorted(one.changed)), stamps=one.stamps, elsewhere=elsewhere)


def _written(observed: Observed, never: NeverInputs) -> frozenset[str]:
    return frozenset(path for each in observed.written if (path := never.relative(each)))


class _One:
    """One run, and what is found of its inputs."""

    def __init__(
        self,
        never: NeverInputs,
        run: Run,
        source: Mapping[str, Json],
        began: float,
        contents: Contents,
        written: frozenset[str],
    ) -> None:
        self._never = never
        self._run = run
        self._began = began
        self._contents = contents
        self._written = written
        self._known = {str(run.notebook), *(source.get("files") or {})}
        self._modules = frozenset(source.get("modules") or {})
        if run.command:  # the interpreter opens a script as it opens any file
            self._known |= self._modules.intersection(os.path.normpath(word) for word in run.command)
        elif self._modules:  # IPython opens what `%run` runs
            self._known |= self._modules & _run_by_magic(never, run)
        self.data = tuple(never.full(each.path) for each in run.data)
        self.changed: set[str] = set()
        self.stamps: dict[str, str] = {}

    def inputs(self, observed: Observed, hidden: dict[str, str]) -> Inputs:
        read = dict(self._digests(self._wanted(observed.read), of_code=False))
        code = dict(self._digests(self._wanted(observed.imported, self._modules), of_code=True))
        listed = set(filter(os.path.isdir, map(self._never.full, self._wanted(observed.listed))))
        folders = {path for each in listed if (path := self._never.relative(each))}
        looked = {*self._wanted(observed.present), *self._wanted(observed.listed), *self._wanted(observed.read)}
        looked -= {*read, *code, *folders, *self._modules, ".", ".."}
        missing = self._wanted(observed.missing, self._modules) - {*read, *code, *folders}
        there = {path for path in missing if self._was_there(path)}
        looked |= there
        names = {folder: self._never.names_in(folder, self._run) or frozenset() for folder in folders}
        in_folders = {_in(folder, name) for folder, found in names.items() for name in found}
        git = _Git(self._never, {*read, *code, *looked, *in_folders})
        for kind in (read, code):
            for path in [path for path in kind if path in git.ignored]:
                hidden[f"{'file' if kind is read else 'code'} {path}"] = kind.pop(path)
        shown = {}
        for folder, found in names.items():
            shown[folder], everything = self._names(folder, found, git)
            if everything != shown[folder].digest:
                hidden[f"names {folder}"] = everything
        return Inputs(
            read=read,
            code=code,
            listed=shown,
            present=frozenset(looked),
            absent=frozenset(missing - there),
            outside=frozenset(path for path in {*read, *code, *looked} if path in git.outside or path in git.ignored),
            hidden=hidden,
        )

    def _wanted(self, observed: Iterable[str], besides: frozenset[str] = frozenset()) -> set[str]:
        """Those of some observed paths that can be inputs and are not in the fingerprint, relative to root."""
        paths = {path for each in observed if (path := self._never.relative(each))} - self._known - besides
        return {
            path
            for path in paths
            if (not self._is_written(path) or self._is_as_before(path, observed))
            and not self._is_data(self._never.full(path))
            and not self._never.holds(path, self._run)
            and _is_text(path)
        }

    def _is_written(self, path: str) -> bool:
        """Whether the run wrote a file, or made a folder above it."""
        while path and path not in self._written:
            path = path.rpartition("/")[0]
        return bool(path)

    def _is_as_before(self, path: str, read: Iterable[str]) -> bool:
        """Whether a local run opened a file for reading and writing, but wrote nothing, as SQLite does for a query."""
        if self._run.image or path not in read:
            return False
        try:
            status = os.stat(self._never.full(path))  # noqa: PTH116 - as elsewhere here
        except OSError:
            return False
        return max(status.st_mtime, status.st_ctime) < self._began

    def _was_there(self, path: str) -> bool:
        """Whether what was looked for in vain was there all along, but not as what was sought: a file as a folder."""
        try:
            return os.lstat(self._never.full(path)).st_ctime < self._began
        except OSError:
            return False

    def _is_data(self, full: str) -> bool:
        return any(full == data or full.startswith(f"{data}/") for data in self.data)

    def _digests(self, paths: Iterable[str], *, of_code: bool) -> Iterator[tuple[str, str]]:
        for path in paths:
            full = Path(self._never.full(path))
            try:
                status = full.stat()
                if not stat.S_ISREG(status.st_mode):
                    continue
                hashed = self._contents.hash_source(full) if of_code else self._contents.hash(full)[:DIGITS]
                last = max(status.st_mtime, status.st_ctime)
                later = last > self._began
                if last < time.time() - RECENT:
                    self.stamps[path] = stamp_of(status)
            except (OSError, NotebookFileError):  # it was removed, or can't be read any more
                later = True
            if later:
                self.changed.add(path)
            yield path, CHANGED if later else hashed

    def _names(self, folder: str, found: frozenset[str], git: _Git) -> tuple[Names, str]:
        """Return the names in a folder, and the hash of those too that git ignores."""
        written = frozenset(name for name in found if _in(folder, name) in self._written)
        rest = found - written
        if self._have_changed(folder, [name for name in rest if not git.tracks(_in(folder, name))]):
            self.changed.add(f"{folder}/")
            return Names(digest=CHANGED), CHANGED
        ignored = frozenset(name for name in rest if _in(folder, name) in git.ignored)
        outside = frozenset(name for name in rest - ignored if _in(folder, name) in git.outside)
        names = Names(digest=digest_of_names(rest - ignored), written=written, outside=outside)
        return names, digest_of_names(rest)

    def _have_changed(self, folder: str, names: Iterable[str]) -> bool:
        """Whether somebody else added one of these names while the run went on.

        A folder is left out: it changes with what is in it.
        """
        place = self._never.full(folder)
        try:
            if os.stat(place).st_mtime <= self._began:  # noqa: PTH116 - a Path for each name takes longer
                return False
            found = [os.lstat(f"{place}/{name}") for name in names]
            return any(each.st_ctime > self._began and not stat.S_ISDIR(each.st_mode) for each in found)
        except OSError:
            return True


class _Git:
    """What git says of the paths that a run looked at."""

    def __init__(self, never: NeverInputs, paths: Iterable[str]) -> None:
        tree = Path(never.tree)
        tracked = checkout.tracked_files(tree, ".")
        if tracked is None:  # without git, there is no other machine to get the files in another way
            self.outside = self.ignored = self._tracked = frozenset[str]()
            return
        known = set(tracked)
        for path in tracked:
            while (path := path.rpartition("/")[0]) and path not in known:
                known.add(path)
        there = {os.path.relpath(never.full(path), tree): path for path in paths}
        strange = {place for place in there if place not in known and place != "."}
        ignored = checkout.ignored_files(tree, strange)
        self.ignored = frozenset(there[place] for place in ignored)
        """Paths that git ignores."""
        self.outside = frozenset(there[place] for place in strange - ignored)
        """Paths of other files and folders that are not in git."""
        self._tracked = frozenset(path for place, path in there.items() if place in known)

    def tracks(self, path: str) -> bool:
        """Whether a file is in git: then it was there before the run."""
        return path in self._tracked


def _in(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"


def _run_by_magic(never: NeverInputs, run: Run) -> set[str]:
    """Return the scripts and notebooks that a notebook runs by `%run`, whose code is in the fingerprint."""
    try:
        cells = source_cells(Path(never.full(str(run.notebook))))
    except NotebookFileError:
        return set()
    named = [file for cell in cells for file in read_names(cell.source).files]
    return {path for file in named if (path := never.relative(os.path.normpath(never.full(f"{run.folder}/{file}"))))}


def _is_text(path: str) -> bool:
    """Whether evidence can name a path: it is written as UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


# --- outside of the checkout ------------------------------------------------------------------------------------------

_SYSTEM: tuple[str, ...] = ("/bin/", "/boot/", "/dev/", "/etc/", "/lib", "/nix/", "/opt/", "/proc/", "/run/", "/sbin/")
_SYSTEM += ("/snap/", "/sys/", "/usr/", "/var/")
_TOLD_ALONE = 3
"""So many files in a folder are told one by one."""


def _elsewhere(
    observed: Observed, never: NeverInputs, data: Iterable[str], installed: tuple[str, ...]
) -> tuple[str, ...]:
    """Return files that were read outside of the checkout, and that nobody installed."""
    declared = tuple(f"{path}/" for path in data)
    folders: dict[str, list[str]] = {}
    for path in sorted(observed.read | observed.imported):
        if not path.startswith("/") or never.relative(path) is not None or path in observed.written:
            continue
        if path.startswith((*installed, *declared)) or f"{path}/" in declared:
            continue
        if "/site-packages/" not in path and "/gpu-doc-" not in path and os.path.isfile(path):  # noqa: PTH113 - as above
            folders.setdefault(path.rpartition("/")[0], []).append(path)
    return tuple(
        each for folder, files in folders.items() for each in (files if len(files) <= _TOLD_ALONE else [f"{folder}/"])
    )
