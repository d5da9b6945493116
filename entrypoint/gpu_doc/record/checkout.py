"""The only writer into the checkout.

A draft is written whole or not at all: first every temporary file, beside its target, then one rename after the
other, evidence last. What fails before the renames, or in the midst of them, leaves everything as it was to the byte:
what is replaced keeps a second name until all is done. A kill between renames leaves evidence that does not match,
which `check` finds, and the next refresh mends without running.
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
    """The report is no longer what the draft was made from: somebody saved it meanwhile. Nothing was written."""


Content = bytes | Path
"""What a file should hold, or a file that holds it: a long report's pictures need not all be in memory at once."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a report's files should be. Paths are relative to root; files that already are so are not touched."""

    path: str
    files: Mapping[str, Content]
    """Content by path, in the order of the renames: pictures, report, evidence."""
    before: bytes | None
    """The report as it was when the draft was made; None where there was none."""
    obsolete: tuple[str, ...] = ()
    """Files of an earlier refresh that the report no longer uses."""


def write(draft: Draft, root: Path) -> tuple[str, ...]:
    """Bring the checkout to a draft; gives the paths that changed, removed ones included.

    Raises PublishError where a path cannot be written to, MachineError, and ChangedMeanwhileError.
    """
    changed = {path: content for path, content in draft.files.items() if read(root / path) != content_of(content)}
    targets = {path: _target(root / path, root) for path in (*changed, *draft.obsolete)}
    # An interrupt finds a report either as it was or refreshed, never half of each.
    with _temporaries(changed, targets, root) as temporaries, held_back():
        if read(root / draft.path) != draft.before:
            raise ChangedMeanwhileError(draft.path)
        gone = [path for path in draft.obsolete if (root / path).is_file()]
        _exchange({targets[path]: temporary for path, temporary in temporaries.items()}, [root / path for path in gone])
    return (*changed, *gone)


def _exchange(new: Mapping[Path, Path], gone: Sequence[Path]) -> None:
    """Put each new file in the place of its target, and take away what is to go: all of it, or nothing."""
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
    """Give a file a second name; where the file system has no such thing, copy it."""
    if not target.exists():
        return
    try:
        second.hardlink_to(target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
            raise
        shutil.copy2(target, second)


def _put_back(places: Sequence[Path], second: Mapping[Path, Path], error: OSError) -> None:
    """Undo what was done so far. Raises PublishError where that fails too: then the files don't fit together."""
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
    """A name for a file of ours beside a target; `_sweep` finds it by the process id."""
    return target.with_name(f".{target.name}.{what}.{os.getpid()}.gpu-doc")


def content_of(content: Content) -> bytes:
    """The bytes of a draft's file. Raises PublishError where they are gone meanwhile."""
    if isinstance(content, bytes):
        return content
    found = read(content)
    if found is None:
        raise PublishError(
            "a file is gone that was there a moment ago", where=Location(str(content)), remedy="Run again."
        )
    return found


def read(path: Path) -> bytes | None:
    """A file's content; None where it is missing or cannot be read."""
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None


@contextmanager
def _temporaries(contents: Mapping[str, Content], targets: Mapping[str, Path], root: Path) -> Iterator[dict[str, Path]]:
    """All contents on the disk, each beside its target and with its mode; what is not renamed is removed again."""
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
    """Remove what processes that were killed while writing this file have left beside it."""
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.gpu-doc"):
        pid = left.name.split(".")[-2]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            left.unlink(missing_ok=True)


def _write(path: Path, content: bytes, *, like: Path) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # else a rename could survive a power cut that its content does not
    with suppress(FileNotFoundError):
        path.chmod(like.stat().st_mode & 0o7777)


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder with its parents; gives those that were not there, outermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _target(path: Path, root: Path) -> Path:
    """Where a path leads. Raises PublishError where nothing can be written there."""
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
