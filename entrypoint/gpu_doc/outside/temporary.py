"""Temporary folders that are private, short enough for sockets, and go even when we are killed.

Each holds a locked file for as long as its owner lives. A later refresh removes those whose lock nobody holds, which
works between containers that share a temporary folder too, where process ids say nothing.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "gpu-doc-"
_NAME = len("/gpu-doc-12345678")
_SOCKET = 107
"""Bytes that the path of a socket may have on Linux (sun_path)."""
_YOUNG = 60.0
"""Seconds in which a new folder is left alone: its owner may not have locked it yet."""


@contextmanager
def private_folder(*, room: int = 0) -> Iterator[Path]:
    """A folder of our own, removed at the end; with `room`, a path of so many bytes below it may be a socket's.

    Raises OSError where no temporary folder can be written.
    """
    short = [place for place in _places() if len(os.fsencode(place)) + _NAME + room <= _SOCKET]
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=short[0] if room and short else None))
    try:
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep_abandoned() -> None:
    """Remove the folders of our user whose owners were killed."""
    for place in _places():
        for folder in Path(place).glob(f"{PREFIX}*"):
            with suppress(OSError):
                stat = folder.lstat()
                if stat.st_uid == os.getuid() and time.time() - stat.st_mtime > _YOUNG and _is_abandoned(folder):
                    shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    with (folder / "lock").open() as lock:  # OSError: not one of these folders
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _places() -> list[str]:
    return list(dict.fromkeys([tempfile.gettempdir(), "/tmp", "/dev/shm"]))  # noqa: S108 - mkdtemp makes them private
