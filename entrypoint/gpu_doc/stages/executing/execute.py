"""Runs in parallel: each in a slot of its own, its result in its job's folder, told as soon as it is there."""

from __future__ import annotations

import errno
import os
import queue
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_doc.errors import GpuDocError, MachineError, RunError
from gpu_doc.model import Json, Run
from gpu_doc.outside.inside.pseudo_terminal import COLUMNS, LONGEST_LOG, ROWS
from gpu_doc.stages.executing import failure

if TYPE_CHECKING:
    from gpu_doc.console import Progress
    from gpu_doc.outside.kernel import Slot
    from gpu_doc.stages.executing.docker import Place

_WITHHELD = re.compile(r"(GITHUB|ACTIONS|RUNNER|INPUT)_.*|GH_TOKEN|.*_(TOKEN|SECRET|PASSWORD|KEY)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run to execute, and where."""

    run: Run
    fingerprint: str
    folder: Path
    """Exists and is empty. Filled with `executed.ipynb` or `terminal.log`, `kernel.log` where the kernel process said
    something outside of cells, and `produced/`; of a failed run too."""
    root: Path
    python: Path
    """The interpreter of kernels named python3, python, or not at all."""
    environment: Mapping[str, str]
    """All that a local kernel or command gets; see `kernel_environment`."""
    place: Place | None = None
    """The container that it runs in; None is this machine."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run that has ended, well or not."""

    job: Job
    seconds: float
    started: str
    """ISO 8601, UTC."""
    error: GpuDocError | None
    probe: Mapping[str, Json] = field(default_factory=dict)
    """What its Python found around it; see outside/inside/probe.py."""


def kernel_environment(environ: Mapping[str, str], allowed: Iterable[str]) -> dict[str, str]:
    """Return the environment without what CI and credentials put there, except the names in `allowed`."""
    kept = frozenset(allowed)
    return {name: value for name, value in environ.items() if name in kept or not _WITHHELD.fullmatch(name)}


def execute(jobs: Sequence[Job], *, parallel: int, progress: Progress) -> Iterator[Finished]:
    """Execute jobs, at most `parallel` at a time, and yield each when it has ended.

    Closing the generator, or an exception while it waits (KeyboardInterrupt), kills everything that was started. When
    it is exhausted, all kernels, children and temporary files are gone.

    Raises MachineError: no temporary folder can be written.
    """
    if not jobs:
        return
    from gpu_doc.outside.process import LONGEST_SOCKET_NAME
    from gpu_doc.outside.temporary import private_folder

    with ExitStack() as stack:
        try:
            runtime = stack.enter_context(private_folder(room=LONGEST_SOCKET_NAME))
        except OSError as error:
            raise MachineError("no temporary folder can be written", remedy=f"Make room there ({error}).") from error
        crew = _Crew(jobs, min(parallel, len(jobs)), runtime, progress)
        stack.callback(crew.kill)
        crew.start()
        for _ in jobs:
            yield crew.next()
        crew.join()


class _Crew:
    """Threads that take one job after the other, each with a slot of its own."""

    def __init__(self, jobs: Sequence[Job], size: int, runtime: Path, progress: Progress) -> None:
        from gpu_doc.outside.kernel import Slot

        self._token = secrets.token_hex(8)
        self._progress = progress
        self._ended: queue.SimpleQueue[Finished | BaseException] = queue.SimpleQueue()
        self._todo: queue.SimpleQueue[tuple[int, Job]] = queue.SimpleQueue()
        for item in enumerate(jobs):
            self._todo.put(item)
        self._stop = threading.Event()
        self._slots = [Slot(runtime, f"slot{n}") for n in range(max(1, size))]
        self._threads = [threading.Thread(target=self._serve, args=(slot,), daemon=True) for slot in self._slots]
        twice = {j.run.address for i, j in enumerate(jobs) if j.run.address in {k.run.address for k in jobs[:i]}}
        self._names = [f"{j.run.report}: {j.run.address}" if j.run.address in twice else j.run.address for j in jobs]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def next(self) -> Finished:
        item = self._ended.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def kill(self) -> None:
        """Kill all that runs; after the threads have ended by themselves this only looks for stragglers."""
        from gpu_doc.outside.process import sweep

        self._stop.set()
        going = [(slot, thread) for slot, thread in zip(self._slots, self._threads, strict=True) if thread.is_alive()]
        for slot, _ in going:
            slot.kill()
        sweep(self._token)
        for slot, thread in going:
            thread.join(1)
            slot.abandon()

    def _serve(self, slot: Slot) -> None:
        from gpu_doc.outside.kernel import StoppedError

        try:
            while (item := self._take()) is not None:
                number, job = item
                attempts = _Attempts(job, self._names[number], slot, self._progress)
                self._ended.put(attempts.run(f"{self._token}-{number}", self._stop))
            slot.close()
        except StoppedError:
            pass
        except BaseException as error:  # noqa: BLE001 - a defect in this thread is raised where results are awaited
            self._ended.put(error)

    def _take(self) -> tuple[int, Job] | None:
        try:
            return None if self._stop.is_set() else self._todo.get_nowait()
        except queue.Empty:
            return None


class _Attempts:
    """One job, tried again where its run says so and the cause is one that may pass."""

    def __init__(self, job: Job, name: str, slot: Slot, progress: Progress) -> None:
        self._job = job
        self._name = name
        self._slot = slot
        self._progress = progress
        self._cells = 0
        self._probe: Mapping[str, Json] = {}

    def run(self, token: str, stop: threading.Event) -> Finished:
        retries = self._job.run.retries
        for attempt in range(retries.times + 1):
            started, begin = datetime.now(timezone.utc), time.monotonic()
            self._progress.started(self._name, 0)
            # The marker by which this attempt's processes are found again; none may begin with another (`sweep`).
            error = self._once(f"{token}-{attempt}-")
            seconds = time.monotonic() - begin
            self._progress.finished(self._name, seconds, ok=error is None)
            again = error and attempt < retries.times and "network" in retries.on and failure.is_network(error)
            if not again or stop.wait(min(30.0, 2.0**attempt)):
                break
            self._progress.message(f"{self._name}: trying again, for want of network ({error})")
            _empty(self._job.folder)
        begun = started.isoformat(timespec="seconds")
        return Finished(job=self._job, seconds=seconds, started=begun, error=error, probe=self._probe)

    def _once(self, marker: str) -> GpuDocError | None:
        began = time.time()
        try:
            error = self._notebook(marker) if self._job.run.notebook else self._command(marker)
            if error is None and not self._job.place:
                self._collect(began)
        except GpuDocError as problem:
            error = problem
        except OSError as problem:
            if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            error = failure.disk_full(problem.filename or str(self._job.folder))
        if isinstance(error, RunError) and not error.kept:
            error.kept = _kept(self._job.folder)
        return error

    def _notebook(self, marker: str) -> GpuDocError | None:
        job, run = self._job, self._job.run
        assert run.notebook
        message = {
            "notebook": str(job.root / run.notebook),
            "name": run.notebook,
            "parameters": dict(run.parameters),
            "kernel": run.kernel,
            "python": str(job.python),
            "environment": dict(job.environment),
            "cwd": str(self._folder()),
            "folder": str(job.folder),
            "output": run.limits.output,
            "marker": marker,
            "produces": list(run.produces),
            "container": job.place.order() if job.place else None,
        }
        facts = self._slot.run_notebook(message, run.limits, self._hear)
        return failure.of_notebook(run, facts, str(job.python))

    def _hear(self, event: dict[str, Any]) -> None:
        if event["event"] == "cells":
            self._cells = event["count"]
        elif event["event"] == "cell":
            self._progress.cell(self._name, event["number"] or 0, self._cells, event["cell"])
        elif event["event"] == "probe":
            self._probe = event["facts"]
        elif event["event"] == "old":
            self._tell_old(event["pattern"])
        elif event["event"] == "message":
            self._progress.message(f"{self._name}: {event['text']}")

    def _tell_old(self, pattern: str) -> None:
        self._progress.message(f"{self._name}: `{pattern}` is older than this run, which did not write it")

    def _command(self, marker: str) -> GpuDocError | None:
        from gpu_doc.outside.process import MARKER

        job, run = self._job, self._job.run
        assert run.command
        log = job.folder / "terminal.log"
        environment = {**job.environment, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
        message = {
            "argv": list(run.command),
            "cwd": str(job.root),
            "environment": {**environment, MARKER: marker},
            "log": str(log),
            "limit": LONGEST_LOG,
            "columns": COLUMNS,
            "rows": ROWS,
            "marker": marker,
            "container": job.place.order() if job.place else None,
            "folder": str(job.folder),
        }
        facts = self._slot.run_command(message, run.limits, self._hear)
        return failure.of_command(run, facts, _screen(log))

    def _folder(self) -> Path:
        """Where the run happens."""
        run, root = self._job.run, self._job.root
        return (root / run.notebook).parent if run.notebook and run.cwd == "notebook" else root

    def _collect(self, began: float) -> None:
        for pattern in self._job.run.produces:
            for base in dict.fromkeys([self._folder(), self._job.root]):
                if found := sorted(p for p in base.glob(pattern) if p.is_file()):
                    break
            else:
                where = self._folder().relative_to(self._job.root)
                raise RunError(
                    f"`{pattern}` is in `produces`, but the run left no such file",
                    where=self._job.run.notebook or " ".join(self._job.run.command or ()),
                    remedy=f"Looked in {'the root' if str(where) == '.' else f'{where}/ and the root'}.",
                )
            if all(path.stat().st_mtime < began - 2 for path in found):
                self._tell_old(pattern)
            for path in found:
                _copy(path, self._job.folder / "produced" / path.relative_to(base))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), str(target)) from error


def _screen(log: Path) -> list[str]:
    """Return what the terminal showed at the end of a log."""
    from gpu_doc.stages.answering.terminal import plain_text, read_screen

    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 50_000))
        return plain_text(read_screen(file.read(), columns=COLUMNS))
    return []


def _kept(folder: Path) -> str:
    names = ("executed.ipynb", "terminal.log", "kernel.log")
    return next((str(folder / name) for name in names if (folder / name).exists()), "")


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
