"""What the repository from which results are pushed does with a real remote, and what it leaves alone."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.git_server import WRITER, GitServer, authorization, git, serving

from gpu_doc.errors import PublishError
from gpu_doc.git.commits import Entry, Identity, Remote
from gpu_doc.git.refusals import ProtectedBranchError, RejectedError
from gpu_doc.git.scratch import Scratch

pytestmark = pytest.mark.needs("git")

BOT = Identity(name="Ein Bot", email="bot@example.org", sign=False)
NAME = "org/reports"
READER = "ghs_reader-0123456789abcdefghijklmnopqrs"


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration of this machine's user or system comes in between."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL"):
        monkeypatch.delenv(name, raising=False)


@dataclass
class Place:
    """A remote repository and a checkout of it."""

    server: GitServer
    checkout: Path
    first: str
    """The commit that is checked out; `docs/a.md` and `notes.txt` are in it."""

    def open(self, token: str | None = WRITER) -> Scratch:
        """A scratch that gives up at once where the server can't be reached."""
        remote = Remote(url=self.server.url(NAME), token=token)
        return Scratch(self.checkout, remote, os.environ, pauses=(0.01,))

    def seed(self, path: str, content: str | bytes, *, branch: str = "main") -> str:
        """A person's commit on the remote."""
        return self.server.seed(NAME, {path: content}, branch=branch, message=f"{path}: {content!r}")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository and a shallow checkout of it, as actions/checkout makes it, to be copied."""
    folder = tmp_path_factory.mktemp("model")
    with serving(folder / "served") as server:
        server.create(NAME)
        server.seed(NAME, {"notes.txt": "0\n"})
        server.seed(NAME, {"docs/a.md": "old\n", "notes.txt": "1\n"})
        server.clone(NAME, folder / "checkout", "--depth=1")
    return folder


@pytest.fixture
def place(git_server: GitServer, tmp_path: Path, model: Path) -> Place:
    """A repository with two commits, and a shallow checkout of the second in a folder with an odd name."""
    git_server.tokens[READER] = "read"
    shutil.copytree(model / "served", git_server.folder, dirs_exist_ok=True)
    checkout = Path(shutil.copytree(model / "checkout", tmp_path / 'a "check#out" ü'))
    return Place(git_server, checkout, str(git_server.tip(NAME)))


def add(scratch: Scratch, parent: str, path: str, content: bytes, message: str = "docs: refresh results") -> str:
    """Commit one file."""
    return scratch.commit(parent, {path: Entry("100644", scratch.store(path, content))}, message, BOT, source=parent)


# --- the way of a result ---------------------------------------------------------------------------------------------


ODD_NAMES = ["a b/ü 图.md", "-rf", "two\nlines\t.md", '"quoted"', "#x", "a[1]*.md", "\\", ":(glob)x", "docs/a.md"]


def test_a_result_goes_to_the_branch(place: Place) -> None:
    with place.open() as scratch:
        tip = str(scratch.fetch("main")["main"])
        assert tip == place.first
        changes: dict[str, Entry | None] = {
            name: Entry("100755", scratch.store(name, name.encode())) for name in ODD_NAMES
        }
        changes["notes.txt"] = None
        message = "docs: refresh results\n\nWhy.\n\nCo-authored-by: B <b@example.org>"
        made = scratch.commit(tip, changes, message, BOT, source=tip)
        assert scratch.changes(tip, made) == changes
        assert scratch.entries(made, ODD_NAMES) == {name: changes[name] for name in ODD_NAMES}
        assert {scratch.read(made, name) for name in ODD_NAMES} == {name.encode() for name in ODD_NAMES}
        scratch.push("main", made, expected=tip)
        commit = scratch.commit_at(made)
    assert place.server.tip(NAME) == made
    assert (commit.parents, commit.source, commit.intact) == ((tip,), tip, True)
    assert commit.author == "Ein Bot <bot@example.org>"
    trailers = git(place.server.path(NAME), "log", "-1", "--format=%(trailers:only,keyonly)", made).split()
    assert trailers == ["Co-authored-by", "Gpu-Doc-Source", "Gpu-Doc-Seal"]
    assert sorted(place.server.files(NAME)) == sorted(ODD_NAMES)


def test_what_is_not_there_is_none(place: Place) -> None:
    place.server.seed(NAME, {"link": Path("/etc/passwd")})
    with place.open() as scratch:
        tips = scratch.fetch("main", "nothing")
        tip = str(tips["main"])
        assert tips == {"main": tip, "nothing": None}
        assert scratch.read(tip, "docs") is None
        assert scratch.read(tip, "no") is None
        assert scratch.read(tip, "link") is None
        found = scratch.entries(tip, ["docs", "no", "link", "docs/a.md", "docs/a.md/b"])
        assert {path: entry.mode for path, entry in found.items()} == {"link": "120000", "docs/a.md": "100644"}
        assert scratch.entries(tip, []) == {}


def test_many_files_at_once(place: Place) -> None:
    with place.open() as scratch:
        blob = scratch.store("x", b"x")
        entries = {f"{'long' * 40}/{number}": Entry("100644", blob) for number in range(1500)}
        made = scratch.commit(place.first, entries, "many", BOT, source=place.first)
        assert scratch.entries(made, [*entries, "docs/a.md"]).keys() == {*entries, "docs/a.md"}


def test_a_folder_may_become_a_file_and_a_file_a_folder(place: Place) -> None:
    with place.open() as scratch:
        entry = Entry("100644", scratch.store("docs", b"x"))
        made = scratch.commit(place.first, {"docs": entry, "docs/a.md": None}, "x", BOT, source=place.first)
        back = scratch.commit(made, {"docs/b.md": entry, "docs": None}, "x", BOT, source=place.first)
        assert scratch.changes(place.first, back) == {"docs/a.md": None, "docs/b.md": entry}
        with pytest.raises(PublishError, match="in place of a folder"):
            scratch.commit(place.first, {"notes.txt/a": entry}, "x", BOT, source=place.first)


def test_its_folder_goes_with_it(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "home"))
    with place.open() as scratch:
        assert list((tmp_path / "home").iterdir())
        scratch.tips("main")
    assert not list((tmp_path / "home").iterdir())


# --- the checkout stays as it is -------------------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """All of a folder: mode, time of change and bytes of each file."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in folder.rglob("*")
    }


