"""The files that a run leaves, found by the patterns of `produces` and put together in one place.

Runs in the Python of the user's image too: nothing but the standard library of Python 3.8. What a run leaves may be
anything: a link to files of the system, a pipe that nobody writes to, a file of a terabyte that has no blocks. So
folders are opened one below the other, from descriptors that were opened before the run, and no link is followed that
leads out of them. What was there before the run, and is the same after it, is not its result.
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
"""Bytes of all files of a run together: they are kept for reports, not as a store."""

MOST_FILES = 100_000
"""Files of a run together."""

ONLY_FILES = "only plain files are taken"

MOST_TOLD = 5
"""Names told of what was passed over."""

_BLOCK = 1 << 20
_TICK, _COARSE_TICK = 0.05, 2.1
"""Seconds after which a file's times tell a change: of most file systems, and of those that count whole seconds."""

Identity = Tuple[int, ...]


class Produced:
    """What `patterns` find in `places`, each in the first where the run has written something.

    Made before the run, it notes what is there; `take` comes after the run, `close` at last. Nothing at or below
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
        """Note what is there."""
        if not self._places:
            self._places += [Search(place, hidden) for place in places]
        for search in self._places:
            for entry in search.find(pattern):
                self._before[search.place, entry.path] = _identity(entry.known)

    def _wait(self) -> None:
        """Wait where what was changed last would have the same time if it were changed now."""
        changed = max((identity[0] for identity in self._before.values()), default=0)
        tick = _TICK if changed % 10**9 else _COARSE_TICK
        time.sleep(min(tick, max(0.0, changed / 1e9 + tick - time.time())))

    def take(self, into: str) -> None:
        """Copy what the run has written. What can't be copied ends it. Raises OSError: the disk is full."""
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
        """How many were copied, the patterns that found none or only old ones, and what was passed over or wrong."""
        more = len(self._passed) - MOST_TOLD
        passed = [*self._passed[:MOST_TOLD], *[f"{more} more are passed over"] * (more > 0)]
        return Found(self._files, tuple(self._missing), tuple(self._old), self._problem, tuple(passed))

    def close(self) -> None:
        """Let go of the folders."""
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
            # An old link may lead to what the run has written: then it is the link that is in the way.
            odd += _no_files(each for each in found if each not in new)
        if odd:
            self._problem = f"`{pattern}` is in `produces`, but {odd[0]}; {ONLY_FILES}"
        elif old:
            self._old.append(pattern)
        else:
            self._missing.append(pattern)

    def _copy(self, search: Search, entry: Entry, target: str) -> bool:
        """Copy a file; False where it is not there any more."""
        try:
            source = search.open(entry)
        except FileNotFoundError:
            return False  # it was there a moment ago
        try:
            known = os.fstat(source)
            if not stat.S_ISREG(known.st_mode):
                return False
            self._admit(entry, known)
            os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120 - text, which any name can be
            with open(target, "wb") as file:  # noqa: PTH123 - the same
                _copy_bytes(source, file, known.st_size)
        finally:
            os.close(source)
        return True

    def _admit(self, entry: Entry, known: os.stat_result) -> None:
        """Count a file in. Raises ValueError: it can't be taken."""
        name = shown(entry.path)
        if self._kinds.get(known.st_dev) in SYSTEM:
            raise ValueError(f"`{name}` is no file, but what the system tells")
        if known.st_nlink > 1 and known.st_uid != os.geteuid():
            # Whoever made this name for it need not have been allowed to read it.
            raise ValueError(f"`{name}` is another name of a file of another user")
        # By what it says to have: a hole costs nothing here, but all that is made from it.
        if max(known.st_size, known.st_blocks * 512) > self._room:
            raise ValueError(f"all of it is more than {MOST / 1e9:.0f} GB")
        if self._files >= MOST_FILES:
            raise ValueError(f"it is more than {MOST_FILES} files")
        self._room -= known.st_size


def _copy_bytes(source: int, file: Any, size: int) -> None:
    """Copy no more bytes than a file says to have: those of the system say nothing, others may grow for ever."""
    left = size
    while chunk := os.read(source, min(left, _BLOCK)):
        left -= len(chunk)
        if chunk.count(0) == len(chunk):
            file.seek(len(chunk), os.SEEK_CUR)  # a hole stays one
        else:
            file.write(chunk)
    file.truncate(size - left)


def _identity(known: os.stat_result) -> Identity:
    """What tells that a file is still the same; when it was changed comes first, in nanoseconds.

    Nobody can set ctime, and it tells a file that another was renamed to as well. Some file systems make up inodes.
    """
    return known.st_ctime_ns, known.st_mtime_ns, known.st_size


def _no_files(entries: Iterable[Entry]) -> list[str]:
    """Say of each that is no plain file what it is."""
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
