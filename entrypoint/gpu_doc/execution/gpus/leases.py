"""Leases of GPUs, for all processes, users and runners of one host.

A lease is a file per GPU that stays flock()ed while its run lives: if the holder is killed, the lock ends by itself. A
container that outlives its gpu-doc keeps its GPUs by a label; the caller looks that up (`busy`).
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from gpu_doc.errors import MachineError
from gpu_doc.execution.gpus.inventory import Gpu

_NAME = "gpu-doc-gpus"
_SHARED = 0o1777
"""Everybody may write there, but remove only their own files."""


def shared_folder(name: str = _NAME) -> Path:
    """The folder that all users of this host share, independent of TMPDIR. A service may have its own /tmp."""
    run = Path("/run/lock")
    with suppress(OSError):
        if stat.S_IMODE(run.stat().st_mode) & _SHARED == _SHARED:
            return run / name
    return Path("/tmp") / name  # noqa: S108 - `Leases` follows no link there, and shares no content


class Lease:
    """GPUs that are ours until it is closed; none for a run on the CPU."""

    def __init__(self, gpus: Sequence[Gpu] = (), locks: Sequence[int] = ()) -> None:
        self.gpus = tuple(gpus)
        self._locks = list(locks)

    @property
    def devices(self) -> tuple[str, ...]:
        """The names that engines, labels and `busy` use for them."""
        return tuple(gpu.id for gpu in self.gpus)

    def close(self) -> None:
        """Release them."""
        while self._locks:
            os.close(self._locks.pop())

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Leases:
    """Gives leases; safe for several threads."""

    def __init__(self, folder: Path, busy: Callable[[], frozenset[str]] = frozenset) -> None:
        """`folder` is the same for all who share the GPUs; `busy` returns the ids that live containers hold."""
        self._folder = folder
        self._busy = busy

    def try_lease(self, gpus: Sequence[Gpu], count: int) -> Lease | None:
        """Lease the first `count` free ones of `gpus`; None while there are not enough.

        Raises MachineError if the folder can't be used.
        """
        if count == 0:
            return Lease()
        try:
            prepare(self._folder)
            gate = _lock(self._folder / "gate", wait=True)  # else two that try at the same time could both get too few
            try:
                return self._lease(gpus, count)
            finally:
                os.close(gate)
        except OSError as error:
            raise MachineError(
                f"GPUs can't be leased: {error.strerror} ({error.filename or self._folder})",
                remedy=f"Remove {self._folder}, as its owner, while no gpu-doc is running.",
            ) from error

    def _lease(self, gpus: Sequence[Gpu], count: int) -> Lease | None:
        free: list[tuple[Gpu, int]] = []
        try:
            for gpu in gpus:
                with suppress(BlockingIOError):
                    free.append((gpu, _lock(self._folder / re.sub(r"[^\w-]", "_", gpu.id))))
            # Ask only now that we hold the locks: any holder that died before is a container by now, with its label.
            busy = self._busy() if len(free) >= count else frozenset()
            taken = [(gpu, lock) for gpu, lock in free if gpu.id not in busy][:count]
            if len(taken) < count:
                return None
            free = [pair for pair in free if pair not in taken]
            return Lease([gpu for gpu, _ in taken], [lock for _, lock in taken])
        finally:
            for _, lock in free:
                os.close(lock)


def prepare(folder: Path) -> None:
    """Make the folder that users share. Raises OSError if something else is there."""
    if not os.path.lexists(folder):
        made = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
        made.chmod(_SHARED)
        try:
            made.rename(folder)
        except OSError:  # somebody was faster
            made.rmdir()
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise NotADirectoryError(0, "no folder, or a link", str(folder))


def _lock(path: Path, *, wait: bool = False) -> int:
    """Lock a file and return its descriptor. Raises BlockingIOError if another holds it and we don't `wait`."""
    while True:
        descriptor = open_lock(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            held = os.fstat(descriptor)
            with suppress(FileNotFoundError):
                if os.path.samestat(held, path.lstat()):  # else it was removed meanwhile, and our lock is worthless
                    os.utime(descriptor)  # so that programs that clean /tmp see it as new
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def open_lock(path: Path) -> int:
    """Open a file that everybody may lock; create it if needed. Follows no link."""
    while True:
        try:
            # Not with O_CREAT: fs.protected_regular refuses that, even to root, for others' files in shared folders.
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            _create(path)
            continue
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        raise OSError(0, "not a regular file", str(path))


def _create(path: Path) -> None:
    """Create an empty file that everybody may open from its first moment, whatever our umask is."""
    descriptor, made = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        os.fchmod(descriptor, 0o666)
        with suppress(FileExistsError):
            os.link(made, path)
    finally:
        os.close(descriptor)
        os.unlink(made)  # noqa: PTH108 - mkstemp gives text
