"""Runs that write into one checkout: each gets its own result, whoever is at work beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.e2e.conftest import code, notebook
from tests.integration.running import Runner

from gpu_doc.execution.gpus.inventory import Gpu, Inventory
from gpu_doc.execution.gpus.leases import Leases
from gpu_doc.execution.runs import folder_locks as locks
from gpu_doc.execution.runs.devices import Devices
from gpu_doc.execution.runs.execute import execute
from gpu_doc.execution.runs.folder_locks import try_turn
from gpu_doc.execution.runs.job import Finished, Job
from gpu_doc.execution.runs.turns import Turns, first_change
from gpu_doc.model.configuration import Limits


def writes(runner: Runner, number: int, name: str = "scores.csv", produces: tuple[str, ...] = ()) -> Job:
    """A run that writes its number, and lets others come in between."""
    script = f"echo {number} > {name}; sleep 0.0{number % 7}; echo {number} >> {name}; sleep 0.0{number % 5}"
    return runner.job(f"run{number}", command=("sh", "-c", script), produces=produces)


def left(finished: Finished, name: str = "scores.csv") -> str:
    assert finished.error is None, finished.error
    return (finished.job.folder / "produced" / name).read_text()


def race(local: Runner, count: int) -> None:
    """Of four runs, one leaves its file by a pattern, one in a folder, and one does not say that it writes it."""
    patterns = [("scores.csv",), ("*.csv",), (), ("scores.csv",)]
    jobs = [writes(local, number, produces=patterns[number % 4]) for number in range(count)]
    ended = local.run(jobs, parallel=8)
    for number in range(count):
        if patterns[number % 4]:
            assert left(ended[f"run{number}"]) == f"{number}\n{number}\n"


def test_each_run_gets_the_file_that_it_wrote(local: Runner) -> None:
    race(local, 16)
    waiting = [event[1] for event in local.heard.events if event[0] == "message" and "waits for its turn" in event[1]]
    assert len(waiting) == 1
    assert "it leaves files (`produces`)" in waiting[0]


def test_a_link_to_itself_ends_nothing_but_its_run(local: Runner) -> None:
    """A run may leave one, and what stands in a checkout is looked at before the next refresh."""
    local.root.mkdir()
    for name in ("loop.csv", "folder", "loop.sh"):
        (local.root / name).symlink_to(name)
    patterns = {"file": ("loop.csv",), "folder": ("folder/*.csv",), "good": ("good.csv",)}
    jobs = [
        local.job(name, command=("sh", "-c", "echo 1 > good.csv"), produces=each) for name, each in patterns.items()
    ]
    ended = local.run(
        [*jobs, local.job("script", command=("sh", "loop.sh")), local.job("program", command=("./loop.sh",))]
    )
    assert [name for name, each in ended.items() if each.error is None] == ["good"]


@pytest.mark.stress
def test_a_hundred_runs_with_one_name(local: Runner) -> None:
    race(local, 100)


def test_runs_that_leave_nothing_go_on_at_once(local: Runner) -> None:
    """Each waits for the other, which it would not find if they took turns."""
    script = "touch {0}; until [ -e {1} ]; do sleep 0.01; done"
    meet = local.folder / "meet"
    meet.mkdir()
    pairs = [(meet / "a", meet / "b"), (meet / "b", meet / "a")]
    jobs = [
        local.job(f"{pair[0].name}", command=("sh", "-c", script.format(*pair)), limits=Limits(time=60))
        for pair in pairs
    ]
    assert [each.error for each in local.run(jobs).values()] == [None, None]


def test_what_a_kernel_writes_when_it_ends_is_written_in_its_own_turn(local: Runner) -> None:
    late = "import atexit, time; atexit.register(lambda: time.sleep(1) or open('../scores.csv', 'w').write('late'))"
    (local.root / "notebooks").mkdir(parents=True)
    (local.root / "notebooks/late.ipynb").write_text(notebook(code(late)))
    script = "echo mine > scores.csv; sleep 2"
    jobs = [
        local.job("late", notebook="notebooks/late.ipynb"),
        local.job("mine", command=("sh", "-c", script), produces=("scores.csv",)),
    ]
    assert left(local.run(jobs)["mine"]) == "mine\n"
    assert local.heard.events[0] == ("started", "late")


def test_nobody_waits_for_a_gpu_with_the_turn_in_hand_nor_the_other_way_round(local: Runner) -> None:
    """One GPU, which isn't really there: runs that lease it end with that; the others go their way."""
    gpu = Gpu(id="GPU-0", index="0", name="A100", memory=1 << 34, free=1 << 34)
    devices = Devices(Inventory(gpus=(gpu,)), Leases(local.folder / "leases"))
    jobs = [writes(local, number, produces=("scores.csv",) * (number % 2)) for number in range(8)]
    ended = list(
        execute(
            jobs,
            parallel=4,
            progress=local.heard,
            devices=lambda job: devices if int(job.run.address[3:]) % 3 else None,
        )
    )
    assert {each.job.run.address for each in ended if each.error is None} == {"run0", "run3", "run6"}
    assert len(ended) == 8


# --- runs of one source -----------------------------------------------------------------------------------------------

SAVES = "echo $1 > best; sleep 0.1; test $(cat best) = $1"


def siblings(local: Runner, script: str, count: int = 4) -> list[Finished]:
    local.root.mkdir(parents=True)
    (local.root / "train.sh").write_text(script)
    time.sleep(0.1)  # longer ago than what its runs write
    limits = Limits(time=60)
    jobs = [local.job(f"train{n}", command=("sh", "train.sh", str(n)), limits=limits) for n in range(count)]
    return list(local.run(jobs, parallel=4).values())


