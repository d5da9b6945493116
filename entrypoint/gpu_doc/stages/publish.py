"""The only writer into the checkout.

A draft is written whole or not at all: first every temporary file, beside its target, then one rename after the
other, evidence last. A full disk or a kill before the renames leaves everything as it was to the byte; a kill between
them leaves evidence that does not match, which the next refresh mends without running.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gpu_doc.errors import PublishError
from gpu_doc.stages.state import disk_error


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a report's files should be. Paths are relative to root; files that already are so are not touched."""

    path: str
    files: Mapping[str, bytes]
    """Content by path, in the order of the renames: pictures, report, evidence."""
    obsolete: tuple[str, ...] = ()
    """Files of an earlier refresh that the report no longer uses."""


def write(draft: Draft, root: Path) -> tuple[str, ...]:
    """Bring the checkout to a draft; gives the paths that changed, removed ones included."""
    changed = {path: content for path, content in draft.files.items() if _content(root / path) != content}
    for path in (*changed, *draft.obsolete):
        _refuse_outside(root / path, root)
    with _temporaries(changed, root) as temporaries:
        for path, temporary in temporaries.items():
            temporary.replace((root / path).resolve())
    gone = [path for path in draft.obsolete if (root / path).is_file()]
    for path in gone:
        (root / path).unlink(missing_ok=True)
    return (*changed, *gone)


@contextmanager
def _temporaries(contents: Mapping[str, bytes], root: Path) -> Iterator[dict[str, Path]]:
    """All contents on the disk, each beside its target and with its mode; what is not renamed is removed again."""
    temporaries: dict[str, Path] = {}
    folders: list[Path] = []
    try:
        for path, content in contents.items():
            target = (root / path).resolve()
            folders += _make_folder(target.parent)
            temporaries[path] = target.with_name(f".{target.name}.{os.getpid()}.gpu-doc")
            _write(temporaries[path], content, like=target)
        yield temporaries
    except OSError as error:
        raise disk_error(error, root) from error
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)
        for folder in reversed(folders):
            with suppress(OSError):  # not empty: the draft was written
                folder.rmdir()


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


def _refuse_outside(path: Path, root: Path) -> None:
    if not path.resolve().is_relative_to(root.resolve()):
        raise PublishError(
            "a link leads out of the project; nothing was written",
            where=str(path),
            remedy="Replace the link by a file or folder of the project.",
        )


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
