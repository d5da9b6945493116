"""Keeps what a process writes to its own standard output and error in a file: redacted, and only the last part."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from gpu_doc.redaction import Redactor

LOG_LIMIT = 1 << 20
"""The most bytes kept of what a kernel process writes to its own standard output and error."""


class Log:
    """A kernel's own output, redacted, in a file that keeps the last part; the file appears with the first byte."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self._path = path
        self._size = 0
        self._redacted = redactor.stream(self._append)
        self._lock = threading.Lock()

    def write(self, chunk: bytes) -> None:
        """Append bytes; what can't be written is lost."""
        with self._lock:
            self._redacted.write(chunk)

    def flush(self) -> None:
        """Write what is held to the file."""
        with self._lock:
            self._redacted.flush()

    def end(self) -> str:
        """Return its last part."""
        self.flush()
        with suppress(OSError):
            return self._path.read_bytes()[-4000:].decode("utf-8", "replace")
        return ""

    def _append(self, chunk: bytes) -> None:
        with suppress(OSError):
            if self._size + len(chunk) > LOG_LIMIT:
                chunk = (self._path.read_bytes() + chunk)[-LOG_LIMIT // 2 :]
                self._path.unlink()
                self._size = 0
            with self._path.open("ab") as log:
                log.write(chunk)
            self._size += len(chunk)
