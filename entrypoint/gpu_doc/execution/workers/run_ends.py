"""How a run ended, as the process that drove it tells it: its last message (messages.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gpu_doc.execution.agent.outcomes import Found, NoIpykernel, NoKernel, NoStart, Shortages
from gpu_doc.model.location import Location


@dataclass(frozen=True)
class Cell:
    """A cell, as people count and name them."""

    number: int | None = None
    """From 1; None or 0 is none of the notebook's own, such as injected parameters."""
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """The last event of a run."""

    cell: Cell | None = None
    """Which was the last; None is not known, or a command."""
    shortages: Shortages = field(default_factory=Shortages)


@dataclass(frozen=True, kw_only=True)
class Executed(RunEnd):
    """A notebook is executed."""


@dataclass(frozen=True, kw_only=True)
class Raised(RunEnd):
    """A cell raised an exception."""

    ename: str
    evalue: str
    traceback: tuple[str, ...]
    source: str
    """Of the cell."""
    numbers: Mapping[str, int]
    """Cells by their execution count."""
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
    """papermill refuses the notebook, or a cell took too long."""

    what: str


@dataclass(frozen=True, kw_only=True)
class NoNotebook(RunEnd):
    """The file is no valid notebook."""

    what: str
    where: Location
    remedy: str


@dataclass(frozen=True, kw_only=True)
class DiskFull(RunEnd):
    """There is no room for this file."""

    path: str


@dataclass(frozen=True, kw_only=True)
class NotLeft(RunEnd):
    """Not all is there that `produces` names."""

    found: Found


@dataclass(frozen=True, kw_only=True)
class CommandEnded(RunEnd):
    """A command has ended."""

    status: int | None
    """Negative for a signal; None where it was left at its deadline."""
    left_out: int = 0
    """Bytes that its log lacks."""
    asked: bool = False
    """Something waited for a key."""
    found: Found = field(default_factory=Found)


@dataclass(frozen=True, kw_only=True)
class CommandRefused(RunEnd):
    """A command can't be started."""

    errno: int | None
    message: str


@dataclass(frozen=True, kw_only=True)
class CommandLost(RunEnd):
    """What a command writes can't be kept."""

    errno: int | None
    message: str


@dataclass(frozen=True, kw_only=True)
class ContainerEnded(RunEnd):
    """The container ended before its agent told how the run did."""

    status: int | None
    """Negative for a signal; None where somebody removed it."""
    broken: bool
    """We ended it: something in it has written to the line between its agent and us."""
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
    """Something ended the worker, which can't tell it: we do."""

    status: int
    """Negative: the signal."""


NOTEBOOK_ENDS = (Executed, Raised, KernelDied, KernelRefused, Refused, NoNotebook, DiskFull, NotLeft, Defect)
COMMAND_ENDS = (CommandEnded, CommandRefused, CommandLost)
CONTAINER_ENDS = (ContainerEnded, EngineFailed, NoPython)
