"""The only door to git, through GitPython and, where every millisecond counts, through files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def work_tree(folder: Path) -> Path | None:
    """The root of the repository that a folder lies in, found by its `.git`; None outside of one."""
    for place in (folder, *folder.parents):
        if (place / ".git").exists():
            return place
    return None


def clean_commit(root: Path, *, own_files: Iterable[str]) -> str | None:
    """The commit that the checkout is, where nothing but our own files differs from it; else None.

    `own_files` are paths relative to `root`, a folder with a trailing slash. None as well without git or a commit.
    """
    tree = work_tree(root)
    if tree is None:
        return None
    import git

    try:
        repository = git.Repo(tree)
        commit = str(repository.head.commit.hexsha)
        status: str = repository.git.status("--porcelain", "-z", "--untracked-files=all", "--no-renames")
    except (git.GitError, ValueError, OSError):  # ValueError: a repository without a commit
        return None
    prefix = root.relative_to(tree).as_posix()
    ours = tuple(name if prefix == "." else f"{prefix}/{name}" for name in own_files)
    changed = [entry[3:] for entry in status.split("\0") if entry]
    return commit if all(_is_ours(path, ours) for path in changed) else None


def _is_ours(path: str, ours: tuple[str, ...]) -> bool:
    return any(path.startswith(own) if own.endswith("/") else path == own for own in ours)


def is_untracked(root: Path, path: str) -> bool:
    """Whether git does not carry a path inside root, so that another checkout lacks it. Without git: False."""
    tree = work_tree(root)
    if tree is None:
        return False
    import git

    try:
        return not git.Repo(tree).git.ls_files("--", str(root / path))
    except (git.GitError, ValueError, OSError):
        return False
