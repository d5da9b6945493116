"""What passes between us and the processes that drive runs (kernel_worker.py, command_worker.py and the container's).

We send RunNotebook or RunCommand, then Interrupt or Kill, and LetGo once what was found in a container will do; End
ends a worker of notebooks. They send events, and for each run one of run_ends.py as the last.

A local run can write where its worker does, so an event is believed only as far as it is read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gpu_doc.execution.agent import wire
from gpu_doc.execution.agent.facts import Facts
from gpu_doc.execution.containers.order import Order
from gpu_doc.execution.workers.run_ends import COMMAND_ENDS, CONTAINER_ENDS, NOTEBOOK_ENDS, Cell, RunEnd
from gpu_doc.model.values import Json

write = wire.write


# --- what we send ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Run:
    marker: str
    """By which its processes are found again."""
    environment: Mapping[str, str]
    cwd: str
    folder: str
    """Where what it leaves is kept."""
    redact: tuple[str, ...]
    """The values of secrets."""
    container: Order | None
    """None is this machine."""


@dataclass(frozen=True, kw_only=True)
class RunNotebook(_Run):
    """A notebook to execute."""

    notebook: str
    name: str
    """The same in messages."""
    parameters: Mapping[str, Json]
    kernel: str | None
    python: str
    """The interpreter of Python kernels."""
    output: int
    """`limits.output`, in bytes."""
    produces: tuple[str, ...]
    leased: bool
    """It holds GPUs."""
    runtime: str = ""
    """A folder with a short path, for sockets."""


@dataclass(frozen=True, kw_only=True)
class RunCommand(_Run):
    """A command to run in a pseudo-terminal."""

    argv: tuple[str, ...]
    log: str
    limit: int
    """Bytes of the log."""
    columns: int
    rows: int


@dataclass(frozen=True)
class LetGo:
    """What was found in the container will do."""


@dataclass(frozen=True)
class Interrupt:
    """Interrupt the cell that runs."""


@dataclass(frozen=True)
class Kill:
    """Kill the kernel, or the container."""


@dataclass(frozen=True)
class End:
    """End when all kernels have ended."""


Request = RunNotebook | RunCommand | LetGo | Interrupt | Kill | End


# --- what they tell --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Started:
    """The run's main process is there."""

    pid: int
    """0 in a container."""

    def __post_init__(self) -> None:
        if self.pid < 0:
            raise ValueError("kill(2) would take it for a group, or for all processes")


@dataclass(frozen=True)
class Probed:
    """What is in the container: the run waits for LetGo, or Kill."""

    facts: Facts


@dataclass(frozen=True)
class Cells:
    """The notebook has so many code cells."""

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
    displayed: bool


@dataclass(frozen=True)
class Said:
    """Something for a person."""

    text: str


Event = Started | Probed | Cells | CellBegan | OutputCut | Said | RunEnd

_read_request = wire.Reader(RunNotebook, RunCommand, LetGo, Interrupt, Kill, End)
_read_event = wire.Reader(
    *(Started, Probed, Cells, CellBegan, OutputCut, Said),
    *(*NOTEBOOK_ENDS, *COMMAND_ENDS, *CONTAINER_ENDS),
)


def read_request(line: bytes) -> Request:
    """In a worker: what it is to do. Raises WireError."""
    request: Request = _read_request(line)
    return request


def read_event(line: bytes) -> Event:
    """What a worker tells. Raises WireError."""
    event: Event = _read_event(line)
    return event
