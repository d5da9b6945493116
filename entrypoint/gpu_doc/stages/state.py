"""State: executed notebooks, logs, pictures and scratch, keyed by fingerprint. Deleting it is always safe.

    runs/FINGERPRINT/       a finished run: executed.ipynb or terminal.log, produced/, record.json
    failed/ADDRESS-TIME/    what a failed run left, its error included
    pictures/DIGEST.png     pictures by what they show
    edited/TIME/PATH        generated reports that a person had edited, before they were rendered again
    scratch/PID-RANDOM/     runs in progress; swept when their process is gone

A folder appears in runs/ by one rename, so it is whole or not there.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from gpu_doc.errors import MachineError
from gpu_doc.model import Json, Result, Run
from gpu_doc.outside.temporary import sweep_abandoned

SIZE_LIMIT = 2 << 30
"""Bytes that runs, failures and pictures may take together; the oldest go first."""


def default_folder(root: Path, environ: Mapping[str, str]) -> Path:
    """`.gpu-doc` beside the configuration; on a runner outside the checkout, which its next job cleans."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return root / ".gpu-doc"
    cache = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME") or "/tmp") / ".cache")  # noqa: S108 - a user without a home has nothing better
    place = f"{environ.get('GITHUB_REPOSITORY', '')} {root}"
    slug = re.sub(r"[^\w.-]+", "-", environ.get("GITHUB_REPOSITORY") or root.name)
    return Path(cache) / "gpu-doc" / f"{slug}-{sha256(place.encode()).hexdigest()[:8]}"


class State:
    """The folder that state lies in. Reading never creates anything; writing creates what it needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, run: Run, fingerprint: str) -> Result | None:
        """A finished run with this fingerprint."""
        folder = self.folder / "runs" / fingerprint
        try:
            record = json.loads((folder / "record.json").read_bytes())
        except (OSError, ValueError):
            return None
        kept = folder / ("executed.ipynb" if run.notebook else "terminal.log")
        if not isinstance(record, dict) or not kept.is_file():
            return None
        return Result(run=run, fingerprint=fingerprint, folder=folder, record=record)

    def keep(self, run: Run, fingerprint: str, scratch: Path, record: Mapping[str, Json]) -> Result:
        """Make a finished run's scratch folder the result for its fingerprint."""
        with self._disk():
            (scratch / "record.json").write_text(json.dumps(record, indent=1, sort_keys=True), "utf-8")
            target = self.folder / "runs" / fingerprint
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                target.rename(self.scratch_folder())
            scratch.rename(target)
        return Result(run=run, fingerprint=fingerprint, folder=target, record=record)

    def keep_failed(self, address: str, scratch: Path) -> Path:
        """Keep what a failed run left, under a name that says which one it was; gives the new place."""
        slug = re.sub(r"[^\w.=-]+", "-", address).strip("-")[:60]
        target = self.folder / "failed" / f"{slug}-{time.strftime('%Y%m%d-%H%M%S')}-{scratch.name[-6:]}"
        with self._disk():
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch.rename(target)
        return target

    def scratch_folder(self) -> Path:
        """A new empty folder for a run in progress."""
        with self._disk():
            self._create()
            parent = self.folder / "scratch"
            parent.mkdir(exist_ok=True)
            return Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=parent))

    def picture(self, digest: str) -> bytes | None:
        """The picture of an exhibit, by its digest."""
        try:
            return self.picture_path(digest).read_bytes()
        except OSError:
            return None

    def has_picture(self, digest: str) -> bool:
        """Whether there is a picture of an exhibit."""
        return self.picture_path(digest).is_file()

    def picture_path(self, digest: str) -> Path:
        """Where the picture of an exhibit lies, if there is one."""
        return self.folder / "pictures" / f"{digest}.png"

    def keep_picture(self, digest: str, png: bytes) -> None:
        """Keep the picture of an exhibit."""
        with self._disk():
            self._create()
            path = self.picture_path(digest)
            path.parent.mkdir(exist_ok=True)
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_bytes(png)
            temporary.replace(path)

    def keep_edited(self, path: str, content: bytes) -> Path:
        """Keep a generated file that a person had edited; gives where."""
        target = self.folder / "edited" / time.strftime("%Y%m%d-%H%M%S") / path
        with self._disk():
            self._create()
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return target

    @contextmanager
    def lock(self, waiting: Callable[[str], None]) -> Iterator[None]:
        """One refresh at a time on one state. `waiting` is told who holds it, once."""
        with self._disk():
            self._create()
            file = (self.folder / "lock").open("a+")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                waiting(file.read().strip() or "another process")
                fcntl.flock(file, fcntl.LOCK_EX)
            file.truncate(0)
            file.write(f"process {os.getpid()}")
            file.flush()
            sweep_abandoned()
            self._sweep()
            try:
                yield
            finally:
                self._remove_scratch_of(os.getpid())

    def prune(self, limit: int = SIZE_LIMIT) -> None:
        """Remove what was used longest ago until at most `limit` bytes are left."""
        kept = [entry for place in ("runs", "failed", "pictures", "edited") for entry in _entries(self.folder / place)]
        sizes = {entry: _size(entry) for entry in kept}
        total = sum(sizes.values())
        for entry in sorted(kept, key=_last_used):
            if total <= limit:
                return
            _remove(entry)
            total -= sizes[entry]

    def touch(self, result: Result) -> None:
        """Note that a result is still of use, so that pruning takes it last."""
        try:
            os.utime(result.folder)
        except OSError:
            return  # a state that can only be read serves as well

    def _create(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        ignore = self.folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", "utf-8")

    def sweep(self) -> list[Path] | None:
        """Remove what dead processes left here, and return it; None where a refresh lives."""
        with suppress(OSError), (self.folder / "lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            return self._sweep()
        return []

    def _sweep(self) -> list[Path]:
        """Remove scratch and half a picture: we hold the lock, so whatever is there is of dead processes."""
        halves = [entry for entry in _entries(self.folder / "pictures") if entry.suffix != ".png"]
        left = [*_entries(self.folder / "scratch"), *halves]
        for entry in left:
            _remove(entry)
        return left

    def _remove_scratch_of(self, pid: int) -> None:
        for entry in _entries(self.folder / "scratch"):
            if entry.name.startswith(f"{pid}-"):
                _remove(entry)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise disk_error(error, self.folder) from error


def disk_error(error: OSError, folder: Path) -> MachineError:
    """What a failed write means, in a sentence."""
    place = str(error.filename or folder)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "Free some space, or delete the state folder (`.gpu-doc`): the next run only takes longer."
        return MachineError("the disk is full", where=place, remedy=remedy)
    remedy = "Make the folder writable for this user."
    return MachineError(f"cannot write: {error.strerror}", where=place, remedy=remedy)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _size(entry: Path) -> int:
    try:
        if entry.is_dir():
            return sum(file.stat().st_size for file in entry.rglob("*") if file.is_file())
        return entry.stat().st_size
    except OSError:
        return 0


def _last_used(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        with suppress(OSError):  # another user's, say: it does no harm where it is
            entry.unlink(missing_ok=True)
