"""The files that a run leaves, found by the patterns of `produces` and put together in one place.

Runs in the Python of the user's image: nothing but the standard library of Python 3.8. What a run leaves may be
anything: a link to endless files of the system, a pipe that nobody writes to, a file of a terabyte that has no blocks.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 10_000_000_000
"""Bytes of all files of a run together: they are kept for reports, not as a store."""

_BLOCK = 1 << 20


class Produced:
    """Takes the files of patterns, each from the first of `places` where it finds some; `began` tells old ones."""

    def __init__(self, into: Path, places: Sequence[str], began: float) -> None:
        self._into = into
        self._places = [Path(place) for place in places]
        self._began = began
        self._room = MOST
        self._files = 0
        self._missing: list[str] = []
        self._old: list[str] = []
        self._problem = ""

    def take(self, patterns: Sequence[str]) -> None:
        """Copy what they find. What can't be copied ends it."""
        for pattern in patterns:
            try:
                self._take(pattern)
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                self._problem = f"`{pattern}` is in `produces`, but what it names can't be taken out: {reason}"
                return

    def facts(self) -> dict[str, Any]:
        """How many were copied, the patterns that found none or only old ones, and what went wrong, in a sentence."""
        return {"files": self._files, "missing": self._missing, "old": self._old, "problem": self._problem}

    def _take(self, pattern: str) -> None:
        ages = []
        for place in self._places:
            for path in sorted(place.glob(pattern)):
                with suppress(FileNotFoundError):  # it was there a moment ago
                    if path.is_file():
                        ages.append(self._copy(path, self._into / path.relative_to(place)))
            if ages:
                break
        self._files += len(ages)
        self._missing += [pattern] * (not ages)
        self._old += [pattern] * (bool(ages) and max(ages) < self._began - 2)

    def _copy(self, path: Path, target: Path) -> float:
        """Copy a file; gives the time when it was written last."""
        source = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            known = os.fstat(source)
            if not stat.S_ISREG(known.st_mode):
                raise FileNotFoundError
            if known.st_size > self._room:
                raise ValueError(f"it is more than {MOST / 1e9:.0f} GB")
            self._room -= known.st_size
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                # No more than it says to be: files of the system say nothing, and may be endless.
                left = known.st_size
                while chunk := os.read(source, min(left, _BLOCK)):
                    left -= file.write(chunk)
        finally:
            os.close(source)
        return known.st_mtime
