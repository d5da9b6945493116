"""Runs one command in a pseudo-terminal, in a process of its own: it outlives neither its parent nor its command.

Message in: `{argv, cwd, environment, log, limit, columns, rows, redact}`. Events out: `started` (pid), then `done`
(status, negative for a signal; left_out, in bytes; `asked`: something waited for a key), or `refused` (errno, message)
where it can't be started.
"""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

from gpu_doc.execution.agent.pseudo_terminal import Bounded, Copying, start
from gpu_doc.redaction import Redactor
from gpu_doc.system.link import Link, adopt_orphans, die_with_parent
from gpu_doc.system.process import MARKER, end_children, sweep


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
    adopt_orphans()
    try:
        pid, terminal = start(job, die_with_parent)
    except OSError as error:
        link.send("refused", errno=error.errno, message=str(error))
        return
    link.send("started", pid=pid)
    try:
        # Redacted before it is cut: half a secret is found by nobody.
        with (
            Path(job["log"]).open("wb", buffering=0) as log,
            closing(Bounded(log.write, job["limit"])) as bounded,
            Redactor(job["redact"]).stream(bounded.write) as redacted,
        ):
            copying = Copying(pid, terminal, redacted)
            status = copying.run(
                leave=lambda ready: bool(ready) and not os.read(link.messages, 4096), others=(link.messages,)
            )
    except OSError as error:
        link.send("failed", errno=error.errno, message=str(error))
        return
    finally:
        if marker:
            sweep(marker)
        end_children()  # the command itself too, where our parent left first
    if status is not None:
        link.send("done", status=status, left_out=bounded.left_out, asked=copying.asked)


if __name__ == "__main__":
    main()
