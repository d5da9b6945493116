"""What is taken for an agent's word, and what is not, by its shape alone."""

from __future__ import annotations

import ast
import io
import json
import struct
from pathlib import Path
from typing import Any, get_args

import pytest

from gpu_doc.execution.agent import frames, probe, wire
from gpu_doc.execution.agent.facts import Resources
from gpu_doc.execution.agent.jobs import CommandJob, Job, KernelJob, LabJob
from gpu_doc.execution.agent.messages import (
    AskShortages,
    CommandDone,
    CommandStarted,
    Event,
    Finish,
    Go,
    KernelDied,
    KernelStarted,
    LabEnded,
    LabReady,
    LabRefused,
    Left,
    NoJupyterlab,
    NotStarted,
    Probe,
    Request,
    Signal,
    read_event,
    read_job,
    read_request,
    write,
)
from gpu_doc.execution.agent.outcomes import Found, NoIpykernel, NoKernel, NoStart, Shortages
from gpu_doc.execution.agent.sampling import Sampler
from gpu_doc.execution.agent.wire import WireError

SAMPLES: Resources = {
    **Sampler(list).result(),
    "samples": [(0.1, 0.5, 1000, None, None), (1.1, 1.5, 2000, 10, 0.5)],
}
LEFT = Left(Found(2, missing=("a",), old=("b",), problem="p", passed=("c",), not_a_file=True), SAMPLES)
FACTS = probe.probe()
EVENTS: list[Event] = [
    Probe(FACTS),
    Probe(probe.probe({"NVIDIA_VISIBLE_DEVICES": "GPU-1,GPU-2"})),
    Shortages(),
    LEFT,
    KernelStarted("python3", "python", ("python3", "-m", "x"), "signal"),
    KernelDied(-9, Shortages(out_of_memory=True)),
    NoKernel("r", ("python3",)),
    NoIpykernel("/usr/bin/python3", "3.8.1", ()),
    NoStart(("R",), None, "no such file", Shortages(out_of_processes=False)),
    CommandStarted(),
    CommandDone(0, 1.5, LEFT, Shortages(), 10, asked=True),
    NotStarted(2, "no such file"),
    NoJupyterlab("/usr/bin/python3", ("/opt/conda",)),
    LabRefused("token"),
    LabReady(),
    LabEnded(-9),
]


def message(name: str, **fields: Any) -> bytes:
    return json.dumps([name, fields]).encode()


def changed(event: Event, **fields: Any) -> bytes:
    name, known = json.loads(write(event))
    return message(name, **known | fields)


def left(**resources: Any) -> bytes:
    return changed(LEFT, resources={**SAMPLES, **resources})


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_what_an_agent_says_is_read(event: Event) -> None:
    assert read_event(write(event)) == event


def test_every_event_is_tried() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(Event))


@pytest.mark.parametrize(
    "job",
    [
        KernelJob("/n", ("/n", "/"), ("a.csv",), "python3", "key", {"TOKEN": "x"}, ("/workspace",)),
        CommandJob(("true",), "/", ("/",), (), 100, 50, 10**9, detach=True, time=None, secrets={}, watched=("/data",)),
        LabJob("/workspace", "token", {}),
    ],
)
def test_what_an_agent_is_to_do_is_read(job: Job) -> None:
    assert read_job(write(job)) == job


@pytest.mark.parametrize("request_", [Go(), Signal(2), AskShortages(), Finish()])
def test_what_an_agent_is_asked_for_is_read(request_: Request) -> None:
    assert read_request(write(request_)) == request_


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"{nope",
        b"[" * 500_000,
        b"[1]",
        b'"Probe"',
        b'{"event": "done", "status": 0}',
        message("UnheardOf"),
        message("Go"),
        message("KernelJob", cwd="/", places=[], produces=[]),
        message("Probe"),
        message("Probe", facts="many"),
        changed(Probe(FACTS), facts={**FACTS, "gpus": [{"id": 1}]}),
        changed(Probe(FACTS), facts={**FACTS, "packages": {"torch": ["<b>"]}}),
        changed(Probe(FACTS), facts={**FACTS, "distribution": "x" * 1_000_000}),
        changed(Probe(FACTS), facts={**FACTS, "hidden": -1}),
        message("KernelDied"),
        message("KernelDied", status="x", shortages={}),
        message("KernelDied", status=True, shortages={}),
        message("KernelDied", status=-9, shortages={}, number=3),
        message("KernelDied", status=-9, shortages={"out_of_memory": 1}),
        message("CommandDone", status=0),
        message("NotStarted"),
        message("NoIpykernel"),
        message("LabRefused", why={}),
        message("LabRefused", why="no reason"),
        changed(LEFT, found={"missing": [1]}),
        changed(LEFT, found={"files": -1}),
        changed(LEFT, found={"files": 10**30}),
        left(samples="x"),
        left(samples=[[0.1, 0.5, 1000, None]]),
        left(samples=[[0.1, "0.5", 1000, None, None]]),
        left(samples=[[0.1, None, 1000, None, None]]),
        left(samples=[[0.1, float("nan"), 1000, None, None]]),
        left(samples=[[0.1, float("inf"), 1000, None, None]]),
        left(peaks={"cpu": 1e308, "memory": 0, "gpu_memory": None, "gpu": None}),
        left(peaks={"cpu": -1, "memory": 0, "gpu_memory": None, "gpu": None}),
        left(peaks=[1]),
    ],
)
def test_nothing_else_is(payload: bytes) -> None:
    with pytest.raises(WireError):
        read_event(payload)


@pytest.mark.parametrize(
    "header", [(0, 0, 0), (77, 0, 1), (frames.LOG, 0, frames.MOST + 1), (frames.DATA, 0, 2**32 - 1)]
)
def test_a_frame_that_nobody_sends_is_not_waited_for(header: tuple[int, int, int]) -> None:
    fine = frames.EVENT, 0, b"{}"
    stream = io.BytesIO(struct.pack(">BII", fine[0], 0, 2) + fine[2] + struct.pack(">BII", *header) + b"x" * 100)
    found = frames.frames(stream.read)
    assert next(found) == fine
    with pytest.raises(frames.BrokenError):
        next(found)


READ_AT_RUN_TIME = ("facts.py", "jobs.py", "messages.py", "outcomes.py")


@pytest.mark.parametrize("name", READ_AT_RUN_TIME)
def test_annotations_that_are_read_in_an_image_are_those_of_python_3_8(name: str) -> None:
    tree = ast.parse((Path(wire.__file__).parent / name).read_text("utf-8"))
    read = [
        each.annotation
        for cls in ast.walk(tree)
        if isinstance(cls, ast.ClassDef)
        for each in cls.body
        if isinstance(each, ast.AnnAssign)
    ]
    newer = [
        ast.unparse(part)
        for annotation in read
        for part in ast.walk(annotation)
        if isinstance(part, ast.BinOp)
        or (isinstance(part, ast.Subscript) and ast.unparse(part.value) in ("list", "dict", "tuple", "set"))
    ]
    assert read
    assert newer == []
