"""Temporary folders that are private, short enough for sockets, and removed even if we are killed.

Each holds a file that its owner keeps locked. A later refresh removes the folders without a locked file. Process ids
would not do: they mean nothing between containers that share a temporary folder. If the file itself is gone, the folder
is removed when it is old and no process here has the file open.
"""

from __future__ import annotations

import errno
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
from gpu_doc.system import writing

PREFIX = "gpu-doc-"
_OURS = re.compile(rf"{PREFIX}[a-z0-9_]{{8}}")
"""The names that `mkdtemp` makes of it."""
_OLD = 24 * 3600.0
"""Seconds after which a folder without a lock file counts as abandoned."""
_NO_LOCK = (errno.ENOENT, errno.ELOOP)
_NAME = len("/gpu-doc-12345678")
_SOCKET = 107
"""Bytes that the path of a socket may have on Linux (sun_path)."""


@contextmanager
def private_folder(*, room: int = 0) -> Iterator[Path]:
    """Make a private folder, and remove it at the end. Its path leaves `room` bytes for the path of a socket below it.

    Raises OSError if no temporary folder can be written.
    """
    folder: Path | None = None
    try:
        with held_back():  # else an interrupt could come after making it and before we are ready to remove it
            short = [place for place in _places() if len(os.fsencode(place)) + _NAME + room <= _SOCKET]
            folder, lock = _locked(short[0] if room and short else None)
        with lock:
            yield folder
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _locked(place: str | None) -> tuple[Path, IO[str]]:
    """Make a folder, and lock the file in it that marks it as used."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        try:
            lock = (folder / "lock").open("w")
        except FileNotFoundError:
            continue
        writing.lock(lock.fileno(), fcntl.LOCK_EX)
        if writing.is_at(lock.fileno(), folder / "lock"):
            return folder, lock
        lock.close()  # a sweep came in between and took the folder as abandoned


def sweep_abandoned() -> list[Path]:
    """Remove our user's folders whose owners were killed; returns those removed."""
    folders = (folder for place in _places() for folder in Path(place).glob(f"{PREFIX}*"))
    return [folder for folder in folders if _remove_abandoned(folder)]


def _remove_abandoned(folder: Path) -> bool:
    with suppress(OSError):  # not one of these folders, another user's, or its owner lives
        about = folder.lstat()
        if about.st_uid != os.getuid() or not stat.S_ISDIR(about.st_mode):
            return False
        try:
            lock = os.open(folder / "lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            return error.errno in _NO_LOCK and _remove_unlocked(folder, about.st_mtime)
        try:
            if writing.lock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
                shutil.rmtree(folder, ignore_errors=True)
                return not folder.exists()
        finally:
            os.close(lock)
    return False


def _remove_unlocked(folder: Path, changed: float) -> bool:
    """Remove a folder without a lock file: its owner was killed before it made one, or the file was deleted.

    One with something in it must be old, by whichever clock: an owner that we can't see may live.
    """
    empty = not any(folder.iterdir())
    if not _OURS.fullmatch(folder.name) or (not empty and abs(time.time() - changed) < _OLD) or _is_held(folder):
        return False
    if empty:
        folder.rmdir()  # if its owner lives, and was about to make the file, it makes another folder
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def _is_held(folder: Path) -> bool:
    """Whether a process that we can see still has the deleted lock file open."""
    gone = f"{folder / 'lock'} (deleted)"  # as Linux shows it (man 5 proc)
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # another user's, or just closed
            if os.readlink(link) == gone:  # noqa: PTH115 - no path: it has more than the name
                return True
    return False


def _places() -> list[str]:
    with held_back():  # the first call writes a file, to test the folder
        usual = tempfile.gettempdir()
    return list(dict.fromkeys([usual, "/tmp", "/dev/shm"]))  # noqa: S108 - mkdtemp makes them private
