"""Changes several files of a checkout together: all of them, or none, also where we are killed or the power fails.

All is prepared in a folder of the report's assets, which git ignores:

    docs/a.assets/.gpu-doc/journal    locked by who writes; what is to change, with digests of before and after
    docs/a.assets/.gpu-doc/0.new      a file's new content
    docs/a.assets/.gpu-doc/0.old      a second name of the file as it was

With the journal complete, and all of it on the disk, the change counts; then come the renames, and last the folder is
removed. Whoever finds the folder without a living owner finishes the change, or takes it back; with an incomplete
journal nothing was renamed yet. A file that a person changed meanwhile is left alone.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gpu_doc.errors import PublishError
from gpu_doc.model.location import Location
from gpu_doc.system import writing
from gpu_doc.system.pruning import entries

FOLDER = ".gpu-doc"
"""Named as state is, so that no pattern of inputs matches what lies there."""
JOURNAL = "journal"
LARGEST = 10_000_000
"""Bytes of a journal."""


@dataclass(frozen=True)
class Change:
    """A file to change, and the digests of what it holds before and after; None: there is no such file."""

    path: str
    """Its path in the journal."""
    target: Path
    """Its place, with links resolved."""
    old: str | None
    new: str | None


class Exchange:
    """A folder in which a change is prepared, while it is ours: see claim.py."""

    def __init__(self, folder: Path, journal: int) -> None:
        self.folder = folder
        self._journal = journal
        self._open = False
        """Whether the files may be half exchanged."""

    def left(self, place: Callable[[str], Path]) -> list[Change]:
        """What a killed process was about to change; nothing if it had renamed no file yet.

        `place` returns where a path leads. Any checkout may bring a journal: it raises ValueError for a path that is
        not the report's.
        """
        with suppress(ValueError, TypeError, RecursionError):
            whole = json.loads(os.pread(self._journal, LARGEST, 0))
            return [Change(str(path), place(path), _known(old), _known(new)) for path, old, new in whole]
        return []

    def prepare(self, new: Iterable[tuple[str, Path, bytes | None]]) -> list[Change]:
        """Bring the new content of files to the disk, beside them; None: remove the file. Raises OSError."""
        (self.folder / ".gitignore").write_bytes(b"*\n")
        changes = []
        for number, (path, target, content) in enumerate(new):
            before = plain(target)
            if content is not None:
                self._write(self._new(number), content, like=target)
            if os.path.lexists(target):
                _link(target, self._old(number))
            changes.append(Change(path, target, digest(before), digest(content)))
        return changes

    def commit(self, changes: Sequence[Change]) -> None:
        """Exchange the files: all of them, or none. Raises OSError, or PublishError if neither was possible."""
        said = [[change.path, change.old, change.new] for change in changes]
        for folder in (self.folder, *self.folder.parents[:2]):
            writing.sync_folder(folder)
        content = json.dumps(said).encode()
        if os.pwrite(self._journal, content, 0) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder))
        os.fsync(self._journal)
        self._open = True
        try:
            self._forward(changes)
        except OSError as error:
            self._put_back(changes, error)
            raise
        self._done(changes)

    def recover(self, changes: Sequence[Change]) -> bool | None:
        """Finish what was left, or take it back; whether it is finished. None: there was nothing, or neither fits.

        A file with another content than before and after is a person's: it tells whether it was one or the other.
        """
        there = [(number, change, digest(plain(change.target))) for number, change in enumerate(changes)]
        self._open = bool(changes)
        finished: bool | None = None
        if changes and all(self._can_be_new(*each) for each in there):
            self._forward(changes, [number for number, change, now in there if now == change.old != change.new])
            finished = True
        elif changes and all(self._can_be_old(*each) for each in there):
            self._backward(changes, [number for number, change, now in there if now == change.new != change.old])
            finished = False
        self._done(changes)
        self._empty()
        return finished

    def clear(self) -> None:
        """Remove the folder, unless what lies in it is still needed to mend half of a change.

        If something can't be removed, the journal stays: so the next one tries again.
        """
        with suppress(OSError):
            if self._open:
                return
            self._empty()
            (self.folder / JOURNAL).unlink()
        for folder in (self.folder, self.folder.parent):
            with suppress(OSError):  # somebody else claims it already; or the report has assets
                folder.rmdir()

    # --- steps --------------------------------------------------------------------------------------------------------

    def _forward(self, changes: Sequence[Change], numbers: Iterable[int] | None = None) -> None:
        chosen = range(len(changes)) if numbers is None else numbers
        steps = [(str(self._new(each)), str(changes[each].target), changes[each].new) for each in chosen]
        for new, target, content in steps:  # as few instructions as can be: a kill may come between
            if content is not None:
                os.replace(new, target)  # noqa: PTH105
            else:
                os.unlink(target)  # noqa: PTH108

    def _backward(self, changes: Sequence[Change], numbers: Iterable[int]) -> None:
        for each in numbers:
            if os.path.lexists(self._old(each)):
                self._old(each).replace(changes[each].target)
            else:
                changes[each].target.unlink()

    def _put_back(self, changes: Sequence[Change], error: OSError) -> None:
        try:
            done = [number for number, change in enumerate(changes) if digest(plain(change.target)) == change.new]
            self._backward(changes, [number for number in done if changes[number].old != changes[number].new])
        except OSError as again:
            what = f"writing failed half-way ({error.strerror}), and putting back what was there failed too"
            remedy = "Make room, or the folder writable, and run again: that mends it without running notebooks."
            raise PublishError(what, where=Location(str(again.filename2 or again.filename)), remedy=remedy) from again
        self._done(changes)

    def _done(self, changes: Sequence[Change]) -> None:
        """All files are of one kind. Their names must be on the disk before the journal goes."""
        for folder in dict.fromkeys(change.target.parent for change in changes):
            writing.sync_folder(folder)
        os.ftruncate(self._journal, 0)
        self._open = False

    def _empty(self) -> None:
        for entry in entries(self.folder):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != JOURNAL:
                entry.unlink()

    def _can_be_new(self, number: int, change: Change, now: str | None) -> bool:
        prepared = change.new is None or digest(plain(self._new(number))) == change.new
        if now in (change.old, change.new):
            return now == change.new or prepared
        return change.new is None or not os.path.lexists(self._new(number))

    def _can_be_old(self, number: int, change: Change, now: str | None) -> bool:
        if now in (change.old, change.new):
            return now == change.old or change.old is None or digest(plain(self._old(number))) == change.old
        return change.new is None or os.path.lexists(self._new(number))

    def close(self) -> None:
        """Let another process have the folder."""
        os.close(self._journal)

    def _new(self, number: int) -> Path:
        return self.folder / f"{number}.new"

    def _old(self, number: int) -> Path:
        return self.folder / f"{number}.old"

    def _write(self, path: Path, content: bytes, *, like: Path) -> None:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            path.chmod(like.stat().st_mode & 0o7777)


def plain(path: Path) -> bytes | None:
    """The content of a plain file; None if there is none, or it can't be read."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with suppress(OSError), os.fdopen(os.open(path, flags), "rb") as file:
        return file.read() if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
    return None


def digest(content: bytes | None) -> str | None:
    """SHA-256 of a file's content; None for none."""
    return None if content is None else sha256(content).hexdigest()


def _known(said: object) -> str | None:
    if said is None or isinstance(said, str):
        return said
    raise TypeError


def _link(target: Path, second: Path) -> None:
    """Make a second name for a file; if the file system has no hard links, copy it."""
    second.unlink(missing_ok=True)
    try:
        second.hardlink_to(target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
            raise
        shutil.copy2(target, second)
