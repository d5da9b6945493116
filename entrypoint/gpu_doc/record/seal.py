"""Seals results in state, so that changed, moved or foreign ones are not used.

A result's `record.json` holds the SHA-256 of each of its files, and an HMAC (RFC 2104, with SHA-256) over these, the
record and the result's name. The key is outside of state. So a result counts as absent, and its run is executed again,
if a byte changed, if files were swapped, added or removed, or if somebody without the key wrote it. Without the key,
all results count as absent. Whoever can read this user's files can read the key: see SECURITY.md.
"""

from __future__ import annotations

import hmac
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from gpu_doc.model.values import Json
from gpu_doc.system import writing

RECORD = "record.json"
_VERSION = "gpu-doc state 1"
_KEY = 32
"""Bytes of the key, as many as the hash has (RFC 2104, section 3)."""
_CHUNK = 1 << 20


class Seal:
    """Seals results when they are kept, and opens those that are intact."""

    def __init__(self, key: Path | None) -> None:
        """`key` is the file of the key; it is created with the first sealed result."""
        self._path = key
        self._key = b""
        self._opened: dict[Path, tuple[tuple[int, ...], Mapping[str, Json]]] = {}

    @property
    def lasts(self) -> bool:
        """Whether a later process can open what is sealed now."""
        self._key = self._key or self._read() or self._make()
        return self._key == self._read()

    def close(self, folder: Path, name: str, record: Mapping[str, Json]) -> None:
        """Write a result's record. Removes everything but plain files from the result. Raises OSError."""
        for place in [path for path, plain in _walk(folder) if not plain]:
            place.unlink()
        files = {str(path.relative_to(folder)): _digest(path) for path, _ in _walk(folder) if path != folder / RECORD}
        whole = {"record": dict(record), "files": files, "seal": self._code(name, dict(record), files)}
        (folder / RECORD).write_text(json.dumps(whole, indent=1, sort_keys=True), "utf-8")

    def open(self, folder: Path, name: str) -> Mapping[str, Json] | None:
        """Return a result's record; None if the result differs from what was sealed under this name."""
        with suppress(OSError):
            stamp = tuple(number for each in sorted(path for path, _ in _walk(folder)) for number in _stamp(each))
            if (seen := self._opened.get(folder)) and seen[0] == stamp:
                return seen[1]
            record, files = self._sealed(folder, name)
            if record is None or not _holds(folder, files):
                return None
            self._opened[folder] = stamp, record
            return record
        return None

    def peek(self, folder: Path, name: str) -> Mapping[str, Json] | None:
        """Return a result's record as it was sealed under this name, without looking at the other files; else None."""
        return self._sealed(folder, name)[0]

    def _sealed(self, folder: Path, name: str) -> tuple[dict[str, Json] | None, Json]:
        """Return a result's record, and the hashes of its files; None if it was not sealed so under this name."""
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            whole = json.loads((folder / RECORD).read_bytes())
            record, files = whole["record"], whole["files"]
            if self._is(whole["seal"], name, record, files) and isinstance(record, dict):
                return record, files
        return None, None

    def code(self, *parts: Json) -> str:
        """Return a hash that only who has the key can make."""
        return self._code("value", *parts)

    def close_file(self, path: Path, name: str) -> None:
        """Write a single file's seal beside it. Raises OSError."""
        writing.replace(path.with_suffix(".seal"), self._code(name, _digest(path)).encode())

    def is_whole(self, path: Path, name: str) -> bool:
        """Whether a single file is the same as when it was sealed under this name."""
        with suppress(OSError, ValueError):
            stamp = _stamp(path)
            if (seen := self._opened.get(path)) and seen[0] == stamp:
                return True
            if self._is(path.with_suffix(".seal").read_text("ascii"), name, _digest(path)):
                self._opened[path] = stamp, {}
                return True
        return False

    def _is(self, said: Json, *parts: Json) -> bool:
        self._key = self._key or self._read()
        return (
            bool(self._key)
            and isinstance(said, str)
            and hmac.compare_digest(said.encode(), self._code(*parts).encode())
        )

    def _code(self, *parts: Json) -> str:
        self._key = self._key or self._read() or self._make()
        return hmac.new(self._key, json.dumps([_VERSION, *parts], sort_keys=True).encode(), sha256).hexdigest()

    def _read(self) -> bytes:
        """The key; empty if there is none, or if others can read it."""
        if self._path:
            with suppress(OSError, ValueError), self._path.open("rb") as file:
                about = os.fstat(file.fileno())
                if about.st_uid == os.getuid() and not about.st_mode & 0o077:
                    key = bytes.fromhex(file.read(2 * _KEY + 1).decode("ascii"))
                    return key if len(key) == _KEY else b""
        return b""

    def _make(self) -> bytes:
        """Create a key, or use another process's that is as new; if that fails, make one for this process only."""
        key = os.urandom(_KEY)
        if self._path is None:
            return key
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not writing.create(self._path, key.hex().encode(), mode=0o600, lasting=True):
                if found := self._read():
                    return found
                # What is there is not a key, or others can read it.
                writing.replace(self._path, key.hex().encode(), mode=0o600, lasting=True)
        return key


def _stamp(path: Path) -> tuple[int, ...]:
    about = path.lstat()
    return about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _holds(folder: Path, files: Json) -> bool:
    """Whether a folder has exactly these files, with these hashes."""
    found = [path for path, _ in _walk(folder) if path != folder / RECORD]
    names = {str(path.relative_to(folder)): path for path in found}
    return (
        isinstance(files, dict)
        and names.keys() == files.keys()
        and all(_digest(path) == files[name] for name, path in names.items())
    )


def _walk(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Yield everything below a folder except folders, and whether it is a plain file. Raises OSError."""

    def refuse(error: OSError) -> None:
        raise error

    for place, folders, names in os.walk(folder, onerror=refuse):
        links = [name for name in folders if Path(place, name).is_symlink()]
        for name in (*names, *links):
            path = Path(place, name)
            yield path, stat.S_ISREG(path.lstat().st_mode)


def _digest(path: Path) -> str:
    """SHA-256 of a plain file. Raises OSError, also for a link."""
    found = sha256()
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is no plain file")
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()
