"""What is taken for an agent's word, and what is not, by its shape alone."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import pytest

from gpu_doc.execution.agent import frames, probe
from gpu_doc.execution.agent.sampling import Sampler
from gpu_doc.execution.containers.events import is_event

SAMPLES = Sampler(list).result() | {"samples": [[0.1, 0.5, 1000, None, None], [1.1, 1.5, 2000, 10, 0.5]]}
LEFT = {"files": 0, "missing": [], "old": [], "problem": "", "resources": SAMPLES}


def event(name: str, /, **facts: Any) -> bytes:
    return json.dumps({"event": name, **facts}).encode()


def produced(**resources: Any) -> bytes:
    return event("produced", **{**LEFT, "resources": {**SAMPLES, **resources}})


@pytest.mark.parametrize(
    "payload",
    [
        event("probe", facts=probe.probe()),
        event("probe", facts=probe.probe({"NVIDIA_VISIBLE_DEVICES": "GPU-1,GPU-2"})),
        event("produced", **LEFT),
        event("died", status=-9, out_of_memory=True),
        event("shortages"),
        event("done", status=0, seconds=1.5, out_of_processes=False, **LEFT),
        event("refused", errno=2, message="no such file", seconds=0.1, **LEFT),
        event("refused", outcome="no kernel", name="r", installed=["python3"]),
    ],
)
def test_what_an_agent_says_is_an_event(payload: bytes) -> None:
    assert is_event(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"{nope",
        b"[" * 500_000,
        b"[1]",
        b'"event"',
        event("unheard of"),
        json.dumps({"event": ["probe"]}).encode(),
        event("probe"),
        event("probe", facts="many"),
        event("probe", facts=probe.probe() | {"gpus": [{"id": 1}]}),
        event("probe", facts=probe.probe() | {"packages": {"torch": ["<b>"]}}),
        event("probe", facts=probe.probe() | {"distribution": "x" * 1_000_000}),
        event("died"),
        event("died", status="x"),
        event("died", status=True),
        event("died", status=-9, number=3),
        event("done", status=0),
        event("refused"),
        event("refused", outcome="no ipykernel"),
        event("refused", outcome={}),
        event("produced", **LEFT | {"missing": [1]}),
        produced(samples="x"),
        produced(samples=[[0.1, 0.5, 1000, None]]),
        produced(samples=[[0.1, "0.5", 1000, None, None]]),
        produced(samples=[[0.1, None, 1000, None, None]]),
        produced(samples=[[0.1, float("nan"), 1000, None, None]]),
        produced(samples=[[0.1, float("inf"), 1000, None, None]]),
        produced(peaks={"cpu": 1e308, "memory": 0, "gpu_memory": None, "gpu": None}),
        produced(peaks={"cpu": -1, "memory": 0, "gpu_memory": None, "gpu": None}),
        produced(peaks=[1]),
    ],
)
def test_nothing_else_is(payload: bytes) -> None:
    assert not is_event(payload)


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
