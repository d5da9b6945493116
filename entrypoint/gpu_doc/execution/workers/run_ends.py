"""How a run ended: the last message of the worker process that drove it (messages.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gpu_doc.execution.agent.outcomes import Found, NoIpykernel, NoKernel, NoStart, Shortages
from gpu_doc.model.location import Location


@dataclass(frozen=True)
class Cell:
    """A cell, by number and name."""

    number: int | None = None
    """From 1; None or 0 if the cell is not the notebook's own, such as injected parameters."""
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """The last event of a run."""

    cell: Cell | None = None
    """The last cell; None if not known, or for a command."""
    shortages: Shortages = field(default_factory=Shortages)


@dataclass(frozen=True, kw_only=True)
class Executed(RunEnd):
    """A notebook was executed."""


@dataclass(frozen=True, kw_only=True)
class Raised(RunEnd):
    """A cell raised an exception."""

    ename: str
    evalue: str
    traceback: tuple[str, ...]
    source: str
    """The cell's source."""
    numbers: Mapping[str, int]
    """The numbers of cells by their execution count."""
    printed: str = ""
    """The end of what the cell printed."""


@dataclass(frozen=True, kw_only=True)
class KernelDied(RunEnd):
    """The kernel's process ended."""

    status: int | None
    """Negative for a signal."""
    log: str


@dataclass(frozen=True, kw_only=True)
class KernelRefused(RunEnd):
    """There is no such kernel, or it did not start."""

    why: NoKernel | NoIpykernel | NoStart
    image: str = ""


@dataclass(frozen=True, kw_only=True)
class Refused(RunEnd):
    """papermill refused the notebook, or a cell took too long."""

    what: str


@dataclass(frozen=True, kw_only=True)
class NoNotebook(RunEnd):
    """The file is not a valid notebook."""

    what: str
    where: Location
    remedy: str


@dataclass(frozen=True, kw_only=True)
class DiskFull(RunEnd):
    """The disk has no room for this file."""

    path: str


@dataclass(frozen=True, kw_only=True)
class NotLeft(RunEnd):
    """A file that `produces` names is missing."""

    found: Found


@dataclass(frozen=True, kw_only=True)
class CommandEnded(RunEnd):
    """A command has ended."""

    status: int | None
    """Negative for a signal; None if it was abandoned at its deadline."""
    left_out: int = 0
    """How many bytes its log leaves out."""
    asked: bool = False
    """Whether something waited for a key."""
    found: Found = field(default_factory=Found)


@dataclass(frozen=True, kw_only=True)
class CommandRefused(RunEnd):
    """A command can't be started."""

    errno: int | None
    message: str


@dataclass(frozen=True, kw_only=True)
class CommandLost(RunEnd):
    """A command's output can't be kept."""

    errno: int | None
    message: str


@dataclass(frozen=True, kw_only=True)
class ContainerEnded(RunEnd):
    """The container ended before its agent could say how the run ended."""

    status: int | None
    """Negative for a signal; None if somebody removed the container."""
    broken: bool
    """Whether we ended it, because something in it had written to the stream between its agent and us."""
    log: str = ""


@dataclass(frozen=True, kw_only=True)
class EngineFailed(RunEnd):
    """The engine, or the image, could not do what the run needs."""

    what: str
    where: str
    remedy: str
    details: str
    cause: str


@dataclass(frozen=True, kw_only=True)
class NoPython(RunEnd):
    """The image has no Python that the run's user can start."""

    image: str
    said: str


@dataclass(frozen=True, kw_only=True)
class Defect(RunEnd):
    """The worker failed."""

    traceback: str


@dataclass(frozen=True, kw_only=True)
class DriverKilled(RunEnd):
    """Something killed the worker, which can't say so itself."""

    status: int
    """Negative: the signal."""


NOTEBOOK_ENDS = (Executed, Raised, KernelDied, KernelRefused, Refused, NoNotebook, DiskFull, NotLeft, Defect)
COMMAND_ENDS = (CommandEnded, CommandRefused, CommandLost)
CONTAINER_ENDS = (ContainerEnded, EngineFailed, NoPython)
