"""What is said of a run that failed: what happened, in which cell, the lines around, and what to do."""

from __future__ import annotations

import errno
import re
import shlex
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gpu_doc.console import plain, readable_time
from gpu_doc.errors import GpuDocError, MachineError, NotebookFileError, RunError
from gpu_doc.model import Run
from gpu_doc.outside.kernel_output import readable_size

if TYPE_CHECKING:
    from gpu_doc.outside.kernel import Facts

LONGEST = 40
"""Lines of a traceback or a log that a message shows."""

_NETWORK = re.compile(
    r"\b(Connect(ion)?(Reset|Refused|Aborted)?Error|ConnectTimeout|ReadTimeout|URLError|gaierror|MaxRetryError)\b"
    r"|Temporary failure in name resolution|Could not resolve host|Connection (refused|reset|timed out)"
    r"|Network is unreachable"
)


def is_network(error: GpuDocError) -> bool:
    """Say whether a run failed for want of network: the one cause that another try may mend."""
    return bool(_NETWORK.search(error.what) or _NETWORK.search(error.details))


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
    return of_container(run, done) or _defect(run, done)


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
    remedy = _hint(run, f"{what}\n{details}")
    if done["ename"] == "ModuleNotFoundError":
        where = f"in the image {run.image}" if run.image else f"where the kernel runs ({python})"
        remedy = f"Install it {where}, or name another kernel."
    return RunError(what, where=_place(run, done), details=details, remedy=remedy)


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
    return RunError(
        f"stopped after {readable_time(limit or 0)} ({key}){inside}",
        where=_place(run, facts.cell) if run.notebook else _program(run),
        remedy=f"Raise {key} if it needs the time.",
    )


def _died(run: Run, facts: Facts) -> RunError:
    status = facts.done["status"]
    if facts.done.get("out_of_memory"):
        what = "the kernel died: it needed more memory than it may use"
        return RunError(
            what, where=_place(run, facts.done), details=_tail(facts.done["log"]), remedy=_memory_remedy(run)
        )
    held = f"The kernel held {facts.memory / 1e9:.1f} GB when last looked at." if facts.memory else ""
    if status == -signal.SIGKILL:
        if facts.memory_ran_out:
            what = "the kernel died: the system killed it for want of memory"
        else:
            what = "the kernel died: something killed it (SIGKILL), most often the system for want of memory"
        remedy = f"{held} Try smaller data or batches, fewer runs at once (--jobs), or a larger machine.".strip()
    elif status is not None and status < 0:
        what = f"the kernel died: {_signal(-status)}"
        remedy = f"A native library crashed; `python -X faulthandler` shows where. {held}".strip()
    else:
        what = f"the kernel ended itself with status {status}"
        remedy = "Something in this cell called exit() or os._exit(); raise an exception instead."
    return RunError(what, where=_place(run, facts.done), details=_tail(facts.done["log"]), remedy=remedy)


def _signal(number: int) -> str:
    known = {signal.SIGSEGV: "it accessed memory that is not its own", signal.SIGABRT: "it gave up by itself"}
    try:
        name = signal.Signals(number)
    except ValueError:
        return f"signal {number}"
    return f"{name.name}, {known[name]}" if name in known else name.name


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
        remedy="Start it by hand with the command above to see what it says.",
    )


def _no_kernel(run: Run, done: dict[str, Any]) -> RunError:
    return RunError(
        f"no kernel named `{done['name']}` is installed; installed are: {', '.join(done['installed'])}",
        where=str(run.notebook),
        remedy="Install it, or name one of those with `kernel:`.",
    )


