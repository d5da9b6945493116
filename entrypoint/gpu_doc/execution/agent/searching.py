"""Finds the files that patterns match below an open folder, without following links out of it.

Runs in the Python of the user's image too: only the standard library of Python 3.8.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from gpu_doc.execution.agent.patterns import BELOW, DEEPEST, GIT_AND_STATE, finds, is_wild, parts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_PLAIN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class Entry(NamedTuple):
    """Something that was found, with its path from the folder. It is never a folder."""

    path: str
    known: os.stat_result
    """Of a link, its own status."""
    target: str = ""
    """A link's target."""


class Search:
    """Searches one folder, which stays open until `close`."""

    def __init__(self, place: str, hidden: Collection[str] = ()) -> None:
        """`hidden` are real paths; nothing at or below them is found. Raises OSError if the folder can't be opened."""
        self.place = os.path.realpath(place)
        self.before_the_run = True
        """Links to folders that are found while this is true may be followed later, if they are unchanged then."""
        self._hidden = frozenset(hidden)
        self._links: dict[str, tuple[int, ...]] = {}
        self._folder = os.open(place, _FOLDER)

    def close(self) -> None:
        """Close the folder."""
        os.close(self._folder)

    def is_gone(self) -> bool:
        """Whether the folder was removed."""
        return os.fstat(self._folder).st_nlink == 0

    def find(self, pattern: str) -> list[Entry]:
        """Return what a pattern matches; if it matches a folder, everything below.

        Raises OSError if something can't be read, and ValueError if folders are nested too deep.
        """
        with self._reached([]) as top:
            found = {entry.path: entry for entry in self._walk(top, "", parts(pattern), 0)}
        return [found[path] for path in sorted(found)]

    def open(self, entry: Entry) -> int:
        """Open a plain file that was found. Raises OSError; FileNotFoundError if it is another file now."""
        *folders, name = entry.path.split("/")
        with self._reached(folders) as parent:
            known = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if not os.path.samestat(known, entry.known) or known.st_mode != entry.known.st_mode:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), entry.path)
            return os.open(name, _PLAIN, dir_fd=parent)

    @contextmanager
    def _reached(self, names: Sequence[str]) -> Iterator[int]:
        # Open it again: in a folder that was open before a change, an overlay shows what was there before.
        here = os.open(".", _FOLDER, dir_fd=self._folder)
        try:
            for number, name in enumerate(names, 1):
                below = self._enter(here, name, "/".join(names[:number]))
                os.close(here)
                here = below
            yield here
        finally:
            os.close(here)

    def _walk(self, folder: int, path: str, wanted: Sequence[str], depth: int) -> Iterator[Entry]:
        """Yield what `wanted` matches in the folder at `path`; everything below it if `wanted` is empty."""
        if depth > DEEPEST:
            if wanted:
                return
            raise ValueError(f"its folders are more than {DEEPEST} deep")
        if not wanted or wanted[0] == BELOW:
            yield from self._all(folder, path, wanted, depth)
        elif is_wild(wanted[0]):
            for name, _ in self._names(folder, path):
                if finds(wanted[0], name):
                    yield from self._named(folder, f"{path}{name}", wanted[1:], depth)
        elif f"{self.place}/{path}{wanted[0]}" not in self._hidden:
            yield from self._named(folder, f"{path}{wanted[0]}", wanted[1:], depth)

    def _all(self, folder: int, path: str, wanted: Sequence[str], depth: int) -> Iterator[Entry]:
        """Yield what `wanted` matches in a folder and below it, without following links; all files if it is empty."""
        rest = wanted[1:]
        if rest:
            yield from self._walk(folder, path, rest, depth)
        for name, is_folder in self._names(folder, path):
            if is_folder:
                # A folder that is not the run's may be closed to us.
                with suppress(*[PermissionError] * bool(rest), FileNotFoundError):
                    below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                    with _closing(below):
                        yield from self._walk(below, f"{path}{name}/", wanted, depth + 1)
            elif not rest and (entry := _entry(folder, f"{path}{name}")):
                yield entry

    def _named(self, folder: int, path: str, rest: Sequence[str], depth: int) -> Iterator[Entry]:
        """Yield what one name matches: itself, or what the rest of the pattern matches below it."""
        entry = _entry(folder, path)
        if entry is None:
            return
        if not entry.target and not stat.S_ISDIR(entry.known.st_mode):
            if not rest:
                yield entry
            return
        try:
            below = self._enter(folder, _name(path), path)
        except NotADirectoryError:
            if not rest or _leads_to_folder(folder, _name(path)):
                yield entry
            return
        with _closing(below):
            yield from self._walk(below, f"{path}/", rest, depth + 1)

    def _enter(self, folder: int, name: str, path: str) -> int:
        """Open a folder, or a link to one. Raises NotADirectoryError if it is none, or outside of our folder."""
        try:
            return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            refusal = NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        if not _leads_to_folder(folder, name):
            raise refusal
        below = os.open(name, _FOLDER, dir_fd=folder)
        link, known = os.stat(name, dir_fd=folder, follow_symlinks=False), os.fstat(below)
        there = (link.st_ino, link.st_ctime_ns, known.st_dev, known.st_ino)
        if self.before_the_run:
            self._links[path] = there
        if self._links.get(path) != there and not self._holds(below):
            os.close(below)
            raise refusal
        return below

    def _holds(self, folder: int) -> bool:
        """Return whether a folder is in our folder."""
        top, here = os.fstat(self._folder), os.open(".", _FOLDER, dir_fd=folder)
        while True:
            with _closing(here):
                known = os.fstat(here)
                if os.path.samestat(known, top):
                    return True
                above = os.open("..", _FOLDER, dir_fd=here)
            if os.path.samestat(os.fstat(above), known):
                os.close(above)
                return False
            here = above

    def _names(self, folder: int, path: str) -> list[tuple[str, bool]]:
        """Return the names in a folder that wildcards may match, and whether each is a folder."""
        with os.scandir(folder) as found:
            names = [(each.name, each.is_dir(follow_symlinks=False)) for each in found]
        beside = f"{self.place}/{path}"
        return [each for each in names if each[0] not in GIT_AND_STATE and beside + each[0] not in self._hidden]


@contextmanager
def _closing(folder: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(folder)


def _entry(folder: int, path: str) -> Entry | None:
    name = _name(path)
    try:
        known = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return Entry(path, known, os.readlink(name, dir_fd=folder) if stat.S_ISLNK(known.st_mode) else "")
    except (FileNotFoundError, NotADirectoryError):
        return None


def _leads_to_folder(folder: int, name: str) -> bool:
    with suppress(OSError):
        return stat.S_ISDIR(os.stat(name, dir_fd=folder).st_mode)
    return False


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def shown(path: str) -> str:
    """Return a path as text, whatever bytes it contains."""
    return os.fsencode(path).decode("utf-8", "replace")
