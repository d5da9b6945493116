"""The sides that reports are compared between: the checkout, and a commit of its repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gpu_doc.git import checkout
from gpu_doc.git.line_ends import LineEnds

_LINE_ENDS = LineEnds()
_LARGEST = 256 << 20
"""Bytes of a file that are read; no report and no picture is as large."""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """Where paths from root lead."""

    root: Path
    tree: Path
    """The top of the checkout."""

    def path(self, path: str) -> str | None:
        """A path from the top; links are followed, for a report may be one. None outside, and in git's own folder."""
        try:
            place = (self.root / path).resolve().relative_to(self.tree.resolve())
        except (ValueError, OSError, RuntimeError):  # outside; too long; a link to itself
            return None
        return None if ".git" in place.parts else place.as_posix()

    def written(self, path: str) -> str:
        """A path from the top, as it is written."""
        return (self.root.resolve().relative_to(self.tree.resolve()) / path).as_posix()


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """The files as they lie in the checkout. A pull request may have made links of them that lead anywhere."""

    repository: Repository

    def read(self, path: str) -> bytes | None:
        """The content of a file inside the checkout."""
        known = self.repository.path(path)
        file = self.repository.tree / known if known else None
        try:
            if not file or not file.is_file() or file.stat().st_size > _LARGEST:
                return None
            return _LINE_ENDS.stored(file, file.read_bytes())  # as a commit has it
        except OSError:
            return None


@dataclass(frozen=True, kw_only=True)
class Commit:
    """The files as a commit has them."""

    repository: Repository
    commit: str

    def read(self, path: str) -> bytes | None:
        """The content of a file in the commit."""
        # What is a link here by now, and leads elsewhere, may have been a file then.
        known = self.repository.path(path) or self.repository.written(path)
        return checkout.content(self.repository.tree, self.commit, known)


@dataclass(frozen=True)
class Nothing:
    """What was there before the first commit."""

    def read(self, path: str) -> bytes | None:
        """No file at all."""
        del path
        return None
