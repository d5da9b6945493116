"""Temporary folders that are private, short enough for sockets, and go even when we are killed.

Each holds a locked file for as long as its owner lives. A later refresh removes those whose lock nobody holds, which
works between containers that share a temporary folder too, where process ids say nothing. Where that file is gone, its
age tells, and that no process here has it open.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from gpu_doc.interrupts import held_back

PREFIX = "gpu-doc-"
_OURS = re.compile(rf"{PREFIX}[a-z0-9_]{{8}}")
"""What `mkdtemp` makes of it."""
_OLD = 24 * 3600.0
"""Seconds after which a folder without a lock is taken for abandoned."""
_NAME = len("/gpu-doc-12345678")
_SOCKET = 107
"""Bytes that the path of a socket may have on Linux (sun_path)."""


@contextmanager
def private_folder(*, room: int = 0) -> Iterator[Path]:
    """A folder of our own, removed at the end; with `room`, a path of so many bytes below it may be a socket's.

    Raises OSError where no temporary folder can be written.
    """
    folder: Path | None = None
    try:
        with held_back():  # else an interrupt could come between making it and being ready to remove it
            short = [place for place in _places() if len(os.fsencode(place)) + _NAME + room <= _SOCKET]
            folder, lock = _locked(short[0] if room and short else None)
        with lock:
            yield folder
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _locked(place: str | None) -> tuple[Path, IO[str]]:
    """Make a folder, and lock the file in it that says so."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        lock = (folder / "lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock.fileno()), (folder / "lock").stat()):
                return folder, lock
        lock.close()  # a sweep came in between, and took the folder for abandoned


def sweep_abandoned() -> list[Path]:
    """Remove the folders of our user whose owners were killed; gives what was removed."""
    folders = (folder for place in _places() for folder in Path(place).glob(f"{PREFIX}*"))
    return [folder for folder in folders if _remove_abandoned(folder)]


def _remove_abandoned(folder: Path) -> bool:
    with suppress(OSError):  # not one of these folders, another user's, or its owner lives
        about = folder.lstat()
        if about.st_uid != os.getuid() or not stat.S_ISDIR(about.st_mode):
            return False
        try:
            lock = (folder / "lock").open()
        except FileNotFoundError:
            return _remove_unlocked(folder, about.st_mtime)
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            return True
    return False


def _remove_unlocked(folder: Path, changed: float) -> bool:
    """Remove a folder whose lock file is gone, once it is old: its owner may have been killed before, or lost it."""
    if not _OURS.fullmatch(folder.name) or time.time() - changed < _OLD or _is_held(folder):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    return True


def _is_held(folder: Path) -> bool:
    """Whether a process that we see still has the file open that was the lock."""
    gone = f"{folder / 'lock'} (deleted)"  # as Linux shows it (man 5 proc)
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # another user's, or closed meanwhile
            if os.readlink(link) == gone:  # noqa: PTH115 - no path: it has more than the name
                return True
    return False


def _places() -> list[str]:
    with held_back():  # its first call writes a file, to see whether it can
        usual = tempfile.gettempdir()
    return list(dict.fromkeys([usual, "/tmp", "/dev/shm"]))  # noqa: S108 - mkdtemp makes them private
