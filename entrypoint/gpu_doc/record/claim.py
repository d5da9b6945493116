"""Whose the folder is in which a report's new files are prepared (exchange.py): one living process's at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gpu_doc.errors import MachineError
from gpu_doc.interrupts import held_back
from gpu_doc.model.location import Location
from gpu_doc.record.exchange import JOURNAL, LARGEST, Exchange
from gpu_doc.system import writing
from gpu_doc.system.pruning import entries

_PATIENCE = 60.0
"""Seconds to wait for another process that writes the same report: it takes milliseconds."""
_PAUSE = 0.02
_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def claimed(folder: Path) -> Iterator[Exchange]:
    """Take the folder for ourselves; at the end it is removed. Waits while another process has it.

    Raises OSError; MachineError if another process does not end.
    """
    until = time.monotonic() + _PATIENCE
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    exchange: Exchange | None = None
    try:
        while exchange is None:
            with held_back():  # else an interrupt could come between making it and being ready to remove it
                exchange = _claim(folder)
            if exchange is None:
                if time.monotonic() > until:
                    what = "another process has been writing this report for a minute"
                    raise MachineError(what, where=Location(str(folder)), remedy="End it, and run again.")
                time.sleep(_PAUSE)
        yield exchange
    finally:
        if exchange is not None:
            with held_back():
                exchange.clear()
                exchange.close()
        for place in made:  # nearest first
            with suppress(OSError):  # not empty: it was needed
                place.rmdir()


def _claim(folder: Path) -> Exchange | None:
    """Make the folder, and lock its journal; None while another process has it."""
    descriptor = -1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
        if not is_ours(folder):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))
        descriptor = os.open(folder / JOURNAL, _FLAGS | os.O_RDWR | os.O_CREAT, 0o666)
        writing.lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if writing.is_at(descriptor, folder / JOURNAL):
            return Exchange(folder, descriptor)
    except (FileNotFoundError, BlockingIOError):
        pass  # whoever had the folder has just removed it; or has it
    if descriptor >= 0:
        os.close(descriptor)
    return None


def is_ours(folder: Path) -> bool:
    """Whether there is such a folder, made for this: nothing else's files are removed."""
    return folder.is_dir() and (os.path.lexists(folder / JOURNAL) or not entries(folder))


def interrupted(folder: Path) -> str:
    """Return what a killed process left there, as a reason to run; empty if nothing.

    Waits for a process that still writes there.
    """
    until = time.monotonic() + _PATIENCE
    while is_ours(folder):
        content = b""
        with suppress(OSError):
            descriptor = os.open(folder / JOURNAL, _FLAGS | os.O_RDONLY)
            try:
                writing.lock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                if not writing.is_at(descriptor, folder / JOURNAL):
                    continue
                content = os.read(descriptor, LARGEST)
            except BlockingIOError:
                if time.monotonic() < until:
                    time.sleep(_PAUSE)
                    continue
                return "another process is writing it"
            finally:
                os.close(descriptor)
        if content:
            return "an interrupted refresh left it half written; `gpu-doc run` finishes it"
        return f"an interrupted refresh left files in {folder.parent.name}/{folder.name}; `gpu-doc run` removes them"
    return ""
