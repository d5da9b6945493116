"""State after kills, failures, flipped bytes, and beside clocks that jump: what was kept whole, or nothing."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest
from tests.faults import failing_at, killed_at

from gpu_doc.errors import MachineError
from gpu_doc.model.configuration import Run
from gpu_doc.record.state import State
from gpu_doc.system import temporary

RUN = Run(report="docs/a.md", name="baseline", address="baseline", line=1, notebook="n.ipynb")


def silent(_: str) -> None: ...


def kept(state: State, content: bytes = b"{}", fingerprint: str = "f") -> Path:
    scratch = state.scratch_folder()
    try:
        (scratch / "produced").mkdir()
        (scratch / "produced/o.csv").write_bytes(b"1,2\n" * 10)
        (scratch / "resources.json").write_bytes(b'{"samples": []}')
        (scratch / "executed.ipynb").write_bytes(content)
    except OSError as error:
        raise MachineError("the run fails") from error
    return state.keep(RUN, fingerprint, scratch, {"seconds": 1.5}).folder


def later(state: State) -> State:
    """What another process sees of the same folder."""
    return State(state.folder, state.folder.parent / "key")


def refresh(folder: Path) -> None:
    """What a refresh does with state."""
    state = State(folder, folder.parent / "key")
    with patch.object(temporary, "_places", list), state.lock(silent):
        kept(state, b"new")
        state.keep_picture("a", b"new")
        state.keep_edited("docs/a.md", b"a person's")
        state.keep_failed("baseline", state.scratch_folder())
        state.prune()


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def demand_old_or_new(state: State, *, others: tuple[bytes | None, ...]) -> None:
    found, picture = state.find(RUN, "f"), state.picture("a")
    assert (found.executed.read_bytes() if found else None) in (*others, b"new")
    assert (picture.read_bytes() if picture else None) in (*others, b"new")
    for edited in (state.folder / "edited").rglob("*.md"):
        assert edited.read_bytes() == b"a person's"


@pytest.mark.parametrize("before", [True, pytest.param(False, marks=pytest.mark.full)])
def test_a_kill_at_any_step_leaves_what_is_whole_and_the_next_clears_up(in_memory: Path, *, before: bool) -> None:
    for nth in range(1, 200):
        folder = in_memory / str(nth) / "state"
        folder.parent.mkdir()
        state = State(folder, folder.parent / "key")
        if before:
            kept(state, b"old")
            state.keep_picture("a", b"old")
        if not killed_at(nth, partial(refresh, folder), folder.parent):
            break
        demand_old_or_new(later(state), others=(None, b"old"))
        refresh(folder)
        demand_old_or_new(later(state), others=())
        edited = {path for path in names(folder / "edited") if not path.endswith("/docs/a.md")}
        left = {name for name in names(folder.parent) if name.split("/")[1:2] not in (["edited"], ["failed"], ["runs"])}
        assert edited == set()
        assert left == {"key", "state/lock", "state/.gitignore", "state/pictures/a.png", "state/pictures/a.seal"}
    assert nth > 30


def test_a_failure_at_any_step_is_told_and_leaves_what_is_whole(in_memory: Path) -> None:
    for nth in range(1, 200):
        folder = in_memory / str(nth) / "state"
        folder.parent.mkdir()
        state = State(folder, folder.parent / "key")
        kept(state, b"old")
        state.keep_picture("a", b"old")
        ended = failing_at(nth, errno.ENOSPC, partial(refresh, folder), folder.parent)
        assert ended != "a defect"
        demand_old_or_new(later(state), others=(None, b"old") if ended == "told" else ())
        refresh(folder)
        demand_old_or_new(later(state), others=())
        if ended == "never":
            break
    assert nth > 30


def test_a_thousand_flipped_bytes_are_found(in_memory: Path) -> None:
    dice = random.Random(1)
    state = State(in_memory / "state", in_memory / "key")
    folder = kept(state, b'{"cells": []}')
    state.keep_picture("a", os.urandom(500))
    pictures = in_memory / "state/pictures"
    files = sorted([*(path for path in folder.rglob("*") if path.is_file()), *pictures.iterdir()])
    assert len(files) == 6
    unnoticed = []
    for number in range(1000):
        path = files[number % len(files)]
        content = path.read_bytes()
        place = dice.randrange(len(content))
        flipped = content[:place] + bytes([content[place] ^ 1 << dice.randrange(8)]) + content[place + 1 :]
        path.write_bytes(flipped)
        seen = later(state)
        found = seen.find(RUN, "f") is not None, seen.picture("a") is not None
        if found != ((True, False) if path.parent == pictures else (False, True)):
            unnoticed.append((path.name, place, flipped))
        path.write_bytes(content)
    assert later(state).find(RUN, "f")
    assert later(state).picture("a")
    assert unnoticed == []


def test_what_flips_after_it_was_opened_is_found_too(tmp_path: Path) -> None:
    state = State(tmp_path / "state", tmp_path / "key")
    folder = kept(state)
    assert state.find(RUN, "f")
    (folder / "produced/o.csv").write_bytes(b"9")
    assert state.find(RUN, "f") is None


def test_a_clock_that_was_wrong_costs_no_result_of_this_refresh(tmp_path: Path) -> None:
    state = State(tmp_path / "state", tmp_path / "key")
    future = time.time() + 5 * 365 * 24 * 3600
    for fingerprint in ("ahead", "also"):
        os.utime(kept(state, b"x" * 10_000, fingerprint), (future, future))
    os.utime(kept(state, b"x" * 10_000, "past"), (0, 0))
    now = later(state)
    os.utime(kept(now, b"x" * 10_000, "mine"), (0, 0))
    now.keep_picture("mine", b"x" * 1000)
    now.prune(limit=14_000)
    assert [path.name for path in (tmp_path / "state/runs").iterdir()] == ["mine"]
    assert later(state).picture("mine")


def test_a_persons_version_is_never_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(tmp_path / "state", tmp_path / "key")
    monkeypatch.setattr(time, "strftime", lambda _: "20260101-000000")
    places = [state.keep_edited("docs/a.md", content) for content in (b"1", b"2", b"3")]
    assert [place.read_bytes() for place in places] == [b"1", b"2", b"3"]


@pytest.mark.parametrize("taken", ["runs", "failed", "pictures", "edited", "scratch", "layers"])
def test_a_file_in_a_folders_place_is_told_before_anything_runs(tmp_path: Path, taken: str) -> None:
    state = State(tmp_path / "state", tmp_path / "key")
    state.folder.mkdir()
    (state.folder / taken).write_text("")
    with pytest.raises(MachineError, match="Not a directory") as told, state.lock(silent):
        raise AssertionError
    assert told.value.where == str(state.folder / taken)
    assert told.value.remedy.startswith("Delete it, or the whole state folder")


@pytest.mark.parametrize("make", [lambda lock: lock.mkdir(parents=True), lambda lock: lock.parent.write_text("")])
def test_what_stands_in_the_locks_place_is_told(tmp_path: Path, make: Callable[[Path], object]) -> None:
    state = State(tmp_path / "state", tmp_path / "key")
    make(state.folder / "lock")
    assert state.last_refresh() == ""
    with pytest.raises(MachineError, match="cannot write") as told, state.lock(silent):
        raise AssertionError
    assert told.value.remedy.startswith("Delete it, or the whole state folder")


@pytest.mark.parametrize("taken", ["runs/f", "pictures/a.png", "pictures/a.seal"])
def test_a_folder_in_a_files_place_and_the_reverse_give_way(tmp_path: Path, taken: str) -> None:
    state = State(tmp_path / "state", tmp_path / "key")
    place = state.folder / taken
    place.parent.mkdir(parents=True)
    if place.suffix:
        (place / "in the way").mkdir(parents=True)
    else:
        place.write_text("")
    refresh(state.folder)
    demand_old_or_new(later(state), others=())


@pytest.fixture
def another_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder of state on a file system of its own."""
    place = tmp_path / "state/runs"
    place.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=False).returncode:
        pytest.skip("this machine lacks the right to mount a file system")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_part_of_state_on_another_file_system_is_told_before_anything_runs(another_disk: Path) -> None:
    state = State(another_disk.parent, another_disk.parent.parent / "key")
    state.scratch_folder()
    with pytest.raises(MachineError, match="cross-device") as told, state.lock(silent):
        raise AssertionError
    assert told.value.where == str(another_disk)


def test_a_file_system_without_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    state = State(tmp_path / "state", tmp_path / "key")
    with pytest.raises(MachineError, match="has no locks") as told, state.lock(silent):
        raise AssertionError
    assert "--state-dir" in told.value.remedy


def test_who_waits_for_a_state_that_is_deleted_gets_the_new_ones_lock(tmp_path: Path) -> None:
    state, asked, done = State(tmp_path / "state", tmp_path / "key"), threading.Event(), threading.Event()

    def second() -> None:
        with later(state).lock(lambda _: asked.set()):
            done.set()

    waiting = threading.Thread(target=second)
    with state.lock(silent):
        waiting.start()
        asked.wait(60)
        shutil.rmtree(state.folder)
        third = later(state)
        with third.lock(silent):
            pass
    waiting.join(60)
    assert done.is_set()
    assert (state.folder / "lock").exists()