def _as_cloned(place: Place, _folder: Path) -> Path:
    return place.checkout


def _with_everything(place: Place, folder: Path) -> Path:
    return place.server.clone(NAME, folder / "whole")


def _detached(place: Place, folder: Path) -> Path:
    tree = _with_everything(place, folder)
    git(tree, "checkout", "-q", "--detach")
    return tree


def _work_tree(place: Place, folder: Path) -> Path:
    git(place.checkout, "worktree", "add", "-q", "--detach", str(folder / "tree"))
    return folder / "tree"


def _submodule(place: Place, folder: Path) -> Path:
    outer = folder / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "submodule", "add", "-q", str(place.server.path(NAME)), "inner")
    return outer / "inner"


def _borrowing(place: Place, folder: Path) -> Path:
    whole = _with_everything(place, folder)
    git(folder, "clone", "-q", "--shared", str(whole), str(folder / "borrowing"))
    return folder / "borrowing"


def _partial(place: Place, folder: Path) -> Path:
    return place.server.clone(NAME, folder / "partial", "--filter=blob:none", "--no-checkout")


def _packed(place: Place, folder: Path) -> Path:
    tree = _with_everything(place, folder)
    git(tree, "gc", "-q")
    return tree


KINDS = [_as_cloned, _with_everything, _detached, _work_tree, _submodule, _borrowing, _partial, _packed]


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkout_of_any_kind_serves_and_stays_as_it_is(
    place: Place, tmp_path: Path, kind: Callable[[Place, Path], Path]
) -> None:
    place.checkout = kind(place, tmp_path)
    (place.checkout / "docs").mkdir(exist_ok=True)
    (place.checkout / "docs/a.md").write_text("changed\n")
    (place.checkout / "staged").write_text("")
    git(place.checkout, "add", "staged")
    tip = place.seed("notes.txt", "2\n")
    before = contents(tmp_path)
    with place.open() as scratch:
        assert scratch.fetch("main") == {"main": tip}
        assert scratch.read(tip, "docs/a.md") == b"old\n"
        assert scratch.changes(place.first, tip).keys() == {"notes.txt"}
        assert scratch.is_ancestor(place.first, tip)
        assert not scratch.is_ancestor(tip, place.first)
        last = scratch.last_commit_of(tip, ["notes.txt"])
        assert last
        assert last.sha == tip
        made = add(scratch, tip, "docs/a.md", b"new\n")
        scratch.push("main", made, expected=tip)
        scratch.push("other", made, expected=None)
        scratch.push("other", None, expected=made)
    assert contents(tmp_path) == before
    assert place.server.show(NAME, "docs/a.md") == b"new\n"
    assert place.server.tip(NAME, "other") is None


