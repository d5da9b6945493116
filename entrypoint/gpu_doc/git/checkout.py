"""Facts about the checkout, from GitPython or, where every millisecond counts, from git's files."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.git import asking
from gpu_doc.git.asking import ask

if TYPE_CHECKING:
    from gpu_doc.git.commits import Commit

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def work_tree(folder: Path) -> Path | None:
    """The root of the repository around a folder, found by its `.git`; None if there is none."""
    for place in (folder, *folder.parents):
        if (place / ".git").exists():
            return place
    return None


def clean_commit(root: Path, *, own_files: Iterable[str]) -> str | None:
    """The checked-out commit, if at most our own files differ from it; else None. None without git or a commit.

    `own_files` are paths relative to `root`; a folder has a trailing slash.
    """
    tree = work_tree(root)
    if tree is None:
        return None
    commit = ask(tree, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    status = ask(tree, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames")
    if commit is None or status is None:
        return None
    ours = _from_top(root, tree, own_files)
    changed = [entry[3:] for entry in status.split("\0") if entry]
    return commit if all(_is_ours(path, ours) for path in changed) else None


def is_changed(root: Path, *, own_files: Iterable[str]) -> bool:
    """Whether a tracked file, except our own files, differs from the checked-out commit."""
    tree = work_tree(root)
    status = ask(tree, "status", "--porcelain", "-z", "--untracked-files=no", "--no-renames") if tree else ""
    if tree is None or status is None:
        return True
    ours = _from_top(root, tree, own_files)
    return not all(_is_ours(entry[3:], ours) for entry in status.split("\0") if entry)


def containing(tree: Path, commit: str) -> frozenset[str]:
    """The commits of all local references whose history contains a commit."""
    listed = ask(tree, "for-each-ref", "--contains", commit, "--format=%(objectname) %(*objectname)")
    return frozenset((listed or "").split())


def _from_top(root: Path, tree: Path, names: Iterable[str]) -> tuple[str, ...]:
    """Convert paths below root to paths from the repository's top."""
    prefix = root.relative_to(tree).as_posix()
    return tuple(name if prefix == "." else f"{prefix}/{name}" for name in names)


def _is_ours(path: str, ours: tuple[str, ...]) -> bool:
    return any(path.startswith(own) if own.endswith("/") else path == own for own in ours)


def tracked_files(root: Path, path: str) -> frozenset[str] | None:
    """The files at or below a path that git tracks, relative to root; None without git."""
    if work_tree(root) is None:
        return None
    listed = ask(root, "--literal-pathspecs", "ls-files", "-z", "--", path)
    return None if listed is None else frozenset(listed.split("\0")) - {""}


def ignored_files(tree: Path, paths: Collection[str]) -> frozenset[str]:
    """Those of some paths, relative to the repository's top, that git ignores; none without git."""
    # Beyond a link to a folder, git knows nothing.
    real = {path: os.path.realpath(tree / path) for path in {path.rpartition("/")[0] for path in paths}}
    top = os.path.realpath(tree)
    known = [path for path in paths if real[parent := path.rpartition("/")[0]] == os.path.normpath(f"{top}/{parent}")]
    return frozenset(asking.ask_about(tree, known, "check-ignore") or () if known else ())


def left_out(root: Path, path: str) -> str:
    """Return a message if a sparse checkout leaves out a tracked file at a path; else empty.

    `path` is relative to root, or a pattern as in `:(glob)src/**`.
    """
    if work_tree(root) is None:
        return ""
    listed = (ask(root, "ls-files", "-t", "-z", "--", path) or "").split("\0")
    names = [entry.removeprefix("S ") for entry in listed if entry.startswith("S ")]
    if not names:
        return ""
    folder = names[0].rpartition("/")[0] or names[0]
    return (
        f": this is a sparse checkout, which leaves {'it' if names == [path] else names[0]} out; "
        f"`git sparse-checkout add {shlex.quote(folder)}` brings it"
    )


def changed_files(tree: Path, paths: Iterable[str]) -> list[str]:
    """The files at or below paths that differ from HEAD or are untracked; paths are from the tree's top.

    Ignored files count too, or the ignored folder as one: what we write there is still published.
    If git gives no answer, return all of `paths`: they are then checked without need.
    """
    wanted = list(paths)
    options = ("--porcelain", "-z", "--untracked-files=all", "--no-renames", "--ignored=matching")
    status = ask(tree, "--literal-pathspecs", "status", *options, "--", *wanted)
    return wanted if status is None else [entry[3:] for entry in status.split("\0") if entry]


