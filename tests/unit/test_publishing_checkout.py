from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.errors import MachineError, PublishError
from gpu_doc.record import checkout
from gpu_doc.record.checkout import ChangedMeanwhileError, Draft, write


def everything(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


DRAFT = Draft(
    path="docs/a.md", before=None, files={"docs/a.assets/p.png": b"png", "docs/a.md": b"text", "docs/a.assets/e": b"{}"}
)


def test_a_draft_is_written_whole_and_the_second_time_nothing_changes(tmp_path: Path) -> None:
    assert write(DRAFT, tmp_path) == tuple(DRAFT.files)
    assert everything(tmp_path) == DRAFT.files
    before = (tmp_path / "docs/a.md").stat().st_mtime_ns
    assert write(replace(DRAFT, before=b"text"), tmp_path) == ()
    assert (tmp_path / "docs/a.md").stat().st_mtime_ns == before


def test_obsolete_files_go(tmp_path: Path) -> None:
    write(DRAFT, tmp_path)
    draft = Draft(path="docs/a.md", before=b"text", files={"docs/a.md": b"new"}, obsolete=("docs/a.assets/p.png",))
    assert write(draft, tmp_path) == ("docs/a.md", "docs/a.assets/p.png")
    assert not (tmp_path / "docs/a.assets/p.png").exists()


def test_a_full_disk_leaves_everything_to_the_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.md").write_bytes(b"good")
    real = checkout._write

    def full(path: Path, content: bytes, **keywords: Any) -> None:
        if "a.md" in path.name:
            path.write_bytes(b"ha")
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, content, **keywords)

    monkeypatch.setattr(checkout, "_write", full)
    with pytest.raises(MachineError, match="the disk is full"):
        write(DRAFT, tmp_path)
    assert everything(tmp_path) == {"docs/a.md": b"good"}
    assert [path.name for path in (tmp_path / "docs").iterdir()] == ["a.md"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENOENT])
@pytest.mark.parametrize("nth", range(1, 8))
def test_a_failure_at_any_rename_leaves_everything_to_the_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int, number: int
) -> None:
    write(DRAFT, tmp_path)
    write(replace(DRAFT, before=b"text", files={"docs/a.assets/old": b"old"}), tmp_path)
    before = everything(tmp_path)
    new = {"docs/a.assets/p.png": b"2", "docs/a.assets/q.png": b"3", "docs/a.md": b"4", "docs/a.assets/e": b"5"}
    draft = replace(DRAFT, before=b"text", files=new, obsolete=("docs/a.assets/old",))
    steps = iter(range(1, 100))

    def failing(real: Callable[[Path, Path], Any]) -> Callable[[Path, Path], Any]:
        def work(self: Path, target: Path) -> Any:
            if next(steps) == nth:
                raise OSError(number, os.strerror(number), str(self))
            return real(self, target)

        return work

    monkeypatch.setattr(Path, "replace", failing(Path.replace))
    monkeypatch.setattr(Path, "hardlink_to", failing(Path.hardlink_to))
    if nth <= 3 and number == errno.ENOENT:
        write(draft, tmp_path)  # three files have a second name: as on a file system without links
    else:
        with pytest.raises((MachineError, PublishError)):
            write(draft, tmp_path)
        assert everything(tmp_path) == before
    assert not list(tmp_path.rglob("*.gpu-doc"))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KB."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], check=False).returncode:
        pytest.skip("this machine lacks the right to mount a file system")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("room", range(0, 120_000, 20_000))
def test_a_disk_that_is_really_full_leaves_everything_to_the_byte(small: Path, room: int) -> None:
    write(DRAFT, small)
    before = everything(small)
    (small / "filler").write_bytes(b"x" * (256 * 1024 - 16_384 - room))
    new = {path: os.urandom(30_000) for path in DRAFT.files}
    draft = replace(DRAFT, before=b"text", files=new)
    with suppress(MachineError):
        write(draft, small)
    (small / "filler").unlink()
    assert everything(small) in (before, new)
    assert not list(small.rglob("*.gpu-doc"))


def test_a_folder_that_goes_away_meanwhile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(DRAFT, tmp_path)
    real = Path.replace

    def gone(self: Path, target: Path) -> Path:
        shutil.rmtree(tmp_path / "docs/a.assets", ignore_errors=True)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", gone)
    with pytest.raises((MachineError, PublishError)):
        write(replace(DRAFT, before=b"text", files=dict.fromkeys(DRAFT.files, b"new")), tmp_path)
    assert (tmp_path / "docs/a.md").read_bytes() == b"text"


def test_a_link_out_of_the_project_is_refused(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "docs").symlink_to(outside)
    with pytest.raises(PublishError, match="leads out of the project"):
        write(DRAFT, root)
    assert everything(outside) == {}


def test_a_link_inside_the_project_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "real.md").write_bytes(b"old")
    (tmp_path / "docs/a.md").symlink_to("../real.md")
    write(replace(DRAFT, before=b"old"), tmp_path)
    assert (tmp_path / "docs/a.md").is_symlink()
    assert (tmp_path / "real.md").read_bytes() == b"text"


def test_the_mode_of_a_file_stays(tmp_path: Path) -> None:
    write(DRAFT, tmp_path)
    (tmp_path / "docs/a.md").chmod(0o640)
    write(Draft(path="docs/a.md", before=b"text", files={"docs/a.md": b"new"}), tmp_path)
    assert (tmp_path / "docs/a.md").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("blocked", ["docs/a.md/", "docs/a.assets", "docs", "docs/a.md ->"])
def test_a_place_that_is_taken_is_told_before_anything_is_written(tmp_path: Path, blocked: str) -> None:
    place = tmp_path / blocked.rstrip("/> -")
    place.parent.mkdir(exist_ok=True)
    if blocked.endswith("/"):
        place.mkdir()
    elif blocked.endswith(">"):
        place.symlink_to(place.name)
    else:
        place.write_bytes(b"x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(PublishError):
        write(DRAFT, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_a_person_saved_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    write(DRAFT, tmp_path)
    (tmp_path / "docs/a.md").write_bytes(b"just saved")
    with pytest.raises(ChangedMeanwhileError):
        write(Draft(path="docs/a.md", before=b"text", files={"docs/a.md": b"new", "docs/p": b"p"}), tmp_path)
    assert (tmp_path / "docs/a.md").read_bytes() == b"just saved"
    assert not (tmp_path / "docs/p").exists()


def test_an_interrupt_waits_until_a_report_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        signal.raise_signal(signal.SIGINT)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(DRAFT, tmp_path)
    assert everything(tmp_path) == DRAFT.files


def test_temporary_files_of_a_killed_process_are_removed_by_the_next(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "docs").mkdir()
    dead = tmp_path / f"docs/.a.md.{ended.pid}.gpu-doc"
    alive = tmp_path / f"docs/.a.md.{os.getppid()}.gpu-doc"
    for left in (dead, alive):
        left.write_bytes(b"half")
    write(DRAFT, tmp_path)
    assert not dead.exists()
    assert alive.exists(), "somebody may still be writing it"
