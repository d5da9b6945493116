"""Wraps standard output and error: a reader may go away, and a runner must find no command in what others print."""

from __future__ import annotations

import atexit
import io
from typing import TYPE_CHECKING

from gpu_doc.text.plain import plain

if TYPE_CHECKING:
    from typing import TextIO


class Reader(io.TextIOBase):
    """A stream whose reader may go away, as `| head` does. That changes neither our work nor our exit code."""

    def __init__(self, stream: TextIO | None) -> None:
        """`stream` is None if the caller has closed it."""
        self._stream = stream
        self.failure: OSError | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute in the stub, a property in the class itself
        """Return the stream's encoding, else UTF-8."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._stream is not None and self._stream.isatty()

    def write(self, text: str) -> int:
        """Write text at once."""
        if self._stream is None:
            return len(text)
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            self._stream = None
        except OSError as error:
            self._stream, self.failure = None, error
        return len(text)


class Guarded(io.TextIOBase):
    """What others than our console print on a runner: argparse, warnings, tracebacks of threads. It holds no commands.

    Only whole lines are written, since a command may come in pieces; the rest is written when the process ends.
    """

    def __init__(self, reader: Reader) -> None:
        from gpu_doc.console.workflow_commands import (
            without_commands,  # now, not in `_write`: when the process ends, it may be too late to import
        )

        self._without_commands = without_commands
        self._reader = reader
        self._begun = ""
        atexit.register(self.end)

    @property
    def encoding(self) -> str:  # type: ignore[override]  # as above
        """Return the stream's encoding, else UTF-8."""
        return self._reader.encoding

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._reader.isatty()

    def write(self, text: str) -> int:
        """Write the lines that are complete."""
        lines, end, self._begun = (self._begun + text).rpartition("\n")
        if end:
            self._write(lines)
        return len(text)

    def end(self) -> None:
        """Write the last line, which has no end."""
        if self._begun:
            self._write(self._begun)
        self._begun = ""

    def _write(self, lines: str) -> None:
        encoding = self._reader.encoding
        safe = self._without_commands(plain(lines)) + "\n"
        self._reader.write(safe.encode(encoding, "replace").decode(encoding))
