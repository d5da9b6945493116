"""What is said of a run that failed: what happened, in which cell, the lines around, and what to do."""

from __future__ import annotations

import errno
import re
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_doc.errors import GpuDocError, MachineError, NotebookFileError, RunError
from gpu_doc.execution.agent.produced import ONLY_FILES
from gpu_doc.execution.runs import container_failure, remedies
from gpu_doc.model.configuration import Run
from gpu_doc.text.plain import plain
from gpu_doc.text.units import readable_time

if TYPE_CHECKING:
    from gpu_doc.execution.workers.guard import Facts

LONGEST = 40
"""Lines of a traceback or a log that a message shows."""

_FRAME = re.compile(r"(?:Cell|Input) In ?\[(\d+)\],? (?:line |in <cell line: )(\d+)")
"""A frame of IPython's tracebacks, of 8.0 and later: the cell by its execution count, and the line."""

_LONGEST_LINE = 120
"""Characters of a command that a message shows."""


def disk_full(path: str) -> MachineError:
    """Return the error of a disk that has no room for `path`."""
    return MachineError("the disk is full", where=path, remedy="Make room; deleting .gpu-doc/ is always safe.")


# --- notebooks -------------------------------------------------------------------------------------------------------


def of_notebook(run: Run, facts: Facts, python: str) -> GpuDocError | None:  # noqa: PLR0911 - one for each outcome
    """Return why a notebook failed, None if it did not. `python` is the interpreter of Python kernels."""
    done = facts.done
    if facts.overrun:
        return _overrun(run, facts)
    match done["outcome"]:
        case "ok":
            return None
        case "error":
            return _exception(run, done, python)
        case "died":
            return _died(run, facts)
        case "no start":
            return _no_start(run, done)
        case "no kernel":
            return _no_kernel(run, done)
        case "refused":
            return RunError(plain(done["what"]).strip(), where=_place(run, done))
        case "file":
            return NotebookFileError(done["what"], where=done["where"], remedy=done["remedy"])
        case "disk":
            return disk_full(done["path"])
        case "not left":
            return of_files(run, done)
        case "driver killed":
            return _driver_killed(run, facts)
    return container_failure.at_start(str(run.notebook), done) or _defect(run, done)


def _driver_killed(run: Run, facts: Facts) -> RunError:
    """Return the error of a run that signalled its parent, or whose parent the system ended."""
    by = remedies.describe(-facts.done["status"])
    where = _place(run, facts.cell) if run.notebook else _program(run)
    if facts.memory_ran_out:
        return RunError(f"the process that drives the run was killed for want of memory ({by})", where=where)
    remedy = "The run may have signalled its parent process: look for os.getppid(), `kill` and `pkill` in it."
    return RunError(f"the process that drives the run was ended by {by}", where=where, remedy=remedy)


def _defect(run: Run, done: dict[str, Any]) -> GpuDocError:
    return GpuDocError(f"the process that runs notebooks failed on {run.notebook}", details=done.get("traceback", ""))


def _place(run: Run, cell: dict[str, Any]) -> str:
    """Return `notebooks/train.ipynb, cell 3 (loss-curve)`, or as much of it as is known."""
    number, name = cell.get("number"), cell.get("cell", "")
    if number:
        return f"{run.notebook}, cell {number}" + f" ({name})" * bool(name)
    return f"{run.notebook}, {name}" if name else str(run.notebook)


def _exception(run: Run, done: dict[str, Any], python: str) -> RunError:
    first = plain(str(done["evalue"])).strip().partition("\n")[0]
    what = f"{done['ename']}: {first}" if first else str(done["ename"])
    details = _around(done)
    remedy = remedies.of_text(run, f"{what}\n{details}\n{done.get('printed', '')}", done)
    if done["ename"] == "ModuleNotFoundError":
        remedy = _not_installed(run, python)
    error = RunError(what, where=_place(run, done), details=details, remedy=remedy)
    error.line = _line(done)
    return error


def _not_installed(run: Run, python: str) -> str:
    if run.image:
        return f"Install it in the image {run.image}, or name another kernel."
    # What scripts/action leaves in the runner's tool cache: our own environment, which is no place for a project's.
    if Path(python).is_relative_to(sys.prefix) and (Path(sys.prefix) / "ready").exists():
        return (
            "The notebook ran in gpu-doc's own Python, for the job has set up no other. Name what notebooks import: "
            "`requirements: requirements.txt` under `with:` of the reusable workflow; in a job of your own, "
            "actions/setup-python and `pip install -r requirements.txt ipykernel` before gpu-doc. Or give the run an "
            "`image`."
        )
    return f"Install it where the kernel runs ({python}), or name another kernel."


