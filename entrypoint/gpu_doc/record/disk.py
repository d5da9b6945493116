"""What a failed write means, and what to do."""

from __future__ import annotations

import errno
from pathlib import Path

from gpu_doc.errors import MachineError
from gpu_doc.model.location import Location


def disk_error(error: OSError, folder: Path) -> MachineError:
    """Return the error for a failed write."""
    place = Location(str(error.filename or folder))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "Free some space, or delete the state folder (`.gpu-doc`): the next run only takes longer."
        return MachineError("the disk is full", where=place, remedy=remedy)
    remedy = "Make the folder writable for this user."
    if error.errno in (errno.EEXIST, errno.EISDIR, errno.ENOTDIR):  # a file where a folder belongs, or the reverse
        remedy = "Delete it, or the whole state folder (`.gpu-doc`): the next run only takes longer."
    if error.errno == errno.EXDEV:
        remedy = "It lies on another file system than what belongs to it: move it there."
    return MachineError(f"cannot write: {error.strerror or error}", where=place, remedy=remedy)
