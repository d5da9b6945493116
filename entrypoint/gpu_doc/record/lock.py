"""The lock of a state: one refresh at a time, and a word from the last one that had it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TextIO

from gpu_doc.errors import MachineError
from gpu_doc.model.location import Location
from gpu_doc.system import writing

_HOLDER = "process "
"""What the file says begins so while a refresh has the lock, and after one was killed."""


def last_refresh(place: Path) -> str | None:
    """The word that the last refresh left; empty where there was none, None while one lives, or was killed."""
    try:
        with place.open(encoding="utf-8", errors="replace") as file:
            return _left(_read(file))
    except OSError:
        return ""


def take(place: Path, waiting: Callable[[str], None]) -> TextIO:
    """Open the lock's file, and wait until it is ours. `waiting` is told who has it.

    Raises OSError, and MachineError if the file system has no locks.
    """
    while True:
        with ExitStack() as stack:
            file = stack.enter_context(place.open("a+", encoding="utf-8", errors="replace"))
            _wait(file, waiting)
            if writing.is_at(file.fileno(), place):  # else state was deleted meanwhile
                stack.pop_all()
                return file


def _wait(file: TextIO, waiting: Callable[[str], None]) -> None:
    try:
        locked = writing.lock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        said = _read(file)
        waiting(said if said.startswith(_HOLDER) else "another process")
        locked = writing.lock(file.fileno(), fcntl.LOCK_EX)
    if not locked:
        remedy = "Name a folder on a local disk: `--state-dir`, or the action's `state-dir`."
        raise MachineError("the file system of state has no locks", where=Location(file.name), remedy=remedy)


@contextmanager
def held(file: TextIO) -> Iterator[str | None]:
    """Say in the lock's file that a refresh goes on, then that it has ended; gives the word that the last one left."""
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
