"""Starts a command in a pseudo-terminal, and copies what it writes until it has ended.

The terminal is only for output: nobody types (see unattended.py).

Used for local commands (execution/workers/command_worker.py) and for those in containers. Only the standard library of
Python 3.8, since the agent uses this file inside the user's image.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import struct
import termios
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Callable, Mapping

from gpu_doc.execution.agent.overwriting import Overwriting
from gpu_doc.execution.agent.unattended import LOOK, ask_nobody, hang_up

COLUMNS, ROWS = 100, 50
"""The size of a command's terminal."""

LONGEST_LOG = 1_000_000_000
"""The most bytes kept of what a command writes to its terminal, whatever its limit is."""

LONGEST_END, LONGEST_LINE = 1_000_000, 1000
"""For a log that is too long: bytes kept of its end, which says how the command went; the longest line cut whole."""

CUT = "output cut at"
"""The beginning of the line in a log that says that something is left out."""

DRAIN = 0.5
"""Seconds that we continue to read after the command's end, if a background child keeps its terminal open."""

Sink = Any
"""An object with a `write` method for bytes."""


@dataclass(frozen=True)
class Program:
    """A command and the size of its terminal."""

    argv: tuple[str, ...]
    cwd: str
    environment: Mapping[str, str]
    columns: int
    rows: int


class Bounded:
    """Passes on what a command writes, up to a limit; of more, the beginning and the end.

    What is overwritten in its own line is left out and does not count: a progress bar is one line.
    """

    def __init__(self, write: Callable[[bytes], Any], limit: int) -> None:
        """`limit` is in bytes; the lines that tell of a cut come on top."""
        self._write = write
        self._seen = Overwriting(self._take)
        self._limit = limit
        self._room = min(limit // 2, LONGEST_END)
        self._left = limit - self._room
        self._end = bytearray()
        self.left_out = 0
        """Bytes that were not passed on."""

    def write(self, data: bytes) -> None:
        """Pass on what the limit allows, and hold the rest, which may be the end."""
        self._seen.write(data)

    def _take(self, data: bytes) -> None:
        if self._left:
            head = data[: self._left]
            if len(head) < len(data):  # keep lines whole, so that no text that is searched for is cut in two
                head = head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1] or head
                self._room += self._left - len(head)
                self._left = len(head)
            self._write(head)
            self._left -= len(head)
            data = data[len(head) :]
        self._end += data
        if len(self._end) > 2 * self._room + LONGEST_END:
            self._leave_out(len(self._end) - self._room)

    def close(self) -> None:
        """Pass on the end."""
        self._seen.close()
        begin = max(0, len(self._end) - self._room)
        if begin or self.left_out:
            self._leave_out(max(begin, self._end.find(b"\n", begin, begin + LONGEST_LINE) + 1))
        if self.left_out:
            self._write(f"\x1b[0m… {self.left_out / 1e6:.3g} MB left out\r\n".encode())
        self._write(bytes(self._end))
        self._end.clear()

    def _leave_out(self, size: int) -> None:
        if not self.left_out:
            self._write(f"\r\n\x1b[0m… {CUT} {self._limit / 1e6:g} MB (limits.output)\r\n".encode())
        self.left_out += size
        del self._end[:size]


def start(program: Program, prepare: Callable[[], None] = lambda: None) -> tuple[int, int]:
    """Start the command; return its process id and the terminal. `prepare` is called in the new process.

    It leads a process group but no session: only a session's leader gets a controlling terminal when it opens one.

    Raises OSError if it can't be started.
    """
    # Errors of the exec come back through a pipe that the exec closes.
    told, tell = os.pipe()
    terminal, inner = os.openpty()
    pid = os.fork()
    if pid == 0:
        _become(program, tell, inner, prepare)
    os.close(tell)
    os.close(inner)
    with os.fdopen(told, "rb") as reader:
        problem = reader.read()
    if problem:
        os.close(terminal)
        os.waitpid(pid, 0)
        number, _, name = problem.decode("utf-8", "replace").partition(" ")
        raise OSError(int(number), os.strerror(int(number)), name)
    return pid, terminal


def _become(program: Program, tell: int, terminal: int, prepare: Callable[[], None]) -> None:
    """In the forked process: set up the terminal and execute the command. Never returns."""
    name = program.argv[0]
    try:
        prepare()
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", program.rows, program.columns, 0, 0))
        os.dup2(terminal, 1)
        os.dup2(terminal, 2)
        ask_nobody()
        os.chdir(program.cwd)
        os.execvpe(name, program.argv, program.environment)  # noqa: S606 - a shell would interpret the arguments again
    except OSError as error:
        os.write(tell, f"{error.errno} {name}".encode())
    finally:
        os._exit(127)


class Copying:
    """Copies a terminal's output until its command has ended."""

    def __init__(self, pid: int, terminal: int, log: Sink) -> None:
        self._pid = pid
        self._terminal = terminal
        self._log = log
        self._look = 0.0
        self.asked = False
        """Whether something waited for a key, and was ended."""

    def run(self, *, leave: Callable[[list[int]], bool], others: tuple[int, ...] = ()) -> int | None:
        """Return the status, negative for a signal; None as soon as `leave` returns true.

        `leave` is called several times a second, with those of `others` (descriptors) that can be read.
        """
        status: int | None = None
        end = float("inf")
        sources = [self._terminal, *others]
        while status is None or (self._terminal in sources and time.monotonic() < end):
            ready, _, _ = select.select(sources, [], [], 0.05)
            if leave([each for each in ready if each != self._terminal]):
                return None
            if self._terminal in ready:
                if not self._pump():
                    sources.remove(self._terminal)
            elif status is not None:
                break
            if status is None and (status := _ended(self._pid)) is not None:
                end = time.monotonic() + DRAIN
            self._hang_up()
        return status

    def _hang_up(self) -> None:
        if time.monotonic() >= self._look:
            self.asked = hang_up(self._terminal, self._pid) or self.asked
            self._look = time.monotonic() + LOOK

    def _pump(self) -> bool:
        try:
            data = os.read(self._terminal, 1 << 16)
        except OSError as error:
            if error.errno == errno.EIO:  # Linux's end of file: no process has the terminal open any more
                return False
            raise
        self._log.write(data)
        return bool(data)


def _ended(pid: int) -> int | None:
    with suppress(ChildProcessError):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return exit_code(status)
    return None


def exit_code(status: int) -> int:
    """Return the same as `os.waitstatus_to_exitcode`, which Python 3.8 lacks: negative is a signal."""
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
