"""Explains why a command failed: its status, the end of its terminal, and what to do."""

from __future__ import annotations

import errno
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gpu_doc.errors import GpuDocError, MachineError, RunError
from gpu_doc.execution.runs import container_failure, failure, remedies
from gpu_doc.execution.runs.failure import LONGEST, place, program
from gpu_doc.execution.workers.run_ends import (
    CommandEnded,
    CommandLost,
    CommandRefused,
    ContainerEnded,
    Defect,
    DriverKilled,
)
from gpu_doc.model.configuration import Run
from gpu_doc.text.units import readable_time

if TYPE_CHECKING:
    from gpu_doc.execution.workers.guard import Facts


def of_command(run: Run, facts: Facts, screen: Sequence[str]) -> GpuDocError | None:  # noqa: PLR0911 - one for each outcome
    """Return why a command failed; None if it did not. `screen` is what its terminal showed at the end."""
    done = facts.done
    if facts.overrun:
        return failure.overrun(run, facts)
    match done:
        case CommandEnded():
            return _status(run, done, screen) or failure.of_files(run, done.found)
        case ContainerEnded():
            what, remedy = container_failure.in_the_middle(run, done)
            return RunError(what, where=place(run), details=_shown(screen), remedy=remedy)
        case DriverKilled():
            return failure.driver_killed(run, facts, done)
        case CommandLost():
            full = done.errno in (errno.ENOSPC, errno.EDQUOT)
            return failure.disk_full("terminal.log") if full else MachineError(done.message, where=place(run))
        case CommandRefused():
            return _refused(run, done)
    if error := container_failure.at_start(place(run), done):
        return error
    details = done.traceback if isinstance(done, Defect) else ""
    return GpuDocError(f"the process that ran {program(run)} failed", details=details)


def _shown(screen: Sequence[str]) -> str:
    return "\n".join([line.rstrip() for line in screen][-LONGEST // 2 :])


def _status(run: Run, done: CommandEnded, screen: Sequence[str]) -> RunError | None:
    if done.status == 0:
        return None
    details = _shown(screen)
    what, remedy = _command_end(run, done, details)
    return RunError(what, where=place(run), details=details, remedy=remedy)


def _command_end(run: Run, done: CommandEnded, said: str) -> tuple[str, str]:
    """Return what happened to a command that failed, and what to do."""
    status = done.status
    if status is None:
        return f"stopped after {readable_time(run.limits.time or 0)} (limits.time)", "Raise limits.time if it needs it."
    # A shell reports a program that a signal ended with a status above 128.
    number = -status if status < 0 else status - 128
    if number == signal.SIGKILL and done.shortages.out_of_memory:
        return "the command died: it needed more memory than it may use", remedies.of_memory(run)
    remedy = remedies.of_end(run, said, done)
    if status < 0:
        return f"the command was ended by {remedies.describe(number)}", remedy or remedies.of_signal(run, number)
    if number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGTERM):
        what = f"the command ended with status {status}: a program that it started was ended by"
        return f"{what} {remedies.describe(number)}", remedy or remedies.of_signal(run, number)
    return f"the command ended with status {status}", remedy


def _refused(run: Run, done: CommandRefused) -> RunError:
    name = (run.command or ("",))[0]
    reasons = {
        errno.ENOENT: (
            f"`{name}` was not found",
            "Install it, or give its path from the root; a script's first line must name a program that is there.",
        ),
        errno.EACCES: (f"`{name}` is not executable", f"chmod +x {name}, or name what runs it: [bash, {name}]"),
        errno.ENOEXEC: (f"`{name}` is no program", f"Begin it with `#!`, or name what runs it: [bash, {name}]"),
    }
    what, remedy = reasons.get(done.errno or 0, (f"`{name}` can't be started: {done.message}", ""))
    return RunError(what, where=place(run), remedy=remedy)
