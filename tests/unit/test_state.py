from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gpu_doc.model.configuration import Run
from gpu_doc.record.disk import disk_error
from gpu_doc.record.state import Layers, State, default_folder, key_path

RUN = Run(report="docs/a.md", name="baseline", address="baseline", line=1, notebook="n.ipynb")


def finished(state: State, fingerprint: str, size: int = 10) -> None:
    scratch = state.scratch_folder()
    (scratch / "executed.ipynb").write_bytes(b"x" * size)
    state.keep(RUN, fingerprint, scratch, {"seconds": 1})


def test_a_result_is_found_by_its_fingerprint(tmp_path: Path) -> None:
    state = State(tmp_path / "state", tmp_path / "key")
    assert state.find(RUN, "f") is None
    assert not state.folder.exists(), "reading creates nothing"
    finished(state, "f")
    found = state.find(RUN, "f")
    assert found is not None
    assert found.record == {"seconds": 1}
    assert found.executed.read_bytes() == b"x" * 10
    assert (state.folder / ".gitignore").read_text() == "*\n"


def test_a_second_result_for_a_fingerprint_takes_the_place_of_the_first(tmp_path: Path) -> None:
    state = State(tmp_path, tmp_path / "key")
    finished(state, "f", size=1)
    finished(state, "f", size=2)
    found = state.find(RUN, "f")
    assert found is not None
    assert found.executed.read_bytes() == b"xx"


@pytest.mark.parametrize("broken", ["record.json", "executed.ipynb"])
def test_a_result_that_lost_a_file_counts_as_absent(tmp_path: Path, broken: str) -> None:
    state = State(tmp_path, tmp_path / "key")
    finished(state, "f")
    (tmp_path / "runs/f" / broken).unlink()
    assert state.find(RUN, "f") is None


def test_pruning_takes_what_was_used_longest_ago(tmp_path: Path) -> None:
    state = State(tmp_path, tmp_path / "key")
    for age, fingerprint in enumerate(["old", "older", "oldest"]):
        finished(state, fingerprint, size=1000)
        os.utime(tmp_path / "runs" / fingerprint, (1000 - age, 1000 - age))
    state.prune(limit=3000)
    assert state.find(RUN, "oldest") is None
    assert state.find(RUN, "older")
    assert state.find(RUN, "old")