def _tail(text: str) -> str:
    return "\n".join(plain(text).strip().splitlines()[-LONGEST // 2 :])


# --- commands --------------------------------------------------------------------------------------------------------


def of_command(run: Run, facts: Facts, screen: Sequence[str]) -> GpuDocError | None:
    """Return why a command failed, None if it did not. `screen` is what its terminal showed at the end."""
    done = facts.done
    if facts.overrun:
        return _overrun(run, facts)
    if done["event"] == "done":
        return _status(run, done, screen) or _missing(run, done.get("missing"))
    if done["event"] in ("failed", "refused") and (error := of_container(run, done)):
        return error
    if done["event"] == "failed":
        full = done["errno"] in (errno.ENOSPC, errno.EDQUOT)
        return disk_full("terminal.log") if full else MachineError(done["message"], where=_program(run))
    if done["event"] == "refused":
        return _refused(run, done)
    return GpuDocError(f"the process that ran {_program(run)} failed", details=done.get("traceback", ""))


def _program(run: Run) -> str:
    return shlex.join(run.command or ())


def _status(run: Run, done: dict[str, Any], screen: Sequence[str]) -> RunError | None:
    status = done["status"]
    if status == 0:
        return None
    details = "\n".join([line.rstrip() for line in screen][-LONGEST // 2 :])
    if status is None:
        return RunError(
            f"stopped after {readable_time(run.limits.time or 0)} (limits.time)",
            where=_program(run),
            details=details,
            remedy="Raise limits.time if it needs the time.",
        )
    if done.get("out_of_memory"):
        return RunError(
            "the command died: it needed more memory than it may use",
            where=_program(run),
            details=details,
            remedy=_memory_remedy(run),
        )
    how = f"was ended by {_signal(-status)}" if status < 0 else f"ended with status {status}"
    remedy = _hint(run, details)
    return RunError(f"the command {how}", where=_program(run), details=details, remedy=remedy)


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


# --- containers ------------------------------------------------------------------------------------------------------

_NO_ROOM_IN_SHM = re.compile(
    r"insufficient shared memory|unable to (write to file|allocate shared memory).*</|/dev/shm"
)
_GPU_MEMORY = re.compile(r"CUDA out of memory|OutOfMemoryError: CUDA|CUDA_ERROR_OUT_OF_MEMORY|RESOURCE_EXHAUSTED")
_NO_SPACE = re.compile(r"No space left on device")


def of_container(run: Run, done: dict[str, Any]) -> GpuDocError | None:
    """Return why a run in a container could not be, None where it is none of the causes that only containers have."""
    where = str(run.notebook or _program(run))
    match done.get("outcome"):
        case "engine":
            error = MachineError(
                done["what"], where=done["where"] or where, remedy=done["remedy"], details=done["details"]
            )
            error.cause = done["cause"]
            return error
        case "no python":
            what = f"the image {done['image']} has no Python that its user can start"
            remedy = f"Runs need one. {_ROOT_ONLY}" if run.user == "runner" else "Runs need one."
            return MachineError(what, where=where, remedy=remedy)
        case "no ipykernel":
            return _no_ipykernel(run, done)
        case "no file":
            return _missing(run, [done["pattern"]])
    return None


_ROOT_ONLY = (
    "If the image was made for root, as with Conda in root's home, set `user: image`, "
    "or install it where every user can reach it."
)


def _no_ipykernel(run: Run, done: dict[str, Any]) -> MachineError:
    what = f"the image {done['image']} has no ipykernel in its Python ({done['python']}, {done['version']})"
    if done["closed"]:
        what += f"; {', '.join(done['closed'])} on its PATH is closed to the run's user"
        return MachineError(what, where=str(run.notebook), remedy=_ROOT_ONLY)
    remedy = (
        "Add to its Dockerfile: RUN python3 -m pip install ipykernel - or set `bootstrap: true`, which does it here."
    )
    return MachineError(what, where=str(run.notebook), remedy=remedy)


def _missing(run: Run, patterns: Sequence[str] | None) -> RunError | None:
    if not patterns:
        return None
    return RunError(
        f"`{patterns[0]}` is in `produces`, but the run left no such file",
        where=run.notebook or _program(run),
        remedy="Looked where the run happened, and in the root.",
    )


def _memory_remedy(run: Run) -> str:
    if run.image and run.limits.memory:
        return f"Raise limits.memory ({readable_size(run.limits.memory)}), or try smaller data or batches."
    return "Try smaller data or batches, fewer runs at once (--jobs), or a larger machine."


def _hint(run: Run, text: str) -> str:
    """What can be done about failures whose cause only their text tells."""
    if _GPU_MEMORY.search(text):
        return "The GPU's memory ran out: try smaller batches, or a GPU with more (requires.gpu.memory)."
    if _NO_ROOM_IN_SHM.search(text):
        size = readable_size(run.limits.shm)
        return f"Shared memory (/dev/shm, {size}) is full: raise limits.shm, or use fewer loader workers."
    if _NO_SPACE.search(text):
        return "A disk is full: make room where the run writes, in a container where the engine keeps volumes."
    if run.image and run.network == "none" and _NETWORK.search(text):
        return "Runs have no network unless the configuration gives it: `network: bridge`."
    return ""
