"""A command in a container: in a pseudo-terminal, to its end, whoever watches."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress

from gpu_doc.execution.agent import frames
from gpu_doc.execution.agent.agent import OUTCOME, Agent, Json, write_atomically
from gpu_doc.execution.agent.pseudo_terminal import Bounded, Copying, start
from gpu_doc.execution.agent.shortages import shortages

TERMINAL_LOG = OUTCOME / "terminal.log"
DONE = OUTCOME / "done.json"
PROBE = OUTCOME / "probe.json"
GO = OUTCOME / "go"


class Command(Agent):
    """A command in a pseudo-terminal."""

    def __init__(self, job: Json, out: frames.Writer) -> None:
        super().__init__(job, out)
        self._pid = 0

    def run(self) -> None:
        """Run the command to its end, or to the deadline of a detached one."""
        self.begin()
        self._wait_for_leave()
        began = time.monotonic()
        try:
            self._pid, terminal = start({**self.job, "argv": self.job["command"], "environment": dict(os.environ)})
        except OSError as error:
            done: Json = {"event": "refused", "errno": error.errno, "message": str(error)}
        else:
            self.out.event("started")
            limit = self.job["time"] if self.job["detach"] and self.job["time"] else float("inf")
            log = Bounded(self._log, self.job["limit"])
            copying = Copying(self._pid, terminal, log)
            status = copying.run(leave=lambda _: time.monotonic() - began > limit)
            log.close()
            done = {"event": "done", "status": status, "left_out": log.left_out, "asked": copying.asked}
        done = {**done, "seconds": time.monotonic() - began, **shortages(), **self.left()}
        if self.job["detach"]:
            write_atomically(DONE, json.dumps(done))
        else:
            self.out.send(frames.EVENT, json.dumps(done).encode())

    def take(self, kind: int, channel: int, payload: bytes) -> None:
        """Send the signal that an event names; nothing else concerns a command."""
        del channel
        event = json.loads(payload) if kind == frames.EVENT else {}
        if event.get("event") == "go":
            GO.touch()
        elif event.get("event") == "signal" and self._pid:
            with suppress(ProcessLookupError):
                os.killpg(self._pid, event["number"])

    def _wait_for_leave(self) -> None:
        """Wait until what is here is found to be enough; a file says so, since a detached command hears nothing."""
        while not GO.exists():
            time.sleep(0.01)

    def _log(self, data: bytes) -> None:
        if self.job["detach"]:
            with TERMINAL_LOG.open("ab") as log:
                log.write(data)
        else:
            self.out.send(frames.TERMINAL, data)


def follow(out: frames.Writer) -> None:
    """Send what a detached command found, its terminal from its beginning, as it grows, and its end."""
    while not PROBE.exists():
        time.sleep(0.01)
    out.send(frames.EVENT, PROBE.read_bytes())
    TERMINAL_LOG.touch()
    with TERMINAL_LOG.open("rb") as log:
        while True:
            over = DONE.exists()  # asked before reading: what is written last is read then
            while chunk := log.read(frames.LARGEST):
                out.send(frames.TERMINAL, chunk)
            if over:
                out.send(frames.EVENT, DONE.read_bytes())
                return
            time.sleep(0.1)
