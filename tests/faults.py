"""Kills a process, or has a call fail, at its n-th call that changes files: to be tried for every n.

Calls are told by Python's audit events, and by patching what has none. An audit hook can't be taken back, so that all
of this is for processes that end soon: children of a test, or programs that find `sitecustomize.py` of `hooked`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate", "os.chmod"}
UNHEARD = ("fsync", "write", "pwrite")
_HERE = "GPU_DOC_FAULT"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail(number: int) -> Callable[[], None]:
    def failing() -> None:
        raise OSError(number, os.strerror(number))

    return failing


def at_step(nth: int, fault: Callable[[], object], below: Path) -> list[int]:
    """Have something happen before the n-th call that changes what lies below a folder; returns its counter."""
    counter, folder = [0], str(below)

    def step() -> None:
        counter[0] += 1
        if counter[0] == nth:
            fault()

    def heard(event: str, given: tuple[Any, ...]) -> None:
        if event in CHANGES or (event == "open" and _writes(*given[1:3])):
            place = _opened(given[0]) if isinstance(given[0], int) else os.fsdecode(given[0])
            if str(Path(place).absolute()).startswith(folder):
                step()

    def before(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(descriptor: int, *given: Any) -> Any:
            if _opened(descriptor).startswith(folder):
                step()
            return real(descriptor, *given)

        return call

    sys.addaudithook(heard)
    for name in UNHEARD:
        setattr(os, name, before(getattr(os, name)))
    return counter


def _opened(descriptor: int) -> str:
    with suppress(OSError):
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())
    return ""


def _writes(mode: str | None, flags: int) -> bool:
    return bool(flags & (os.O_CREAT | os.O_TRUNC)) if mode is None else any(sign in mode for sign in "wax+")


def killed_at(nth: int, work: Callable[[], object], below: Path) -> bool:
    """Do something in a process that is killed at its n-th step; whether it came so far."""
    return _ended(_until, nth, None, work, below) == -signal.SIGKILL


def failing_at(nth: int, number: int, work: Callable[[], object], below: Path) -> str:
    """Do something in a process whose n-th step fails with an error.

    Returns `told` if it raised one of our errors, `done`, `never` if it came not so far, else `a defect`.
    """
    return {0: "told", 1: "done", 2: "never"}.get(_ended(_until, nth, number, work, below), "a defect")


def _ended(*call: Any) -> int:
    """Call something in a process of its own, forked from one without threads; returns how it ended."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "gpu_doc.record.checkout", "gpu_doc.record.state", "gpu_doc.record.seal"])
    process = context.Process(target=call[0], args=call[1:])
    process.start()
    process.join(300)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


def _until(nth: int, number: int | None, work: Callable[[], object], below: Path) -> None:
    from gpu_doc.errors import GpuDocError

    counter = at_step(nth, die if number is None else fail(number), below)
    try:
        work()
    except GpuDocError:
        sys.exit(0)
    sys.exit(1 if counter[0] >= nth else 2)


def at_rename(name: str, fault: Callable[[], object]) -> None:
    """Have something happen before a file gets this name."""

    def heard(event: str, given: tuple[Any, ...]) -> None:
        if event == "os.rename" and os.fsdecode(given[1]).endswith(f"/{name}"):
            fault()

    sys.addaudithook(heard)


def hooked(when: int | str, below: Path, folder: Path) -> dict[str, str]:
    """The environment in which `python -m gpu_doc run` is killed; its workers and kernels are not.

    `when`: at this step, or before a file gets this name.
    """
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text("import faults\nfaults.from_environment()\n")
    (folder / "faults.py").write_bytes(Path(__file__).read_bytes())
    return {"PYTHONPATH": str(folder), _HERE: f"{when} {below}"}


def from_environment() -> None:
    if sys.orig_argv[-3:] == ["-m", "gpu_doc", "run"]:
        when, _, below = os.environ[_HERE].partition(" ")
        if when.isdecimal():
            at_step(int(when), die, Path(below))
        else:
            at_rename(when, die)
