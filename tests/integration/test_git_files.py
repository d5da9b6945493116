"""History in shallow checkouts, what filters make of a file, and signatures: with git as users have it."""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import product
from pathlib import Path

import pytest
from tests.integration.git_server import WRITER, GitServer, git

from gpu_doc.errors import PublishError
from gpu_doc.git.commits import Entry, Identity, Remote
from gpu_doc.git.scratch import Scratch

pytestmark = pytest.mark.needs("git")

BOT = Identity(name="A Bot", email="bot@example.org", sign=False)
SIGNER = Identity(name="A Bot", email="bot@example.org", sign=True)
NAME = "org/reports"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any configuration."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "SSH_AUTH_SOCK"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with one commit, that is its own remote."""
    folder = tmp_path / "tree"
    folder.mkdir()
    git(folder, "init", "-q")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    return folder


def opened(tree: Path) -> Scratch:
    return Scratch(tree, Remote(url=str(tree), token=None), os.environ)


# --- history ---------------------------------------------------------------------------------------------------------


def merged(server: GitServer, topic: str, message: str) -> str:
    """A merge into main, as GitHub makes it."""
    folder = server.path(NAME)
    parents = [argument for commit in (server.tip(NAME), topic) for argument in ("-p", str(commit))]
    commit = git(folder, "commit-tree", *parents, "-m", message, f"{topic}^{{tree}}")
    git(folder, "update-ref", "refs/heads/main", commit)
    return commit


@pytest.fixture
def shallow(git_server: GitServer, tmp_path: Path) -> tuple[GitServer, list[str], Path]:
    """A server, the commits of its main branch, and a checkout of the fifth, which knows no other."""
    git_server.create(NAME)
    commits = [git_server.seed(NAME, {f"{number}.txt": "x"}) for number in range(5)]
    return git_server, commits, git_server.clone(NAME, tmp_path / "shallow", "--depth=1")


def remote(server: GitServer) -> Remote:
    return Remote(url=server.url(NAME), token=WRITER)


def test_a_shallow_checkout_knows_which_commit_is_older(shallow: tuple[GitServer, list[str], Path]) -> None:
    server, commits, checkout = shallow
    commits += [server.seed(NAME, {f"{number}.txt": "x"}) for number in range(5, 11)]
    elsewhere = server.seed(NAME, {"a": "b"}, branch="elsewhere")
    with Scratch(checkout, remote(server), os.environ) as scratch:
        assert scratch.is_ancestor(commits[1], commits[4])
        assert not scratch.is_ancestor(commits[4], commits[1])
        scratch.fetch("main")
        assert scratch.is_ancestor(commits[4], commits[10])
        assert scratch.is_ancestor(commits[4], commits[7])
        assert not scratch.is_ancestor(commits[10], commits[4])
        assert not scratch.is_ancestor(commits[4], elsewhere)
        assert not scratch.is_ancestor("0" * 39 + "1", commits[10])
        assert not scratch.is_ancestor(commits[10], "0" * 39 + "1")
    assert (checkout / ".git/shallow").read_text().split() == [commits[4]]


def test_old_files_are_not_fetched_to_learn_that(shallow: tuple[GitServer, list[str], Path]) -> None:
    """Years of pictures would come with them."""
    server, commits, checkout = shallow
    old = server.seed(NAME, {"old.bin": os.urandom(1_000_000)}, branch="side")
    server.seed(NAME, {"old.bin": "small"}, branch="side")
    tip = merged(server, str(server.tip(NAME, "side")), "merge")
    with Scratch(checkout, remote(server), os.environ) as scratch:
        scratch.fetch("main")
        assert scratch.is_ancestor(old, tip)
        assert scratch.is_ancestor(commits[4], tip)
        size = sum(path.stat().st_size for path in (scratch._folder / "history").rglob("*"))
        assert size < 100_000


def test_the_last_commit_that_touched_a_file(shallow: tuple[GitServer, list[str], Path]) -> None:
    server, commits, checkout = shallow
    wanted = server.seed(NAME, {"docs/a.assets/p.png": "1"})
    tip = [server.seed(NAME, {"other": str(number)}) for number in range(4)][-1]
    with Scratch(checkout, remote(server), os.environ) as scratch:
        scratch.fetch("main")
        found = scratch.last_commit_of(tip, ["docs/a.md", "docs/a.assets"], beyond=commits[4])
        assert found
        assert found.sha == wanted
        assert scratch.last_commit_of(tip, ["3.txt"], beyond=commits[4]) is None
        assert scratch.last_commit_of(tip, ["3.txt"]) is None, "the shallow commit did not add it"