def _line(done: dict[str, Any]) -> int:
    """Return the line in the failing cell that failed, or called what did; 0 where the traceback doesn't say."""
    frames = _FRAME.findall(plain("\n".join(done["traceback"])))
    lines = [int(line) for count, line in frames if done.get("number") and done["numbers"].get(count) == done["number"]]
    return lines[-1] if lines else 0


def _around(done: dict[str, Any]) -> str:
    """Return the traceback, whose frames show the lines around, with cells numbered as our addresses count them."""
    numbers: dict[str, int] = done["numbers"]
    text = plain("\n".join(done["traceback"]))
    text = re.sub(r"Cell In\[(\d+)\]", lambda m: f"Cell {numbers.get(m[1]) or m[0][5:]}", text)
    lines = [line for line in text.splitlines() if not re.fullmatch(r"-{20,}", line)]
    if not any(line.startswith(("-->", "---", "  File", "Cell")) for line in lines):
        # Kernels of other languages name no lines: then the cell itself.
        lines = [*(f"    {line}" for line in done["source"].splitlines()[:10]), "", *lines]
    return "\n".join(shortened(lines))


def shortened(lines: Sequence[str]) -> list[str]:
    """Return the lines, without the middle where they are many: a traceback's ends tell most."""
    if len(lines) <= LONGEST:
        return list(lines)
    half = LONGEST // 2
    return [*lines[:half], f"… {len(lines) - LONGEST} lines …", *lines[-half:]]


def _overrun(run: Run, facts: Facts) -> RunError:
    key, limit = (
        ("limits.time", run.limits.time) if facts.overrun == "time" else ("limits.cell-time", run.limits.cell_time)
    )
    ran = facts.cell.get("seconds")
    inside = f"; the cell had run for {readable_time(ran)}" if ran and facts.cell.get("number") else ""
    remedy = f"Raise {key} if it needs the time. {remedies.of_text(run, '', facts.done)}"
    return RunError(
        f"stopped after {readable_time(limit or 0)} ({key}){inside}",
        where=_place(run, facts.cell) if run.notebook else _program(run),
        remedy=remedy.strip(),
    )


def _died(run: Run, facts: Facts) -> RunError:
    done = facts.done
    if done.get("container"):
        what, remedy = container_failure.in_the_middle(run, done)
        # What its agent says when it can't go on is a traceback of ours.
        return RunError(what, where=_place(run, done), details=_tail(done["log"]).rpartition("\n")[2], remedy=remedy)
    what, remedy = _kernel_end(run, facts)
    return RunError(what, where=_place(run, done), details=_tail(done["log"]), remedy=remedy)


def _kernel_end(run: Run, facts: Facts) -> tuple[str, str]:
    """What happened to a kernel, and what to do."""
    done, status = facts.done, facts.done["status"]
    if status is None or status >= 0:
        what = f"the kernel ended itself with status {status}"
        return what, "Something in this cell called exit() or os._exit(); raise an exception instead."
    if status != -signal.SIGKILL:
        remedy = f"{remedies.of_signal(run, -status)} {_held(facts)}".strip()
        return f"the kernel died: {remedies.describe(-status)}", remedy
    if done.get("out_of_memory"):
        return "the kernel died: it needed more memory than it may use", remedies.of_memory(run)
    if "out_of_memory" in done:
        what = "the kernel died: something in its container killed it (SIGKILL), and not for want of memory"
        return what, remedies.of_signal(run, signal.SIGKILL)
    if facts.memory_ran_out:
        what = "the kernel died: the system killed it for want of memory"
    else:
        what = "the kernel died: something killed it (SIGKILL), most often the system for want of memory"
    return what, f"{_held(facts)} {remedies.of_memory(run)}".strip()


def _held(facts: Facts) -> str:
    return f"The kernel held {facts.memory / 1e9:.1f} GB when last looked at." if facts.memory else ""


def _no_start(run: Run, done: dict[str, Any]) -> RunError:
    python, log = done["argv"][0], done["log"]
    if "No module named ipykernel" in log:
        return RunError(
            "the kernel can't start: its Python has no ipykernel",
            where=str(run.notebook),
            remedy=f"Install it there: {python} -m pip install ipykernel",
        )
    status = "" if done["status"] is None else f" (status {done['status']})"
    return RunError(
        f"the kernel did not start{status}: {shlex.join(done['argv'])}",
        where=str(run.notebook),
        details=_tail(log),
        remedy=remedies.of_text(run, log, done) or "Start it by hand with the command above to see what it says.",
    )


