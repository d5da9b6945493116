from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.git_server import git

from gpu_doc.git.checkout import commit_of_head, current_branch, head_commit

pytestmark = pytest.mark.needs("git")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    tree = tmp_path / "a tree"
    tree.mkdir()
    git(tree, "init", "-q")
    git(tree, "commit", "-q", "--allow-empty", "-m", "first")
    return tree


def told(tree: Path) -> tuple[str, str]:
    """What git itself says."""
    return git(tree, "rev-parse", "HEAD"), git(tree, "rev-parse", "--abbrev-ref", "HEAD")


def test_a_branch_that_is_checked_out(repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "feature/näme")
    assert (head_commit(repository), current_branch(repository)) == told(repository)


def test_a_branch_whose_reference_is_packed(repository: Path) -> None:
    git(repository, "branch", "mai")
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    git(repository, "pack-refs", "--all")
    assert (head_commit(repository), current_branch(repository)) == told(repository)


def test_a_commit_that_is_checked_out(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    assert head_commit(repository) == told(repository)[0]
    assert current_branch(repository) is None


def test_a_work_tree_of_its_own(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git(repository, "worktree", "add", "-q", "-b", "side", str(other))
    git(other, "commit", "-q", "--allow-empty", "-m", "on the side")
    assert (head_commit(other), current_branch(other)) == told(other)
    assert head_commit(repository) != head_commit(other)


def test_a_submodule(repository: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "submodule", "add", "-q", str(repository), "inner")
    assert (head_commit(outer / "inner"), current_branch(outer / "inner")) == told(outer / "inner")


def test_without_a_commit(tmp_path: Path) -> None:
    assert head_commit(tmp_path) is None
    assert current_branch(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert head_commit(tmp_path) is None
    assert commit_of_head(tmp_path) is None
    assert current_branch(tmp_path) == "main"


def test_the_commit_that_is_checked_out_in_full(repository: Path) -> None:
    (repository / "a").write_text("")
    git(repository, "add", "a")
    git(repository, "commit", "-q", "-m", "Zweite Ü\n\nWhy.", GIT_AUTHOR_NAME="Ä Person", GIT_AUTHOR_EMAIL="a@b")
    found = commit_of_head(repository)
    assert found
    assert found.sha == git(repository, "rev-parse", "HEAD")
    assert found.parents == (git(repository, "rev-parse", "HEAD^"),)
    assert found.tree == git(repository, "rev-parse", "HEAD^{tree}")
    assert (found.author, found.message.rstrip()) == ("Ä Person <a@b>", "Zweite Ü\n\nWhy.")
    assert (found.source, found.intact) == (None, False)
