from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

import pytest
from tests.faults import killed_at

from gpu_doc.system import temporary
from gpu_doc.system.temporary import private_folder, sweep_abandoned


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of this test's own; the machine's are left alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(temporary, "_places", lambda: [str(tmp_path)])
    return tmp_path


def test_a_folder_goes_with_its_block(place: Path) -> None:
    with private_folder() as folder:
        (folder / "file").write_text("x")
        assert folder.parent == place
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_is_swept_and_a_living_ones_is_not(place: Path) -> None:
    code = (
        "import os, sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
        "from gpu_doc.system.temporary import private_folder\n"
        "with private_folder() as folder: os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(place)], check=False)
    [left] = place.iterdir()
    with private_folder() as alive:
        assert sweep_abandoned() == [left]
        assert alive.exists()
    assert not left.exists()


def test_a_folder_that_is_swept_before_it_is_locked_is_made_anew(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[Path] = []

    def sweep_and_lock(file: IO[str], operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        swept.extend(sweep_abandoned())
        lock(file, operation)

    lock = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", sweep_and_lock)
    with private_folder() as folder:
        assert len(swept) == 1
        assert list(place.iterdir()) == [folder]
        assert sweep_abandoned() == []


def test_others_folders_are_left_alone(place: Path) -> None:
    foreign = place / "gpu-doc-of-someone"
    foreign.mkdir()
    assert sweep_abandoned() == []
    assert foreign.exists()


def test_an_old_folder_that_lost_its_lock_is_swept(place: Path) -> None:
    young, old, others = place / "gpu-doc-abcd_123", place / "gpu-doc-efgh5678", place / "gpu-doc-preview-abcd1234"
    for folder in (young, old, others):
        folder.mkdir()
        (folder / "left").write_text("x")
    for folder in (old, others):
        os.utime(folder, (1, 1))
    linked = place / "gpu-doc-link5678"
    linked.symlink_to(others)
    assert sweep_abandoned() == [old]
    assert sorted(place.iterdir()) == sorted([young, others, linked])
    with private_folder() as alive:
        (alive / "lock").unlink()
        os.utime(alive, (1, 1))
        assert sweep_abandoned() == [], "its owner lives, and has the file open"


def test_another_users_folder_is_left_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = place / "gpu-doc-abcd1234"
    foreign.mkdir()
    os.utime(foreign, (1, 1))
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    assert sweep_abandoned() == []


def test_a_folder_whose_owner_was_killed_before_it_made_the_lock_goes_at_once(place: Path) -> None:
    left = place / "gpu-doc-abcd1234"
    left.mkdir()
    assert sweep_abandoned() == [left]


def make_one(place: Path) -> None:
    tempfile.tempdir = str(place)
    with private_folder() as folder:
        (folder / "file").write_text("x")


def test_a_kill_at_any_step_leaves_nothing_after_the_next_sweep(place: Path) -> None:
    nth = 1
    while killed_at(nth, partial(make_one, place), place):
        sweep_abandoned()
        assert list(place.iterdir()) == [], nth
        nth += 1
    assert nth > 4


def test_a_folder_from_before_the_clock_was_set_back_is_swept(place: Path) -> None:
    left = place / "gpu-doc-abcd1234"
    left.mkdir()
    (left / "file").write_text("x")
    os.utime(left, (4_000_000_000, 4_000_000_000))
    assert sweep_abandoned() == [left]


def test_whatever_stands_in_the_locks_place_the_sweep_goes_on(place: Path) -> None:
    elsewhere = place / "mine"
    elsewhere.write_text("mine")
    places: list[Callable[[Path], object]] = [os.mkfifo, lambda path: path.symlink_to(elsewhere), Path.mkdir]
    for number, make in enumerate(places):
        folder = place / f"gpu-doc-abcd123{number}"
        folder.mkdir()
        make(folder / "lock")
        os.utime(folder, (1, 1))
    assert len(sweep_abandoned()) == 3
    assert elsewhere.read_text() == "mine"


def test_a_link_to_anothers_folder_is_not_followed(place: Path) -> None:
    others = place / "others"
    others.mkdir()
    (others / "lock").write_text("")
    (place / "gpu-doc-abcd1234").symlink_to(others)
    assert sweep_abandoned() == []
    assert (others / "lock").exists()
