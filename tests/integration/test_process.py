"""Finding and ending processes."""

from __future__ import annotations

import os
import secrets
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from tests.waiting import PATIENCE, eventually

from gpu_doc.system.process import MARKER, Child, ChildEndedError, kill_tree, marked, sweep


def start(script: str, marker: str) -> subprocess.Popen[bytes]:
    """A shell that runs a script; returned once it does, and all of its children go on."""
    argv, environment = ["sh", "-c", script], {**os.environ, MARKER: marker}
    process = subprocess.Popen(argv, env=environment, start_new_session=True)
    assert eventually(lambda: names(marker).count("sleep") == script.count("sleep"))
    return process


def names(marker: str) -> list[str]:
    """What the processes with a marker are called, less those that have just ended."""
    found = []
    for pid in marked(marker):
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid).name())
    return found


def test_a_sweep_finds_daemons_that_left_their_parent() -> None:
    marker = secrets.token_hex(8)
    process = start("(setsid sleep 600 &); sleep 600", marker)
    assert len(list(marked(marker))) >= 2
    sweep(marker)
    process.wait(PATIENCE)
    assert list(marked(marker)) == []


def test_a_sweep_leaves_other_runs_alone() -> None:
    one, other = secrets.token_hex(8), secrets.token_hex(8)
    processes = [start("exec sleep 600", one), start("exec sleep 600", other)]
    sweep(one)
    assert list(marked(other)) == [processes[1].pid]
    sweep(other)
    for process in processes:
        process.wait(PATIENCE)


def test_a_tree_is_killed_with_its_children() -> None:
    marker = secrets.token_hex(8)
    process = start("sleep 600 & sleep 600", marker)
    kill_tree(process.pid)
    process.wait(PATIENCE)
    assert eventually(lambda: not list(marked(marker))), "a killed process takes a moment to go"
    kill_tree(process.pid)  # gone already


def test_a_child_that_cannot_run_says_why(tmp_path: Path) -> None:
    child = Child("no_such_module", environment={}, log=tmp_path / "log")
    with pytest.raises(ChildEndedError, match="No module named"):
        child.receive(PATIENCE)
    child.close(1)
