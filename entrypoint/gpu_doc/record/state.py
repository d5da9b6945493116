"""State: executed notebooks, logs, pictures and scratch, keyed by fingerprint. Deleting it is always safe.

    runs/FINGERPRINT/       a finished run: executed.ipynb or terminal.log, produced/, record.json;
                            FINGERPRINT-INPUTS/ where it is known what it read, for up to 8 sets of inputs
    failed/ADDRESS-TIME/    files of a failed run, including its error
    pictures/DIGEST.png     pictures by the digest of what they show, each with its seal beside it
    edited/TIME/PATH        generated reports with a person's edits, saved before they were rendered again
    scratch/PID-RANDOM/     runs in progress; swept when their process is gone
    layers/LAYER/           on a runner: the first four, separate for each origin of code (see trust/origin.py)

A folder appears in runs/ by one rename, so it is complete or absent. Before anything is read, its seal is checked.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from glob import escape as glob_escape
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.model.configuration import Run
from gpu_doc.model.values import Json
from gpu_doc.record import lock
from gpu_doc.record.disk import disk_error
from gpu_doc.system import writing

if TYPE_CHECKING:
    from gpu_doc.model.results import Result
    from gpu_doc.record.seal import Seal

SIZE_LIMIT = 2 << 30
"""Bytes for runs, failures and pictures in the shared layer; and the same for all other layers together."""

LAYERS = "layers"
KINDS = ("runs", "failed", "pictures", "edited")
PICTURE = ".png"


@dataclass(frozen=True, kw_only=True)
class Layers:
    """The layers of state that runs write and read. A layer's name is its folder's; a person's own has no name."""

    own: str = ""
    """The layer that is written, and read first."""
    others: tuple[str, ...] = ()
    """Other layers that are read, in this order."""
    shared: str = ""
    """The shared layer, which all read: other layers take no room from it."""


def default_folder(root: Path, environ: Mapping[str, str]) -> Path:
    """`.gpu-doc` beside the configuration; on a runner, outside the checkout, which the next job cleans."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return root / ".gpu-doc"
    cache = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME") or "/tmp") / ".cache")  # noqa: S108 - a user without a home has nothing better
    place = f"{environ.get('GITHUB_REPOSITORY', '')} {root}"
    slug = re.sub(r"[^\w.-]+", "-", environ.get("GITHUB_REPOSITORY") or root.name)
    return Path(cache) / "gpu-doc" / f"{slug}-{sha256(place.encode()).hexdigest()[:8]}"


def key_path(environ: Mapping[str, str]) -> Path | None:
    """The path of this user's key; None if the user has no folder for it.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    given, home = environ.get("XDG_STATE_HOME", ""), environ.get("HOME", "")
    place = given if given.startswith("/") else home and f"{home}/.local/state"
    return Path(place, "gpu-doc/key") if place else None


def place(folder: Path, layer: str, *names: str) -> Path:
    """Where something of a layer lies in the folder of a state."""
    return Path(folder, *((LAYERS, layer) if layer else ()), *names)


