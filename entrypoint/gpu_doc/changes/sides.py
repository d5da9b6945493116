"""The two sides of a comparison of reports: the checkout, or a commit of its repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gpu_doc.git import checkout
from gpu_doc.git.line_ends import LineEnds

_LINE_ENDS = LineEnds()
_LARGEST = 256 << 20
"""The most bytes of a file that are read; no report and no picture is as large."""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """Resolves paths from root."""

    root: Path
    tree: Path
    """The top of the checkout."""

    def path(self, path: str) -> str | None:
        """Return a path from the top; follows links, since a report may be one. None outside, and in git's folder."""
        try:
            place = (self.root / path).resolve().relative_to(self.tree.resolve())
        except (ValueError, OSError, RuntimeError):  # outside; too long; a link to itself
            return None
        return None if ".git" in place.parts else place.as_posix()

    def written(self, path: str) -> str:
        """Return a path from the top, without following links."""
        return (self.root.resolve().relative_to(self.tree.resolve()) / path).as_posix()


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """The files in the checkout. A pull request may have replaced them with links to anywhere."""

    repository: Repository

    def read(self, path: str) -> bytes | None:
        """Return the content of a file inside the checkout."""
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
    """The files in a commit."""

    repository: Repository
    commit: str

    def read(self, path: str) -> bytes | None:
        """Return the content of a file in the commit."""
        # A path that is a link in the checkout may have been a file in the commit.
        known = self.repository.path(path) or self.repository.written(path)
        return checkout.content(self.repository.tree, self.commit, known)


@dataclass(frozen=True)
class Nothing:
    """The side before the first commit: no files."""

    def read(self, path: str) -> bytes | None:
        """Return None: there is no file."""
        del path
        return None
