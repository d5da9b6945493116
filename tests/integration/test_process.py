"""Finding and ending processes."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from pathlib import Path

import pytest

from gpu_doc.system.process import MARKER, Child, ChildEndedError, kill_tree, marked, sweep


def start(script: str, marker: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["sh", "-c", script], env={**os.environ, MARKER: marker}, start_new_session=True)
    time.sleep(0.2)
    return process


def test_a_sweep_finds_daemons_that_left_their_parent() -> None:
    marker = secrets.token_hex(8)
    process = start("(setsid sleep 600 &); sleep 600", marker)
    assert len(list(marked(marker))) >= 2
    sweep(marker)
    process.wait(5)
    assert list(marked(marker)) == []


def test_a_sweep_leaves_other_runs_alone() -> None:
    one, other = secrets.token_hex(8), secrets.token_hex(8)
    processes = [start("exec sleep 600", one), start("exec sleep 600", other)]
    sweep(one)
    assert list(marked(other)) == [processes[1].pid]
    sweep(other)
    for process in processes:
        process.wait(5)


def test_a_tree_is_killed_with_its_children() -> None:
    marker = secrets.token_hex(8)
    process = start("sleep 600 & sleep 600", marker)
    kill_tree(process.pid)
    process.wait(5)
    end = time.monotonic() + 5
    while list(marked(marker)) and time.monotonic() < end:  # a killed process takes a moment to go
        time.sleep(0.01)
    assert list(marked(marker)) == []
    kill_tree(process.pid)  # gone already


def test_a_child_that_cannot_run_says_why(tmp_path: Path) -> None:
    child = Child("no_such_module", environment={}, log=tmp_path / "log")
    with pytest.raises(ChildEndedError, match="No module named"):
        child.receive(20)
    child.close(1)