def test_the_callers_variables_lead_nowhere_else(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As set for hooks, and by those who debug."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    git(elsewhere, "init", "-q")
    for name in ("GIT_DIR", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, str(elsewhere / ".git"))
    for name in ("GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_TRACE", "GIT_TRACE_CURL", "GIT_AUTHOR_DATE", "GIT_NAMESPACE"):
        monkeypatch.setenv(name, str(elsewhere / "trap"))
    before = contents(elsewhere)
    with place.open() as scratch:
        scratch.push("main", add(scratch, place.first, "docs/a.md", b"new\n"), expected=place.first)
    assert contents(elsewhere) == before
    assert place.server.show(NAME, "docs/a.md") == b"new\n"


@pytest.mark.needs("root")
def test_a_checkout_of_somebody_else_is_refused_with_the_remedy(place: Place) -> None:
    give_away(place.checkout)
    with pytest.raises(PublishError, match="another user") as caught, place.open(token=None):
        pass
    assert f"--add safe.directory '{place.checkout}'" in caught.value.remedy


@pytest.mark.needs("root")
def test_on_a_runner_a_container_may_be_another_user_than_who_checked_out(place: Place) -> None:
    give_away(place.checkout)
    with place.open() as scratch:
        scratch.push("main", add(scratch, place.first, "docs/a.md", b"new\n"), expected=place.first)
    assert place.server.show(NAME, "docs/a.md") == b"new\n"


def give_away(checkout: Path) -> None:
    for path in (checkout, *checkout.rglob("*")):
        os.chown(path, 12345, 12345, follow_symlinks=False)


@pytest.mark.needs("root")
def test_a_remote_in_the_home_or_in_a_folder_of_another_user_is_as_git_has_it(place: Place, tmp_path: Path) -> None:
    served = place.server.path(NAME)
    (tmp_path / "home/a remote.git").symlink_to(served)
    for path in (served, *served.rglob("*")):
        os.chown(path, 12345, 12345, follow_symlinks=False)
    remote = Remote(url="~/a remote.git", token=None)
    # Some versions of git ask for this.
    (tmp_path / "home/.gitconfig").write_text(f'[safe]\n\tdirectory = "{served}"\n')
    with Scratch(place.checkout, remote, os.environ) as scratch:
        assert scratch.fetch("main") == {"main": place.first}


def test_what_a_job_before_left_in_a_checkout_gets_nothing_of_ours(place: Place, tmp_path: Path) -> None:
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\nenv >> '{tmp_path}/caught'\nexit 1\n")
    trap.chmod(0o755)
    (place.checkout / ".git/info/attributes").write_text("* filter=trap\n")
    left = {
        "http.proxy": "http://127.0.0.1:9",
        f"http.{place.server.address}/.proxy": "http://127.0.0.1:9",
        "url.http://127.0.0.1:9/.insteadOf": place.server.address,
        **dict.fromkeys(["credential.helper", "core.sshCommand", "core.fsmonitor", "core.hooksPath"], str(trap)),
        **dict.fromkeys(["filter.trap.clean", "filter.trap.smudge", "gpg.program"], str(trap)),
    }
    for key, value in left.items():
        git(place.checkout, "config", key, value)
    with place.open() as scratch:
        tip = scratch.fetch("main")["main"]
        scratch.push("main", add(scratch, str(tip), "docs/a.md", b"new\n"), expected=tip)
    assert place.server.show(NAME, "docs/a.md") == b"new\n"
    assert not (tmp_path / "caught").exists()


def test_without_a_repository_or_commit_it_says_so(place: Place, tmp_path: Path) -> None:
    place.checkout = tmp_path / "home"
    with pytest.raises(PublishError, match="no git repository"), place.open():
        pass
    git(place.checkout, "init", "-q")
    with pytest.raises(PublishError, match="no commit"), place.open():
        pass


def test_a_repository_of_sha256(place: Place, tmp_path: Path) -> None:
    server = place.server
    server.create("org/longer", object_format="sha256")
    first = server.seed("org/longer", {"a": "1"})
    checkout = server.clone("org/longer", tmp_path / "longer", "--depth=1")
    with Scratch(checkout, Remote(url=server.url("org/longer"), token=WRITER), os.environ) as scratch:
        made = scratch.commit(
            first, {"b": Entry("100644", scratch.store("b", b"2")), "a": None}, "x", BOT, source=first
        )
        scratch.push("main", made, expected=first)
    assert (len(made), server.files("org/longer")) == (64, ["b"])


# --- somebody else was first -----------------------------------------------------------------------------------------


def test_a_branch_that_moved_is_not_overwritten(place: Place) -> None:
    with place.open() as scratch:
        made = add(scratch, place.first, "docs/a.md", b"new\n")
        theirs = place.seed("notes.txt", "a person's\n")
        with pytest.raises(RejectedError):
            scratch.push("main", made, expected=place.first)
        with pytest.raises(RejectedError):
            scratch.push("main", made, expected=None)
        with pytest.raises(RejectedError):
            scratch.push("main", None, expected=place.first)
        with pytest.raises(RejectedError):
            scratch.push("gone", made, expected=place.first)
        scratch.push("gone", None, expected=place.first)  # somebody else deleted it: that is all that was wanted
    assert place.server.tip(NAME) == theirs


def test_a_branch_is_deleted_from_a_shallow_checkout_that_fell_behind(place: Place) -> None:
    """Where the server takes shallow pushes, its git crashes over the way that git itself would do it."""
    git(place.server.path(NAME), "config", "receive.shallowUpdate", "true")
    tip = [place.seed("notes.txt", str(number)) for number in range(4)][-1]
    with place.open() as scratch:
        scratch.fetch("main")
        made = add(scratch, tip, "docs/a.md", b"new\n")
        scratch.push("made", made, expected=None)
        scratch.push("made", None, expected=made)
    assert place.server.tip(NAME, "made") is None


def test_two_pushes_at_once_have_one_winner(place: Place) -> None:
    """The lease held when each looked: the server decides."""
    ready = place.server.path(NAME) / "ready"
    place.server.hook(
        NAME, f"cat >/dev/null; echo x >>'{ready}'", f"while [ $(wc -l <'{ready}') -lt 2 ]; do sleep 0.01; done"
    )

    def push(content: bytes) -> str:
        with place.open() as scratch:
            made = add(scratch, place.first, "docs/a.md", content)
            try:
                scratch.push("main", made, expected=place.first)
            except RejectedError:
                return "rejected"
            return made

    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(push, [b"one", b"two"]))
    assert sorted(end == "rejected" for end in ends) == [False, True]
    assert place.server.tip(NAME) in ends


