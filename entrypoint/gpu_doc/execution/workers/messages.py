"""The messages between us and the workers (kernel_worker.py, command_worker.py, container_command_worker.py).

We send RunNotebook or RunCommand; then Interrupt or Kill, and LetGo if the probe in a container found enough; End ends
a worker of notebooks. They send events; the last of each run is one of run_ends.py.

A local run can write where its worker does, so an event is trusted only if it has the right shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gpu_doc.execution.agent import wire
from gpu_doc.execution.agent.facts import Facts
from gpu_doc.execution.containers.order import Order
from gpu_doc.execution.workers.run_ends import COMMAND_ENDS, CONTAINER_ENDS, NOTEBOOK_ENDS, Cell, RunEnd
from gpu_doc.model.values import Json
from gpu_doc.notebooks.limits import Reached

write = wire.write


# --- what we send ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Run:
    marker: str
    """An environment variable's value, by which the run's processes are found."""
    environment: Mapping[str, str]
    cwd: str
    folder: str
    """The folder for what it leaves."""
    redact: tuple[str, ...]
    """The values of secrets."""
    container: Order | None
    """None: on this machine."""
    watch: Mapping[str, str]
    """Variables for its processes, by which they are watched; empty if they can't be. A container has its own."""


@dataclass(frozen=True, kw_only=True)
class RunNotebook(_Run):
    """Execute a notebook."""

    notebook: str
    name: str
    """Its name in messages."""
    parameters: Mapping[str, Json]
    kernel: str | None
    python: str
    """The interpreter of Python kernels."""
    output: int
    """`limits.output`, in bytes."""
    produces: tuple[str, ...]
    leased: bool
    """Whether it holds GPUs."""
    runtime: str = ""
    """A folder with a short path, for sockets."""


@dataclass(frozen=True, kw_only=True)
class RunCommand(_Run):
    """Run a command in a pseudo-terminal."""

    argv: tuple[str, ...]
    log: str
    limit: int
    """The most bytes of its log."""
    columns: int
    rows: int


@dataclass(frozen=True)
class LetGo:
    """The probe in the container found enough: start."""


@dataclass(frozen=True)
class Interrupt:
    """Interrupt the running cell."""


@dataclass(frozen=True)
class Kill:
    """Kill the kernel, or the container."""


@dataclass(frozen=True)
class End:
    """End when all kernels have ended."""


Request = RunNotebook | RunCommand | LetGo | Interrupt | Kill | End


# --- what they send --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Started:
    """The run's main process was started."""

    pid: int
    """0 in a container."""

    def __post_init__(self) -> None:
        if self.pid < 0:
            raise ValueError("to kill(2) it would mean a group, or all processes")


@dataclass(frozen=True)
class Probed:
    """What the probe found in the container. The run waits for LetGo or Kill."""

    facts: Facts


@dataclass(frozen=True)
class Cells:
    """The number of the notebook's code cells."""

    count: int


@dataclass(frozen=True)
class CellBegan:
    """A cell begins."""

    cell: Cell


@dataclass(frozen=True)
class OutputCut:
    """Not all output of a cell was kept (record/cuts.py)."""

    cell: Cell
    after: int
    limit: int
    reached: Reached


@dataclass(frozen=True)
class Said:
    """A message for people."""

    text: str


Event = Started | Probed | Cells | CellBegan | OutputCut | Said | RunEnd

_read_request = wire.Reader(RunNotebook, RunCommand, LetGo, Interrupt, Kill, End)
_read_event = wire.Reader(
    *(Started, Probed, Cells, CellBegan, OutputCut, Said),
    *(*NOTEBOOK_ENDS, *COMMAND_ENDS, *CONTAINER_ENDS),
)


def read_request(line: bytes) -> Request:
    """Return a request; used in a worker. Raises WireError."""
    request: Request = _read_request(line)
    return request


def read_event(line: bytes) -> Event:
    """Return an event of a worker. Raises WireError."""
    event: Event = _read_event(line)
    return event
