"""One class, exit code and documentation link per kind of failure; `cli/main.py` catches them once."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar

from gpu_doc.model.location import Location, Problem


class Exit(IntEnum):
    """What the process ends with. Of several, the first in `PRECEDENCE` wins."""

    DONE = 0
    FINDING = 1
    USAGE = 2
    RUN_FAILED = 3
    PUBLISH_FAILED = 4
    MACHINE_LACKS = 5
    DEFECT = 70
    INTERRUPTED = 130


PRECEDENCE = (
    Exit.INTERRUPTED,
    Exit.DEFECT,
    Exit.USAGE,
    Exit.MACHINE_LACKS,
    Exit.RUN_FAILED,
    Exit.PUBLISH_FAILED,
    Exit.FINDING,
    Exit.DONE,
)


class GpuDocError(Exception):
    """A failure that we expected: it is told in sentences, never as a traceback.

    `what` says what happened; `where` is a place a person can open, or the name of what has none here (an image, a run,
    a branch); `remedy` says what to do; `details` are lines shown as they are (the lines around an error, a traceback
    of the user's own code).
    """

    exit_code: ClassVar[Exit] = Exit.DEFECT
    topic: ClassVar[str] = ""
    """The heading in docs/troubleshooting.md that says more."""

    def __init__(self, what: str, *, where: Location | str = "", remedy: str = "", details: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.locate(where)
        self.remedy = remedy
        self.details = details

    def locate(self, where: Location | str) -> None:
        """Say where it is, of an error that was raised by what could not know."""
        self.where = str(where)
        """For people."""
        self.location = where if isinstance(where, Location) else None
        """For programs: None where it is no file's."""

    @property
    def each(self) -> tuple[GpuDocError, ...]:
        """The failures that it stands for, to be told one by one."""
        return (self,)


class ConfigError(GpuDocError):
    """gpu-doc.yml cannot be used. `problems` are all that are wrong with it; `details` lists them, a line for each."""

    exit_code = Exit.USAGE
    topic = "configuration"

    def __init__(
        self,
        what: str,
        *,
        where: Location | str = "",
        remedy: str = "",
        details: str = "",
        problems: Sequence[Problem] = (),
    ) -> None:
        super().__init__(what, where=where, remedy=remedy, details=details or "\n".join(map(str, problems)))
        self.problems = tuple(problems)


class UsageError(GpuDocError):
    """The command line asks for something that cannot be."""

    exit_code = Exit.USAGE
    topic = "command-line"


class ReportError(GpuDocError):
    """A template or an in-place block cannot be rendered: syntax, undefined name, address that fits nothing."""

    exit_code = Exit.USAGE
    topic = "templates-and-addresses"


class ManyErrors(ReportError):  # noqa: N818 - it stands for errors
    """All that keeps a report from being written, told together; where that is not asked for, it is the first."""

    def __init__(self, errors: Sequence[GpuDocError]) -> None:
        first = errors[0]
        super().__init__(first.what, where=first.location or first.where, remedy=first.remedy, details=first.details)
        self._errors = tuple(errors)

    @property
    def each(self) -> tuple[GpuDocError, ...]:
        """The failures, in the order of the report's text."""
        return self._errors


class NotebookFileError(GpuDocError):
    """A file that should be a notebook, a script or a module of one cannot be read as such; told before it runs."""

    exit_code = Exit.RUN_FAILED
    topic = "notebooks"


class RunError(GpuDocError):
    """A run failed: an error in a cell, a limit, a dead kernel, a command's exit status.

    `kept` is where the executed notebook or the log was kept, as text for the message.
    """

    exit_code = Exit.RUN_FAILED
    topic = "failed-runs"

    def __init__(
        self, what: str, *, where: Location | str = "", remedy: str = "", details: str = "", kept: str = ""
    ) -> None:
        super().__init__(what, where=where, remedy=remedy, details=details)
        self.kept = kept


class CaptureError(GpuDocError):
    """A picture could not be taken, or came out blank."""

    exit_code = Exit.RUN_FAILED
    topic = "pictures"


class IncompleteError(CaptureError):
    """A picture would not show all that it should: something would be cut, or is not there."""

    exit_code = Exit.USAGE


class FindingError(GpuDocError):
    """A report is not what it should be, and to say so was all that was asked for."""

    exit_code = Exit.FINDING
    topic = "publishing"


class PublishError(GpuDocError):
    """Results could not be written or published; what was there before is untouched."""

    exit_code = Exit.PUBLISH_FAILED
    topic = "publishing"


class UnpublishableError(UsageError):
    """What is checked out can't be published as it is asked for; known before anything runs."""

    topic = "publishing"


class MachineError(GpuDocError):
    """This machine lacks something: Chromium, Docker, a GPU, disk space."""

    exit_code = Exit.MACHINE_LACKS
    topic = "what-the-machine-needs"
    cause: str = ""
    """Of an engine's failures, which kind it is (see execution/containers/failures.py)."""


_REFUSALS = {
    errno.EMFILE: ("too many files are open at once", "Allow more: `ulimit -n 4096`."),
    errno.ENFILE: ("this machine has too many files open", "Close programs, or raise fs.file-max."),
    errno.EACCES: ("this user may not do that", "Give this user the right to it, or run as the one who has."),
    errno.EPERM: ("this user may not do that", "Give this user the right to it, or run as the one who has."),
    errno.ENOSPC: ("the disk is full", "Make room; deleting .gpu-doc/ is always safe."),
    errno.EDQUOT: ("the disk is full", "Make room; deleting .gpu-doc/ is always safe."),
    errno.EROFS: ("nothing can be written there", "Make the file system writable, or name another place."),
    errno.EIO: ("the disk fails", "Look at `dmesg`."),
    errno.ENOMEM: ("there is not enough memory", "Close programs, or run fewer at once (--jobs)."),
    errno.EAGAIN: ("no more processes can be started", "Allow more: `ulimit -u`; or run fewer at once (--jobs)."),
}


def refused_by_the_system(error: BaseException) -> MachineError | None:
    """Return what an error of the system means, wherever it was raised; None where it says nothing of the machine."""
    if not isinstance(error, OSError) or error.errno not in _REFUSALS:
        return None
    what, remedy = _REFUSALS[error.errno]
    where = Location(str(error.filename)) if error.filename else ""
    return MachineError(f"{what}: {error.strerror}", where=where, remedy=remedy)


class ContainerError(MachineError):
    """The engine or the image can't give a run the container that it needs."""

    topic = "containers"


def worst(codes: list[Exit]) -> Exit:
    """Of several exit codes the one that the process ends with."""
    return min(codes, key=PRECEDENCE.index, default=Exit.DONE)