def test_runs_of_one_source_that_write_into_the_checkout_take_turns(local: Runner) -> None:
    assert [each.error for each in siblings(local, SAVES)] == [None] * 4
    said = [event[1] for event in local.heard.events if event[0] == "message" and "take turns" in event[1]]
    assert len(said) == 1
    assert "best changed in the checkout while it went on: runs of train.sh take turns" in said[0]


def test_a_name_that_comes_and_goes_counts(local: Runner) -> None:
    assert [each.error for each in siblings(local, f"{SAVES} && rm best")] == [None] * 4


def test_runs_of_one_source_that_write_elsewhere_go_on_at_once_after_the_first(local: Runner) -> None:
    meet = local.folder / "meet"
    meet.mkdir()
    waits = f"touch {meet}/$1; [ $1 = 0 ] || until [ -e {meet}/1 ] && [ -e {meet}/2 ]; do sleep 0.01; done"
    assert [each.error for each in siblings(local, waits, count=3)] == [None] * 3


def test_what_python_and_we_write_is_no_change_of_a_run(tmp_path: Path) -> None:
    for name in ("docs/report.assets", "docs", "src/__pycache__", ".venv/lib"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    (tmp_path / ".venv/pyvenv.cfg").touch()
    (tmp_path / "src/old.py").touch()
    time.sleep(0.2)
    began = time.time()
    ours = {tmp_path / "docs/report.md", tmp_path / "docs/report.assets"}
    assert first_change(tmp_path, began, ours) == ""
    (tmp_path / "src/__pycache__/old.pyc").touch()
    (tmp_path / ".venv/lib/x").touch()
    (tmp_path / "docs/report.assets/x.png").touch()
    (tmp_path / "docs/report.md.new").touch()
    (tmp_path / "docs/report.md.new").rename(tmp_path / "docs/report.md")
    assert first_change(tmp_path, began, ours) == ""
    (tmp_path / "src/new.csv").touch()
    assert first_change(tmp_path, began, ours) == "src/new.csv"
    (tmp_path / "src/new.csv").unlink()
    assert first_change(tmp_path, began, ours) == "src"
    (tmp_path / "src/old.py").write_text("1")
    assert first_change(tmp_path, began, ours) == "src/old.py"


@pytest.mark.parametrize(
    ("command", "source"),
    [
        (("sh", "train.sh", "a.csv"), "train.sh"),
        (("./train.sh", "a.csv"), "train.sh"),
        ((".venv/bin/python", "train.sh"), "train.sh"),
        ((sys.executable, "-c", "1"), None),
        (("sh", "-c", "x" * 5000), None),
    ],
)
def test_the_source_of_a_command_is_its_own_file(local: Runner, command: tuple[str, ...], source: str | None) -> None:
    job = local.job("a", command=command)
    (local.root / ".venv/bin").mkdir(parents=True)
    for name in ("train.sh", "a.csv", ".venv/pyvenv.cfg", ".venv/bin/python"):
        (local.root / name).touch()
    alone, _ = Turns([job]).wanted(job)
    assert alone == ((local.root / source,) if source else ())


# --- locks ------------------------------------------------------------------------------------------------------------


def test_a_folder_is_had_alone_or_shared_and_with_it_what_lies_in_it(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    with try_turn([], [inner]) as first, try_turn([], [inner]) as second:  # type: ignore[union-attr]  # None fails here
        assert first
        assert second
        assert try_turn([inner], []) is None
        assert try_turn([tmp_path], []) is None, "a checkout may lie in another"
        beside = try_turn([tmp_path / "a" / ".."], [])
        assert beside is None, "by another path"
    with try_turn([inner], []) as alone:  # type: ignore[union-attr]  # as above
        assert alone
        assert try_turn([], [inner]) is None
    turn = try_turn([tmp_path], [])
    assert turn
    turn.close()


HOLDS = """
import subprocess, sys, time
from pathlib import Path
from gpu_doc.execution.runs.folder_locks import try_turn
turn = try_turn([Path(sys.argv[1])], [])
assert turn
child = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, close_fds=False)
print(child.pid, flush=True)
time.sleep(60)
"""


def test_who_is_killed_lets_go_though_a_child_lives_on(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        child = int(holder.stdout.readline())
        assert try_turn([tmp_path], []) is None
        assert try_turn([], [tmp_path]) is None
        try:
            holder.kill()
            holder.wait()
            turn = try_turn([tmp_path], [])
            assert turn
            turn.close()
        finally:
            os.kill(child, 9)


def test_where_folders_cannot_be_locked_a_file_stands_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.setattr(locks, "file_systems", lambda: {inner.stat().st_dev: "nfs4"})
    monkeypatch.setattr(locks, "shared_folder", lambda name: tmp_path / name)
    shared = try_turn([], [inner])
    assert shared
    assert try_turn([inner], []) is None
    shared.close()
    turn = try_turn([inner], [])
    assert turn
    assert try_turn([], [inner]) is None
    turn.close()
    assert (tmp_path / "gpu-doc-turns").is_dir()


def test_many_threads_take_turns(tmp_path: Path) -> None:
    at_work: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        while not (turn := try_turn([tmp_path], [])):
            time.sleep(0.001)
        with turn:
            at_work.append(number)
            time.sleep(0.002)
            most.append(len(at_work))
            at_work.remove(number)

    threads: Sequence[threading.Thread] = [threading.Thread(target=work, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 20
