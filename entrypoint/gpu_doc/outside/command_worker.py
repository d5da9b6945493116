"""Runs one command in a pseudo-terminal, in a process of its own: it outlives neither its parent nor its command.

Message in: `{argv, cwd, environment, log, limit, columns, rows}`. Events out: `started` (pid), then `done` (status,
as `os.waitstatus_to_exitcode` gives it: negative is a signal), or `refused` (errno, message) where it can't be started.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pty
import select
import signal
import struct
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from gpu_doc.outside.link import Link, die_with_parent
from gpu_doc.outside.process import MARKER, kill_tree, sweep

DRAIN = 0.5
"""Seconds that we read on after the command ended, where a background child keeps its terminal open."""


def main() -> None:
    """Serve the one message, and end."""
    link = Link()
    # One message: it is there at once, so that a blocking read is no loss.
    with os.fdopen(os.dup(link.messages), "rb") as messages:
        line = messages.readline()
    if line:
        _serve(link, json.loads(line))


def _serve(link: Link, job: dict[str, Any]) -> None:
    marker = job["environment"].get(MARKER)
    try:
        pid, terminal = _start(job)
    except OSError as error:
        link.send("refused", errno=error.errno, message=str(error))
        return
    link.send("started", pid=pid)
    try:
        with Path(job["log"]).open("wb", buffering=0) as log:
            status = _copy(terminal, _Bounded(log, job["limit"]), pid, link.messages)
    except OSError as error:
        kill_tree(pid)
        link.send("failed", errno=error.errno, message=str(error))
        return
    finally:
        if marker:
            sweep(marker)
    if status is not None:
        link.send("done", status=status)


class _Bounded:
    """A log that keeps the first bytes up to a limit, and says where it stops."""

    def __init__(self, log: BinaryIO, limit: int) -> None:
        self._log = log
        self._left = limit
        self._limit = limit

    def write(self, data: bytes) -> None:
        if self._left <= 0:
            return
        self._log.write(data[: self._left])
        self._left -= len(data)
        if self._left <= 0:
            self._log.write(f"\r\n… the log was cut at {self._limit / 1e6:.0f} MB\r\n".encode())


def _start(job: dict[str, Any]) -> tuple[int, int]:
    """Fork with a new controlling terminal; errors of the exec come back through a pipe that the exec closes."""
    told, tell = os.pipe()
    pid, terminal = pty.fork()
    if pid == 0:
        _become(job, tell)
    os.close(tell)
    with os.fdopen(told, "rb") as reader:
        problem = reader.read()
    if problem:
        os.close(terminal)
        os.waitpid(pid, 0)
        number, _, name = problem.decode("utf-8", "replace").partition(" ")
        raise OSError(int(number), os.strerror(int(number)), name)
    return pid, terminal


def _become(job: dict[str, Any], tell: int) -> None:
    """In the fork: set the terminal up and turn into the command. Never returns."""
    name = job["argv"][0]
    try:
        die_with_parent()
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


def _copy(terminal: int, log: _Bounded, pid: int, parent: int) -> int | None:
    """Copy the terminal into the log until the command ended. None where our parent left first."""
    status: int | None = None
    end = float("inf")
    sources = [terminal, parent]
    while status is None or (terminal in sources and time.monotonic() < end):
        ready, _, _ = select.select(sources, [], [], 0.05)
        if parent in ready and not os.read(parent, 4096):
            kill_tree(pid)
            return None
        if terminal in ready:
            if not _pump(terminal, log):
                sources.remove(terminal)
        elif status is not None:
            break
        if status is None and (status := _ended(pid)) is not None:
            end = time.monotonic() + DRAIN
    return status


def _pump(terminal: int, log: _Bounded) -> bool:
    try:
        data = os.read(terminal, 1 << 16)
    except OSError as error:
        if error.errno == errno.EIO:  # Linux's end of file: nobody holds the terminal any more
            return False
        raise
    log.write(data)
    return bool(data)


def _ended(pid: int) -> int | None:
    with suppress(ChildProcessError):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
    return None


if __name__ == "__main__":
    main()