def test_a_race_of_many_loses_nothing(place: Place) -> None:
    def publish(number: int) -> None:
        with place.open() as scratch:
            for _ in range(100):
                tip = str(scratch.fetch("main")["main"])
                made = add(scratch, tip, f"docs/{number}.md", b"%d" % number, f"report {number}")
                try:
                    return scratch.push("main", made, expected=tip)
                except RejectedError:
                    continue
            raise AssertionError("never won")

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(publish, number) for number in range(4)]
        place.seed("notes.txt", "a person's\n")
        assert [each.result() for each in done] == [None] * 4
    assert {f"report {number}" for number in range(4)} < set(place.server.log(NAME))
    assert len(place.server.log(NAME)) == 4 + 3
    assert {f"docs/{number}.md" for number in range(4)} < set(place.server.files(NAME))
    assert place.server.show(NAME, "notes.txt") == b"a person's\n"


# --- servers that fail -----------------------------------------------------------------------------------------------


def test_a_server_that_fails_once_is_asked_again(place: Place) -> None:
    with place.open() as scratch:
        place.server.failures = 1
        tip = str(scratch.fetch("main")["main"])
        place.server.failures = 1
        made = add(scratch, tip, "docs/a.md", b"new\n")
        scratch.push("main", made, expected=tip)
        place.server.failures = 9
        with pytest.raises(PublishError, match="can't be reached"):
            scratch.tips("main")
    assert place.server.tip(NAME) == made


