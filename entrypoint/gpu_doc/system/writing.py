"""Writes a file whole or not at all: whoever reads it finds what was there before, or all of the new content.

The new content is written beside it, as `.NAME.gpu-doc`, and renamed. That name is always the same, and is locked while
somebody writes there: so what a killed process left is written over by the next one, and two that write at once take
turns. Several files that must change together: `record/exchange.py`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_WITHOUT_NAMELESS = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT, errno.EXDEV, errno.EPERM)
"""What file systems say that can't make a file without a name (O_TMPFILE), or give it one; or there is no /proc."""
_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""What `flock` says on file systems that have none, such as some NFS servers'."""


def replace(path: Path, content: bytes, *, mode: int = 0o666, lasting: bool = False) -> None:
    """Write a file, whatever is there. `lasting`: the content is on the disk before the name is, for a power cut.

    Raises OSError with the file's name; what was there is unchanged then.
    """
    try:
        with _beside(path, mode) as (temporary, file):
            _fill(file, content, lasting=lasting)
            temporary.replace(path)
    except OSError as error:
        raise _about(path, error) from error


def create(path: Path, content: bytes, *, mode: int = 0o666, lasting: bool = False) -> bool:
    """Write a new file; False if there is something of that name already. Raises OSError with the file's name."""
    try:
        return not os.path.lexists(path) and _named_at_last(path, content, mode, lasting=lasting)
    except FileExistsError:
        return False
    except OSError as error:
        raise _about(path, error) from error


def _named_at_last(path: Path, content: bytes, mode: int, *, lasting: bool) -> bool:
    """Write a file that has no name until it is whole, so that a kill leaves nothing. Raises FileExistsError."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with open(os.open(path.parent, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, mode), "r+b", buffering=0) as file:  # noqa: PTH123 - it has no path
            _fill(file, content, lasting=lasting)
            os.link(f"/proc/self/fd/{file.fileno()}", path.name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError as error:
        if error.errno not in _WITHOUT_NAMELESS:
            raise
        return _named_beside(path, content, mode, lasting=lasting)
    finally:
        os.close(folder)
    return True


def _named_beside(path: Path, content: bytes, mode: int, *, lasting: bool) -> bool:
    with _beside(path, mode) as (temporary, file):
        _fill(file, content, lasting=lasting)
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise
        except OSError:  # FAT and some network shares have no hard links
            if os.path.lexists(path):
                return False
            temporary.rename(path)
        return True


def lock(file: int, operation: int) -> bool:
    """`flock` a file; False where its file system has no locks. Raises BlockingIOError as `flock` does."""
    try:
        fcntl.flock(file, operation)
    except OSError as error:
        if error.errno in _WITHOUT_LOCKS:
            return False
        raise
    return True


def is_at(file: int, path: Path) -> bool:
    """Whether an open file still has this name: while one waits for a lock, a file may be renamed or removed."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(file), path.lstat())
    return False


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk, where its file system can do that for a folder."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _beside(path: Path, mode: int) -> Iterator[tuple[Path, IO[bytes]]]:
    """Open an empty file beside another, which nobody else writes. If it has its name at the end, it is removed."""
    temporary = path.with_name(f".{path.name}.gpu-doc")
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    while True:
        with open(os.open(temporary, flags, mode), "r+b", buffering=0) as file:  # noqa: PTH123 - not for others
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EEXIST, os.strerror(errno.EEXIST), str(temporary))
            lock(file.fileno(), fcntl.LOCK_EX)
            if not is_at(file.fileno(), temporary):
                continue  # whoever had the lock has renamed it
            if os.fstat(file.fileno()).st_nlink > 1:  # `create` was killed between naming the file and removing this
                temporary.unlink()
                continue
            try:
                file.truncate(0)
                yield temporary, file
                return
            finally:
                if is_at(file.fileno(), temporary):
                    temporary.unlink(missing_ok=True)


def _fill(file: IO[bytes], content: bytes, *, lasting: bool) -> None:
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]
    if lasting:
        os.fsync(file.fileno())


def _about(path: Path, error: OSError) -> OSError:
    return OSError(error.errno, error.strerror or os.strerror(error.errno or 0), str(path))
