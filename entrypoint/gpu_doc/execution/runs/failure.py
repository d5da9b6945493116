"""Explains failures of runs: the place, and causes that notebooks and commands share."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from gpu_doc.errors import MachineError, RunError
from gpu_doc.execution.agent.outcomes import Found
from gpu_doc.execution.runs import remedies
from gpu_doc.model.configuration import Run
from gpu_doc.model.location import Location
from gpu_doc.text.plain import plain
from gpu_doc.text.units import readable_time

if TYPE_CHECKING:
    from gpu_doc.execution.workers.guard import Facts
    from gpu_doc.execution.workers.run_ends import Cell, DriverKilled

LONGEST = 40
"""The most lines of a traceback or a log that a message shows."""

_LONGEST_LINE = 120
"""The most characters of a command that a message shows."""


def place(run: Run, cell: Cell | None = None, line: int = 0) -> Location | str:
    """Return where a run failed: its notebook, with the cell and line if known; or its command.

    A command of one word may be a script of the repository.
    """
    if run.notebook:
        return Location(run.notebook, line, cell=(cell and cell.number) or 0, cell_name=cell.name if cell else "")
    return Location(program(run)) if len(run.command or ()) == 1 else program(run)


def program(run: Run) -> str:
    """Return a run's command on one line; shortened if it contains a whole script."""
    line = " ".join(shlex.join(run.command or ()).split())
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"


def disk_full(path: str) -> MachineError:
    """Return the error: the disk has no room for `path`."""
    remedy = "Make room; deleting .gpu-doc/ is always safe."
    return MachineError("the disk is full", where=Location(path), remedy=remedy)


def overrun(run: Run, facts: Facts) -> RunError:
    """Return the error: the run was stopped at a time limit."""
    key, limit = (
        ("limits.time", run.limits.time) if facts.overrun == "time" else ("limits.cell-time", run.limits.cell_time)
    )
    timed = facts.seconds and facts.cell and facts.cell.number
    inside = f"; the cell had run for {readable_time(facts.seconds)}" if timed else ""
    remedy = f"Raise {key} if it needs the time. {remedies.of_end(run, '', facts.done)}"
    return RunError(
        f"stopped after {readable_time(limit or 0)} ({key}){inside}",
        where=place(run, facts.cell),
        remedy=remedy.strip(),
    )


def driver_killed(run: Run, facts: Facts, done: DriverKilled) -> RunError:
    """Return the error: the process that drives the run was killed, by the run or by the system."""
    by = remedies.describe(-done.status)
    where = place(run, facts.cell)
    if facts.memory_ran_out:
        return RunError(f"the process that drives the run was killed because memory ran out ({by})", where=where)
    remedy = "The run may have signalled its parent process: look for os.getppid(), `kill` and `pkill` in it."
    return RunError(f"the process that drives the run was ended by {by}", where=where, remedy=remedy)


def of_files(run: Run, found: Found) -> RunError | None:
    """Return what is wrong with the files that a run left; None if nothing."""
    where = place(run)
    if found.problem:
        remedy = "Have the run write, or copy, the file itself." if found.not_a_file else ""
        return RunError(plain(found.problem), where=where, remedy=remedy)
    if found.old:
        remedy = "What was there before is never taken for a run's result. Have the run write it each time."
        return RunError(
            f"`{found.old[0]}` was there before the run, which did not write it", where=where, remedy=remedy
        )
    if found.missing:
        what = f"`{found.missing[0]}` is in `produces`, but the run left no such file"
        return RunError(what, where=where, remedy="Looked where the run happened, and in the root.")
    return None
