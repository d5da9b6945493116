"""The only writer into the checkout.

A report's text, pictures and evidence are written completely or not at all, see exchange.py. What a killed refresh left
is finished, or taken back, by the next one; until then `plan` and `check` say that it is there.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from gpu_doc.errors import PublishError
from gpu_doc.interrupts import held_back
from gpu_doc.model.configuration import assets_of
from gpu_doc.model.location import Location
from gpu_doc.record import exchange
from gpu_doc.record.claim import claimed, is_ours
from gpu_doc.record.disk import disk_error
from gpu_doc.record.exchange import Exchange


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
    beside: Mapping[str, bytes | None] = field(default_factory=dict)
    """Other files that the draft relies on, as they were when it was made."""


def write(draft: Draft, root: Path) -> tuple[str, ...]:
    """Write a draft into the checkout; returns the paths that changed, including removed ones.

    Raises PublishError if a path can't be written, MachineError, or ChangedMeanwhileError.
    """
    folder = folder_of(draft.path, root)
    if not os.path.lexists(folder) and next(_differing(draft, root), None) is None:
        return ()
    for place in (folder / exchange.JOURNAL, *(root / path for path in (*draft.files, *draft.obsolete))):
        target_of(place, root)
    try:
        with claimed(folder) as claim:
            _recover(claim, draft.path, root, draft.beside)
            changes = claim.prepare(_differing(draft, root))
            with held_back():  # after an interrupt, a report is either old or new
                for path, before in {**draft.beside, draft.path: draft.before}.items():
                    if read(root / path) != before:
                        raise ChangedMeanwhileError(path)
                claim.commit(changes)
    except OSError as error:
        raise disk_error(error, root) from error
    return tuple(change.path for change in changes)


def recover(report: str, root: Path, mended: Collection[str] = ()) -> tuple[str, ...] | None:
    """Finish or take back what a killed refresh left of a report; returns the paths concerned, None if it left nothing.

    `mended`: files of people in whose sentences numbers are corrected.
    Raises PublishError or MachineError.
    """
    folder = folder_of(report, root)
    if not is_ours(folder):
        return None
    target_of(folder / exchange.JOURNAL, root)
    try:
        with claimed(folder) as claim:
            return _recover(claim, report, root, mended)
    except OSError as error:
        raise disk_error(error, root) from error


def folder_of(report: str, root: Path) -> Path:
    """Where a report's files are prepared: it exists while they are written, and after a kill."""
    return root / assets_of(report) / exchange.FOLDER


def _recover(claim: Exchange, report: str, root: Path, others: Collection[str]) -> tuple[str, ...]:
    assets = PurePosixPath(assets_of(report))

    def place(path: str) -> Path:
        if path not in (report, *others) and (PurePosixPath(path).parent != assets or PurePosixPath(path).name == ".."):
            raise ValueError("not a file of this report")
        return target_of(root / path, root)

    changes = claim.left(place)
    return () if claim.recover(changes) is None else tuple(change.path for change in changes)


def _differing(draft: Draft, root: Path) -> Iterator[tuple[str, Path, bytes | None]]:
    """Yield the files that are not yet as intended, each with its place and its content; None: it is obsolete."""
    for path, wanted in draft.files.items():
        content = content_of(wanted)
        if read(root / path) != content:
            yield path, target_of(root / path, root), content
    for path in draft.obsolete:
        if exchange.plain(root / path) is not None:
            yield path, root / path, None


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


def target_of(path: Path, root: Path) -> Path:
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
