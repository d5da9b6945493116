"""Turns of runs that write into one checkout, so that runs don't mix up their files.

A turn is a lock (flock) on the folders and files themselves. So it works between threads, gpu-doc processes and users,
whatever path, configuration or state folder they use. A killed process loses its locks.
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
"""File systems where a folder can't be locked exclusively, although some allow a shared lock."""


class Turn:
    """Locks on folders and files, until it is closed."""

    def __init__(self) -> None:
        self._locks: list[int] = []
        self._kinds = file_systems()

    def close(self) -> None:
        """Release the locks."""
        while self._locks:
            os.close(self._locks.pop())

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, path: Path, *, alone: bool) -> bool:
        """Lock a folder or file, exclusively or shared; False while others have it. Raises OSError."""
        # A new descriptor for each turn: locks are between descriptors, so they work between our threads too. It is
        # not inherited, so that a daemon that outlives its run does not keep the lock.
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
        """Open what to lock: the path itself, or a file that represents it on this machine if it can't be locked."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        known = os.fstat(descriptor)
        if self._kinds.get(known.st_dev) not in _REMOTE:
            return descriptor
        os.close(descriptor)
        folder = shared_folder(_NAME)
        prepare(folder)
        return open_lock(folder / f"{known.st_dev}-{known.st_ino}")


def try_turn(alone: Iterable[Path], shared: Iterable[Path]) -> Turn | None:
    """Lock the paths of `alone` exclusively and those of `shared` together with others; None while others have them.

    Paths have their links resolved. The folders above each are locked as shared: a checkout may be inside another one.

    Raises MachineError if something can't be locked.
    """
    wanted = dict.fromkeys(shared, False) | dict.fromkeys(alone, True)
    above = {parent for path in wanted for parent in path.parents} - wanted.keys()
    turn = Turn()
    try:
        for path in sorted(above):
            with suppress(PermissionError, FileNotFoundError):  # another user's folder, in which we never work
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
