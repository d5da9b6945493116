"""Runs one command in a pseudo-terminal, in a separate process that outlives neither its parent nor its command.

It gets one message, RunCommand (messages.py); it sends Started, then CommandEnded, CommandRefused or CommandLost.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from gpu_doc.execution.agent.pseudo_terminal import Bounded, Copying, Program, start
from gpu_doc.execution.agent.watching import bears_watching, watched
from gpu_doc.execution.workers.messages import RunCommand, Started, read_request, write
from gpu_doc.execution.workers.run_ends import CommandEnded, CommandLost, CommandRefused
from gpu_doc.redaction import Redactor
from gpu_doc.system.link import Link, adopt_orphans, die_with_parent
from gpu_doc.system.process import MARKER, end_children, sweep


def main() -> None:
    """Handle the only message, and end."""
    link = Link()
    # The message comes at once, so the read may block.
    with os.fdopen(os.dup(link.messages), "rb") as messages:
        line = messages.readline()
    if line:
        job = read_request(line)
        assert isinstance(job, RunCommand)
        _serve(link, job)


def _serve(link: Link, job: RunCommand) -> None:
    marker = job.environment.get(MARKER)
    adopt_orphans()
    try:
        watch = job.watch if bears_watching(job.argv, job.cwd, job.environment) else {}
        program = Program(job.argv, job.cwd, watched(job.environment, watch), job.columns, job.rows)
        pid, terminal = start(program, die_with_parent)
    except OSError as error:
        link.send(write(CommandRefused(errno=error.errno, message=str(error))))
        return
    link.send(write(Started(pid)))
    try:
        # Redact before cutting: half a secret would not be found.
        with (
            Path(job.log).open("wb", buffering=0) as log,
            closing(Bounded(log.write, job.limit)) as bounded,
            Redactor(job.redact).stream(bounded.write) as redacted,
        ):
            copying = Copying(pid, terminal, redacted)
            status = copying.run(
                leave=lambda ready: bool(ready) and not os.read(link.messages, 4096), others=(link.messages,)
            )
    except OSError as error:
        link.send(write(CommandLost(errno=error.errno, message=str(error))))
        return
    finally:
        if marker:
            sweep(marker)
        end_children()  # also the command itself, if our parent ended first
    if status is not None:
        link.send(write(CommandEnded(status=status, left_out=bounded.left_out, asked=copying.asked)))


if __name__ == "__main__":
    main()
