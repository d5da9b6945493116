"""One class, exit code and documentation link per kind of failure; `cli/main.py` catches them."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar

from gpu_doc.model.location import Location, Problem


class Exit(IntEnum):
    """The exit codes of the process. Of several, the first in `PRECEDENCE` wins."""

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
    """An expected failure: it is shown in sentences, never as a traceback.

    `what` says what happened; `where` is a place that a person can open, or a name (of an image, a run, a branch);
    `remedy` says what to do; `details` are lines that are shown unchanged (the lines around an error, a traceback of
    the user's code).
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
        """Set where it happened, if the code that raised it could not know."""
        self.where = str(where)
        """For people."""
        self.location = where if isinstance(where, Location) else None
        """For programs; None if it is not in a file."""

    @property
    def each(self) -> tuple[GpuDocError, ...]:
        """The failures that it stands for, to be told one by one."""
        return (self,)


class ConfigError(GpuDocError):
    """gpu-doc.yml can't be used. `problems` has all its errors; `details` lists them, one per line."""

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
    """The command line asks for something impossible."""

    exit_code = Exit.USAGE
    topic = "command-line"


class ReportError(GpuDocError):
    """A template or an in-place block can't be rendered: syntax, an undefined name, an address that matches nothing."""

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
    """A file that should be a notebook, or a script or module that it uses, can't be read; found before it runs."""

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
    """A picture would not be complete: something would be cut off, or is missing."""

    exit_code = Exit.USAGE


class FindingError(GpuDocError):
    """A report is not up to date, and only a check was asked for."""

    exit_code = Exit.FINDING
    topic = "publishing"


class ClaimError(FindingError):
    """A claim no longer holds."""

    topic = "claims"


class ClaimTextError(ReportError):
    """The sentence of a claim is not in its file, or stands in several places; or its file can't be read."""

    topic = "claims"


class PublishError(GpuDocError):
    """Results could not be written or published; the files before are unchanged."""

    exit_code = Exit.PUBLISH_FAILED
    topic = "publishing"


class UnpublishableError(UsageError):
    """The checkout can't be published in the way that was asked for; known before anything runs."""

    topic = "publishing"


class MachineError(GpuDocError):
    """This machine lacks something: Chromium, Docker, a GPU, disk space."""

    exit_code = Exit.MACHINE_LACKS
    topic = "what-the-machine-needs"
    cause: str = ""
    """The kind of an engine's failure (see execution/containers/failures.py)."""


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
    """Return what a system error means, wherever it was raised; None if it says nothing about the machine."""
    if not isinstance(error, OSError) or error.errno not in _REFUSALS:
        return None
    what, remedy = _REFUSALS[error.errno]
    where = Location(str(error.filename)) if error.filename else ""
    return MachineError(f"{what}: {error.strerror}", where=where, remedy=remedy)


class ContainerError(MachineError):
    """The engine or the image can't provide the container that a run needs."""

    topic = "containers"


def worst(codes: list[Exit]) -> Exit:
    """Return the exit code that wins among several."""
    return min(codes, key=PRECEDENCE.index, default=Exit.DONE)
