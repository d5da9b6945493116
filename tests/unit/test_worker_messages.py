"""What the processes that drive runs are asked for and tell: it is read again, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest

from gpu_doc.execution.agent import probe
from gpu_doc.execution.agent.jobs import KernelJob
from gpu_doc.execution.agent.outcomes import Found, NoKernel, NoStart, Shortages
from gpu_doc.execution.agent.wire import WireError
from gpu_doc.execution.containers.order import Order
from gpu_doc.execution.workers import run_ends
from gpu_doc.execution.workers.messages import (
    CellBegan,
    Cells,
    End,
    Event,
    Interrupt,
    Kill,
    LetGo,
    OutputCut,
    Probed,
    Request,
    RunCommand,
    RunNotebook,
    Said,
    Started,
    read_event,
    read_request,
    write,
)
from gpu_doc.execution.workers.run_ends import Cell, CommandEnded, KernelRefused, NotLeft, Raised, RunEnd
from gpu_doc.model.location import Location

JOB = KernelJob("/workspace", ("/workspace",), ("a.csv",), secrets={"TOKEN": "x"})
ORDER = Order(
    engine={"DOCKER_HOST": "unix:///x"},
    reference="pytorch",
    create={"HostConfig": {"Mounts": []}},
    job=JOB,
    user=(1000, 100),
    image_user="",
    overlay=None,
    checkout="/repository",
)
COMMON: dict[str, Any] = {
    "marker": "m",
    "environment": {"PATH": "/bin"},
    "cwd": "/",
    "folder": "/state",
    "redact": ("secret",),
    "watch": {"LD_PRELOAD": "/watcher.so"},
}
REQUESTS: list[Request] = [
    RunNotebook(
        **COMMON,
        container=ORDER,
        notebook="/n.ipynb",
        name="n.ipynb",
        parameters={"lr": 0.1, "layers": [1, {"a": None}]},
        kernel=None,
        python="/bin/python",
        output=1000,
        produces=(),
        leased=True,
    ),
    RunCommand(**COMMON, container=None, argv=("true",), log="/log", limit=1000, columns=100, rows=50),
    LetGo(),
    Interrupt(),
    Kill(),
    End(),
]
EVENTS: list[Event] = [
    Started(12),
    Probed(probe.probe()),
    Cells(3),
    CellBegan(Cell(1, "loss")),
    OutputCut(Cell(None, "injected parameters"), 2, 1000, "run displays"),
    Said("warning"),
    Raised(
        ename="E",
        evalue="",
        traceback=("t",),
        source="x",
        numbers={"1": 2},
        cell=Cell(2),
        shortages=Shortages(True),  # noqa: FBT003 - its meaning is its place
    ),
    KernelRefused(why=NoKernel("r", ()), image="pytorch"),
    KernelRefused(why=NoStart(("python",), None, "no such file")),
    NotLeft(found=Found(missing=("a.csv",))),
    CommandEnded(status=None, left_out=3, asked=True),
]
KINDS = [kind for kind in vars(run_ends).values() if isinstance(kind, type) and issubclass(kind, RunEnd)]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_what_a_worker_is_asked_for_is_read(request_: Request) -> None:
    assert read_request(write(request_)) == request_


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_what_a_worker_tells_is_read(event: Event) -> None:
    assert read_event(write(event)) == event


def made(kind: type[RunEnd]) -> RunEnd:
    """One with any value in each field that must have one."""
    values = {
        str: "x",
        int: 1,
        int | None: None,
        bool: True,
        tuple[str, ...]: ("x",),
        Found: Found(),
        Location: Location("x"),
    }
    hints = get_type_hints(kind)
    given: dict[str, Any] = {
        each.name: values.get(hints[each.name], {}) for each in fields(kind) if each.name not in ("cell", "shortages")
    }
    return kind(**given | ({"why": NoKernel("r", ())} if "why" in given else {}))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in (RunEnd, run_ends.DriverKilled)])
def test_every_end_is_read(kind: type[RunEnd]) -> None:
    assert read_event(write(made(kind))) == made(kind)


def message(name: str, **fields: Any) -> bytes:
    return json.dumps([name, fields]).encode()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nonsense",
        b"[" * 500_000,
        b'{"event": "done", "outcome": "ok"}',
        message("Unheard"),
        message("RunEnd"),
        message("DriverKilled", status=-9),
        message("Kill"),
        message("Started"),
        message("Started", pid="1"),
        message("Started", pid=10**30),
        message("Started", pid=-1),
        message("Cells", count=[1]),
        message("CellBegan", cell={"number": "1", "name": ""}),
        message("CellBegan", cell={"number": 1, "name": "", "code": ""}),
        message("Probed", facts={"gpus": []}),
        message("Said", text={"a": 1}),
        message("Executed", cell=5),
        message("Executed", shortages={"out_of_memory": "no"}),
        message("Raised", ename="E"),
        message("KernelDied", status="-9", log=""),
        message("KernelRefused", why={"name": 5, "installed": []}),
        message("NotLeft", found={"missing": "a.csv"}),
        message("CommandEnded", status=0, found=None),
    ],
)
def test_nothing_else_is(line: bytes) -> None:
    with pytest.raises(WireError):
        read_event(line)


def test_the_last_event_is_one_of_the_ends() -> None:
    assert RunEnd in get_args(Event)
    assert set(KINDS) - {RunEnd, run_ends.DriverKilled} == {
        *run_ends.NOTEBOOK_ENDS,
        *run_ends.COMMAND_ENDS,
        *run_ends.CONTAINER_ENDS,
    }
