"""Temporary folders that are private, short enough for sockets, and go even when we are killed.

Each holds a locked file for as long as its owner lives. A later refresh removes those whose lock nobody holds, which
works between containers that share a temporary folder too, where process ids say nothing.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PREFIX = "gpu-doc-"
_NAME = len("/gpu-doc-12345678")
_SOCKET = 107
"""Bytes that the path of a socket may have on Linux (sun_path)."""


@contextmanager
def private_folder(*, room: int = 0) -> Iterator[Path]:
    """A folder of our own, removed at the end; with `room`, a path of so many bytes below it may be a socket's.

    Raises OSError where no temporary folder can be written.
    """
    short = [place for place in _places() if len(os.fsencode(place)) + _NAME + room <= _SOCKET]
    folder, lock = _locked(short[0] if room and short else None)
    with lock:
        try:
            yield folder
        finally:
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
        if folder.lstat().st_uid == os.getuid():
            with (folder / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
                return True
    return False


def _places() -> list[str]:
    return list(dict.fromkeys([tempfile.gettempdir(), "/tmp", "/dev/shm"]))  # noqa: S108 - mkdtemp makes them private