def test_a_push_whose_answer_was_lost_is_not_done_twice(place: Place) -> None:
    with place.open() as scratch:
        made = add(scratch, place.first, "docs/a.md", b"new\n")
        place.server.lost_answers = 1
        scratch.push("main", made, expected=place.first)
        assert len(place.server.pushes()) == 1
        scratch.push("other", made, expected=None)
        place.server.lost_answers = 1
        scratch.push("other", None, expected=made)
    assert (place.server.tip(NAME), place.server.tip(NAME, "other")) == (made, None)


def test_nobody_is_there(place: Place) -> None:
    place.server.address = "http://127.0.0.1:1"
    with place.open() as scratch, pytest.raises(PublishError, match="can't be reached") as caught:
        scratch.tips("main")
    assert "kept" in caught.value.remedy


# --- refusals --------------------------------------------------------------------------------------------------------


def _bad_token(_place: Place) -> str:
    return "ghs_expired"


def _read_only(_place: Place) -> str:
    return READER


def _no_access(place: Place) -> str:
    place.server.tokens["other"] = "none"
    return "other"


def _archived(place: Place) -> str:
    place.server.archived.add(NAME)
    return WRITER


def _hook(*words: str) -> Callable[[Place], str]:
    def refusing(place: Place) -> str:
        place.server.refuse(NAME, *words)
        return WRITER

    return refusing


REFUSALS = [
    (_bad_token, "did not accept the credentials", "next run publishes"),
    (_read_only, "may read .* but not write", "contents: write"),
    (_no_access, "there is no repository", "needs access"),
    (_archived, "archived", "Unarchive"),
    (_hook("error: GH001: Large files detected."), "larger than the server takes", "LFS"),
    (_hook("error: GH013: Repository rule violations", "- GITHUB PUSH PROTECTION"), "found a secret", "`secrets`"),
    (
        _hook("refusing to allow a GitHub App to create or update workflow `x`"),
        "bring changes of workflows",
        "`workflow`",
    ),
    (_hook("No space left on device"), "server .* no space", "administrators"),
    (_hook("commits must name a ticket"), "declined the push", "says why"),
]


@pytest.mark.parametrize(("refusing", "what", "remedy"), REFUSALS)
def test_each_well_known_refusal_says_what_to_do(
    place: Place, refusing: Callable[[Place], str], what: str, remedy: str
) -> None:
    token = refusing(place)
    with place.open(token) as scratch:
        made = add(scratch, place.first, "docs/a.md", b"new\n")
        with pytest.raises(PublishError, match=what) as caught:
            scratch.push("main", made, expected=place.first)
    assert remedy in caught.value.remedy
    assert "hint:" not in caught.value.details
    assert len(place.server.pushes()) <= 1, "it was tried again in vain"
    assert place.server.tip(NAME) == place.first


