"""Runs a command in a container: in a pseudo-terminal, to its end, whether or not somebody watches."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from gpu_doc.execution.agent import frames
from gpu_doc.execution.agent.agent import OUTCOME, Agent, write_atomically
from gpu_doc.execution.agent.jobs import CommandJob
from gpu_doc.execution.agent.messages import CommandDone, CommandStarted, Go, NotStarted, Signal, read_request, write
from gpu_doc.execution.agent.pseudo_terminal import Bounded, Copying, Program, start
from gpu_doc.execution.agent.shortages import shortages
from gpu_doc.execution.agent.watching import bears_watching, watched

TERMINAL_LOG = OUTCOME / "terminal.log"
DONE = OUTCOME / "done.json"
PROBE = OUTCOME / "probe.json"
GO = OUTCOME / "go"


class Command(Agent):
    """A command in a pseudo-terminal."""

    def __init__(self, job: CommandJob, out: frames.Writer) -> None:
        super().__init__(out)
        self._job = job
        self._pid = 0
        self.detached = job.detach

    def run(self) -> None:
        """Run the command to its end, or to the deadline of a detached one."""
        self.begin(self._job)
        self._wait_for_go()
        done = self._done()
        if self._job.detach:
            write_atomically(DONE, write(done))
        else:
            self.out.tell(done)

    def _done(self) -> CommandDone | NotStarted:
        job, began = self._job, time.monotonic()
        try:
            watch = self.watch if bears_watching(job.command, job.cwd, os.environ) else {}
            environment = watched(os.environ, watch)
            self._pid, terminal = start(Program(job.command, job.cwd, environment, job.columns, job.rows))
        except OSError as error:
            return NotStarted(error.errno, str(error))
        self.out.tell(CommandStarted())
        limit = job.time if job.detach and job.time else float("inf")
        log = Bounded(self._log, job.limit)
        copying = Copying(self._pid, terminal, log)
        status = copying.run(leave=lambda _: time.monotonic() - began > limit)
        log.close()
        seconds = time.monotonic() - began
        met = shortages()  # before files are collected, which needs memory too
        return CommandDone(status, seconds, self.left(), met, log.left_out, copying.asked)

    def take(self, kind: int, channel: int, payload: bytes) -> None:
        """Start the command, or send it a signal. A command has no other requests."""
        del channel
        request = read_request(payload) if kind == frames.EVENT else None
        if isinstance(request, Go):
            GO.touch()
        elif isinstance(request, Signal) and self._pid:
            with suppress(ProcessLookupError):
                os.killpg(self._pid, request.number)

    def _wait_for_go(self) -> None:
        """Wait until the command may start. A file says so, since a detached command gets no frames."""
        while not GO.exists():
            time.sleep(0.01)

    def _log(self, data: bytes) -> None:
        if self._job.detach:
            with TERMINAL_LOG.open("ab") as log:
                log.write(data)
        else:
            self.out.send(frames.TERMINAL, data)


def follow(out: frames.Writer) -> None:
    """Send a detached command's probe, all that its terminal has shown and will show, and its end."""
    while not PROBE.exists():
        time.sleep(0.01)
    out.send(frames.EVENT, PROBE.read_bytes())
    TERMINAL_LOG.touch()
    with TERMINAL_LOG.open("rb") as log:
        while True:
            over = DONE.exists()  # before reading, so that the last output is read too
            while chunk := log.read(frames.LARGEST):
                out.send(frames.TERMINAL, chunk)
            if over:
                out.send(frames.EVENT, DONE.read_bytes())
                return
            time.sleep(0.1)