def test_scratch_of_a_killed_process_is_swept_by_the_next(tmp_path: Path) -> None:
    state = State(tmp_path, tmp_path / "key")
    code = (
        "import os, sys; from pathlib import Path; from gpu_doc.record.state import State\n"
        "state = State(Path(sys.argv[1]), None)\n"
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
        "import sys; from pathlib import Path; from gpu_doc.record.state import State\n"
        "with State(Path(sys.argv[1]), None).lock(print):\n"
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

    with State(tmp_path, tmp_path / "key").lock(waiting):
        assert told == [f"process {holder.pid}"]
    holder.communicate()


def test_whether_a_refresh_ended_meanwhile_is_known(tmp_path: Path) -> None:
    state, other = State(tmp_path / "state", None), State(tmp_path / "state", None)
    before = state.last_refresh()
    with state.lock(print) as last:
        assert last == before, "nobody has had this lock yet"
        assert other.last_refresh() is None, "whatever this refresh does, the other's plan is older"
    before = other.last_refresh()
    assert before not in (None, last)
    with other.lock(print) as last:
        assert last == before
    with state.lock(print) as last:
        assert last != before


def test_a_killed_refresh_leaves_no_word(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("process 1")
    state = State(tmp_path, None)
    assert state.last_refresh() is None
    with state.lock(print) as last:
        assert last is None


def test_the_first_refresh_of_all_leaves_a_word_too(tmp_path: Path) -> None:
    state, before = State(tmp_path, None), State(tmp_path, None).last_refresh()
    with State(tmp_path, None).lock(print):
        pass
    with state.lock(print) as last:
        assert last != before


def test_state_lies_outside_the_checkout_on_a_runner(tmp_path: Path) -> None:
    assert default_folder(tmp_path, {}) == tmp_path / ".gpu-doc"
    runner = {"GITHUB_ACTIONS": "true", "XDG_CACHE_HOME": "/cache", "GITHUB_REPOSITORY": "org/repo"}
    assert str(default_folder(tmp_path, runner)).startswith("/cache/gpu-doc/org-repo-")
    other = default_folder(tmp_path / "sub", runner)
    assert other != default_folder(tmp_path, runner), "two configurations of one repository have their own state"


def test_a_fork_has_a_state_of_its_own_in_the_same_place(tmp_path: Path) -> None:
    """Also where the readable part of the folder's name is the same."""
    names = ["org/some-docs", "org-some/docs", "org/some.docs", "fork/some-docs"]
    runner = {"GITHUB_ACTIONS": "true", "XDG_CACHE_HOME": "/cache"}
    folders = [default_folder(tmp_path, runner | {"GITHUB_REPOSITORY": name}) for name in names]
    assert len(set(folders)) == len(names)


# --- what is read is held against its seal ---------------------------------------------------------------------------


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def with_files(state: State, fingerprint: str = "f") -> Path:
    scratch = state.scratch_folder()
    (scratch / "produced/deep").mkdir(parents=True)
    (scratch / "produced/deep/record.json").write_text("{}")
    (scratch / "executed.ipynb").write_text("{}")
    return state.keep(RUN, fingerprint, scratch, {"seconds": 1.5, "commit": None}).folder


ALONE = Layers()


def later(state: State, layers: Layers = ALONE) -> State:
    """What another process sees of the same folder."""
    return State(state.folder, state.folder / "key", lambda: layers)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a flipped byte": lambda folder: flipped(folder / "executed.ipynb"),
    "a flipped byte of a produced file": lambda folder: flipped(folder / "produced/deep/record.json"),
    "a file more": lambda folder: (folder / "produced/more.csv").write_text("1"),
    "a file less": lambda folder: (folder / "produced/deep/record.json").unlink(),
    "a link to the same": lambda folder: linked(folder / "executed.ipynb"),
    "a pipe": lambda folder: os.mkfifo(folder / "produced/pipe"),
    "another record": lambda folder: edited(folder / "record.json", '"seconds": 1.5', '"seconds": 2.5'),
    "a record of another shape": lambda folder: (folder / "record.json").write_text("[]"),
    "a record without an end": lambda folder: (folder / "record.json").write_text("[" * 100_000),
    "a seal that is no text": lambda folder: (folder / "record.json").write_text(
        '{"record": {}, "files": {}, "seal": 1}'
    ),
    "another's place": lambda folder: folder.rename(folder.with_name("g")),
}


def linked(path: Path) -> None:
    there = path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(there)


def edited(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_result_that_is_not_as_it_was_kept_counts_as_absent_and_is_replaced(tmp_path: Path, damage: str) -> None:
    state = State(tmp_path, tmp_path / "key")
    folder = with_files(state)
    assert later(state).find(RUN, "f")
    DAMAGE[damage](folder)
    assert later(state).find(RUN, "f") is None
    assert later(state).find(RUN, "g") is None
    with_files(state)
    assert later(state).find(RUN, "f")


def test_what_is_no_plain_file_never_becomes_part_of_a_result(tmp_path: Path) -> None:
    state = State(tmp_path / "state", tmp_path / "key")
    scratch = state.scratch_folder()
    (scratch / "executed.ipynb").write_text("{}")
    (scratch / "link").symlink_to("/proc/self/environ")
    (scratch / "folder").symlink_to("/etc")
    os.mkfifo(scratch / "pipe")
    kept = state.keep(RUN, "f", scratch, {}).folder
    assert sorted(path.name for path in kept.iterdir()) == ["executed.ipynb", "record.json"]
    assert State(tmp_path / "state", tmp_path / "key").find(RUN, "f")


def test_a_picture_is_held_against_its_seal(tmp_path: Path) -> None:
    state = State(tmp_path, tmp_path / "key")
    state.keep_picture("a", b"png a")
    state.keep_picture("b", b"png b")
    assert state.picture("a")
    pictures = tmp_path / "pictures"
    (pictures / "b.png").write_bytes(b"png a")
    (pictures / "b.seal").write_bytes((pictures / "a.seal").read_bytes())
    assert not state.picture("b"), "another's content, sealed for another digest"
    flipped(pictures / "a.png")
    assert not state.picture("a")
    state.keep_picture("a", b"png a")
    found = state.picture("a")
    assert found
    assert found.read_bytes() == b"png a"
    (pictures / "a.seal").unlink()
    assert not later(state).picture("a")
    assert state.sweep() == []


def test_without_the_key_all_results_are_made_again(tmp_path: Path) -> None:
    state = State(tmp_path, tmp_path / "key")
    with_files(state)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "key").chmod(0o644)
    assert later(state).find(RUN, "f") is None, "others could have read it"
    (tmp_path / "key").unlink()
    assert later(state).find(RUN, "f") is None
    assert not (tmp_path / "key").exists(), "reading creates nothing"
    with_files(later(state))
    assert later(state).find(RUN, "f")
    assert State(tmp_path, tmp_path / "other").find(RUN, "f") is None


def test_where_no_key_can_be_kept_that_is_known(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for key in (None, tmp_path / "file/key"):
        state = State(tmp_path / "state", key)
        assert not state.lasts
        with_files(state)
        assert state.find(RUN, "f"), "within one process it serves all the same"
    assert key_path({}) is None
    assert key_path({"HOME": "/home/a"}) == Path("/home/a/.local/state/gpu-doc/key")
    assert key_path({"HOME": "/home/a", "XDG_STATE_HOME": "/srv/s"}) == Path("/srv/s/gpu-doc/key")
    assert key_path({"HOME": "/home/a", "XDG_STATE_HOME": "s"}) == Path("/home/a/.local/state/gpu-doc/key")


def test_many_that_begin_at_once_agree_on_one_key(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from gpu_doc.record.seal import Seal\n"
        "sys.stdin.readline()\n"
        "print(Seal(Path(sys.argv[1])).lasts)\n"
    )
    argv = [sys.executable, "-c", code, str(tmp_path / "deep/key")]
    many = [subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    for each in many:
        assert each.stdin
        each.stdin.write("\n")
        each.stdin.flush()
    assert [each.communicate()[0] for each in many] == ["True\n"] * 6


# --- layers ----------------------------------------------------------------------------------------------------------

MAIN = Layers(own="branch-main", shared="branch-main")
PULL = Layers(own="pull-request-7", others=("branch-main",), shared="branch-main")


def test_a_pull_request_reads_what_main_left_and_main_nothing_of_its(tmp_path: Path) -> None:
    main, pull = (later(State(tmp_path, None), layers) for layers in (MAIN, PULL))
    with_files(main, "f")
    main.keep_picture("a", b"a")
    with_files(pull, "g")
    pull.keep_picture("b", b"b")
    assert pull.find(RUN, "f")
    assert pull.picture("a")
    assert main.find(RUN, "g") is None
    assert not main.picture("b")
    # What is carried from one layer to another is not whole there.
    shutil.copytree(tmp_path / "layers/pull-request-7/runs/g", tmp_path / "layers/branch-main/runs/g")
    for name in ("b.png", "b.seal"):
        shutil.copy(tmp_path / "layers/pull-request-7/pictures" / name, tmp_path / "layers/branch-main/pictures" / name)
    assert later(main, MAIN).find(RUN, "g") is None
    assert not later(main, MAIN).picture("b")
    assert main.owner != pull.owner


def test_what_others_leave_takes_no_room_from_what_all_read(tmp_path: Path) -> None:
    main, pull = (later(State(tmp_path, None), layers) for layers in (MAIN, PULL))
    finished(main, "old", size=1000)
    os.utime(tmp_path / "layers/branch-main/runs/old", (1, 1))
    for number in range(5):
        finished(pull, f"{number}", size=1000)
        os.utime(tmp_path / f"layers/pull-request-7/runs/{number}", (1000 + number, 1000 + number))
    pull.prune(limit=3000)
    assert main.find(RUN, "old")
    assert [bool(pull.find(RUN, f"{number}")) for number in range(5)] == [False, False, False, True, True]
    pull.prune(limit=0)
    assert not (tmp_path / "layers").exists() or not list((tmp_path / "layers").iterdir())


def test_two_that_read_one_state_at_once_see_whole_results_only(tmp_path: Path) -> None:
    """While main's result is replaced again and again, a pull request finds it whole or not at all."""
    main = later(State(tmp_path, None), MAIN)
    with_files(main)
    code = (
        "import sys; from pathlib import Path; from tests.unit.test_state import PULL, RUN, State\n"
        "folder = Path(sys.argv[1])\n"
        "def found(): return State(folder, folder / 'key', lambda: PULL).find(RUN, 'f')\n"
        "print('ready', flush=True)\n"
        "many = [found() for _ in range(300)]\n"
        "print(sum(map(bool, many)) > 0, {r.record['seconds'] for r in many if r} <= {1, 1.5})\n"
    )
    top = Path(__file__).parents[2]
    reader = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=top, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for each in reader:
        assert each.stdout
        assert each.stdout.readline() == "ready\n"
    while any(each.poll() is None for each in reader):
        with_files(main)
        finished(main, "f")
    assert [each.communicate()[0] for each in reader] == ["True True\n"] * 2


def test_a_file_where_a_folder_belongs_is_to_be_deleted(tmp_path: Path) -> None:
    place = tmp_path / "runs"
    place.touch()
    with pytest.raises(FileExistsError) as caught:
        place.mkdir()
    error = disk_error(caught.value, tmp_path)
    assert error.where == str(place)
    assert error.remedy.startswith("Delete it")
