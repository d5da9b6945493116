"""The job of an agent, which is in a file beside it (messages.py reads and writes it)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple, Union


@dataclass(frozen=True)
class KernelJob:
    """Start a kernel; its notebook stays on our side."""

    cwd: str
    places: Tuple[str, ...]
    """The folders in which files of `produces` are searched for: the run's working folder, and the root."""
    produces: Tuple[str, ...]
    kernel: str = ""
    """Its name; empty for any Python."""
    key: str = ""
    """The key that signs its messages."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Environment variables."""
    watched: Tuple[str, ...] = ()
    """The folders of interest when it records what the run looks at; without any, nothing is recorded."""
    detach = False


@dataclass(frozen=True)
class CommandJob:
    """Run a command in a pseudo-terminal."""

    command: Tuple[str, ...]
    cwd: str
    places: Tuple[str, ...]
    produces: Tuple[str, ...]
    columns: int
    rows: int
    limit: int
    """Bytes of its log."""
    detach: bool
    """Whether it goes on when gpu-doc has ended."""
    time: Optional[float]
    """The seconds that a detached command may take; None or 0 for any time."""
    secrets: Mapping[str, str]
    watched: Tuple[str, ...] = ()
    """The folders of interest when it records what the run looks at; without any, nothing is recorded."""


@dataclass(frozen=True)
class LabJob:
    """Start JupyterLab."""

    workspace: str
    token: str
    secrets: Mapping[str, str]
    detach = False


Job = Union[KernelJob, CommandJob, LabJob]
