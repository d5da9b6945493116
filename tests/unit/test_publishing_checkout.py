from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.faults import failing_at, killed_at

from gpu_doc.errors import MachineError, PublishError
from gpu_doc.record.checkout import ChangedMeanwhileError, Draft, folder_of, read, recover, write
from gpu_doc.record.claim import claimed, interrupted


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


def old_and_new(root: Path) -> tuple[dict[str, bytes], dict[str, bytes], Draft]:
    """Write a report, and return it with what a second draft makes of it: a file more, a file less, two others."""
    old = {"docs/a.assets/p.png": b"1", "docs/a.assets/old": b"old", "docs/a.md": b"text", "docs/a.assets/e": b"{}"}
    write(replace(DRAFT, files=old), root)
    (root / "docs/b.md").write_bytes(b"another's")
    new = {"docs/a.assets/p.png": b"2", "docs/a.assets/q.png": b"3", "docs/a.md": b"4", "docs/a.assets/e": b"5"}
    beside = {"docs/a.assets/e": b"{}"}
    draft = replace(DRAFT, before=b"text", files=new, obsolete=("docs/a.assets/old",), beside=beside)
    return old | {"docs/b.md": b"another's"}, new | {"docs/b.md": b"another's"}, draft


def without_prepared(root: Path) -> dict[str, bytes]:
    """All files, less those that are being prepared."""
    return {name: content for name, content in everything(root).items() if "/.gpu-doc/" not in name}


def test_a_kill_at_any_step_leaves_the_old_or_the_new_and_the_next_mends_it(in_memory: Path) -> None:
    found = []
    for nth in range(1, 200):
        root = in_memory / str(nth)
        root.mkdir()
        old, new, draft = old_and_new(root)
        if not killed_at(nth, partial(write, draft, root), root):
            break
        now = without_prepared(root)
        said = interrupted(folder_of("docs/a.md", root))
        if now not in (old, new):
            assert "half written" in said, "a mixture is known to be one"
        found.append("old" if now == old else "new" if now == new else "half")
        again = 1
        while found[-1] == "half" and killed_at(again, partial(recover, "docs/a.md", root), root):
            again += 1
        recover("docs/a.md", root)
        recovered = everything(root)
        assert recovered in (old, new), "however often mending is killed"
        assert (recovered == old) <= (found[-1] == "old")
        assert interrupted(folder_of("docs/a.md", root)) == ""
        write(replace(draft, before=recovered["docs/a.md"], beside={}), root)
        assert everything(root) == new
    assert found == sorted(found, key=["old", "half", "new"].index)
    assert found.count("half") == 4, "between five renames"


@pytest.mark.parametrize("number", [errno.ENOSPC, pytest.param(errno.EIO, marks=pytest.mark.full)])
def test_a_failure_at_any_step_leaves_everything_to_the_byte(in_memory: Path, number: int) -> None:
    for nth in range(1, 200):
        root = in_memory / str(nth)
        root.mkdir()
        old, new, draft = old_and_new(root)
        ended = failing_at(nth, number, partial(write, draft, root), root)
        now = without_prepared(root)
        assert now in (old, new)
        assert now == new or ended == "told", ended
        recover("docs/a.md", root)
        assert everything(root) == now, "nothing is left"
        if ended == "never":
            break
    assert nth > 20


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EXDEV, errno.ENOENT])
@pytest.mark.parametrize("nth", range(1, 6))
def test_a_failure_at_any_rename_leaves_everything_to_the_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int, number: int
) -> None:
    old, _, draft = old_and_new(tmp_path)
    steps = iter(range(1, 100))

    def failing(real: Callable[..., Any]) -> Callable[..., Any]:
        def work(path: Any, *more: Any, **keywords: Any) -> Any:
            if str(path).endswith((".new", "/old")) and next(steps) == nth:
                raise OSError(number, os.strerror(number), str(path))
            return real(path, *more, **keywords)

        return work

    monkeypatch.setattr(os, "replace", failing(os.replace))
    monkeypatch.setattr(os, "unlink", failing(os.unlink))
    with pytest.raises((MachineError, PublishError)):
        write(draft, tmp_path)
    assert everything(tmp_path) == old


