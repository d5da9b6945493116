from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gpu_doc.model import Run
from gpu_doc.stages.state import State, default_folder

RUN = Run(report="docs/a.md", name="baseline", address="baseline", line=1, notebook="n.ipynb")


def finished(state: State, fingerprint: str, size: int = 10) -> None:
    scratch = state.scratch_folder()
    (scratch / "executed.ipynb").write_bytes(b"x" * size)
    state.keep(RUN, fingerprint, scratch, {"seconds": 1})


def test_a_result_is_found_by_its_fingerprint(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    assert state.find(RUN, "f") is None
    assert not state.folder.exists(), "reading creates nothing"
    finished(state, "f")
    found = state.find(RUN, "f")
    assert found is not None
    assert found.record == {"seconds": 1}
    assert found.executed.read_bytes() == b"x" * 10
    assert (state.folder / ".gitignore").read_text() == "*\n"


def test_a_second_result_for_a_fingerprint_takes_the_place_of_the_first(tmp_path: Path) -> None:
    state = State(tmp_path)
    finished(state, "f", size=1)
    finished(state, "f", size=2)
    found = state.find(RUN, "f")
    assert found is not None
    assert found.executed.read_bytes() == b"xx"


@pytest.mark.parametrize("broken", ["record.json", "executed.ipynb"])
def test_a_result_that_lost_a_file_counts_as_absent(tmp_path: Path, broken: str) -> None:
    state = State(tmp_path)
    finished(state, "f")
    (tmp_path / "runs/f" / broken).unlink()
    assert state.find(RUN, "f") is None


def test_pruning_takes_what_was_used_longest_ago(tmp_path: Path) -> None:
    state = State(tmp_path)
    for age, fingerprint in enumerate(["old", "older", "oldest"]):
        finished(state, fingerprint, size=1000)
        os.utime(tmp_path / "runs" / fingerprint, (1000 - age, 1000 - age))
    state.prune(limit=2100)
    assert state.find(RUN, "oldest") is None
    assert state.find(RUN, "older")
    assert state.find(RUN, "old")


def test_scratch_of_a_killed_process_is_swept_by_the_next(tmp_path: Path) -> None:
    state = State(tmp_path)
    code = (
        "import os, sys; from pathlib import Path; from gpu_doc.stages.state import State\n"
        "state = State(Path(sys.argv[1]))\n"
        "with state.lock(print):\n"
        "    state.scratch_folder()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert list((tmp_path / "scratch").iterdir()), "the killed process left its folder"
    with state.lock(lambda _who: pytest.fail("nobody holds the lock")):
        assert list((tmp_path / "scratch").iterdir()) == []


def test_a_second_refresh_waits_and_is_told_for_whom(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from gpu_doc.stages.state import State\n"
        "with State(Path(sys.argv[1])).lock(print):\n"
        "    print('held', flush=True); sys.stdin.readline()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    told: list[str] = []

    def waiting(who: str) -> None:
        told.append(who)
        assert holder.stdin
        holder.stdin.write("\n")
        holder.stdin.flush()

    with State(tmp_path).lock(waiting):
        assert told == [f"process {holder.pid}"]
    holder.communicate()


def test_state_lies_outside_the_checkout_on_a_runner(tmp_path: Path) -> None:
    assert default_folder(tmp_path, {}) == tmp_path / ".gpu-doc"
    runner = {"GITHUB_ACTIONS": "true", "XDG_CACHE_HOME": "/cache", "GITHUB_REPOSITORY": "org/repo"}
    assert str(default_folder(tmp_path, runner)).startswith("/cache/gpu-doc/org-repo-")
    other = default_folder(tmp_path / "sub", runner)
    assert other != default_folder(tmp_path, runner), "two configurations of one repository have their own state"
