from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.git_server import git

from gpu_doc.git.status import ignored, submodules, uncommitted

pytestmark = pytest.mark.needs("git")


def commit(tree: Path, *files: str) -> None:
    for name in files:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("first\n")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "files")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    git(tree, "init", "-q")
    commit(tree, "a.py", "data/x.csv", "not used.py")
    return tree


def test_what_a_commit_does_not_have_is_uncommitted(tree: Path) -> None:
    assert uncommitted(tree, ["a.py", "data", "new.py"]) == set()
    (tree / "not used.py").write_text("changed")
    (tree / "data/ü.csv").write_text("untracked")
    (tree / "new.py").write_text("staged")
    git(tree, "add", "new.py")
    (tree / "data/x.csv").unlink()
    assert uncommitted(tree, ["a.py", "data", "new.py"]) == {"data/x.csv", "data/ü.csv", "new.py"}
    assert uncommitted(tree, ["a.py"]) == set()


def test_what_git_ignores_is_told_apart(tree: Path) -> None:
    (tree / ".gitignore").write_text("*.cache\n")
    commit(tree, "b.py")
    (tree / "data/a.cache").write_text("")
    assert uncommitted(tree, ["data", "data/a.cache"]) == set()
    assert ignored(tree, ["data/a.cache", "a.py"]) == {"data/a.cache"}


def test_what_lies_in_a_submodule_counts_by_the_commit_that_is_named(tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    commit(other, "m.py", "n.py")
    git(tree, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "lib/sub")
    commit(tree, "b.py")
    assert submodules(tree, ["lib", "lib/sub", "data"]) == {"lib/sub"}
    (tree / "lib/sub/n.py").write_text("changed")
    assert uncommitted(tree, ["lib/sub/m.py"]) == set()
    assert uncommitted(tree, ["lib/sub/n.py"]) == {"lib/sub/n.py"}
    commit(tree / "lib/sub", "o.py")
    assert uncommitted(tree, ["lib/sub/m.py"]) == {"lib/sub"}
