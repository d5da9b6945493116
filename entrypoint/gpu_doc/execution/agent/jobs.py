"""What an agent is to do, as it lies beside it in a file (messages.py reads and writes it)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple, Union


@dataclass(frozen=True)
class KernelJob:
    """A kernel to start; its notebook stays on our side."""

    cwd: str
    places: Tuple[str, ...]
    """Where files of `produces` are looked for: where the run starts, and the root."""
    produces: Tuple[str, ...]
    kernel: str = ""
    """Its name; empty is any Python."""
    key: str = ""
    """What its messages are signed with."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variables."""
    detach = False


@dataclass(frozen=True)
class CommandJob:
    """A command to run in a pseudo-terminal."""

    command: Tuple[str, ...]
    cwd: str
    places: Tuple[str, ...]
    produces: Tuple[str, ...]
    columns: int
    rows: int
    limit: int
    """Bytes of its log."""
    detach: bool
    """It goes on when nobody is there any more."""
    time: Optional[float]
    """Seconds that it may take where it is detached; None or 0 is any time."""
    secrets: Mapping[str, str]


@dataclass(frozen=True)
class LabJob:
    """JupyterLab to start."""

    workspace: str
    token: str
    secrets: Mapping[str, str]
    detach = False


Job = Union[KernelJob, CommandJob, LabJob]