def test_history_with_merges_of_old_branches(shallow: tuple[GitServer, list[str], Path]) -> None:
    server, commits, checkout = shallow
    git(server.path(NAME), "branch", "topic", commits[1])
    topic = server.seed(NAME, {"topic": "x"}, branch="topic")
    merge = merged(server, topic, "merge an old branch")
    tip = [server.seed(NAME, {"other": str(number)}) for number in range(3)][-1]
    with Scratch(checkout, remote(server), os.environ) as scratch:
        scratch.fetch("main")
        assert scratch.is_ancestor(commits[4], tip)
        found = scratch.last_commit_of(tip, ["topic"], beyond=commits[4])
        assert found
        assert found.sha in (merge, topic)


# --- files as `git add` takes them -----------------------------------------------------------------------------------

ATTRIBUTES = ["", "* text=auto\n", "* text=auto eol=crlf\n", "*.md text eol=crlf\n", "*.md -text\n", "*.md text\n"]
SETTINGS = ["", "autocrlf = true", "autocrlf = input", "eol = crlf"]
LINES = [b"a\nb\n", b"a\r\nb\r\n", b"a\nb\r\n", b"a\r\n\0"]

TELLING = [
    ("", "", LINES[1]),
    ("", "autocrlf = true", None),
    ("", "autocrlf = true", LINES[1]),
    ("* text=auto\n", "", LINES[1]),
    ("*.md text eol=crlf\n", "", LINES[1]),
    ("*.md -text\n", "autocrlf = true", LINES[1]),
]


@pytest.mark.parametrize(
    "cases",
    [TELLING, pytest.param([*product(ATTRIBUTES, SETTINGS, [None, *LINES[:3]])], marks=pytest.mark.stress)],
    ids=["telling", "all"],
)
def test_line_ends_become_what_git_add_makes_of_them(
    tmp_path: Path, cases: list[tuple[str, str, bytes | None]]
) -> None:
    for number, (attributes, setting, before) in enumerate(cases):
        tree = tmp_path / f"tree{number}"
        tree.mkdir()
        git(tree, "init", "-q")
        if before:
            (tree / "a.md").write_bytes(before)
            git(tree, "add", "a.md")
        git(tree, "commit", "-q", "--allow-empty", "-m", "before")
        (tree / ".gitattributes").write_text(attributes)
        with (tree / ".git/config").open("a") as file:
            file.write(f"[core]\n{setting}\n")
        with opened(tree) as scratch:
            ours = [scratch.store("a.md", content) for content in LINES]
        assert ours == [added(tree, content) for content in LINES], (attributes, setting, before)


def added(tree: Path, content: bytes) -> str:
    """The id that `git add` gives to a file, whatever is in the index afterwards."""
    (tree / "a.md").write_bytes(content)
    git(tree, "add", "a.md")
    blob = git(tree, "rev-parse", ":a.md")
    git(tree, "reset", "-q", "--", "a.md")
    return blob


def test_the_checkouts_own_filters_are_applied(tree: Path) -> None:
    (tree / "upper.sh").write_text("tr a-z A-Z")
    git(tree, "config", "filter.upper.clean", "sh ./upper.sh")
    (tree / ".gitattributes").write_text("*.md filter=upper\n")
    (tree / ".git/info/attributes").write_text("*.txt filter=upper\n")
    (tree / "docs").mkdir()
    (tree / "docs/.gitattributes").write_text("plain.md -filter\n*.py ident\n")
    with opened(tree) as scratch:
        paths = ("docs/a.md", "docs/plain.md", "docs/a.py", "docs/a.txt")
        stored = {path: scratch.store(path, b"a $Id: x $") for path in paths}
        read = {path: scratch._git.ask("cat-file", "blob", blob).output for path, blob in stored.items()}
    assert read == dict(zip(paths, [b"A $ID: X $", b"a $Id: x $", b"a $Id$", b"A $ID: X $"], strict=True))
    assert git(tree, "count-objects") == "2 objects, 8 kilobytes"


