"""Signals at any moment end the program with 130, and nothing is left: early ones, several, with others ignored."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.waiting import PATIENCE, eventually

from .conftest import Project, code, environment, notebook
from .test_failure import MARK, marked_processes

_CATCHES_SIGTERM = 1 << (signal.SIGTERM - 1)


@dataclass
class Started:
    """A refresh whose notebook never ends; `moments` after its first line it gets a signal."""

    project: Project
    temporary: Path
    argv: tuple[str, ...] = ("-m", "gpu_doc", "run", "docs/report.md")
    ignoring: tuple[int, ...] = ()

    def ended_by(self, *numbers: int, after: float = 0.0) -> tuple[int, str]:
        mark = str(time.monotonic_ns())
        process = subprocess.Popen(
            [sys.executable, *self.argv],
            cwd=self.project.root,
            env=environment(**{MARK: mark}, TMPDIR=str(self.temporary)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: [signal.signal(number, signal.SIG_IGN) for number in self.ignoring],  # noqa: PLW1509 - no threads here
        )
        assert eventually(lambda: caught(process.pid) & _CATCHES_SIGTERM)
        time.sleep(after)
        for number in numbers:
            process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE)
        assert eventually(lambda: not marked_processes(mark))
        return process.returncode, err


def caught(pid: int) -> int:
    """The signals for which a process has handlers, as bits."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("SigCgt:")[1].split()[0], 16)


@pytest.fixture
def started(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Started:
    cell = "open('../started', 'w'); import time; time.sleep(1000)"
    project.write({"notebooks/train.ipynb": notebook(code(cell, "curve"))})
    project.write({"templates/report.md.j2": "{{ shot('train/curve') }}"})
    return Started(project, tmp_path_factory.mktemp("temporary"))


def assert_nothing_is_left(started: Started, before: dict[str, bytes]) -> None:
    assert started.project.files() == before
    assert list(started.temporary.rglob("*")) == []
    scratch = started.project.root / ".gpu-doc/scratch"
    assert not scratch.exists() or not list(scratch.iterdir())


def assert_signals_end_it(started: Started, moments: list[float]) -> None:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = started.project.files()
    for number, moment in enumerate(moments):
        code, err = started.ended_by(numbers[number % 3], after=moment)
        assert (code, "Traceback" in err) == (130, False), (moment, err)
        assert_nothing_is_left(started, before)


def test_a_signal_ends_it_quietly_however_early(started: Started) -> None:
    assert_signals_end_it(started, [0.0, 0.0, 0.0, 0.05, 0.1, 0.2])


@pytest.mark.full
def test_forty_signals_end_it_quietly_however_early(started: Started) -> None:
    assert_signals_end_it(started, [number / 20 for number in range(40)])


def test_a_second_signal_does_not_disturb_the_clearing_up(started: Started) -> None:
    before = started.project.files()
    for after in (0.0, 1.0):
        assert started.ended_by(signal.SIGINT, signal.SIGTERM, after=after)[0] == 130
        assert_nothing_is_left(started, before)


def test_sigterm_ends_it_where_others_are_ignored(started: Started) -> None:
    """As under nohup, and in the background of a script."""
    started.ignoring = (signal.SIGINT, signal.SIGHUP)
    before = started.project.files()
    code, err = started.ended_by(signal.SIGINT, signal.SIGHUP, signal.SIGTERM, after=1.0)
    assert (code, "Traceback" in err) == (130, False)
    assert_nothing_is_left(started, before)


def test_nobody_with_patience_waits_for_the_clearing_up(started: Started) -> None:
    """The third signal ends the process on the spot; its children notice, and end too."""
    assert started.ended_by(signal.SIGTERM, signal.SIGTERM, signal.SIGTERM, after=1.0)[0] == 130
