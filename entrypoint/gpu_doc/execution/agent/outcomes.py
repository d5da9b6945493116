"""How a run may end, in what its agent tells (messages.py) and in what the process tells that drives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from gpu_doc.execution.agent.facts import demand_no_negative


@dataclass(frozen=True)
class Shortages:
    """Whether the run has met its limits; None is not known."""

    out_of_memory: Optional[bool] = None
    """One of its processes was killed for want of memory."""
    out_of_processes: Optional[bool] = None
    """One could not be started."""


@dataclass(frozen=True)
class Found:
    """What became of `produces`."""

    files: int = 0
    """How many were taken."""
    missing: Tuple[str, ...] = ()
    """Patterns that found none."""
    old: Tuple[str, ...] = ()
    """Patterns that found only what was there before."""
    problem: str = ""
    """Why something can't be taken."""
    passed: Tuple[str, ...] = ()
    """What was passed over, a sentence for each."""

    def __post_init__(self) -> None:
        demand_no_negative(self.files)


@dataclass(frozen=True)
class NoKernel:
    """No kernel of this name is installed."""

    name: str
    installed: Tuple[str, ...]


@dataclass(frozen=True)
class NoIpykernel:
    """The image's Python has none."""

    python: str
    version: str
    closed: Tuple[str, ...]
    """Folders on the PATH that this user can't reach."""


@dataclass(frozen=True)
class NoStart:
    """The kernel's program can't be started, or ended before the kernel answered."""

    argv: Tuple[str, ...]
    status: Optional[int]
    log: str
    shortages: Shortages = Shortages()
