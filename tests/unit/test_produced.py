"""What a run leaves, taken as a stranger's."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gpu_doc.execution.agent import produced, searching
from gpu_doc.execution.agent.outcomes import Found
from gpu_doc.execution.agent.produced import Produced

Act = Callable[[Path], object]


@pytest.fixture(autouse=True)
def _room(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(produced, "MOST", 10_000_000)
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def taken(
    folder: Path, patterns: list[str], run: Act, before: Act = lambda _: None, hidden: str = ""
) -> tuple[Found, dict[str, bytes]]:
    """What is told, and what was taken, of a run that does `run` in a folder that `before` has set up."""
    root, into = folder / "root", folder / "into"
    (root / "notebooks").mkdir(parents=True)
    (folder / "outside").mkdir()
    (folder / "outside" / "a.csv").write_text("private")
    before(root)
    watched = Produced(patterns, [str(root / "notebooks"), str(root)], hidden=[str(root / hidden)] * bool(hidden))
    run(root)
    watched.take(str(into))
    watched.close()
    return watched.found(), {str(p.relative_to(into)): p.read_bytes() for p in into.rglob("*") if p.is_file()}


def write(*names: str, text: str = "new") -> Act:
    def act(root: Path) -> None:
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)

    return act


@pytest.mark.parametrize(
    ("pattern", "left", "found"),
    [
        ("a.csv", ["a.csv"], ["a.csv"]),
        ("a.csv", ["notebooks/a.csv"], ["a.csv"]),
        ("a.csv", ["notebooks/a.csv", "a.csv"], ["a.csv"]),
        ("notebooks/a.csv", ["notebooks/a.csv"], ["notebooks/a.csv"]),
        ("out", ["out/a.csv", "out/deep/er/b.csv", "outside.csv"], ["out/a.csv", "out/deep/er/b.csv"]),
        ("out/", ["out/a.csv"], ["out/a.csv"]),
        ("out/**", ["out/a.csv", "out/deep/b.csv"], ["out/a.csv", "out/deep/b.csv"]),
        ("out/**/**/*", ["out/a.csv", "out/deep/b.csv"], ["out/a.csv", "out/deep/b.csv"]),
        ("out/*", ["out/a.csv", "out/deep/b.csv"], ["out/a.csv", "out/deep/b.csv"]),
        ("out/**/*.csv", ["out/a.csv", "out/deep/b.csv", "out/c.txt"], ["out/a.csv", "out/deep/b.csv"]),
        ("**/out/*.csv", ["x/y/out/a.csv", "out/b.csv"], ["out/b.csv", "x/y/out/a.csv"]),
        ("o?t/[ab].csv", ["out/a.csv", "oat/b.csv", "out/c.csv"], ["oat/b.csv", "out/a.csv"]),
        ("**/*.csv", ["a.csv", ".git/b.csv", "x/.gpu-doc/runs/c.csv", "ours/d.csv"], ["a.csv"]),
        ("*", [".hidden", ".gpu-doc/c.csv", "ours/d.csv"], [".hidden"]),
        ("ours/d.csv", ["ours/d.csv"], []),
        ("out", ["a.csv"], []),
        ("a.csv/b.csv", ["a.csv"], []),
        ("$(id) [x.csv", ["$(id) [x.csv"], ["$(id) [x.csv"]),
    ],
)
def test_patterns_find_files_and_all_below_folders(
    tmp_path: Path, pattern: str, left: list[str], found: list[str]
) -> None:
    told, files = taken(tmp_path, [pattern], write(*left), hidden="ours")
    assert sorted(files) == found
    assert told == Found(len(found), missing=(pattern,) * (not found))


@pytest.mark.parametrize("pattern", ["a.csv", "*.csv", "**/*.csv"])
def test_what_was_there_before_is_never_taken(tmp_path: Path, pattern: str) -> None:
    told, files = taken(tmp_path, [pattern], lambda _: None, write("a.csv", "notebooks/a.csv"))
    assert (told.old, told.missing, files) == ((pattern,), (), {})


@pytest.mark.parametrize("pattern", ["a.csv", "*.csv"])
def test_what_was_written_anew_is_taken_and_its_old_neighbours_are_not(tmp_path: Path, pattern: str) -> None:
    before = write("a.csv", "b.csv", "notebooks/a.csv", text="same")
    told, files = taken(tmp_path, [pattern], write("a.csv", text="same"), before)
    assert (told.old, files) == ((), {"a.csv": b"same"})


def test_the_same_bytes_with_the_same_times_count_as_written(tmp_path: Path) -> None:
    def run(root: Path) -> None:
        known = (root / "a.csv").stat()
        (root / "a.csv").write_text("same")
        os.utime(root / "a.csv", ns=(known.st_atime_ns, known.st_mtime_ns))

    assert taken(tmp_path, ["a.csv"], run, write("a.csv", text="same"))[1] == {"a.csv": b"same"}


def link(name: str, target: str) -> Act:
    def act(root: Path) -> None:
        place = root / name
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        place.unlink(missing_ok=True)
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(target.format(outside=root.parent / "outside"))

    return act


def endless(root: Path) -> None:
    with (root / "a.csv").open("w") as file:
        file.truncate(1 << 40)


def device(root: Path) -> None:
    try:
        os.mknod(root / "a.csv", 0o020666, os.makedev(1, 5))
    except PermissionError:
        (root / "a.csv").symlink_to("/dev/zero")


def bind(root: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(root)
        server.bind("a.csv")
        os.chdir(here)


@pytest.mark.parametrize(
    ("pattern", "run", "said"),
    [
        ("a.csv", link("a.csv", "/proc/self/environ"), "is a link to /proc/self/environ"),
        ("a.csv", link("a.csv", "/etc/passwd"), "is a link to /etc/passwd"),
        ("*.csv", link("a.csv", "notebooks/x.txt"), "is a link to notebooks/x.txt"),
        ("a.csv", link("a.csv", "nothing"), "is a link to nothing"),
        ("out", link("out", "/etc"), "`out` is a link to /etc"),
        ("out/passwd", link("out", "/etc"), "`out` is a link to /etc"),
        ("*/a.csv", link("out", "{outside}"), "`out` is a link to "),
        ("out/*.csv", link("out", "{outside}"), "`out` is a link to "),
        ("out/self/environ", link("out", "/proc"), "`out` is a link to /proc"),
        ("out/deep/a.csv", link("out/deep", "{outside}"), "`out/deep` is a link to "),
        ("notebooks/a.csv", link("notebooks", "{outside}"), "is gone"),
        ("a.csv", lambda root: os.mkfifo(root / "a.csv"), "is a pipe"),
        ("a.csv", bind, "is a socket"),
        ("a.csv", device, "is a "),
        ("a.csv", endless, "more than 0 GB"),
        ("*.csv", write("a.csv", "b.csv", text="x" * 6_000_000), "all of it is more than 0 GB"),
    ],
)
def test_only_plain_files_within_the_limits_are_taken(tmp_path: Path, pattern: str, run: Act, said: str) -> None:
    told, files = taken(tmp_path, [pattern], run, write("out/deep/a.csv", "notebooks/x.txt"))
    assert told.problem.startswith(f"`{pattern}` is in `produces`, but ")
    assert said in told.problem
    assert told.not_a_file == told.problem.endswith("only plain files are taken")
    assert sum(map(len, files.values())) < 10_000_000
    assert b"private" not in files.values()


def test_what_is_no_file_is_told_beside_files(tmp_path: Path) -> None:
    def run(root: Path) -> None:
        write("out/a.csv", "out/run-7/b.csv")(root)
        for number in range(9):
            (root / f"out/latest{number}").symlink_to("run-7")

    told, files = taken(tmp_path, ["out"], run)
    assert sorted(files) == ["out/a.csv", "out/run-7/b.csv"]
    assert told.passed[0] == "`out/latest0` is a link to run-7: passed over"
    assert told.passed[5:] == ("4 more are passed over",)
    assert told.problem == ""


def test_a_link_to_a_folder_is_followed_within_the_checkout_or_where_it_stood_before(tmp_path: Path) -> None:
    def run(root: Path) -> None:
        write("runs/7/a.csv", "before/a.csv")(root)
        (root / "latest").symlink_to("runs/7")

    patterns = ["latest/a.csv", "before/*.csv"]
    told, files = taken(tmp_path, patterns, run, link("before", "{outside}"))
    assert told.problem == ""
    assert files == {"latest/a.csv": b"new", "before/a.csv": b"new"}


def test_a_link_that_stood_before_gives_nothing_that_was_there_before(tmp_path: Path) -> None:
    told, files = taken(tmp_path, ["before/*.csv"], lambda _: None, link("before", "{outside}"))
    assert (told.old, files) == (("before/*.csv",), {})


@pytest.mark.parametrize("pattern", ["before/self/status", "before/self/*"])
def test_files_of_the_system_are_none_wherever_a_link_led_before(tmp_path: Path, pattern: str) -> None:
    told, files = taken(tmp_path, [pattern], lambda _: None, link("before", "/proc"))
    assert told.old or told.problem
    assert files == {}


def test_a_link_made_anew_is_another(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.csv").write_text("private")
    told, files = taken(tmp_path, ["out/a.csv"], link("out", "../elsewhere"), link("out", "{outside}"))
    assert "`out` is a link to ../elsewhere" in told.problem
    assert files == {}


def test_a_name_more_for_a_file_of_our_own_is_as_good_as_a_copy(tmp_path: Path) -> None:
    def run(root: Path) -> None:
        write("checkpoint-7")(root)
        (root / "a.csv").hardlink_to(root / "checkpoint-7")

    assert taken(tmp_path, ["a.csv"], run)[1] == {"a.csv": b"new"}


def test_a_name_more_for_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    def run(root: Path) -> None:
        write("b.csv")(root)
        try:
            os.chown(root / "b.csv", 12345, -1)
        except PermissionError:
            pytest.skip("only root may give files away")
        (root / "a.csv").hardlink_to(root / "b.csv")

    assert "of another user" in taken(tmp_path, ["a.csv"], run)[0].problem


def test_holes_stay_holes(tmp_path: Path) -> None:
    def run(root: Path) -> None:
        with (root / "a.bin").open("wb") as file:
            file.truncate(8_000_000)
            file.write(b"begin")
            file.seek(5_000_000)
            file.write(b"end")

    _, files = taken(tmp_path, ["a.bin"], run)
    assert files["a.bin"] == (tmp_path / "root/a.bin").read_bytes()
    assert (tmp_path / "into/a.bin").stat().st_blocks * 512 < 3_000_000


def test_a_file_that_grows_for_ever_is_taken_as_long_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = os.read

    def grown(source: int, size: int) -> bytes:
        with (tmp_path / "root/a.csv").open("ab") as file:
            file.write(b"more" * 1000)
        return read(source, size)

    monkeypatch.setattr(os, "read", grown)
    assert taken(tmp_path, ["a.csv"], write("a.csv"))[1] == {"a.csv": b"new"}


@pytest.mark.parametrize("exchange", [link("a.csv", "/etc/passwd"), lambda root: (root / "a.csv").unlink()])
def test_what_changes_while_it_is_looked_at_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: Act
) -> None:
    real = searching.Search.open

    def late(search: searching.Search, entry: searching.Entry) -> int:
        exchange(tmp_path / "root")
        return real(search, entry)

    monkeypatch.setattr(searching.Search, "open", late)
    told, files = taken(tmp_path, ["a.csv"], write("a.csv"))
    assert (told.missing, files) == (("a.csv",), {})


def test_folders_nested_without_end_are_refused_and_passed_by(tmp_path: Path) -> None:
    deep = "/".join("d" * 80)
    told, files = taken(tmp_path, ["**/a.csv", "d"], write(f"{deep}/x", "a.csv"))
    assert "more than 64 deep" in told.problem
    assert files == {"a.csv": b"new"}


def test_a_full_disk_is_no_fault_of_the_run(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    watched = Produced(["a.csv"], [str(root)])
    write("a.csv")(root)
    into = tmp_path / "into"
    into.mkdir()
    (into / "a.csv").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        watched.take(str(into))
    watched.close()