class State:
    """State, in its folder. Reading never creates anything; writing creates what it needs."""

    def __init__(
        self,
        folder: Path,
        key: Path | None,
        layers: Callable[[], Layers] = Layers,
        *,
        project: str = "",
        matches: Callable[[Run, Json], bool] = lambda _run, _inputs: True,
    ) -> None:
        """`key` is the file with the key that seals results; `layers` is called once, at the first search.

        `project` separates projects that share a folder. `matches`: are a record's inputs the same here (judging.py)?
        """
        self.folder = folder
        self._lock = folder / "lock"
        self._project = project
        self._key = key
        self._find_layers = layers
        self._matches = matches
        self._used: set[Path] = set()
        """What this process keeps or needs: pruning takes it last, whatever the clock said when."""

    @cached_property
    def seal(self) -> Seal:
        """What tells our results from others."""
        from gpu_doc.record.seal import Seal  # a plan where all is fresh opens no result

        return Seal(self._key)

    @cached_property
    def layers(self) -> Layers:
        """The layers that are written and read."""
        return self._find_layers()

    @property
    def owner(self) -> str:
        """Names the written layer, the same for every process on this machine."""
        return f"{self.layers.own}@{self.folder.absolute()}{self._project}"

    @property
    def lasts(self) -> bool:
        """Whether a later process can use what we keep now."""
        return self.seal.lasts

    def find(self, run: Run, fingerprint: str) -> Result | None:
        """An intact result with this fingerprint; not if its output was cut at a lower limit than the present one."""
        from gpu_doc.model.results import Result
        from gpu_doc.record.cuts import has_room_now

        for layer in (self.layers.own, *self.layers.others):
            for folder in self._results(layer, fingerprint):
                record = self.seal.open(folder, self._name(layer, "runs", folder.name))
                kept = folder / ("executed.ipynb" if run.notebook else "terminal.log")
                if record is None or not kept.is_file() or has_room_now(record, run):
                    continue
                if "inputs" not in record or self._matches(run, record["inputs"]):
                    return Result(run=run, fingerprint=fingerprint, folder=folder, record=record)
        return None

    def _results(self, layer: str, fingerprint: str) -> list[Path]:
        """The folders of the results with a fingerprint, the last one first."""
        parent = place(self.folder, layer, "runs")
        found = [parent / fingerprint, *parent.glob(f"{glob_escape(fingerprint)}-*")]
        there: list[tuple[float, Path]] = []
        for path in found:
            with suppress(OSError):  # none, or it was just moved away
                there.append((path.stat().st_mtime, path))
        return [path for _, path in sorted(there, reverse=True)]

    def inputs(self, fingerprint: str) -> list[Mapping[str, Json]]:
        """The records of all results with a fingerprint whose inputs are known; the results are not looked at."""
        layers = (self.layers.own, *self.layers.others)
        found = ((layer, folder) for layer in layers for folder in self._results(layer, fingerprint))
        records = (self.seal.peek(folder, self._name(layer, "runs", folder.name)) for layer, folder in found)
        return [record for record in records if record and "inputs" in record]

    def code(self, *parts: Json) -> str:
        """Return a hash that only who has the key of state can make."""
        return self.seal.code(*parts)

    def keep(self, run: Run, fingerprint: str, scratch: Path, record: Mapping[str, Json]) -> Result:
        """Make a finished run's scratch folder the result for its fingerprint, and for the inputs in its record."""
        from gpu_doc.model.results import Result
        from gpu_doc.record.fingerprint import short_hash
        from gpu_doc.record.inputs import MOST_SETS

        name = f"{fingerprint}-{short_hash(record['inputs'])[:8]}" if "inputs" in record else fingerprint
        with self._disk():
            self.seal.close(scratch, self._name(self.layers.own, "runs", name), record)
            target = place(self.folder, self.layers.own, "runs", name)
            target.parent.mkdir(parents=True, exist_ok=True)
            others = self._results(self.layers.own, fingerprint)
            before = self.scratch_folder() / name if os.path.lexists(target) else None
            for old in [target] if before else others[MOST_SETS - 1 :]:
                old.rename(before or self.scratch_folder() / old.name)
            try:
                scratch.rename(target)
            except OSError:
                if before:
                    before.rename(target)
                raise
        self._used.add(target)
        return Result(run=run, fingerprint=fingerprint, folder=target, record=record)

    def keep_failed(self, address: str, scratch: Path) -> Path:
        """Keep a failed run's files under the run's name and time; returns the new folder."""
        slug = re.sub(r"[^\w.=-]+", "-", address).strip("-")[:60]
        name = f"{slug}-{time.strftime('%Y%m%d-%H%M%S')}-{scratch.name[-6:]}"
        target = place(self.folder, self.layers.own, "failed", name)
        with self._disk():
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch.rename(target)
        self._used.add(target)
        return target

    def scratch_folder(self) -> Path:
        """A new empty folder for a run in progress."""
        with self._disk():
            self._create()
            import tempfile

            (parent := self.folder / "scratch").mkdir(exist_ok=True)
            return Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=parent))

    def picture(self, digest: str) -> Path | None:
        """The file with the picture of an exhibit, by its digest; None if there is no intact one."""
        for layer in (self.layers.own, *self.layers.others):
            path = place(self.folder, layer, "pictures", digest + PICTURE)
            if self.seal.is_whole(path, self._name(layer, "pictures", digest)):
                self._used.add(path)
                return path
        return None

    def keep_picture(self, digest: str, png: bytes) -> None:
        """Keep the picture of an exhibit."""
        with self._disk():
            self._create()
            path = place(self.folder, self.layers.own, "pictures", digest + PICTURE)
            path.parent.mkdir(parents=True, exist_ok=True)
            for each in filter(Path.is_dir, (path, path.with_suffix(".seal"))):
                from gpu_doc.system.pruning import remove

                remove(each)
            writing.replace(path, png)
            self.seal.close_file(path, self._name(self.layers.own, "pictures", digest))

    def keep_edited(self, path: str, content: bytes) -> Path:
        """Keep a generated file with a person's edits, on the disk before it is overwritten; returns where."""
        moment, again = time.strftime("%Y%m%d-%H%M%S"), 0
        with self._disk():
            self._create()
            while True:  # the same second may come twice
                target = place(self.folder, self.layers.own, "edited", f"{moment}-{again}" if again else moment) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                if writing.create(target, content, lasting=True):
                    return target
                again += 1

    def last_refresh(self) -> str | None:
        """The last one's word: once another has ended, `lock` gives another. None while one lives, or was killed."""
        return lock.last_refresh(self._lock)

    @contextmanager
    def lock(self, waiting: Callable[[str], None]) -> Iterator[str | None]:
        """Allow one refresh at a time on one state; gives the last one's word. `waiting` is told who holds it, once."""
        from gpu_doc.record import leftovers
        from gpu_doc.system.temporary import sweep_abandoned

        with self._disk():
            self._create()
            leftovers.demand_folders(self.folder, self.layers.own)
            file = lock.take(self._lock, waiting)
        with file, lock.held(file) as last:
            sweep_abandoned()
            leftovers.sweep(self.folder)
            try:
                yield last
            finally:
                leftovers.remove_scratch_of(self.folder, os.getpid())

    def prune(self, limit: int = SIZE_LIMIT) -> None:
        """Remove what was used longest ago: the shared layer, and all others together, keep at most `limit` bytes."""
        from gpu_doc.record import leftovers

        leftovers.bound(self.folder, self.layers.shared, limit, used=self._used)

    def _name(self, layer: str, kind: str, key: str) -> str:
        """The name to seal a result with: in another place, or for another project, it counts as absent."""
        return f"{self._project}{layer}/{kind}/{key}"

    def touch(self, result: Result) -> None:
        """Note that one of our results is still used, so that pruning removes it last."""
        self._used.add(result.folder)
        if result.folder.parent == place(self.folder, self.layers.own, "runs"):
            with suppress(OSError):  # a read-only state works too
                os.utime(result.folder)

    def _create(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        writing.create(self.folder / ".gitignore", b"*\n")

    def sweep(self) -> list[Path] | None:
        """Remove what dead processes left here, and return it; None while a refresh is running."""
        from gpu_doc.record import leftovers

        with suppress(OSError), self._lock.open() as file:
            return leftovers.sweep(self.folder) if lock.is_free(file) else None
        return []

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise disk_error(error, self.folder) from error
