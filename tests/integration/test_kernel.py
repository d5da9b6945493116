"""Kernels and workers as processes: many at once, and none of them left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from tests.integration.running import Runner, executed, text
from tests.waiting import PATIENCE, eventually

from gpu_doc.execution.runs.execute import execute
from gpu_doc.execution.workers import guard as kernel
from gpu_doc.model.configuration import Limits
from gpu_doc.system import process
from gpu_doc.system.temporary import private_folder


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder of this test's own, short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="gd-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def saved_as_running(path: Path) -> bool:
    """Whether the notebook on disk shows its first cell done and its second one going on."""
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
    except OSError:
        return False
    return bool(cells[0]["metadata"]["papermill"].get("status") == "completed")


def start_many(runner: Runner, count: int, parallel: int) -> None:
    finished = runner.run([runner.job("small", address=f"n{i}") for i in range(count)], parallel)
    assert [f"{name}: {f.error}" for name, f in finished.items() if f.error] == []
    assert len(finished) == count


@pytest.mark.full
def test_kernels_start_side_by_side(runner: Runner) -> None:
    start_many(runner, 16, 4)


@pytest.mark.stress
def test_200_kernels_start_8_at_a_time(runner: Runner) -> None:
    start_many(runner, 200, 8)


def test_workers_are_replaced_before_they_grow(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "MOST_NOTEBOOKS", 1)
    seen: set[int] = set()
    for finished in execute(
        [runner.job("small", address=f"n{i}") for i in range(3)], parallel=1, progress=runner.heard
    ):
        assert finished.error is None
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):
                seen |= {child.pid} if child.status() != psutil.STATUS_ZOMBIE else set()
    assert len(seen) >= 3
    assert runner.left() == []


def test_a_worker_that_is_killed_fails_its_run_and_no_other(runner: Runner) -> None:
    generator = execute([runner.job("sleeps"), runner.job("small")], parallel=1, progress=runner.heard)

    def kill() -> None:
        assert eventually(lambda: any(event[0] == "cell" for event in runner.heard.events))
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):
                child.kill()

    thread = threading.Thread(target=kill)
    thread.start()
    errors = {finished.job.run.address: finished.error for finished in generator}
    thread.join()
    assert errors["sleeps"] is not None
    assert errors["small"] is None
    assert runner.left() == []


def test_nothing_is_left_when_all_is_done(runner: Runner, temporary: Path) -> None:
    finished = runner.run([runner.job("leaves-daemon"), runner.job("parameters")])
    assert [f.error for f in finished.values()] == [None, None]
    assert not psutil.pid_exists(int(text(finished["leaves-daemon"])))
    assert runner.left() == []
    assert list(temporary.iterdir()) == []


def test_the_notebook_so_far_is_on_disk_after_each_cell_and_closing_ends_all(runner: Runner, temporary: Path) -> None:
    job = runner.job("counts-cells")
    generator = execute([runner.job("small"), job], parallel=2, progress=runner.heard)
    assert next(generator).job.run.address == "small"
    assert eventually(lambda: saved_as_running(job.folder / "executed.ipynb"))
    generator.close()  # type: ignore[attr-defined]  # it is a generator; the interface promises an iterator
    assert runner.left() == []
    assert list(temporary.iterdir()) == []


def program(runner: Runner) -> str:
    """A program that runs for ever: notebooks, and a command that ignores the end of its terminal."""
    return f"""
import os
from pathlib import Path
from tests.integration.running import Runner
environment = {{**os.environ, "TEST_RUN": {runner.environment["TEST_RUN"]!r}}}
runner = Runner(Path({str(runner.folder)!r}), environment=environment)
jobs = [runner.job("swallows-interrupts", address="a"), runner.job("sleeps", address="b"),
        runner.job("c", command=("sh", "-c", "trap '' HUP TERM INT; setsid sleep 600 & sleep 600; sleep 600"))]
try:
    runner.run(jobs, 3)
except KeyboardInterrupt:
    print("interrupted")
"""


def names_below(pid: int) -> set[str]:
    """The names of all that descends from a process, less what has just ended."""
    found = set()
    for each in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            found.add(each.name())
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_us_however_we_end(runner: Runner, temporary: Path, number: signal.Signals) -> None:
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(Path(__file__).parents[2])}
    cells = [runner.folder / "jobs" / name / "executed.ipynb" for name in "ab"]
    with subprocess.Popen(
        [sys.executable, "-c", program(runner)], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        try:
            assert eventually(lambda: "sleep" in names_below(parent.pid) and all(cell.exists() for cell in cells))
            processes = psutil.Process(parent.pid).children(recursive=True)
            parent.send_signal(number)
            said, _ = parent.communicate(timeout=PATIENCE)
        finally:
            parent.kill()
    assert said == ("interrupted\n" if number == signal.SIGINT else "")
    assert eventually(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes))
    assert eventually(lambda: not list(temporary.iterdir()))
    assert runner.left() == []


def test_long_temporary_folders_are_passed_over(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    long = runner.folder / ("long" * 30)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with private_folder(room=process.LONGEST_SOCKET_NAME) as folder:
        assert len(os.fsencode(folder)) + process.LONGEST_SOCKET_NAME <= 107
        assert runner.one("small").error is None


def test_what_a_kernel_prints_never_reaches_our_own_output(runner: Runner, capfd: pytest.CaptureFixture[str]) -> None:
    finished = runner.run([runner.job("ends-its-process"), runner.job("many-kinds-of-output")])
    assert executed(finished["many-kinds-of-output"])
    assert capfd.readouterr() == ("", "")


def test_a_reply_that_comes_while_a_widget_is_answered_is_seen(runner: Runner) -> None:
    """Now and then such a cell was waited for for ever."""
    source = "import os\nout = ipywidgets.Output()\nwith out: print(os.environ['HOME'])\ndisplay(out)"
    cells: list[dict[str, object]] = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
        for n, text in enumerate(["import ipywidgets", *[source] * 12])
    ]
    runner.root.mkdir()
    whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (runner.root / "widgets.ipynb").write_text(json.dumps(whole))
    finished = runner.one("widgets", notebook="widgets.ipynb", limits=Limits(time=30))
    assert finished.error is None
