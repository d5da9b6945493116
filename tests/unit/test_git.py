from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gpu_doc.git.checkout import clean_commit, tracked_files


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "a.ipynb").write_text("{}")
    (tmp_path / "with space.md").write_text("")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "x")
    return tmp_path


def test_a_clean_checkout_names_its_commit(repository: Path) -> None:
    assert clean_commit(repository, own_files=[]) == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize("name", ["a.ipynb", "new file"])
def test_a_dirty_tree_names_none(repository: Path, name: str) -> None:
    (repository / name).write_text("changed")
    assert clean_commit(repository, own_files=["docs/a.md"]) is None


def test_our_own_files_do_not_make_it_dirty(repository: Path) -> None:
    (repository / "docs/a.assets").mkdir(parents=True)
    (repository / "docs/a.assets/p.png").write_text("")
    (repository / "with space.md").write_text("report")
    own = ["with space.md", "docs/a.assets/"]
    assert clean_commit(repository, own_files=own) == git(repository, "rev-parse", "HEAD")


def test_root_may_be_a_folder_of_the_repository(repository: Path) -> None:
    root = repository / "sub"
    root.mkdir()
    (root / "report.md").write_text("")
    assert clean_commit(root, own_files=["report.md"]) == git(repository, "rev-parse", "HEAD")


def test_without_git_or_commit_there_is_none(tmp_path: Path) -> None:
    assert clean_commit(tmp_path, own_files=[]) is None
    git(tmp_path, "init", "-q")
    assert clean_commit(tmp_path, own_files=[]) is None


def test_git_lists_what_it_carries_to_other_checkouts(repository: Path) -> None:
    (repository / "local").mkdir()
    (repository / "local/x").write_text("")
    (repository / "a[1].csv").write_text("")
    git(repository, "add", "a[1].csv")
    assert tracked_files(repository, "local") == frozenset()
    assert tracked_files(repository, "a.ipynb") == frozenset({"a.ipynb"})
    assert tracked_files(repository, "a[1].csv") == frozenset({"a[1].csv"}), "a path is no pattern"
    assert tracked_files(repository, ".") == frozenset({"a.ipynb", "a[1].csv", "with space.md"})


def test_without_git_nobody_knows_what_it_carries(tmp_path: Path) -> None:
    assert tracked_files(tmp_path, "a") is None
    (tmp_path / ".git").write_text("garbage")
    assert tracked_files(tmp_path, "a") is None
    assert clean_commit(tmp_path, own_files=[]) is None


def test_a_work_tree_of_its_own_is_known_by_its_git_file(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", "--detach", str(tmp_path / "-other ä"))
    other = tmp_path / "-other ä"
    assert clean_commit(other, own_files=[]) == git(repository, "rev-parse", "HEAD")
    assert tracked_files(other, "a.ipynb") == frozenset({"a.ipynb"})
