"""The lock of a state: one refresh at a time, and a word from the last one that had it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

_HOLDER = "process "
"""What the file says begins so while a refresh has the lock, and after one was killed."""


def last_refresh(place: Path) -> str | None:
    """The word that the last refresh left; empty where there was none, None while one lives, or was killed."""
    try:
        with place.open(encoding="utf-8", errors="replace") as file:
            return _left(_read(file))
    except OSError:
        return ""


@contextmanager
def held(file: TextIO, waiting: Callable[[str], None]) -> Iterator[str | None]:
    """Hold the lock; gives the word that the last refresh left. `waiting` is told who holds it, once."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        said = _read(file)
        waiting(said if said.startswith(_HOLDER) else "another process")
        fcntl.flock(file, fcntl.LOCK_EX)
    last = _left(_read(file))
    _write(file, f"{_HOLDER}{os.getpid()}")
    try:
        yield last
    finally:
        with suppress(OSError):
            _write(file, f"left by {os.getpid()} at {time.time_ns()}")


def is_free(file: TextIO) -> bool:
    """Take the lock if nobody holds it; it is given back with the file."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _left(text: str) -> str | None:
    return None if text.startswith(_HOLDER) else text.strip()


def _read(file: TextIO) -> str:
    file.seek(0)
    return file.read(100)


def _write(file: TextIO, text: str) -> None:
    file.truncate(0)
    file.write(text)
    file.flush()