def _no_kernel(run: Run, done: dict[str, Any]) -> RunError:
    return RunError(
        f"no kernel named `{done['name']}` is installed; installed are: {', '.join(done['installed'])}",
        where=str(run.notebook),
        remedy=f"Install it{f' in the image {run.image}' if run.image else ''}, or name one of those with `kernel:`.",
    )


def _tail(text: str) -> str:
    return "\n".join(plain(text).strip().splitlines()[-LONGEST // 2 :])


# --- commands --------------------------------------------------------------------------------------------------------


def of_command(run: Run, facts: Facts, screen: Sequence[str]) -> GpuDocError | None:  # noqa: PLR0911 - as above
    """Return why a command failed, None if it did not. `screen` is what its terminal showed at the end."""
    done = facts.done
    if facts.overrun:
        return _overrun(run, facts)
    if done["event"] == "done":
        return _status(run, done, screen) or of_files(run, done)
    if done.get("outcome") == "driver killed":
        return _driver_killed(run, facts)
    if error := container_failure.at_start(_program(run), done):
        return error
    if done["event"] == "failed":
        full = done["errno"] in (errno.ENOSPC, errno.EDQUOT)
        return disk_full("terminal.log") if full else MachineError(done["message"], where=_program(run))
    if done["event"] == "refused":
        return _refused(run, done)
    return GpuDocError(f"the process that ran {_program(run)} failed", details=done.get("traceback", ""))


def _program(run: Run) -> str:
    """Return a run's command on one line, shortened where a whole script is in it."""
    line = " ".join(shlex.join(run.command or ()).split())
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"


def _status(run: Run, done: dict[str, Any], screen: Sequence[str]) -> RunError | None:
    status = done["status"]
    if status == 0 and not done.get("container"):
        return None
    details = "\n".join([line.rstrip() for line in screen][-LONGEST // 2 :])
    whole = done.get("container")
    what, remedy = container_failure.in_the_middle(run, done) if whole else _command_end(run, done, details)
    return RunError(what, where=_program(run), details=details, remedy=remedy)


def _command_end(run: Run, done: dict[str, Any], said: str) -> tuple[str, str]:
    """What happened to a command that did not end well, and what to do."""
    status = done["status"]
    if status is None:
        return f"stopped after {readable_time(run.limits.time or 0)} (limits.time)", "Raise limits.time if it needs it."
    # A shell tells of a program that a signal ended by a status above 128.
    number = -status if status < 0 else status - 128
    if number == signal.SIGKILL and done.get("out_of_memory"):
        return "the command died: it needed more memory than it may use", remedies.of_memory(run)
    remedy = remedies.of_text(run, said, done)
    if status < 0:
        return f"the command was ended by {remedies.describe(number)}", remedy or remedies.of_signal(run, number)
    if number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGTERM):
        what = f"the command ended with status {status}: a program that it started was ended by"
        return f"{what} {remedies.describe(number)}", remedy or remedies.of_signal(run, number)
    return f"the command ended with status {status}", remedy


def _refused(run: Run, done: dict[str, Any]) -> RunError:
    name = (run.command or ("",))[0]
    reasons = {
        errno.ENOENT: (
            f"`{name}` was not found",
            "Install it, or give its path from the root; a script's first line must name a program that is there.",
        ),
        errno.EACCES: (f"`{name}` is not executable", f"chmod +x {name}, or name what runs it: [bash, {name}]"),
        errno.ENOEXEC: (f"`{name}` is no program", f"Begin it with `#!`, or name what runs it: [bash, {name}]"),
    }
    what, remedy = reasons.get(done["errno"], (f"`{name}` can't be started: {done['message']}", ""))
    return RunError(what, where=_program(run), remedy=remedy)


# --- files -----------------------------------------------------------------------------------------------------------


def of_files(run: Run, left: Mapping[str, Any]) -> RunError | None:
    """Return why what a run left won't do, None if it does; see `Produced.facts`."""
    where = run.notebook or _program(run)
    if problem := left.get("problem"):
        remedy = "Have the run write, or copy, the file itself." if problem.endswith(ONLY_FILES) else ""
        return RunError(plain(problem), where=where, remedy=remedy)
    if left.get("old"):
        remedy = "What was there before is never taken for a run's result. Have the run write it each time."
        return RunError(
            f"`{left['old'][0]}` was there before the run, which did not write it", where=where, remedy=remedy
        )
    if left.get("missing"):
        what = f"`{left['missing'][0]}` is in `produces`, but the run left no such file"
        return RunError(what, where=where, remedy="Looked where the run happened, and in the root.")
    return None
