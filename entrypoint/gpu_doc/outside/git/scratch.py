"""A repository of ours, from which results are pushed: it borrows the checkout's objects and changes nothing there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from gpu_doc.errors import PublishError
from gpu_doc.outside.git import commits, refusals, settings
from gpu_doc.outside.git.commits import Commit, Entry, Identity, Remote
from gpu_doc.outside.git.program import Done, Program
from gpu_doc.outside.git.refusals import RejectedError
from gpu_doc.outside.temporary import private_folder

PAUSES = (1.0, 4.0, 15.0)
"""Seconds before a server that can't be reached is asked again."""

_DEPTHS = (3, 50, 500)
"""How much history a shallow checkout fetches, one after the other until it is enough: first a merge of ours."""

_MANY = 500
"""Paths in one command line."""

_POINTER = b"version https://git-lfs.github.com/spec/"


class Scratch(AbstractContextManager["Scratch"]):
    """Fetches, builds commits, pushes. Not safe for several threads.

    Every method raises PublishError where git or the server refuses, with what to do.
    """

    def __init__(
        self, checkout: Path, remote: Remote, environ: Mapping[str, str], *, pauses: Sequence[float] = PAUSES
    ) -> None:
        """`checkout` is the root of a work tree; `environ` the environment of this process."""
        self._checkout = checkout
        self._remote = remote
        self._environ = environ
        self._pauses = pauses
        self._stack = ExitStack()
        self._numbers = count()

    def __enter__(self) -> Scratch:
        try:
            self._folder = self._stack.enter_context(private_folder())
            self._open()
        except OSError as error:
            self._stack.close()
            remedy = "Make room or set TMPDIR to a folder that can be written."
            raise PublishError(f"no temporary repository can be made: {error.strerror}", remedy=remedy) from error
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # --- the repository ----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Make the repository, with the checkout's objects, shallow boundary and attributes."""
        theirs = Program(folder=self._checkout, environ=self._environ, secrets=self._secrets)
        self._git = theirs
        words = ("--git-path", "objects", "--git-path", "shallow", "--git-path", "info/attributes")
        told = self._ask("rev-parse", "--path-format=absolute", *words, "--show-object-format", "HEAD").text
        objects, shallow, attributes, self._format, self._head = told.splitlines()
        configuration = settings.listed(self._ask("config", "--list", "-z").text)
        repository = self._folder / "git"
        self._ask("init", "-q", "--bare", "--template=", f"--object-format={self._format}", str(repository))
        with (repository / "config").open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(settings.text(settings.ours(configuration, self._remote)))
        (repository / "objects/info").mkdir(exist_ok=True)
        (repository / "objects/info/alternates").write_text(_quoted(objects), "utf-8", "surrogateescape")
        (repository / "info").mkdir(exist_ok=True)
        for there, here in ((shallow, "shallow"), (attributes, "info/attributes")):
            with suppress(FileNotFoundError):
                (repository / here).write_bytes(Path(there).read_bytes())
        # What we have in common with the remote.
        (repository / "refs/gpu-doc").mkdir(parents=True)
        (repository / "refs/gpu-doc/head").write_text(f"{self._head}\n")
        self._there = {self._head}
        self._repository = repository
        self._git = Program(folder=repository, environ=self._environ, settings=self._variables(), secrets=self._secrets)

    @property
    def _secrets(self) -> tuple[str, ...]:
        token = self._remote.token
        return (token, settings.encoded(token)) if token else ()

    def _variables(self) -> dict[str, str]:
        return {
            "GIT_DIR": str(self._repository),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_PARAMETERS": "",
            "GIT_CONFIG_COUNT": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            **settings.login(self._remote),
        }

    @property
    def _shallow(self) -> frozenset[str]:
        """The commits whose parents are not there."""
        with suppress(FileNotFoundError):
            return frozenset((self._repository / "shallow").read_text().split())
        return frozenset()

    def _ask(self, *words: str, given: bytes = b"", variables: Mapping[str, str] | None = None) -> Done:
        done = self._git.run(*words, given=given, variables=variables)
        if done.status:
            self._fail(done.words)
        return done

    def _fail(self, words: str) -> NoReturn:
        place = {"remote": self._git.clean(self._remote.url), "checkout": str(self._checkout)}
        raise refusals.known(words, **place) or refusals.declined(words, remote=place["remote"])

    def _ask_remote(self, *words: str, done_already: Callable[[], bool] = lambda: False) -> Done:
        """Ask again where a server can't be reached, unless what was asked for turns out to have been done."""
        for pause in (*self._pauses, None):
            done = self._git.run(*words)
            said = done.words + done.text
            if not done.status:
                return done
            if pause is None or refusals.known(said, remote="", checkout="") or not refusals.may_pass(said):
                self._fail(said)
            time.sleep(pause)
            if done_already():
                return done
        raise AssertionError("the last round returns or raises")

    # --- what the remote has -----------------------------------------------------------------------------------------

    def tips(self, *branches: str) -> dict[str, str | None]:
        """The commits that branches are at on the remote now; None for those that it lacks."""
        references = {f"refs/heads/{branch}": branch for branch in branches}
        listed = self._ask_remote("ls-remote", "--refs", "origin", *references).text
        pairs = (line.partition("\t") for line in listed.splitlines())
        found = {references[name]: sha for sha, _, name in pairs if name in references}
        return {branch: found.get(branch) for branch in branches}

    def fetch(self, *branches: str) -> dict[str, str | None]:
        """Their tips, as `tips` gives them, with their parents and all files there afterwards."""
        tips = self.tips(*branches)
        missing = {sha for sha in tips.values() if sha} - self._there
        if missing:
            self._fetch(missing, depth=_DEPTHS[0] if self._shallow else None)
        return tips

    def _fetch(self, shas: Iterable[str], *, depth: int | None) -> None:
        shas = set(shas)
        limit = [f"--depth={depth}"] if depth else []
        quiet = ("-q", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-maintenance")
        # Kept by references: what is there need not be fetched again by the next round of a race.
        wanted = [f"+{sha}:refs/gpu-doc/{sha}" for sha in sorted(shas)]
        self._ask_remote("fetch", *quiet, *limit, "origin", *wanted)
        self._there |= shas

    def _deepen_until(self, enough: Callable[[], bool], tip: str) -> bool:
        """Fetch more of a tip's history where the checkout is shallow and what is there is not enough."""
        for depth in _DEPTHS[1:]:
            if enough() or not self._shallow or tip not in self._there or tip == self._head:
                break
            self._fetch([tip], depth=depth)
        return enough()

    # --- commits and files -------------------------------------------------------------------------------------------

    def commit_at(self, sha: str) -> Commit:
        """What a commit says of itself."""
        return commits.parsed(sha, self._ask("cat-file", "commit", sha).output)

    def entries(self, commit: str, paths: Iterable[str]) -> dict[str, Entry]:
        """The files of a commit at these paths, as far as they exist."""
        wanted = sorted(set(paths))
        found: dict[str, Entry] = {}
        for start in range(0, len(wanted), _MANY):
            listed = self._ask("ls-tree", "-z", "--full-tree", commit, "--", *wanted[start : start + _MANY]).text
            for line in filter(None, listed.split("\0")):
                about, _, path = line.partition("\t")
                mode, kind, blob = about.split()
                if kind == "blob":
                    found[path] = Entry(mode, blob)
        return found

    def read(self, commit: str, path: str) -> bytes | None:
        """The bytes of a file as the commit has them, through no filter; None where it is absent or no regular file."""
        entry = self.entries(commit, [path]).get(path)
        if entry is None or entry.mode == "120000":
            return None
        return self._ask("cat-file", "blob", entry.blob).output

    def changes(self, before: str, after: str) -> dict[str, Entry | None]:
        """The files that differ between two commits, as the second has them; None where it lacks them."""
        words = self._ask("diff-tree", "-r", "--no-renames", "-z", before, after).text.split("\0")
        found: dict[str, Entry | None] = {}
        for about, path in zip(words[::2], words[1::2], strict=False):
            _, mode, _, blob, kind = about.split(" ")
            found[path] = None if kind == "D" else Entry(mode, blob)
        return found

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether one commit is the other, or stands in its history; no where that is not known here."""
        return self._deepen_until(lambda: self._is_ancestor_here(older, newer), newer)

    def _is_ancestor_here(self, older: str, newer: str) -> bool:
        return self._git.run("merge-base", "--is-ancestor", older, newer).status == 0

    def last_commit_of(self, tip: str, paths: Iterable[str], *, beyond: str | None = None) -> Commit | None:
        """The newest commit that touched one of these files or folders; `beyond`: of those that this one lacks.

        None too where it lies before the history of a shallow checkout.
        """
        self._deepen_until(lambda: self._is_ancestor_here(self._head, tip), tip)
        without = [f"^{beyond}"] if beyond else []
        sha = self._ask("rev-list", "-1", tip, *without, "--", *paths).text.strip()
        # One without its parents seems to have added everything.
        return self.commit_at(sha) if sha and sha not in self._shallow else None

    # --- making and pushing ------------------------------------------------------------------------------------------

    def store(self, path: str, content: bytes) -> str:
        """Keep a file's content as `git add` would in the checkout, filters applied; returns its id."""
        if content.startswith(_POINTER) and len(content) < 1024:
            return self._ask("hash-object", "-w", "--stdin", given=content).text.strip()
        return self._ask_in_checkout("hash-object", "-w", "--stdin", f"--path={path}", given=content).text.strip()

    def _ask_in_checkout(self, *words: str, given: bytes = b"") -> Done:
        """Ask with the checkout's attributes, and with filters that run where they would for `git add`."""
        place = {"GIT_WORK_TREE": str(self._checkout)}
        return self._ask("-C", str(self._checkout), *words, given=given, variables=place)

    def commit(
        self, parent: str, entries: Mapping[str, Entry | None], message: str, who: Identity, *, source: str
    ) -> str:
        """Make a commit with the parent's files but for these changes (None: removed); returns its id.

        `source` is the commit that the run was made from.
        """
        index = {"GIT_INDEX_FILE": str(self._folder / f"index-{next(self._numbers)}")}
        self._ask("read-tree", parent, variables=index)
        none = "0" * len(self._head)
        lines = [f"{entry.mode} {entry.blob}" if entry else f"0 {none}" for entry in entries.values()]
        given = "".join(f"{line}\t{path}\0" for line, path in zip(lines, entries, strict=True))
        self._ask("update-index", "-z", "--index-info", given=given.encode("utf-8", "surrogateescape"), variables=index)
        tree = self._ask("write-tree", "--missing-ok", variables=index).text.strip()
        text = commits.sealed(message, source=source, parent=parent, tree=tree)
        names = {f"GIT_{role}_NAME": who.name for role in ("AUTHOR", "COMMITTER")}
        emails = {f"GIT_{role}_EMAIL": who.email for role in ("AUTHOR", "COMMITTER")}
        words = ("commit-tree", *(["-S"] if who.sign else []), "-p", parent, tree)
        done = self._git.run(*words, given=text.encode("utf-8", "replace"), variables=names | emails)
        if done.status and who.sign:
            remedy = "Try `git commit -S` in the checkout; `publish.sign: false` in gpu-doc.yml goes without."
            raise PublishError("the commit can't be signed", remedy=remedy, details=refusals.telling(done.words))
        if done.status:
            self._fail(done.words)
        return done.text.strip()

    def push(self, branch: str, commit: str | None, *, expected: str | None) -> None:
        """Set a branch of the remote to a commit; None deletes it.

        `expected` is the commit that it must be at; None: it must not exist. Raises RejectedError: it is elsewhere.
        """
        self._push_large_files()
        reference = f"refs/heads/{branch}"
        lease = f"--force-with-lease={reference}:{expected or ''}"
        words = ("push", "--porcelain", "--no-verify", "--no-recurse-submodules", lease, "origin")
        self._ask_remote(
            *words, f"{commit or ''}:{reference}", done_already=lambda: self.tips(branch)[branch] == commit
        )
        if commit:
            self._there.add(commit)

    def _push_large_files(self) -> None:
        """Upload what Git LFS took out of the files that were stored."""
        stored = [path.name for path in self._repository.glob("lfs/objects/??/??/*")]
        for start in range(0, len(stored), _MANY):
            self._ask_remote("lfs", "push", "--object-id", "origin", *stored[start : start + _MANY])


def _quoted(path: str) -> str:
    """A line of objects/info/alternates (gitrepository-layout); quoted as in C, a path may begin with `#`."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"\n'


__all__ = ["Commit", "Entry", "Identity", "RejectedError", "Remote", "Scratch"]
