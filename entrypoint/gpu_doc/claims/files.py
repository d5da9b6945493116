"""Reads the Markdown files that claims are about."""

from __future__ import annotations

from pathlib import Path

from gpu_doc.claims.prose import Document
from gpu_doc.errors import ClaimTextError
from gpu_doc.git import lfs
from gpu_doc.model.location import Location

_LARGEST = 5_000_000
"""The most bytes of a Markdown file, as of a report."""


def read(root: Path, file: str) -> Document:
    """Return a Markdown file of the repository, given its path from root. Raises ClaimTextError."""
    path, where = root / file, Location(file)
    try:
        inside = path.resolve().is_relative_to(root.resolve())
        if not inside:
            remedy = "Claims are about files of this repository: name the file itself."
            raise ClaimTextError("this link leads out of the project", where=where, remedy=remedy)
        if other := _other_repository(root, path):
            what = f"this file lies in another repository, {other}: its claims can't be kept from here"
            raise ClaimTextError(what, where=where, remedy="Make the claim in the gpu-doc.yml of that repository.")
        if not path.is_file():
            raise ClaimTextError("there is no such file", where=where, remedy="Correct its path in `claims`.")
        with path.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
    except (OSError, RuntimeError) as error:
        what = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise ClaimTextError(what, where=where, remedy="Check the path.") from error
    return document(file, content)


def document(file: str, content: bytes) -> Document:
    """Return a Markdown file, given its content. Raises ClaimTextError."""
    where = Location(file)
    if lfs.oid(content):
        what = "this file was not fetched: a pointer of Git LFS stands in its place"
        raise ClaimTextError(what, where=where, remedy=lfs.remedy(file))
    if len(content) > _LARGEST:
        what = f"larger than {_LARGEST / 1e6:g} MB"
        raise ClaimTextError(what, where=where, remedy="Move the sentence into a smaller file.")
    try:
        return Document(file, content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = "this file is not UTF-8"
        raise ClaimTextError(what, where=Location(file, line), remedy="Save it as UTF-8.") from error


def _other_repository(root: Path, path: Path) -> str:
    """Return the folder below root that is another repository and holds a file; empty if there is none."""
    root = root.resolve()
    for folder in path.resolve().parents:
        if folder == root or not folder.is_relative_to(root):
            return ""
        if (folder / ".git").exists():
            return folder.relative_to(root).as_posix()
    return ""