def test_a_file_system_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", none)
    _, new, draft = old_and_new(tmp_path)
    write(draft, tmp_path)
    assert everything(tmp_path) == new


def test_where_putting_back_fails_too_the_next_refresh_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, new, draft = old_and_new(tmp_path)
    steps = iter(range(1, 100))
    real = os.replace

    def failing(*paths: Any) -> None:
        if next(steps) >= 3:
            raise OSError(errno.EIO, "Input/output error", str(paths[0]))
        real(*paths)

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", failing)
        with pytest.raises(PublishError, match="putting back what was there failed too"):
            write(draft, tmp_path)
    assert "half written" in interrupted(folder_of("docs/a.md", tmp_path))
    assert set(recover("docs/a.md", tmp_path) or ()) == {*draft.files, *draft.obsolete}
    assert everything(tmp_path) == new


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
    real = os.replace

    def gone(*paths: Any) -> None:
        shutil.rmtree(tmp_path / "docs/a.assets", ignore_errors=True)
        real(*paths)

    monkeypatch.setattr(os, "replace", gone)
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
    real = os.replace

    def interrupted(*paths: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        real(*paths)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(DRAFT, tmp_path)
    assert everything(tmp_path) == DRAFT.files


def test_an_interrupt_while_a_report_is_prepared_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: int) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(DRAFT, tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- what a killed process left ---------------------------------------------------------------------------------------


def half(root: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Leave a report with its text exchanged, and its evidence not."""
    old, new, draft = old_and_new(root)
    steps = iter(range(1, 4))
    child = os.fork()
    if not child:
        with pytest.MonkeyPatch.context() as monkeypatch:
            real = os.replace
            monkeypatch.setattr(
                os, "replace", lambda *paths: real(*paths) if next(steps, None) else os.kill(os.getpid(), 9)
            )
            with suppress(BaseException):
                write(draft, root)
            os._exit(0)
    os.waitpid(child, 0)
    assert (root / "docs/a.md").read_bytes() == b"4"
    assert (root / "docs/a.assets/e").read_bytes() == b"{}"
    return old, new


def test_what_a_person_wrote_since_is_kept_and_the_rest_follows(tmp_path: Path) -> None:
    _, new = half(tmp_path)
    (tmp_path / "docs/a.md").write_bytes(b"4, and prose")
    recover("docs/a.md", tmp_path)
    assert everything(tmp_path) == new | {"docs/a.md": b"4, and prose"}


def test_what_a_person_wrote_over_the_old_text_takes_the_rest_back(tmp_path: Path) -> None:
    old, _ = half(tmp_path)
    folder = folder_of("docs/a.md", tmp_path)
    (folder / "2.new").write_bytes((tmp_path / "docs/a.md").read_bytes())  # as if killed one rename earlier
    (tmp_path / "docs/a.md").write_bytes(b"text, and prose")
    recover("docs/a.md", tmp_path)
    assert everything(tmp_path) == old | {"docs/a.md": b"text, and prose"}


def test_where_neither_can_be_had_nothing_is_touched(tmp_path: Path) -> None:
    half(tmp_path)
    before = {name: content for name, content in everything(tmp_path).items() if "/.gpu-doc/" not in name}
    for left in folder_of("docs/a.md", tmp_path).glob("*.*"):
        left.unlink()
    assert recover("docs/a.md", tmp_path) == ()
    assert everything(tmp_path) == before


JOURNALS = {
    "another file": '[["gpu-doc.yml", null, "x"]]',
    "out of the folder": '[["docs/a.assets/../../gpu-doc.yml", null, "x"]]',
    "above": '[["docs/a.assets/..", null, "x"]]',
    "absolute": '[["/etc/passwd", null, "x"]]',
    "not as we write it": '{"a": 1}',
    "numbers": '[["docs/a.md", 1, 2]]',
    "no end": "[" * 100_000,
    "half": '[["docs/a.md", null',
}


@pytest.mark.parametrize("content", JOURNALS.values(), ids=JOURNALS)
def test_a_journal_that_a_checkout_brings_changes_the_reports_files_only(tmp_path: Path, content: str) -> None:
    write(DRAFT, tmp_path)
    (tmp_path / "gpu-doc.yml").write_bytes(b"reports:")
    before = everything(tmp_path)
    folder = folder_of("docs/a.md", tmp_path)
    folder.mkdir()
    (folder / "journal").write_text(content)
    (folder / "0.new").write_bytes(b"evil")
    (folder / ".gitignore").symlink_to("../../../gpu-doc.yml")
    assert recover("docs/a.md", tmp_path) == ()
    assert everything(tmp_path) == before


def test_links_that_a_checkout_brings_are_not_written_through(tmp_path: Path) -> None:
    write(DRAFT, tmp_path)
    (tmp_path / "mine").write_bytes(b"mine")
    folder = folder_of("docs/a.md", tmp_path)
    folder.mkdir()
    (folder / "journal").write_bytes(b"")
    for name in (".gitignore", "0.new", "0.old", "1.new"):
        (folder / name).symlink_to("../../../mine")
    draft = replace(DRAFT, before=b"text", files=dict.fromkeys(DRAFT.files, b"new"))
    write(draft, tmp_path)
    assert everything(tmp_path) == {**dict.fromkeys(DRAFT.files, b"new"), "mine": b"mine"}


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    write(DRAFT, tmp_path)
    state = folder_of("docs/a.md", tmp_path)
    (state / "runs").mkdir(parents=True)
    assert interrupted(state) == ""
    assert recover("docs/a.md", tmp_path) is None
    with pytest.raises(MachineError, match="cannot write"):
        write(replace(DRAFT, before=b"text", files={"docs/a.md": b"new"}), tmp_path)
    assert (state / "runs").is_dir()


def test_assets_that_lie_elsewhere_are_left_alone(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere/.gpu-doc"
    elsewhere.mkdir(parents=True)
    (elsewhere / "journal").write_bytes(b"")
    (elsewhere / "notes").write_bytes(b"mine")
    (tmp_path / "root/docs").mkdir(parents=True)
    (tmp_path / "root/docs/a.assets").symlink_to(elsewhere.parent)
    with pytest.raises(PublishError, match="leads out of the project"):
        recover("docs/a.md", tmp_path / "root")
    assert (elsewhere / "notes").read_bytes() == b"mine"


# --- several at once --------------------------------------------------------------------------------------------------


def test_three_that_write_one_report_at_once_give_one_of_theirs(tmp_path: Path) -> None:
    children = []
    for number in b"123":
        child = os.fork()
        if not child:
            try:
                for _ in range(15):
                    while True:
                        before, beside = read(tmp_path / "docs/a.md"), read(tmp_path / "docs/a.assets/e")
                        files = dict.fromkeys(DRAFT.files, bytes([number]) * 10)
                        with suppress(ChangedMeanwhileError):
                            write(
                                Draft(path="docs/a.md", files=files, before=before, beside={"docs/a.assets/e": beside}),
                                tmp_path,
                            )
                            break
                os._exit(0)
            except BaseException as error:  # noqa: BLE001 - a child of a test may not go on with the tests
                sys.__stderr__.write(f"{error!r}\n")  # type: ignore[union-attr]
                os._exit(1)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    assert len(set(everything(tmp_path).values())) == 1
    assert set(everything(tmp_path)) == set(DRAFT.files)


def test_who_looks_waits_for_one_that_writes(tmp_path: Path) -> None:
    write(DRAFT, tmp_path)
    folder = folder_of("docs/a.md", tmp_path)
    taken, go = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        with claimed(folder):
            os.write(taken[1], b"x")
            os.read(go[0], 1)
            time.sleep(0.1)
        os._exit(0)
    os.read(taken[0], 1)
    os.write(go[1], b"x")
    assert interrupted(folder) == ""
    assert not folder.exists()
    os.waitpid(child, 0)