def head_commit(tree: Path) -> str | None:
    """The id of the checked-out commit; None without one."""
    with suppress(OSError):
        head = _head(tree)
        if found := head if _SHA.fullmatch(head) else _reference(_git_folder(tree), head.removeprefix("ref: ")):
            return found
    return ask(tree, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")  # references may be kept in other ways


def current_branch(tree: Path) -> str | None:
    """The checked-out branch; None if HEAD is a commit, or if git can't read it."""
    name = None
    with suppress(OSError):
        head = _head(tree)
        if head == "ref: refs/heads/.invalid":  # references are kept in another way (git help reftable)
            name = ask(tree, "symbolic-ref", "--quiet", "HEAD")
        elif head.startswith("ref: "):
            name = head.removeprefix("ref: ")
    return name.removeprefix("refs/heads/") if name and name.startswith("refs/heads/") else None


def commit_of_head(tree: Path) -> Commit | None:
    """The checked-out commit; None without one."""
    from gpu_doc.git import commits

    sha = head_commit(tree)
    raw = ask(tree, "cat-file", "commit", sha) if sha else None
    return commits.parsed(sha, raw.encode("utf-8", "surrogateescape")) if sha and raw else None


def commit_named(tree: Path, name: str) -> str | None:
    """The id of the commit that a branch, a tag or another name refers to; None if git knows none."""
    return None if name.startswith("-") else ask(tree, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")


def content(tree: Path, commit: str, path: str) -> bytes | None:
    """A file's content in a commit, as git stores it, by its path from the top; None if there is no such file."""
    return asking.ask_for_bytes(tree, "cat-file", "blob", f"{commit}:{path}")


def _git_folder(tree: Path) -> Path:
    """The repository's folder. For linked work trees and submodules, the file `.git` names it."""
    place = tree / ".git"
    if place.is_dir():
        return place
    return tree / place.read_text("utf-8", "surrogateescape").rstrip("\n").removeprefix("gitdir: ")


def _head(tree: Path) -> str:
    return (_git_folder(tree) / "HEAD").read_text("utf-8", "surrogateescape").rstrip("\n")


def _reference(folder: Path, name: str) -> str | None:
    """The commit of a branch, from its file or from packed-refs (git help gitrepository-layout)."""
    common = folder / "commondir"
    shared = folder / common.read_text("utf-8", "surrogateescape").rstrip("\n") if common.exists() else folder
    with suppress(FileNotFoundError, NotADirectoryError):
        sha = (shared / name).read_text("utf-8", "replace").strip()
        return sha if _SHA.fullmatch(sha) else None  # only git can follow a symbolic one
    with suppress(FileNotFoundError):
        for line in (shared / "packed-refs").read_text("utf-8", "surrogateescape").splitlines():
            sha, _, packed = line.partition(" ")
            if packed == name:
                return sha
    return None


def identity(tree: Path) -> tuple[str, str] | None:
    """The name and address that git would commit with; None if it knows none."""
    answer = ask(tree, "var", "GIT_AUTHOR_IDENT")
    name, _, rest = (answer or "").partition(" <")
    address, closed, _ = rest.partition(">")
    return (name, address) if name and closed else None


def signs_commits(tree: Path) -> bool:
    """Whether git is configured to sign commits."""
    return ask(tree, "config", "--type=bool", "commit.gpgsign") == "true"


# --- its remotes ------------------------------------------------------------------------------------------------------


def push_remote(tree: Path, branch: str | None) -> str | None:
    """The remote that `git push` would push a branch to; None if there is none.

    git help config: branch.<name>.pushRemote, remote.pushDefault, branch.<name>.remote; else origin, or the only one.
    """
    keys = [f"branch.{branch}.pushRemote", "remote.pushDefault", f"branch.{branch}.remote"]
    for key in keys if branch else keys[1:2]:
        if (name := ask(tree, "config", "--get", key)) and name != ".":
            return name
    names = (ask(tree, "remote") or "").splitlines()
    return "origin" if "origin" in names else names[0] if len(names) == 1 else None


def push_url(tree: Path, remote: str) -> str | None:
    """The address that `git push` to a remote (or to an address) would use, independent of the current folder."""
    url = ask(tree, "remote", "get-url", "--push", remote)
    if url is None:
        # git also accepts an address in place of a name (git help push, "GIT URLS").
        url = remote if re.search(r"[/:]", remote) or (tree / remote).exists() else None
    is_relative = url and not re.match(r"[^/]*:|/|~", url)  # `host:path` is for ssh, unless a slash comes first
    return str(Path(os.path.abspath(tree / url))) if url and is_relative else url  # noqa: PTH100 - links stay


def own_urls(tree: Path) -> tuple[str, ...]:
    """The addresses of `origin`, as configured and as git rewrites them; empty without one."""
    answer = [
        ask(tree, *words) for words in (("config", "--get-all", "remote.origin.url"), ("remote", "get-url", "origin"))
    ]
    return tuple(dict.fromkeys(url for text in answer for url in (text or "").splitlines()))
