"""What leaves a state again: scratch of dead processes, and of the rest what was used longest ago."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Set
from contextlib import suppress
from pathlib import Path

from gpu_doc.record.state import KINDS, LAYERS, PICTURE, place
from gpu_doc.system.pruning import entries, prune, remove


def sweep(folder: Path) -> list[Path]:
    """Remove scratch and half a picture, and return it: who calls holds the lock, so all of it is of dead processes."""
    pictures = [folder / "pictures", *(folder / LAYERS).glob("*/pictures")]
    halves = [entry for where in pictures for entry in entries(where) if _is_half(entry)]
    left = [*entries(folder / "scratch"), *halves]
    for entry in left:
        remove(entry)
    return left


def demand_folders(folder: Path, layer: str) -> None:
    """Raise OSError if a run's result could not be kept: something else is in the place of a folder."""
    scratch = folder / "scratch"
    for wanted in (scratch, folder / LAYERS, *(place(folder, layer, kind) for kind in KINDS)):
        if os.path.lexists(wanted) and not wanted.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(wanted))
        if scratch.is_dir() and wanted.is_dir() and wanted.stat().st_dev != scratch.stat().st_dev:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(wanted))


def remove_scratch_of(folder: Path, pid: int) -> None:
    """Remove the scratch of one process."""
    for entry in entries(folder / "scratch"):
        if entry.name.startswith(f"{pid}-"):
            remove(entry)


def bound(folder: Path, shared: str, limit: int, *, used: Set[Path] = frozenset()) -> None:
    """Remove what was used longest ago until at most `limit` bytes are left of the shared layer, and of all others."""
    prune(_kept(folder, [shared]), limit, used)
    others = ["", *(entry.name for entry in entries(folder / LAYERS))]
    prune(_kept(folder, [name for name in others if name != shared]), limit, used)
    for empty in sorted((folder / LAYERS).glob("*/*")) + entries(folder / LAYERS):
        with suppress(OSError):  # not empty, or no folder
            empty.rmdir()


def _kept(folder: Path, layers: Iterable[str]) -> list[Path]:
    found = [entry for layer in layers for kind in KINDS for entry in entries(place(folder, layer, kind))]
    return [entry for entry in found if entry.suffix != ".seal"]


def _is_half(entry: Path) -> bool:
    """Whether it is neither a picture nor the seal of one."""
    return entry.suffix != PICTURE and not (entry.suffix == ".seal" and entry.with_suffix(PICTURE).exists())
