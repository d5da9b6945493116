"""Finds the files that a run leaves, by the patterns of `produces`, and copies them to one folder.

Runs in the Python of the user's image too: only the standard library of Python 3.8. What a run leaves may be anything:
a link to files of the system, a pipe that nobody writes to, a sparse file of a terabyte. So folders are opened one
below the other, from descriptors that were opened before the run, and no link out of them is followed. What was there
before the run, and is unchanged after it, is not its result.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import TYPE_CHECKING, Any, Tuple

from gpu_doc.execution.agent.mounts import SYSTEM, file_systems
from gpu_doc.execution.agent.outcomes import Found
from gpu_doc.execution.agent.searching import Entry, Search, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

MOST = 10_000_000_000
"""The most bytes of all files of a run together: they are kept for reports, not as a store."""

MOST_FILES = 100_000
"""The most files of a run."""

MOST_TOLD = 5
"""The most names of passed-over files that are reported."""

_BLOCK = 1 << 20
_TICK, _COARSE_TICK = 0.05, 2.1
"""Seconds after which a file's times show a change: on most file systems, and on those that count whole seconds."""

Identity = Tuple[int, ...]


class Produced:
    """What `patterns` find in `places`, each in the first place where the run has written something.

    Create it before the run: it notes what is there. Call `take` after the run, and `close` last. Nothing at or below
    `hidden`, real paths, is ever found.
    """

    def __init__(self, patterns: Sequence[str], places: Sequence[str], *, hidden: Collection[str] = ()) -> None:
        self._patterns = patterns
        self._room = MOST
        self._files = 0
        self._missing: list[str] = []
        self._old: list[str] = []
        self._passed: list[str] = []
        self._problem = ""
        self._not_a_file = False
        self._kinds = file_systems()
        self._places: list[Search] = []
        self._before: dict[tuple[str, str], Identity] = {}
        for pattern in patterns:
            try:
                self._look(pattern, list(dict.fromkeys(places)), hidden)
            except (OSError, ValueError) as error:
                what = f"what was there before the run can't be told: {_reason(error)}"
                self._problem = f"`{pattern}` is in `produces`, but {what}"
        for search in self._places:
            search.before_the_run = False
        self._wait()

    def _look(self, pattern: str, places: Sequence[str], hidden: Collection[str]) -> None:
        """Note what is there before the run."""
        if not self._places:
            self._places += [Search(place, hidden) for place in places]
        for search in self._places:
            for entry in search.find(pattern):
                self._before[search.place, entry.path] = _identity(entry.known)

    def _wait(self) -> None:
        """Wait until a change would give the newest file another time."""
        changed = max((identity[0] for identity in self._before.values()), default=0)
        tick = _TICK if changed % 10**9 else _COARSE_TICK
        time.sleep(min(tick, max(0.0, changed / 1e9 + tick - time.time())))

    def take(self, into: str) -> None:
        """Copy what the run has written, up to the first problem. Raises OSError if the disk is full."""
        for pattern in self._patterns:
            if self._problem:
                return
            try:
                self._take(pattern, into)
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                reason = _reason(error)
                self._problem = f"`{pattern}` is in `produces`, but what it names can't be taken out: {reason}"

    def found(self) -> Found:
        """Return what was found so far."""
        more = len(self._passed) - MOST_TOLD
        passed = [*self._passed[:MOST_TOLD], *[f"{more} more are passed over"] * (more > 0)]
        return Found(
            files=self._files,
            missing=tuple(self._missing),
            old=tuple(self._old),
            problem=self._problem,
            passed=tuple(passed),
            not_a_file=self._not_a_file,
        )

    def close(self) -> None:
        """Close the folders."""
        while self._places:
            self._places.pop().close()

    def _take(self, pattern: str, into: str) -> None:
        old = False
        odd: list[str] = []
        for search in self._places:
            if search.is_gone():
                raise ValueError(f"the folder {shown(search.place)} is gone")
            found = search.find(pattern)
            new = [each for each in found if self._before.get((search.place, each.path)) != _identity(each.known)]
            old = old or len(new) < len(found)
            odd += _no_files(new)
            plain = [each for each in new if stat.S_ISREG(each.known.st_mode)]
            if taken := sum(self._copy(search, each, f"{into}/{each.path}") for each in plain):
                self._files += taken
                self._passed += [f"{each}: passed over" for each in odd]
                return
            # An old link may lead to what the run has written: then the link is the problem.
            odd += _no_files(each for each in found if each not in new)
        if odd:
            self._problem = f"`{pattern}` is in `produces`, but {odd[0]}; only plain files are taken"
            self._not_a_file = True
        elif old:
            self._old.append(pattern)
        else:
            self._missing.append(pattern)

    def _copy(self, search: Search, entry: Entry, target: str) -> bool:
        """Copy a file; return False if it is gone."""
        try:
            source = search.open(entry)
        except FileNotFoundError:
            return False  # it was there a moment ago
        try:
            known = os.fstat(source)
            if not stat.S_ISREG(known.st_mode):
                return False
            self._admit(entry, known)
            os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120 - plain text, since any name may come
            with open(target, "wb") as file:  # noqa: PTH123 - as above
                _copy_bytes(source, file, known.st_size)
        finally:
            os.close(source)
        return True

    def _admit(self, entry: Entry, known: os.stat_result) -> None:
        """Count a file against the limits. Raises ValueError if it can't be copied."""
        name = shown(entry.path)
        if self._kinds.get(known.st_dev) in SYSTEM:
            raise ValueError(f"`{name}` is no file, but what the system tells")
        if known.st_nlink > 1 and known.st_uid != os.geteuid():
            # Whoever made this hard link may not have been allowed to read the file.
            raise ValueError(f"`{name}` is another name of a file of another user")
        # By its nominal size: a hole takes no space here, but what is made from it does.
        if max(known.st_size, known.st_blocks * 512) > self._room:
            raise ValueError(f"all of it is more than {MOST / 1e9:.0f} GB")
        if self._files >= MOST_FILES:
            raise ValueError(f"it is more than {MOST_FILES} files")
        self._room -= known.st_size


def _copy_bytes(source: int, file: Any, size: int) -> None:
    """Copy no more bytes than the file's nominal size: files of the system have none, others may grow for ever."""
    left = size
    while chunk := os.read(source, min(left, _BLOCK)):
        left -= len(chunk)
        if chunk.count(0) == len(chunk):
            file.seek(len(chunk), os.SEEK_CUR)  # keep holes
        else:
            file.write(chunk)
    file.truncate(size - left)


def _identity(known: os.stat_result) -> Identity:
    """Return values that differ if a file has changed; the time of the last change comes first, in nanoseconds.

    Nobody can set ctime, and it also differs after another file was renamed to this name. The inode's number is not
    used, since some file systems make it up.
    """
    return known.st_ctime_ns, known.st_mtime_ns, known.st_size


def _no_files(entries: Iterable[Entry]) -> list[str]:
    """Return a sentence for each entry that is not a plain file: what it is."""
    kinds = (
        (stat.S_ISLNK, "a link to {}"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (lambda mode: not stat.S_ISREG(mode), "a device"),
    )
    named = ((each, next((kind for test, kind in kinds if test(each.known.st_mode)), "")) for each in entries)
    return [f"`{shown(each.path)}` is {kind.format(shown(each.target))}" for each, kind in named if kind]


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