@pytest.mark.parametrize(
    "words",
    [
        ("error: GH006: Protected branch update failed for refs/heads/main.", "error: At least 1 approving review"),
        (
            "error: GH013: Repository rule violations found for refs/heads/main.",
            "- Changes must be made through a pull",
        ),
        ("GitLab: You are not allowed to push code to protected branches on this project.",),
    ],
)
def test_a_protected_branch_is_told_from_other_refusals(place: Place, words: tuple[str, ...]) -> None:
    place.server.refuse(NAME, *words)
    with place.open() as scratch, pytest.raises(ProtectedBranchError) as caught:
        scratch.push("main", add(scratch, place.first, "docs/a.md", b"new\n"), expected=place.first)
    assert words[0] in caught.value.details


def test_what_a_hook_says_is_shown(place: Place) -> None:
    place.server.refuse(NAME, "commits must name a ticket")
    with place.open() as scratch, pytest.raises(PublishError) as caught:
        scratch.push("main", add(scratch, place.first, "docs/a.md", b"new\n"), expected=place.first)
    assert "remote: commits must name a ticket" in caught.value.details


@pytest.mark.parametrize(("there", "wanted"), [("a", "a/b"), ("a/b", "a")])
def test_a_branch_named_like_a_folder(place: Place, there: str, wanted: str) -> None:
    with place.open() as scratch:
        made = add(scratch, place.first, "docs/a.md", b"new\n")
        scratch.push(there, made, expected=None)
        with pytest.raises(PublishError, match="stands in the way") as caught:
            scratch.push(wanted, made, expected=None)
    assert "publish.branch" in caught.value.remedy


def test_a_renamed_repository_is_followed(place: Place) -> None:
    place.server.moved["org/old"] = NAME
    remote = Remote(url=place.server.url("org/old"), token=WRITER)
    with Scratch(place.checkout, remote, os.environ) as scratch:
        tip = scratch.fetch("main")["main"]
        assert tip == place.first
        scratch.push("main", add(scratch, tip, "docs/a.md", b"new\n"), expected=tip)
    assert place.server.show(NAME, "docs/a.md") == b"new\n"


# --- the token -------------------------------------------------------------------------------------------------------


@pytest.fixture
def command_lines() -> Iterator[set[bytes]]:
    """All that stood in command lines while the test ran."""
    seen: set[bytes] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.002):
            for process in Path("/proc").iterdir():
                if process.name.isdigit():
                    try:
                        seen.add((process / "cmdline").read_bytes())
                    except OSError:
                        continue

    thread = threading.Thread(target=watch)
    thread.start()
    yield seen
    over.set()
    thread.join()


def test_the_token_is_seen_nowhere(place: Place, command_lines: set[bytes], capfd: pytest.CaptureFixture[str]) -> None:
    place.server.latency = 0.03
    token = "ghs_nowhere-else-0123456789abcdefghijklmn"
    place.server.tokens[token] = "write"
    header = authorization(token).split()[-1]
    place.server.refuse(NAME, f"said {token} and {header} and https://x:{token}@example.org/ and https://a:b@c/")
    with place.open(token) as scratch:
        made = add(scratch, str(scratch.fetch("main")["main"]), "docs/a.md", b"new\n")
        with pytest.raises(PublishError) as caught:
            scratch.push("main", made, expected=place.first)
        files = [*scratch._folder.rglob("*"), *place.checkout.rglob("*")]
        stored = [path for path in files if path.is_file() and token.encode() in path.read_bytes()]
        stored += [path for path in files if path.is_file() and header.encode() in path.read_bytes()]
        shown = repr(scratch._theirs) + repr(scratch._git)
    error = caught.value
    said = "".join([error.what, error.where, error.remedy, error.details, *capfd.readouterr(), shown])
    assert any(b"git-remote-http" in line or b"remote-http" in line for line in command_lines)
    assert not [line for line in command_lines if token.encode() in line or header.encode() in line]
    assert stored == []
    assert token not in said
    assert header not in said
    assert "said *** and *** and https://***@example.org/ and https://***@c/" in said
    assert {request.token for request in place.server.requests if "receive-pack" in request.path} == {token}


