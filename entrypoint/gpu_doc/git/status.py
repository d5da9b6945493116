"""Which files are not in the checked-out commit, and which belong to another repository inside the checkout."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gpu_doc.git.asking import ask


def submodules(tree: Path, folders: Iterable[str]) -> frozenset[str]:
    """Those of the folders that are submodules, by the index; paths are from the tree's top."""
    wanted = list(folders)
    listed = ask(tree, "--literal-pathspecs", "ls-files", "--stage", "-z", "--", *wanted) if wanted else ""
    entries = (entry.partition("\t") for entry in (listed or "").split("\0"))
    return frozenset(path for about, _, path in entries if about.startswith("160000") and path in wanted)


def uncommitted(tree: Path, paths: Iterable[str]) -> set[str]:
    """The files at or below paths that differ from HEAD, without ignored ones; paths are from the tree's top.

    A submodule differs if its commit is not the one that HEAD names.
    """
    wanted, inner = set(paths), dict[str, set[str]]()
    for path in wanted:
        above = [folder.as_posix() for folder in Path(path).parents][:-1]
        if nested := next((folder for folder in reversed(above) if (tree / folder / ".git").exists()), None):
            inner.setdefault(nested, set()).add(path.removeprefix(f"{nested}/"))
    options = ("--porcelain", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=dirty")
    status = ask(tree, "status", *options) or ""
    changed = {entry[3:].rstrip("/") for entry in status.split("\0") if entry}
    found = {
        path
        for path in changed
        if path in wanted
        or not wanted.isdisjoint(map(Path.as_posix, Path(path).parents))
        or any(f"{each}/".startswith(f"{path}/") for each in inner)
    }
    for nested, below in inner.items():
        found |= {f"{nested}/{path}" for path in uncommitted(tree / nested, below)}
    return found


def removed(folder: Path, pathspecs: Iterable[str]) -> set[str]:
    """The files in HEAD, but not in the checkout, that pathspecs in a folder match; paths are from the tree's top.

    A file that a sparse checkout leaves out does not count.
    """
    options = ("--name-only", "--no-renames", "--diff-filter=D", "-z", "HEAD")
    # One by one: git refuses all of them if one leads out of the repository.
    listed = [ask(folder, "diff", *options, "--", each) or "" for each in set(pathspecs)]
    return {path for each in listed for path in each.split("\0") if path}


def ignored(tree: Path, paths: Iterable[str]) -> set[str]:
    """Those of the paths that git ignores and does not track; from the tree's top."""
    wanted = [path for path in paths if not _in_nested(tree, path)]
    options = ("--others", "--ignored", "--exclude-standard")
    listed = ask(tree, "--literal-pathspecs", "ls-files", "-z", *options, "--", *wanted) if wanted else ""
    return set((listed or "").split("\0")) & set(wanted)


def _in_nested(tree: Path, path: str) -> bool:
    """Whether a path is in another repository inside the tree."""
    return any((tree / folder / ".git").exists() for folder in list(Path(path).parents)[:-1])
