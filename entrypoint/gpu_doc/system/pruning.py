"""Keeps a folder within bounds: what was used longest ago goes first."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def prune(kept: Iterable[Path], limit: int) -> None:
    """Remove what was used longest ago until at most `limit` bytes are left; the seal of a file goes with it."""
    sizes = {entry: _size(entry) for entry in kept}
    total = sum(sizes.values())
    for entry in sorted(sizes, key=_last_used):
        if total <= limit:
            return
        remove(entry)
        if entry.suffix == ".png":
            remove(entry.with_suffix(".seal"))
        total -= sizes[entry]


def entries(folder: Path) -> list[Path]:
    """What lies in a folder; nothing where it is none."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def remove(entry: Path) -> None:
    """Remove a file, or a folder with all in it, as far as that is allowed."""
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        with suppress(OSError):  # another user's, say: it does no harm where it is
            entry.unlink(missing_ok=True)


def _size(entry: Path) -> int:
    try:
        if entry.is_dir():
            return sum(file.stat().st_size for file in entry.rglob("*") if file.is_file())
        return entry.stat().st_size
    except OSError:
        return 0


def _last_used(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0
