"""The only writer into the checkout.

A draft is written completely or not at all. First, every file is written under a temporary name beside its target; then
the files are renamed one by one, evidence last. A replaced file keeps a second name until all is done, so that a
failure leaves every byte as it was. If we are killed between renames, the evidence does not match: `check` finds that,
and the next refresh repairs it without running anything.
"""

from __future__ import annotations

import errno
import glob
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gpu_doc.errors import PublishError
from gpu_doc.interrupts import held_back
from gpu_doc.model.location import Location
from gpu_doc.record.state import disk_error


class ChangedMeanwhileError(Exception):
    """Somebody changed the report after the draft was made. Nothing was written."""


Content = bytes | Path
"""A file's content, or a file with that content: so a long report's pictures need not all be in memory."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The intended files of a report. Paths are relative to root; files that are right already are not touched."""

    path: str
    files: Mapping[str, Content]
    """Content by path, in the order of the renames: pictures, report, evidence."""
    before: bytes | None
    """The report when the draft was made; None if there was none."""
    obsolete: tuple[str, ...] = ()
    """Files of an earlier refresh that the report no longer uses."""


def write(draft: Draft, root: Path) -> tuple[str, ...]:
    """Write a draft into the checkout; returns the paths that changed, including removed ones.

    Raises PublishError if a path can't be written, MachineError, or ChangedMeanwhileError.
    """
    changed = {path: content for path, content in draft.files.items() if read(root / path) != content_of(content)}
    targets = {path: _target(root / path, root) for path in (*changed, *draft.obsolete)}
    # After an interrupt, a report is either old or new, never half of each.
    with _temporaries(changed, targets, root) as temporaries, held_back():
        if read(root / draft.path) != draft.before:
            raise ChangedMeanwhileError(draft.path)
        gone = [path for path in draft.obsolete if (root / path).is_file()]
        _exchange({targets[path]: temporary for path, temporary in temporaries.items()}, [root / path for path in gone])
    return (*changed, *gone)


def _exchange(new: Mapping[Path, Path], gone: Sequence[Path]) -> None:
    """Replace each target by its new file, and remove the files to remove: all of it, or nothing."""
    second = {place: _beside(place, "old") for place in (*new, *gone)}
    done: list[Path] = []
    try:
        for target in new:
            _link(target, second[target])
        for target, temporary in new.items():
            temporary.replace(target)
            done.append(target)
        for place in gone:
            place.replace(second[place])
            done.append(place)
    except OSError as error:
        _put_back(done, second, error)
        raise
    finally:
        for each in second.values():
            with suppress(OSError):
                each.unlink(missing_ok=True)


def _link(target: Path, second: Path) -> None:
    """Make a second name for a file; if the file system has no hard links, copy it."""
    if not target.exists():
        return
    try:
        second.hardlink_to(target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
            raise
        shutil.copy2(target, second)


def _put_back(places: Sequence[Path], second: Mapping[Path, Path], error: OSError) -> None:
    """Undo what was done so far. Raises PublishError if that fails too: then the files don't match each other."""
    for place in reversed(places):
        try:
            if second[place].exists():
                second[place].replace(place)
            else:
                place.unlink(missing_ok=True)
        except OSError as again:
            what = f"writing failed half-way ({error.strerror}), and putting back what was there failed too"
            remedy = "Make room, or the folder writable, and run again: that mends it without running notebooks."
            raise PublishError(what, where=Location(str(place)), remedy=remedy) from again


def _beside(target: Path, what: str = "new") -> Path:
    """Return a name for a temporary file beside a target; `_sweep` finds it by the process id."""
    return target.with_name(f".{target.name}.{what}.{os.getpid()}.gpu-doc")


def content_of(content: Content) -> bytes:
    """The bytes of a draft's file. Raises PublishError if the file has vanished."""
    if isinstance(content, bytes):
        return content
    found = read(content)
    if found is None:
        raise PublishError(
            "a file is gone that was there a moment ago", where=Location(str(content)), remedy="Run again."
        )
    return found


def read(path: Path) -> bytes | None:
    """A file's content; None if it is missing or can't be read."""
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None


@contextmanager
def _temporaries(contents: Mapping[str, Content], targets: Mapping[str, Path], root: Path) -> Iterator[dict[str, Path]]:
    """Write all contents beside their targets, with the targets' modes; at the end, remove what was not renamed."""
    temporaries: dict[str, Path] = {}
    folders: list[Path] = []
    try:
        for path, content in contents.items():
            target = targets[path]
            folders += _make_folder(target.parent)
            _sweep(target)
            temporaries[path] = _beside(target)
            _write(temporaries[path], content_of(content), like=target)
        yield temporaries
    except OSError as error:
        raise disk_error(error, root) from error
    finally:
        for temporary in temporaries.values():
            with suppress(OSError):  # its folder may be gone, or not ours any more
                temporary.unlink(missing_ok=True)
        for folder in reversed(folders):
            with suppress(OSError):  # not empty: the draft was written
                folder.rmdir()


def _sweep(target: Path) -> None:
    """Remove what killed processes left beside this file while writing it."""
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.gpu-doc"):
        pid = left.name.split(".")[-2]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            left.unlink(missing_ok=True)


def _write(path: Path, content: bytes, *, like: Path) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # else, after a power cut, the rename could be on the disk without the content
    with suppress(FileNotFoundError):
        path.chmod(like.stat().st_mode & 0o7777)


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder with its parents; returns the new ones, outermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _target(path: Path, root: Path) -> Path:
    """Resolve a path. Raises PublishError if nothing can be written there."""
    try:
        target = path.resolve()
    except (OSError, RuntimeError) as error:
        raise PublishError(
            "a link leads to itself; nothing was written", where=Location(str(path)), remedy="Remove the link."
        ) from error
    if not target.is_relative_to(root.resolve()):
        raise PublishError(
            "a link leads out of the project; nothing was written",
            where=Location(str(path)),
            remedy="Replace the link by a file or folder of the project.",
        )
    if target.is_dir():
        raise PublishError(
            "a folder stands where a file shall be", where=Location(str(path)), remedy="Move the folder away."
        )
    if blocking := next((folder for folder in target.parents if folder.is_file()), None):
        raise PublishError(
            "a file stands where a folder shall be",
            where=Location(str(blocking)),
            remedy="Move the file away, or rename it.",
        )
    return target