def test_other_credentials_do_not_get_between(place: Place, tmp_path: Path) -> None:
    """Two Authorization headers are refused by GitHub; a rewritten address goes elsewhere."""
    address = place.server.address
    git(place.checkout, "config", f"http.{address}/.extraheader", authorization("ghs_of-the-checkout-step"))
    home = f"[http]\n\textraheader = {authorization('ghs_global')}\n"
    home += (
        f'[url "http://127.0.0.1:1/"]\n\tinsteadOf = {address}/\n[credential]\n\thelper = "!echo password=x; false"\n'
    )
    (tmp_path / "home/.gitconfig").write_text(home)
    with place.open() as scratch:
        scratch.push("main", add(scratch, place.first, "docs/a.md", b"new\n"), expected=place.first)
    assert place.server.show(NAME, "docs/a.md") == b"new\n"


def test_a_bad_token_asks_nobody(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = tmp_path / "asked"
    script = tmp_path / "ask"
    script.write_text(f"#!/bin/sh\ntouch '{asked}'\necho x\n")
    script.chmod(0o755)
    monkeypatch.setenv("GIT_ASKPASS", str(script))
    monkeypatch.setenv("SSH_ASKPASS", str(script))
    git(place.checkout, "config", "credential.helper", f"!touch '{asked}'; :")
    with place.open("ghs_bad") as scratch, pytest.raises(PublishError, match="credentials"):
        scratch.tips("main")
    assert not asked.exists()


def _in_the_configuration(place: Place, header: str, _folder: Path) -> None:
    git(place.checkout, "config", f"http.{place.server.address}/.extraheader", header)


def _in_a_file_for_this_checkout(place: Place, header: str, folder: Path) -> None:
    """As actions/checkout v6 does."""
    (folder / "credentials").write_text(f'[http "{place.server.address}/"]\n\textraheader = {header}\n')
    git(place.checkout, "config", f"includeIf.gitdir:{place.checkout}/.git.path", str(folder / "credentials"))


def _by_a_helper(place: Place, _header: str, _folder: Path) -> None:
    git(place.checkout, "config", "credential.helper", f"!printf 'username=x\\npassword={WRITER}\\n'; :")


def _by_an_alias(place: Place, _header: str, folder: Path) -> None:
    """An address with a password in it, in place of that of the remote."""
    login = place.server.address.replace("://", f"://x:{WRITER}@")
    (folder / "home/.gitconfig").write_text(f'[url "{login}/"]\n\tinsteadOf = {place.server.address}/\n')


OWN = [_in_the_configuration, _in_a_file_for_this_checkout, _by_a_helper, _by_an_alias]


@pytest.mark.parametrize("way", OWN)
def test_without_a_token_the_persons_own_credentials_serve(
    place: Place, tmp_path: Path, way: Callable[[Place, str, Path], None]
) -> None:
    way(place, authorization(WRITER), tmp_path)
    with place.open(None) as scratch:
        tip = str(scratch.fetch("main")["main"])
        scratch.push("main", add(scratch, tip, "docs/a.md", b"new\n"), expected=tip)
    assert place.server.show(NAME, "docs/a.md") == b"new\n"


def test_without_any_credentials_nobody_is_asked(place: Place) -> None:
    with place.open(None) as scratch, pytest.raises(PublishError, match="did not accept the credentials"):
        scratch.tips("main")


def test_a_remote_that_is_a_folder(place: Place) -> None:
    remote = Remote(url=str(place.server.path(NAME)), token=None)
    with Scratch(place.checkout, remote, os.environ) as scratch:
        tip = str(scratch.fetch("main")["main"])
        scratch.push("main", add(scratch, tip, "docs/a.md", b"new\n"), expected=tip)
    assert place.server.show(NAME, "docs/a.md") == b"new\n"
