"""A temporary repository from which results are pushed. It uses the checkout's objects and changes nothing there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from itertools import count
from pathlib import Path
from types import TracebackType

from gpu_doc.errors import PublishError
from gpu_doc.git import commits, lfs, refusals
from gpu_doc.git.commits import Commit, Entry, Identity, Remote
from gpu_doc.git.program import PAUSES, Done, Program
from gpu_doc.git.refusals import GoneError, RejectedError
from gpu_doc.git.repository import Origin, Repository
from gpu_doc.system.temporary import private_folder

_DEPTH = 3
"""Generations of a branch's history that a shallow checkout fetches: a merge, our commit below, and its parent."""

_DEPTHS_OF_COMMITS = (100, 5000)
"""Generations that it fetches to tell which of two commits is older: 5000, without files, are about 1 MB."""

_MANY = 500
"""The most paths in one command line."""


class Scratch(AbstractContextManager["Scratch"]):
    """Fetches, builds commits, pushes. Not safe for several threads.

    Every method raises PublishError, with a remedy, if git or the server refuses.
    """

    def __init__(
        self, checkout: Path, remote: Remote, environ: Mapping[str, str], *, pauses: Sequence[float] = PAUSES
    ) -> None:
        """`checkout` is the root of a work tree; `environ` the environment of this process."""
        self._theirs = Program(folder=checkout, checkout=checkout, remote=remote, environ=environ, pauses=pauses)
        self._stack = ExitStack()
        self._numbers = count()
        self._history: Repository | None = None

    def __enter__(self) -> Scratch:
        with ExitStack() as stack:
            try:
                self._folder = stack.enter_context(private_folder())
                self._origin = Origin.of(self._theirs)
                self._repository = Repository(self._folder / "git", self._theirs, self._origin)
                self._repository.borrow(self._origin)
            except OSError as error:
                what = f"no temporary repository can be made: {error.strerror}"
                raise PublishError(what, remedy="Make room, or set TMPDIR to a folder that can be written.") from error
            self._git = self._repository.git
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # --- the remote --------------------------------------------------------------------------------------------------

    def tips(self, *branches: str) -> dict[str, str | None]:
        """The present commits of branches on the remote; None for branches that it lacks."""
        references = {f"refs/heads/{branch}": branch for branch in branches}
        listed = self._git.ask_server("ls-remote", "--refs", "origin", *references).text
        pairs = (line.partition("\t") for line in listed.splitlines())
        found = {references[name]: sha for sha, _, name in pairs if name in references}
        return {branch: found.get(branch) for branch in branches}

    def references(self) -> dict[str, str]:
        """The present commits of the remote's branches and tags, by their full names."""
        listed = self._git.ask_server("ls-remote", "--heads", "--tags", "origin").text
        pairs = (line.partition("\t") for line in listed.splitlines())
        # After the line of an annotated tag comes the line of its commit (git help ls-remote).
        return {name.removesuffix("^{}"): sha for sha, _, name in pairs}

    def fetch(self, *branches: str) -> dict[str, str | None]:
        """Fetch branches with their history, and return their commits as `tips` does.

        In a shallow checkout, fetch three generations.
        """
        tips = self.tips(*branches)
        missing = {sha for sha in tips.values() if sha} - self._repository.there
        if missing:
            try:
                self._repository.fetch(missing, depth=_DEPTH if self._repository.shallow else None)
            except GoneError:  # a branch moved in between, and the server dropped its old commit
                return self.fetch(*branches)
        return tips

    def have(self, commit: str) -> None:
        """Fetch a commit and its files: in a shallow checkout, it may lie deeper than what was fetched."""
        if self._repository.shallow and self._git.run("cat-file", "-e", f"{commit}^{{tree}}").status:
            self._repository.fetch([commit], depth=_DEPTH)

    def has(self, commit: str) -> bool:
        """Whether a commit and its files can be fetched: the server may not know it, or may refuse."""
        with suppress(GoneError):
            self.have(commit)
        return self._git.run("cat-file", "-e", f"{commit}^{{tree}}").status == 0

    # --- commits and files -------------------------------------------------------------------------------------------

    def commit_at(self, sha: str) -> Commit:
        """Return a commit, parsed."""
        return commits.parsed(sha, self._git.ask("cat-file", "commit", sha).output)

    def entries(self, commit: str, paths: Iterable[str]) -> dict[str, Entry]:
        """Those of the paths that are files in a commit."""
        wanted = sorted(set(paths))
        found: dict[str, Entry] = {}
        for start in range(0, len(wanted), _MANY):
            listed = self._git.ask("ls-tree", "-z", "--full-tree", commit, "--", *wanted[start : start + _MANY]).text
            for line in filter(None, listed.split("\0")):
                about, _, path = line.partition("\t")
                mode, kind, blob = about.split()
                if kind == "blob":
                    found[path] = Entry(mode, blob)
        return found

    def read(self, commit: str, path: str, *, links: bool = False) -> bytes | None:
        """The bytes of a file in a commit, unfiltered; None if it is absent or not a regular file.

        `links`: also accept a symbolic link, and return its target.
        """
        entry = self.entries(commit, [path]).get(path)
        if entry is None or (entry.mode == "120000" and not links):
            return None
        return self._git.ask("cat-file", "blob", entry.blob).output

    def changes(self, before: str, after: str) -> dict[str, Entry | None]:
        """The files that differ between two commits (or trees), as in the second; None for those that it lacks."""
        words = self._git.ask("diff-tree", "-r", "--no-renames", "-z", before, after).text.split("\0")
        found: dict[str, Entry | None] = {}
        for about, path in zip(words[::2], words[1::2], strict=False):
            _, mode, _, blob, kind = about.split(" ")
            found[path] = None if kind == "D" else Entry(mode, blob)
        return found

    # --- history -----------------------------------------------------------------------------------------------------

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is `newer` or is in its history."""
        repository = self._repository
        if repository.is_ancestor(older, newer):
            return True
        if not repository.shallow or repository.is_ancestor(newer, older):
            return False
        return self._follow(older, newer).is_ancestor(older, newer)

    def _follow(self, older: str, newer: str) -> Repository:
        """Return a repository of commits without files, with enough history to tell which of two is older."""
        if self._history is None:
            self._history = Repository(self._folder / "history", self._theirs, self._origin)
        history = self._history
        for depth in _DEPTHS_OF_COMMITS:
            if history.is_ancestor(older, newer) or history.is_ancestor(newer, older):
                break
            try:
                history.fetch([older, newer], depth=depth, commits_only=True)
            except GoneError:
                break
        return history

    def is_on_a_branch(self, commit: str, references: Mapping[str, str]) -> bool:
        """Whether a branch of the remote has a commit in its history. `references` comes from `references()`."""
        tips = {sha for name, sha in references.items() if name.startswith("refs/heads/")}
        history = Repository(self._folder / "branches", self._theirs, self._origin)
        for depth in _DEPTHS_OF_COMMITS if tips else ():
            history.fetch(tips, depth=depth, commits_only=True)
            if history.git.run("for-each-ref", "--contains", commit, "--count=1", "refs/gpu-doc").text:
                return True
        return False

    def last_commit_of(self, tip: str, paths: Iterable[str], *, beyond: str | None = None) -> Commit | None:
        """The newest commit that touched one of these files or folders; None if there is none.

        `beyond`: leave out this commit and its history. In a shallow checkout, also None for commits before its start.
        """
        self._reach_head(tip)
        without = [f"^{beyond}"] if beyond else []
        sha = self._git.ask("rev-list", "-1", tip, *without, "--", *paths).text.strip()
        # A commit without its parents seems to have added every file.
        return self.commit_at(sha) if sha and sha not in self._repository.shallow else None

    def _reach_head(self, tip: str) -> None:
        """Fetch all commits between the checked-out one and a tip."""
        repository, head = self._repository, self._origin.head
        if not repository.shallow or tip == head or repository.is_ancestor(head, tip):
            return
        history = self._follow(head, tip)
        if history.is_ancestor(head, tip):
            between = int(history.git.ask("rev-list", "--count", f"{head}..{tip}").text)
            repository.fetch([tip], depth=between + 1)

    # --- making and pushing ------------------------------------------------------------------------------------------

    def store(self, path: str, content: bytes) -> str:
        """Store a file's content as `git add` would in the checkout, with filters; returns its id."""
        if lfs.oid(content) or self._keeps_line_ends(path, content):
            return self._git.ask("hash-object", "-w", "--stdin", given=content).text.strip()
        return self._ask_in_checkout("hash-object", "-w", "--stdin", f"--path={path}", given=content).text.strip()

    def _keeps_line_ends(self, path: str, content: bytes) -> bool:
        """Whether `git add` would keep CRLF, although hash-object does not: the file was committed with them.

        It does so with text=auto (git help attributes, "Set to string value auto").
        """
        if b"\r\n" not in content or b"\r\n" not in (self.read(self._origin.head, path) or b""):
            return False
        told = self._ask_in_checkout("check-attr", "-z", "text", "eol", "filter", "--", path).text.split("\0")
        text, eol, filtered = told[2::3]
        judges = text == "auto" or (text, eol) == ("unspecified", "unspecified")
        return judges and filtered == "unspecified"

    def _ask_in_checkout(self, *words: str, given: bytes = b"") -> Done:
        """Run git with the checkout's attributes; filters run in the same folder as for `git add`."""
        checkout = str(self._theirs.checkout)
        return self._git.ask("-C", checkout, *words, given=given, variables={"GIT_WORK_TREE": checkout})

    def commit(
        self, parent: str, entries: Mapping[str, Entry | None], message: str, who: Identity, *, source: str
    ) -> str:
        """Make a commit with the parent's files and these changes (None: removed); returns its id.

        `source` is the commit that the run was made from.
        """
        tree = self._tree(parent, entries)
        text = commits.sealed(message, source=source, parent=parent, tree=tree).encode("utf-8", "replace")
        names = {f"GIT_{role}_NAME": who.name for role in ("AUTHOR", "COMMITTER")}
        emails = {f"GIT_{role}_EMAIL": who.email for role in ("AUTHOR", "COMMITTER")}
        words = ("commit-tree", *(["-S"] if who.sign else []), "-p", parent, tree)
        done = self._git.run(*words, given=text, variables=names | emails)
        if done.status and who.sign:
            remedy = "Try `git commit -S` in the checkout; `publish.sign: false` in gpu-doc.yml goes without."
            raise PublishError("the commit can't be signed", remedy=remedy, details=refusals.telling(done.words))
        if done.status:
            raise self._git.meaning(done.words)
        return done.text.strip()

    def _tree(self, parent: str, entries: Mapping[str, Entry | None]) -> str:
        index = {"GIT_INDEX_FILE": str(self._folder / f"index-{next(self._numbers)}")}
        self._git.ask("read-tree", parent, variables=index)
        nothing = "0" * len(self._origin.head)
        removals = [f"0 {nothing}\t{path}\0" for path, entry in entries.items() if entry is None]
        files = [f"{entry.mode} {entry.blob}\t{path}\0" for path, entry in entries.items() if entry]
        given = "".join(removals + files).encode("utf-8", "surrogateescape")  # a file may replace a folder
        self._git.ask("update-index", "-z", "--index-info", given=given, variables=index)
        tree = self._git.ask("write-tree", "--missing-ok", variables=index).text.strip()
        if others := self.changes(parent, tree).keys() - entries.keys():
            what = "where the report's files belong, the branch has a file, a link or a submodule in place of a folder"
            remedy = "Move the report in gpu-doc.yml, or remove what stands in its way."
            raise PublishError(what, where=", ".join(sorted(others)), remedy=remedy)
        return tree

    def push(self, branch: str, commit: str | None, *, expected: str | None) -> None:
        """Set a branch of the remote to a commit; None deletes it.

        `expected` is its present commit; None: it must not exist. Raises RejectedError if that is not so.
        """
        self._push_large_files()
        reference = f"refs/heads/{branch}"
        options = ("--porcelain", "--no-verify", "--no-recurse-submodules")
        lease = f"--force-with-lease={reference}:{expected or ''}"

        # A server that accepts shallow pushes (git 2.39) crashes on a deletion from a shallow repository.
        variables = {} if commit else {"GIT_SHALLOW_FILE": ""}
        words = ("push", *options, lease, "origin", f"{commit or ''}:{reference}")
        try:
            self._git.ask_server(*words, variables=variables)
        except RejectedError:
            # An earlier try may have succeeded while its answer was lost.
            if self.tips(branch)[branch] != commit:
                raise
        if commit:
            self._repository.there.add(commit)

    def _push_large_files(self) -> None:
        """Upload the contents that Git LFS replaced by pointers."""
        stored = sorted(path.name for path in self._repository.folder.glob("lfs/objects/??/??/*"))
        for start in range(0, len(stored), _MANY):
            self._git.ask_server("lfs", "push", "--object-id", "origin", *stored[start : start + _MANY])


__all__ = ["Commit", "Entry", "Identity", "RejectedError", "Remote", "Scratch"]
