"""One file is written whole, or stays as it was."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gpu_doc.system import writing


def left(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("write", [writing.replace, writing.create])
@pytest.mark.parametrize("call", ["open", "fsync", "replace", "link"])
def test_after_a_kill_the_next_writes_over_what_was_left(
    tmp_path: Path, write: Callable[..., object], call: str
) -> None:
    file = tmp_path / "a"
    if write is writing.replace:
        file.write_bytes(b"old")
    child = os.fork()
    if not child:
        real = getattr(os, call)

        def killed(*given: object, **_: object) -> None:
            if call == "open":
                real(*given)
            os.kill(os.getpid(), signal.SIGKILL)

        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(os, call, killed)
            write(file, b"new", lasting=True)
        os._exit(0)
    os.waitpid(child, 0)
    now = left(tmp_path)
    assert now.get("a") in ((b"old", b"new") if write is writing.replace else (None, b"new"))
    assert set(now) <= {"a", ".a.gpu-doc"}
    write(file, b"n")
    assert left(tmp_path) == {"a": b"new" if write is writing.create and now.get("a") else b"n"}


def test_what_is_there_is_never_replaced_by_something_new(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a person's")
    assert not writing.create(tmp_path / "a", b"ours")
    assert left(tmp_path) == {"a": b"a person's"}
    assert writing.create(tmp_path / "b", b"ours", mode=0o600)
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("write", [writing.replace, writing.create])
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., object]
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*/a'"):
        write(tmp_path / "a", b"new", lasting=True)
    assert left(tmp_path) == {}


def test_many_that_write_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    contents = [bytes([number]) * 200_000 for number in range(8)]
    threads = [threading.Thread(target=writing.replace, args=(tmp_path / "a", content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [(name, content)] = left(tmp_path).items()
    assert name == "a"
    assert content in contents


def test_one_of_many_that_create_at_once_wins(tmp_path: Path) -> None:
    won: list[int] = []

    def create(number: int) -> None:
        if writing.create(tmp_path / "a", str(number).encode()):
            won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert left(tmp_path) == {"a": str(won[0]).encode()}
    assert len(won) == 1


def test_a_file_system_without_locks_or_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY)  # a folder can't be opened for writing: as where it is unknown
    monkeypatch.setattr(os, "link", none)
    writing.replace(tmp_path / "a", b"a")
    assert writing.create(tmp_path / "b", b"b")
    assert not writing.create(tmp_path / "b", b"c")
    assert left(tmp_path) == {"a": b"a", "b": b"b"}


def test_a_link_in_its_way_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / ".a.gpu-doc").symlink_to("mine")
    with pytest.raises(OSError, match="a"):
        writing.replace(tmp_path / "a", b"new")
    assert (tmp_path / "mine").read_bytes() == b"mine"
