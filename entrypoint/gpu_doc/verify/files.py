"""Compares the files beside a report with what evidence says of each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gpu_doc.git.asking import ask
from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.answers import Call
from gpu_doc.model.configuration import Report
from gpu_doc.model.location import Location
from gpu_doc.record import evidence
from gpu_doc.record.contents import is_as, sha256_of
from gpu_doc.record.evidence import Evidence, KeptFile
from gpu_doc.verify import plain_files
from gpu_doc.verify.evidence_file import EvidenceFile
from gpu_doc.verify.findings import Finding

_DIGEST = re.compile(r"[0-9a-f]{64}")
_LEFT_BY_OTHERS = frozenset({".DS_Store", ".gitattributes", ".gitignore", ".gitkeep", "Thumbs.db", "desktop.ini"})
"""What git and file managers leave in folders."""
_MOST = 10
"""For how many files git's history is searched, which takes a while for each."""


@dataclass(frozen=True)
class Folder:
    """The folder of a report's files."""

    report: Report
    root: Path
    tree: Path
    """The checkout: the repository's top, else root."""
    has_git: bool
    line_ends: LineEnds

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.root / self.report.assets

    def place(self, name: str) -> Location:
        """Return a file of it as a place for messages."""
        return Location(f"{self.report.assets}/{name}")


def compare(folder: Folder, known: Evidence, file: EvidenceFile) -> Iterator[Finding]:
    """Yield what is wrong with the files of a report."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:  # hashing lets other threads go on
        states = list(threads.map(lambda item: _state(folder, *item), known.files.items()))
    wrong = {name: state for name, state in zip(known.files, states, strict=True) if state is not None}
    owners = {kept.sha256: name for name, kept in known.files.items()}
    for count, (name, state) in enumerate(wrong.items()):
        said = state if isinstance(state, str) else _unlike(folder, name, state, owners, search=count < _MOST)
        yield Finding(kind="file", what=said, where=folder.place(name))
    yield from _foreign(folder, known)
    _entries(known, file)


def _state(folder: Folder, name: str, kept: KeptFile) -> str | bytes | None:
    """Return None for a file that is as evidence says; its content, or why it has none."""
    path = folder.path / name
    try:
        content = plain_files.content(path, folder.tree)
    except FileNotFoundError:
        return "is missing"
    except plain_files.NotPlainError as error:
        return str(error)
    return None if is_as(path, content, kept.sha256, folder.line_ends) else content


def _unlike(folder: Folder, name: str, content: bytes, owners: Mapping[str, str], *, search: bool) -> str:
    if other := owners.get(sha256_of(content)):
        return f"is the file that belongs at {other}"
    if search and folder.has_git and (commit := _earlier(folder, name)):
        return f"is as commit {commit} left it, not as evidence says: of another run"
    if content.startswith(b"version https://git-lfs"):
        return "begins like a pointer of Git LFS and is none, so it counts as what it is: not the file in evidence"
    return "was changed: its SHA-256 is not the one in evidence"


def _earlier(folder: Folder, name: str) -> str:
    """Return the short id and date of the last commit that had this very file at this place, if one had."""
    blob = ask(folder.path, "hash-object", "--", name)
    found = ask(folder.path, "log", "-1", "--format=%h of %cs", f"--find-object={blob}", "--", name) if blob else None
    return found or ""


def _foreign(folder: Folder, known: Evidence) -> Iterator[Finding]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder.path))
    except OSError:
        return  # all of its files are missing, which has been told
    for name in names:
        if name not in known.files and name != evidence.NAME and name not in _LEFT_BY_OTHERS:
            what = "is not one of the report's files: evidence doesn't name it"
            yield Finding(kind="foreign", what=what, where=folder.place(name))


def _entries(known: Evidence, file: EvidenceFile) -> None:
    """Add what is wrong with what evidence says of files, apart from the files themselves."""
    shown = {name: Call.from_key(key) for key, kept in known.answers.items() for name in kept.assets}
    for name, kept in known.files.items():
        for key, digest in (("sha256", kept.sha256), ("made-from", kept.made_from)):
            if not _DIGEST.fullmatch(digest):
                file.add("file", "this is no SHA-256", "files", name, key)
        if name not in shown:
            file.add("file", "no answer shows this file", "files", name)
        elif shown[name].function == "image" and not name.endswith(".svg") and kept.sha256 != kept.made_from:
            file.add(
                "file", "an image that is copied is made from itself, and this one is not", "files", name, "made-from"
            )
