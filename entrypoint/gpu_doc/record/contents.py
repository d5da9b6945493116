"""Hashes files for fingerprints, by SHA-256 of their content."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from gpu_doc.errors import NotebookFileError
from gpu_doc.git import lfs
from gpu_doc.git.line_ends import LineEnds, is_binary
from gpu_doc.model.location import Location

_BLOCK = 1 << 20
DIGITS = 16
"""The hexadecimal digits of a hash that evidence keeps of an input."""


class Seen:
    """What one plan has looked at: runs share data and modules, and each is looked at once for all of them."""

    def __init__(self) -> None:
        self.hashes: dict[Path, tuple[str, bool]] = {}
        """Of files: the SHA-256 of their bytes, and whether a line ends in CRLF."""
        self._modules: dict[tuple[str, tuple[Path, ...]], list[Path]] = {}

    def module(
        self, dotted: str, places: tuple[Path, ...], find: Callable[[str, tuple[Path, ...]], list[Path]]
    ) -> list[Path]:
        """The files of a module in the first of these places that has it."""
        key = dotted, places
        if key not in self._modules:
            self._modules[key] = find(dotted, places)
        return self._modules[key]


class Contents:
    """Hashes files: their bytes, or, with `line_ends`, what git would store of them.

    Asking git would take longer than a plan where all is fresh may take. So compare bytes first; `crlf` then tells
    whether asking git could change the result.
    """

    def __init__(self, line_ends: LineEnds | None = None, *, seen: Seen | None = None) -> None:
        self._line_ends = line_ends
        self.seen = seen or Seen()
        self.crlf = False
        """Whether any file had a line ending in CRLF."""

    def hash(self, path: Path) -> str:
        """SHA-256 of a file's content; a Git LFS pointer counts as the file that it refers to.

        Raises NotebookFileError if it can't be read.
        """
        try:
            digest, crlf = self.seen.hashes.get(path) or self.seen.hashes.setdefault(path, _hash(path))
            self.crlf = self.crlf or crlf
            return (crlf and self._line_ends and _hash_folded(path, self._line_ends)) or digest
        except OSError as error:
            raise unreadable(error, str(path)) from error

    def hash_source(self, path: Path) -> str:
        """Return what tells an imported Python source: a hash of its bytes and, after a point, its form if it has one.

        Raises NotebookFileError if it can't be read.
        """
        from gpu_doc.record import forms

        digest = self.hash(path)[:DIGITS]
        try:
            form = forms.of_source(path.name, path.read_bytes())
        except OSError as error:
            raise unreadable(error, str(path)) from error
        return f"{digest}.{form}" if form else digest

    def hash_read(self, path: Path, content: bytes) -> str:
        """The same for a file whose content has been read."""
        self.crlf = self.crlf or b"\r\n" in content
        stored = self._line_ends.stored(path, content) if self._line_ends else content
        return lfs.oid(content) or sha256(stored).hexdigest()


def _hash(path: Path) -> tuple[str, bool]:
    """Return the hash of a file's bytes, and whether a line ends in CRLF."""
    hashed, crlf, last = sha256(), False, b""
    with path.open("rb", buffering=0) as file:
        block = file.read(_BLOCK)
        if oid := lfs.oid(block):
            return oid, False
        while block:
            hashed.update(block)
            crlf = crlf or b"\r\n" in block or (last == b"\r" and block[:1] == b"\n")
            last, block = block[-1:], file.read(_BLOCK)
    return hashed.hexdigest(), crlf


def _hash_folded(path: Path, line_ends: LineEnds) -> str | None:
    """Return the hash with LF for each CRLF; None if git stores the bytes unchanged.

    Only the first block decides whether it is text. git looks at the whole file, but a text in git may be large.
    """
    rule = line_ends.rule(path)
    if rule == "never":
        return None
    hashed, held = sha256(), b""
    with path.open("rb") as file:
        block = file.read(_BLOCK)
        if rule == "text" and is_binary(block.removesuffix(b"\r")):
            return None
        while block:
            block = held + block
            held = b"\r" if block.endswith(b"\r") else b""
            hashed.update(block[: len(block) - len(held)].replace(b"\r\n", b"\n"))
            block = file.read(_BLOCK)
    hashed.update(held)
    return hashed.hexdigest()


def is_file_as(path: Path, sha256: str, line_ends: LineEnds) -> bool:
    """Return whether a file exists and its content has this digest."""
    try:
        # Reading a pipe would wait for ever.
        return path.is_file() and is_as(path, path.read_bytes(), sha256, line_ends)
    except OSError:
        return False


def is_as(path: Path, content: bytes, sha256: str, line_ends: LineEnds) -> bool:
    """Return whether the content of a file has this digest, unchanged or as git would store it."""
    return sha256_of(content) == sha256 or sha256_of(line_ends.stored(path, content)) == sha256


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of a file's content; a Git LFS pointer counts as the content that it points to."""
    return lfs.oid(content) or sha256(content).hexdigest()


def unreadable(error: OSError, name: str) -> NotebookFileError:
    """Return the error for a file that can't be read; `name` is its path in messages."""
    what = f"cannot be read: {error.strerror}"
    return NotebookFileError(what, where=Location(name), remedy="Make it readable for this user.")