def test_a_filter_that_fails_is_no_reason_to_publish_what_it_should_have_changed(tree: Path) -> None:
    git(tree, "config", "filter.strip.clean", "false")
    git(tree, "config", "filter.strip.required", "true")
    (tree / ".gitattributes").write_text("*.md filter=strip\n")
    with opened(tree) as scratch, pytest.raises(PublishError, match=r"a filter that .* asks for failed"):
        scratch.store("a.md", b"x")


# --- Git LFS ---------------------------------------------------------------------------------------------------------

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 9\n" % (b"0" * 64)


@pytest.fixture
def large(git_server: GitServer, tmp_path: Path) -> tuple[GitServer, Path]:
    """A repository whose pictures belong to Git LFS; the checkout never heard of it."""
    git_server.create(NAME)
    git_server.seed(NAME, {".gitattributes": "*.png filter=lfs diff=lfs merge=lfs -text\n", "old.png": POINTER})
    return git_server, git_server.clone(NAME, tmp_path / "large", "--depth=1")


@pytest.mark.needs("git-lfs")
def test_large_files_are_uploaded_and_pointed_to(large: tuple[GitServer, Path]) -> None:
    server, checkout = large
    first = str(server.tip(NAME))
    with Scratch(checkout, remote(server), os.environ) as scratch:
        entries = {"docs/ü.png": Entry("100644", scratch.store("docs/ü.png", b"PNG" * 1000))}
        made = scratch.commit(first, entries, "pictures", BOT, source=first)
        scratch.push("main", made, expected=first)
    oid = next(iter(server.large_files))
    assert server.large_files[oid] == b"PNG" * 1000
    assert f"oid sha256:{oid}\nsize 3000" in server.show(NAME, "docs/ü.png").decode()
    assert not (checkout / ".git/lfs").exists()


@pytest.mark.needs("git-lfs")
def test_without_the_upload_no_pointer_is_pushed(large: tuple[GitServer, Path]) -> None:
    server, checkout = large
    server.takes_large_files = False
    first = str(server.tip(NAME))
    with Scratch(checkout, remote(server), os.environ, pauses=()) as scratch:
        entries = {"a.png": Entry("100644", scratch.store("a.png", b"PNG"))}
        made = scratch.commit(first, entries, "pictures", BOT, source=first)
        with pytest.raises(PublishError, match="Git LFS") as caught:
            scratch.push("main", made, expected=first)
    assert "over its data quota" in caught.value.details
    assert server.tip(NAME) == first


def test_without_git_lfs_no_picture_is_committed_whole(
    large: tuple[GitServer, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, checkout = large
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git", "sh", "env"):
        (programs / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(programs))
    with Scratch(checkout, remote(server), os.environ) as scratch:
        with pytest.raises(PublishError, match="Git LFS") as caught:
            scratch.store("a.png", b"PNG")
        assert "Install git-lfs" in caught.value.remedy
        pointer = scratch.store("old.png", POINTER)
        assert scratch.entries(str(server.tip(NAME)), ["old.png"]) == {"old.png": Entry("100644", pointer)}


# --- signatures ------------------------------------------------------------------------------------------------------


@pytest.mark.needs("ssh")
def test_a_commit_is_signed_with_the_persons_key(tree: Path, home: Path) -> None:
    key = home / "a key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (home / ".gitconfig").write_text(f'[gpg]\n\tformat = ssh\n[user]\n\tsigningkey = "{key}"\n')
    (home / "allowed").write_text(f"bot@example.org {key.with_suffix('.pub').read_text()}")
    first = git(tree, "rev-parse", "HEAD")
    with opened(tree) as scratch:
        made = scratch.commit(first, {"a": Entry("100644", scratch.store("a", b""))}, "x", SIGNER, source=first)
        assert scratch.commit_at(made).intact
        scratch.push("signed", made, expected=None)
    git(tree, "-c", f"gpg.ssh.allowedSignersFile={home / 'allowed'}", "verify-commit", made)


def test_a_commit_that_cannot_be_signed_is_none(tree: Path, home: Path) -> None:
    (home / ".gitconfig").write_text('[gpg]\n\tformat = ssh\n[user]\n\tsigningkey = "/nowhere"\n')
    first = git(tree, "rev-parse", "HEAD")
    with opened(tree) as scratch, pytest.raises(PublishError, match="can't be signed") as caught:
        scratch.commit(first, {}, "x", SIGNER, source=first)
    assert "publish.sign" in caught.value.remedy
    assert caught.value.details
