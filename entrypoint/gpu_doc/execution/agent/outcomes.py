"""How a run may end: in messages of its agent (messages.py) and of the worker process that drives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from gpu_doc.execution.agent.facts import demand_no_negative


@dataclass(frozen=True)
class Shortages:
    """Whether the run has reached its limits; None is not known."""

    out_of_memory: Optional[bool] = None
    """Whether one of its processes was killed because memory ran out."""
    out_of_processes: Optional[bool] = None
    """Whether a process could not be started."""


@dataclass(frozen=True)
class Found:
    """The files that `produces` found."""

    files: int = 0
    """How many files were copied."""
    missing: Tuple[str, ...] = ()
    """Patterns that found nothing."""
    old: Tuple[str, ...] = ()
    """Patterns that found only what was there before the run."""
    problem: str = ""
    """Why something can't be copied."""
    passed: Tuple[str, ...] = ()
    """What was passed over, a sentence for each."""
    not_a_file: bool = False
    """Whether the problem is that a pattern finds only links, pipes, sockets or devices."""

    def __post_init__(self) -> None:
        demand_no_negative(self.files)


@dataclass(frozen=True)
class NoKernel:
    """No kernel of this name is installed."""

    name: str
    installed: Tuple[str, ...]


@dataclass(frozen=True)
class NoIpykernel:
    """The image's Python has no ipykernel."""

    python: str
    version: str
    closed: Tuple[str, ...]
    """Folders of PATH that this user can't enter."""


@dataclass(frozen=True)
class NoStart:
    """The kernel's program can't be started, or ended before the kernel answered."""

    argv: Tuple[str, ...]
    status: Optional[int]
    log: str
    shortages: Shortages = Shortages()
