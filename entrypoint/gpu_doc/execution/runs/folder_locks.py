"""Turns of runs that write into one checkout, so that what a run finds and leaves is its own.

A turn is a lock (flock) on the folders and files themselves, so that all meet who work in a checkout: other threads,
other gpu-doc processes, other users, whatever path, configuration or state folder is theirs. Who is killed lets go.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gpu_doc.errors import MachineError
from gpu_doc.execution.agent.mounts import file_systems
from gpu_doc.execution.gpus.leases import open_lock, prepare, shared_folder

_NAME = "gpu-doc-turns"

_REMOTE = frozenset({"9p", "afs", "beegfs", "ceph", "cifs", "gpfs", "lustre", "nfs", "nfs4", "smb3", "smbfs"})
"""Where a folder can't be had alone, though on some of them it can be shared."""


class Turn:
    """What is ours to write to, until it is closed."""

    def __init__(self) -> None:
        self._locks: list[int] = []
        self._kinds = file_systems()

    def close(self) -> None:
        """Let the next one have its turn."""
        while self._locks:
            os.close(self._locks.pop())

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, path: Path, *, alone: bool) -> bool:
        """Have a folder or file alone, or share it; False while others have it. Raises OSError."""
        # A descriptor of this turn's own: locks hold between descriptors, so between threads of ours as well. It is
        # not inherited: a daemon that outlives its run has no part in this.
        descriptor = self._opened(path)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._locks.append(descriptor)
        return True

    def _opened(self, path: Path) -> int:
        """Open what is to be locked: itself, or a file that stands for it on this machine where it can't be locked."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        known = os.fstat(descriptor)
        if self._kinds.get(known.st_dev) not in _REMOTE:
            return descriptor
        os.close(descriptor)
        folder = shared_folder(_NAME)
        prepare(folder)
        return open_lock(folder / f"{known.st_dev}-{known.st_ino}")


def try_turn(alone: Iterable[Path], shared: Iterable[Path]) -> Turn | None:
    """Have the folders and files of `alone` to oneself, and those of `shared` with others; None while others do.

    Paths are real. The folders above each are shared: a checkout may lie in another one.

    Raises MachineError: something can't be locked.
    """
    wanted = dict.fromkeys(shared, False) | dict.fromkeys(alone, True)
    above = {parent for path in wanted for parent in path.parents} - wanted.keys()
    turn = Turn()
    try:
        for path in sorted(above):
            with suppress(PermissionError, FileNotFoundError):  # another user's, in which nobody of us works
                if not turn.add(path, alone=False):
                    turn.close()
                    return None
        for path, exclusive in sorted(wanted.items()):
            if not turn.add(path, alone=exclusive):
                turn.close()
                return None
    except OSError as error:
        turn.close()
        what = f"runs can't take turns: {error.strerror} ({error.filename or path})"
        raise MachineError(what, remedy="Make it readable for this user.") from error
    return turn
