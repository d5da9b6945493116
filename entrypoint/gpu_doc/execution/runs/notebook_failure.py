"""Explains why a notebook failed: what happened, in which cell, the lines around, and what to do."""

from __future__ import annotations

import re
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.errors import ContainerError, GpuDocError, NotebookFileError, RunError
from gpu_doc.execution.agent.outcomes import NoIpykernel, NoKernel, NoStart
from gpu_doc.execution.runs import container_failure, failure, remedies
from gpu_doc.execution.runs.failure import LONGEST, place
from gpu_doc.execution.workers.run_ends import (
    ContainerEnded,
    Defect,
    DiskFull,
    DriverKilled,
    Executed,
    KernelDied,
    KernelRefused,
    NoNotebook,
    NotLeft,
    Raised,
    Refused,
    RunEnd,
)
from gpu_doc.model.configuration import Run
from gpu_doc.text.plain import plain

if TYPE_CHECKING:
    from gpu_doc.execution.workers.guard import Facts

_FRAME = re.compile(r"(?:Cell|Input) In ?\[(\d+)\],? (?:line |in <cell line: )(\d+)")
"""A frame of IPython's tracebacks, of 8.0 and later: the cell by its execution count, and the line."""


def of_notebook(run: Run, facts: Facts, python: str) -> GpuDocError | None:  # noqa: PLR0911 - one for each outcome
    """Return why a notebook failed; None if it did not. `python` is the interpreter of Python kernels."""
    done = facts.done
    if facts.overrun:
        return failure.overrun(run, facts)
    match done:
        case Executed():
            return None
        case Raised():
            return _exception(run, done, python)
        case KernelDied() | ContainerEnded():
            return _died(run, facts, done)
        case KernelRefused():
            return _not_started(run, done)
        case Refused():
            return RunError(plain(done.what).strip(), where=place(run, done.cell))
        case NoNotebook():
            return NotebookFileError(done.what, where=done.where, remedy=done.remedy)
        case DiskFull():
            return failure.disk_full(done.path)
        case NotLeft():
            return failure.of_files(run, done.found)
        case DriverKilled():
            return failure.driver_killed(run, facts, done)
    details = done.traceback if isinstance(done, Defect) else ""
    defect = GpuDocError(f"the process that runs notebooks failed on {run.notebook}", details=details)
    return container_failure.at_start(place(run), done) or defect


def _exception(run: Run, done: Raised, python: str) -> RunError:
    first = plain(done.evalue).strip().partition("\n")[0]
    what = f"{done.ename}: {first}" if first else done.ename
    details = _around(done)
    remedy = remedies.of_end(run, f"{what}\n{details}\n{done.printed}", done)
    if done.ename == "ModuleNotFoundError":
        remedy = _not_installed(run, python)
    return RunError(what, where=place(run, done.cell, _line(done)), details=details, remedy=remedy)


def _not_installed(run: Run, python: str) -> str:
    if run.image:
        return f"Install it in the image {run.image}, or name another kernel."
    # scripts/action makes this environment in the runner's tool cache. It is ours, not for a project's packages.
    if Path(python).is_relative_to(sys.prefix) and (Path(sys.prefix) / "ready").exists():
        return (
            "The notebook ran in gpu-doc's own Python, for the job has set up no other. Name what notebooks import: "
            "`requirements: requirements.txt` under `with:` of the reusable workflow; in a job of your own, "
            "actions/setup-python and `pip install -r requirements.txt ipykernel` before gpu-doc. Or give the run an "
            "`image`."
        )
    return f"Install it where the kernel runs ({python}), or name another kernel."


def _line(done: Raised) -> int:
    """Return the line of the cell that failed, or that called what failed; 0 if the traceback doesn't say."""
    frames = _FRAME.findall(plain("\n".join(done.traceback)))
    number = done.cell and done.cell.number
    lines = [int(line) for count, line in frames if number and done.numbers.get(count) == number]
    return lines[-1] if lines else 0


