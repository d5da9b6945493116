"""The messages between us and the agent in a run's container; each is JSON in a frame (frames.py).

The agent's job is in a file beside it. Both sides use this module: only the standard library of Python 3.8. A run can
write where its agent does (`> /proc/1/fd/1`), so an event is trusted only if it has the right shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Optional, Tuple, Union

from gpu_doc.execution.agent import wire
from gpu_doc.execution.agent.facts import Facts, Resources, demand_no_negative
from gpu_doc.execution.agent.jobs import CommandJob, Job, KernelJob, LabJob
from gpu_doc.execution.agent.outcomes import Found, NoIpykernel, NoKernel, NoStart, Shortages

write = wire.write

_LONGEST = 1 << 16
"""The most characters of a text."""


# --- what we send ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Go:
    """The probe found enough: start the command."""


@dataclass(frozen=True)
class Signal:
    """Send a signal to the kernel and the processes that it started."""

    number: int


@dataclass(frozen=True)
class AskShortages:
    """Tell which limits the run has reached."""


@dataclass(frozen=True)
class Finish:
    """Collect what the run left; end JupyterLab."""


Request = Union[Go, Signal, AskShortages, Finish]


# --- what it sends ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Left:
    """What a run left, and what it used."""

    found: Found
    resources: Resources

    def __post_init__(self) -> None:
        demand_no_negative(self.resources)


@dataclass(frozen=True)
class Probe:
    """What the probe found."""

    facts: Facts

    def __post_init__(self) -> None:
        demand_no_negative(self.facts)


@dataclass(frozen=True)
class KernelStarted:
    """The process of a kernel was started."""

    name: str
    language: str
    argv: Tuple[str, ...]
    interrupt_mode: Literal["signal", "message"]


@dataclass(frozen=True)
class KernelDied:
    """A kernel has ended, by request or not."""

    status: int
    """Negative for a signal."""
    shortages: Shortages


@dataclass(frozen=True)
class CommandStarted:
    """The process of a command was started."""


@dataclass(frozen=True)
class CommandDone:
    """A command has ended."""

    status: Optional[int]
    """Negative for a signal; None if it was abandoned at its deadline."""
    seconds: float
    left: Left
    shortages: Shortages
    left_out: int = 0
    """How many bytes its log leaves out."""
    asked: bool = False
    """Whether something waited for a key."""

    def __post_init__(self) -> None:
        demand_no_negative((self.seconds, self.left_out))


@dataclass(frozen=True)
class NotStarted:
    """A command can't be started."""

    errno: Optional[int]
    message: str


@dataclass(frozen=True)
class NoJupyterlab:
    """The image's Python has no JupyterLab."""

    python: str
    closed: Tuple[str, ...]


@dataclass(frozen=True)
class LabRefused:
    """JupyterLab can't be used: it can't write, doesn't ask for our token, or doesn't answer."""

    why: Literal["read-only", "token", "no answer"]


@dataclass(frozen=True)
class LabReady:
    """JupyterLab answers."""


@dataclass(frozen=True)
class LabEnded:
    """JupyterLab has ended."""

    status: int


KernelEvent = Union[NoKernel, NoIpykernel, NoStart, KernelStarted, KernelDied, Shortages, Left]
CommandEvent = Union[CommandStarted, CommandDone, NotStarted]
LabEvent = Union[NoJupyterlab, LabRefused, LabReady, LabEnded]
Event = Union[Probe, KernelEvent, CommandEvent, LabEvent]

_read_job = wire.Reader(KernelJob, CommandJob, LabJob)
_read_request = wire.Reader(Go, Signal, AskShortages, Finish)
_read_event = wire.Reader(
    *(Probe, NoKernel, NoIpykernel, NoStart, KernelStarted, KernelDied, Shortages, Left),
    *(CommandStarted, CommandDone, NotStarted),
    *(NoJupyterlab, LabRefused, LabReady, LabEnded),
    longest=_LONGEST,
)
_read_probe = wire.Reader(Probe, longest=_LONGEST)


def read_job(text: bytes) -> Job:
    """Return the agent's job; used in the agent. Raises WireError."""
    job: Job = _read_job(text)
    return job


def read_request(payload: bytes) -> Request:
    """Return a request; used in the agent. Raises WireError."""
    request: Request = _read_request(payload)
    return request


def read_event(payload: bytes) -> Event:
    """Return an event from an agent, or from a run that pretends to be one. Raises WireError."""
    event: Event = _read_event(payload)
    return event


def read_probe(line: bytes) -> Probe:
    """Return what probe.py printed as a program. Raises WireError."""
    found: Probe = _read_probe(line)
    return found
