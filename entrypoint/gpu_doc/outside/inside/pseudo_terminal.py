"""A command in a pseudo-terminal: its start, and the copying of what it writes until it has ended.

Serves local commands (outside/command_worker.py) and those in containers: nothing but the standard library of
Python 3.8, since the agent uses this file inside the user's image.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from contextlib import suppress
from typing import Any, Callable, Dict

COLUMNS, ROWS = 100, 50
"""The terminal of commands. The contract promises its width."""

LONGEST_LOG = 1_000_000_000
"""Bytes kept of what a command writes to its terminal."""

DRAIN = 0.5
"""Seconds that we read on after the command ended, where a background child keeps its terminal open."""

Job = Dict[str, Any]
"""`argv`, `cwd`, `environment`, `columns`, `rows`."""


class Bounded:
    """Passes on the first bytes up to a limit, and says where it stops."""

    def __init__(self, write: Callable[[bytes], Any], limit: int) -> None:
        self._write = write
        self._left = limit
        self._limit = limit

    def write(self, data: bytes) -> None:
        """Pass on as much as may be."""
        if self._left <= 0:
            return
        self._write(data[: self._left])
        self._left -= len(data)
        if self._left <= 0:
            self._write(f"\r\n… the log was cut at {self._limit / 1e6:.0f} MB\r\n".encode())


def start(job: Job, prepare: Callable[[], None] = lambda: None) -> tuple[int, int]:
    """Start the command; return its process id and the terminal. `prepare` is called in the new process.

    Raises OSError: it can't be started.
    """
    # Errors of the exec come back through a pipe that the exec closes.
    told, tell = os.pipe()
    pid, terminal = pty.fork()
    if pid == 0:
        _become(job, tell, prepare)
    os.close(tell)
    with os.fdopen(told, "rb") as reader:
        problem = reader.read()
    if problem:
        os.close(terminal)
        os.waitpid(pid, 0)
        number, _, name = problem.decode("utf-8", "replace").partition(" ")
        raise OSError(int(number), os.strerror(int(number)), name)
    return pid, terminal


def _become(job: Job, tell: int, prepare: Callable[[], None]) -> None:
    """In the fork: set the terminal up and turn into the command. Never returns."""
    name = job["argv"][0]
    try:
        prepare()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", job["rows"], job["columns"], 0, 0))
        # Nobody will type: a question then meets the end of input rather than waiting for ever.
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(job["cwd"])
        os.execvpe(name, job["argv"], job["environment"])  # noqa: S606 - a shell would read the arguments anew
    except OSError as error:
        os.write(tell, f"{error.errno} {name}".encode())
    finally:
        os._exit(127)


class Copying:
    """Copies a terminal until its command has ended."""

    def __init__(self, pid: int, terminal: int, log: Bounded) -> None:
        self._pid = pid
        self._terminal = terminal
        self._log = log

    def run(self, *, leave: Callable[[list[int]], bool], others: tuple[int, ...] = ()) -> int | None:
        """Return the status, negative for a signal; None as soon as `leave` says so.

        `leave` is asked several times a second, with those of `others` (descriptors) that can be read.
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
        return status

    def _pump(self) -> bool:
        try:
            data = os.read(self._terminal, 1 << 16)
        except OSError as error:
            if error.errno == errno.EIO:  # Linux's end of file: nobody holds the terminal any more
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
    """As `os.waitstatus_to_exitcode`, which Python 3.8 lacks: negative is a signal."""
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
