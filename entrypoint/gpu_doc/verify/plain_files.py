"""Opens files of a checkout that may be anything: a link, a pipe, a folder, a file without end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

LARGEST = 256 << 20
"""The most bytes that are read of a file. Nothing that gpu-doc writes is larger."""


class NotPlainError(Exception):
    """It is no plain file of this checkout. The message says what it is."""


def content(path: Path, within: Path, largest: int = LARGEST) -> bytes:
    """Return a file's bytes. Raises NotPlainError; FileNotFoundError if there is nothing.

    A link is followed inside of `within`: outside, another clone would not have what it leads to.
    """
    _refuse_outside(path, within)
    try:
        # Opening a pipe would wait until somebody writes to it.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise NotPlainError(f"can't be read: {error.strerror}") from error
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise NotPlainError("is a folder" if stat.S_ISDIR(status.st_mode) else "is no plain file")
        if status.st_size > largest:
            raise NotPlainError(f"has {status.st_size:,} bytes, more than gpu-doc ever writes")
        with os.fdopen(file, "rb", closefd=False) as opened:
            return opened.read(largest)
    finally:
        os.close(file)


def _refuse_outside(path: Path, within: Path) -> None:
    try:
        link = str(path.readlink()) if path.is_symlink() else ""
        real = Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        raise NotPlainError(f"can't be read: {error}") from error
    if link.startswith("/"):
        raise NotPlainError(f"is a link to {link}, which another clone doesn't have")
    if not real.is_relative_to(os.path.realpath(within)):
        raise NotPlainError("is a link that leads out of the checkout")
