"""Keeps a folder within a size limit: removes first what was used longest ago."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Set
from contextlib import suppress
from pathlib import Path

_CLOCKS_DIFFER = 60.0
"""Seconds by which the clock of a file system may be ahead of ours."""


def prune(kept: Iterable[Path], limit: int, used: Set[Path] = frozenset()) -> None:
    """Remove what was used longest ago until at most `limit` bytes are left, `used` last, and a file's seal with it.

    A time in the future says that the clock was wrong, not that a file is new.
    """
    now = time.time()
    sizes = {entry: _size(entry) for entry in kept}
    total = sum(sizes.values())
    for entry in sorted(sizes, key=lambda entry: (entry in used, _last_used(entry, now))):
        if total <= limit:
            return
        remove(entry)
        if entry.suffix == ".png":
            remove(entry.with_suffix(".seal"))
        total -= sizes[entry]


def entries(folder: Path) -> list[Path]:
    """The entries of a folder; none if there is no such folder."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def remove(entry: Path) -> None:
    """Remove a file, or a folder with everything in it, as far as that is allowed."""
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        with suppress(OSError):  # such as another user's: it does no harm
            entry.unlink(missing_ok=True)


def _size(entry: Path) -> int:
    try:
        if entry.is_dir():
            return sum(file.stat().st_size for file in entry.rglob("*") if file.is_file())
        return entry.stat().st_size
    except OSError:
        return 0


def _last_used(entry: Path, now: float) -> float:
    try:
        changed = entry.stat().st_mtime
    except OSError:
        return 0.0
    return changed if changed <= now + _CLOCKS_DIFFER else 0.0