def _around(done: Raised) -> str:
    """Return the traceback, which shows the lines around, with cells numbered as in our addresses."""
    text = plain("\n".join(done.traceback))
    text = re.sub(r"Cell In\[(\d+)\]", lambda m: f"Cell {done.numbers.get(m[1]) or m[0][5:]}", text)
    lines = [line for line in text.splitlines() if not re.fullmatch(r"-{20,}", line)]
    if not any(line.startswith(("-->", "---", "  File", "Cell")) for line in lines):
        # Kernels of other languages show no lines: then show the cell itself.
        lines = [*(f"    {line}" for line in done.source.splitlines()[:10]), "", *lines]
    return "\n".join(shortened(lines))


def shortened(lines: Sequence[str]) -> list[str]:
    """Return the lines; if there are many, without the middle: the ends of a traceback are the most useful."""
    if len(lines) <= LONGEST:
        return list(lines)
    half = LONGEST // 2
    return [*lines[:half], f"… {len(lines) - LONGEST} lines …", *lines[-half:]]


def _died(run: Run, facts: Facts, done: KernelDied | ContainerEnded) -> RunError:
    if isinstance(done, ContainerEnded):
        what, remedy = container_failure.in_the_middle(run, done)
        # The agent's own failure is a traceback of ours: show only its last line.
        details = _tail(done.log).rpartition("\n")[2]
        return RunError(what, where=place(run, done.cell), details=details, remedy=remedy)
    what, remedy = _kernel_end(run, facts, done)
    return RunError(what, where=place(run, done.cell), details=_tail(done.log), remedy=remedy)


def _kernel_end(run: Run, facts: Facts, done: KernelDied) -> tuple[str, str]:
    """Return what happened to a kernel, and what to do."""
    status = done.status
    if status is None or status >= 0:
        what = f"the kernel ended itself with status {status}"
        return what, "Something in this cell called exit() or os._exit(); raise an exception instead."
    if status != -signal.SIGKILL:
        remedy = f"{remedies.of_signal(run, -status)} {_held(facts)}".strip()
        return f"the kernel died: {remedies.describe(-status)}", remedy
    if done.shortages.out_of_memory:
        return "the kernel died: it needed more memory than it may use", remedies.of_memory(run)
    if done.shortages.out_of_memory is not None:
        what = "the kernel died: something in its container killed it (SIGKILL), and not because memory ran out"
        return what, remedies.of_signal(run, signal.SIGKILL)
    if facts.memory_ran_out:
        what = "the kernel died: the system killed it because memory ran out"
    else:
        what = "the kernel died: something killed it (SIGKILL), most often the system, because memory ran out"
    return what, f"{_held(facts)} {remedies.of_memory(run)}".strip()


def _held(facts: Facts) -> str:
    return f"The kernel held {facts.memory / 1e9:.1f} GB when last looked at." if facts.memory else ""


def _not_started(run: Run, done: KernelRefused) -> RunError | ContainerError:
    why = done.why
    if isinstance(why, NoIpykernel):
        return container_failure.no_ipykernel(place(run), done.image, why)
    return _no_kernel(run, why) if isinstance(why, NoKernel) else _no_start(run, why, done)


def _no_start(run: Run, why: NoStart, done: RunEnd) -> RunError:
    if "No module named ipykernel" in why.log:
        return RunError(
            "the kernel can't start: its Python has no ipykernel",
            where=place(run),
            remedy=f"Install it there: {why.argv[0]} -m pip install ipykernel",
        )
    status = "" if why.status is None else f" (status {why.status})"
    return RunError(
        f"the kernel did not start{status}: {shlex.join(why.argv)}",
        where=place(run),
        details=_tail(why.log),
        remedy=remedies.of_end(run, why.log, done) or "Start it by hand with the command above to see what it says.",
    )


def _no_kernel(run: Run, why: NoKernel) -> RunError:
    return RunError(
        f"no kernel named `{why.name}` is installed; installed are: {', '.join(why.installed)}",
        where=place(run),
        remedy=f"Install it{f' in the image {run.image}' if run.image else ''}, or name one of those with `kernel:`.",
    )


def _tail(text: str) -> str:
    return "\n".join(plain(text).strip().splitlines()[-LONGEST // 2 :])
