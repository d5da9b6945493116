"""Runs in parallel: each in a slot of its own, its result in its job's folder, told as soon as it is there."""

from __future__ import annotations

import errno
import json
import os
import queue
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_doc.errors import GpuDocError, MachineError, RunError
from gpu_doc.model import Json, Run
from gpu_doc.outside.inside import probe
from gpu_doc.outside.inside.pseudo_terminal import COLUMNS, LONGEST_LOG, ROWS
from gpu_doc.outside.process import output
from gpu_doc.stages.executing import failure
from gpu_doc.stages.executing.devices import Devices, busy, check, local_environment
from gpu_doc.stages.executing.retries import pause, worth_another_try

if TYPE_CHECKING:
    from gpu_doc.console import Progress
    from gpu_doc.outside.gpus.leases import Lease
    from gpu_doc.outside.kernel import Slot
    from gpu_doc.stages.executing.docker import Place

_PROBE = Path(probe.__file__)

_LOOK_AGAIN = 0.2
"""Seconds between two looks at GPUs that others hold."""

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


def execute(
    jobs: Sequence[Job],
    *,
    parallel: int,
    progress: Progress,
    devices: Callable[[Job], Devices | None] = lambda _: None,
) -> Iterator[Finished]:
    """Execute jobs, at most `parallel` at a time, and yield each when it has ended.

    `devices` gives the GPUs of the host that a job is executed on, None where it needs none of them: a job begins when
    it can have those it asks for, and others go ahead meanwhile.

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
        crew = _Crew(jobs, min(parallel, len(jobs)), runtime, progress, devices)
        stack.callback(crew.kill)
        crew.start()
        for _ in jobs:
            yield crew.next()
        crew.join()


class _Crew:
    """Threads that take one job after the other, each with a slot of its own."""

    def __init__(
        self,
        jobs: Sequence[Job],
        size: int,
        runtime: Path,
        progress: Progress,
        devices: Callable[[Job], Devices | None],
    ) -> None:
        from gpu_doc.outside.kernel import Slot

        self._token = secrets.token_hex(8)
        self._progress = progress
        self._ended: queue.SimpleQueue[Finished | BaseException] = queue.SimpleQueue()
        self._todo = list(enumerate(jobs))
        self._devices = devices
        self._change = threading.Condition()
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
                number, job, lease = item
                with lease:
                    attempts = _Attempts(job, self._names[number], slot, self._progress, lease)
                    self._ended.put(attempts.run(f"{self._token}-{number}", self._stop))
                with self._change:
                    self._change.notify_all()
            slot.close()
        except StoppedError:
            pass
        except BaseException as error:  # noqa: BLE001 - a defect in this thread is raised where results are awaited
            self._ended.put(error)

    def _take(self) -> tuple[int, Job, Lease] | None:
        """The next job, with its GPUs; waits where all that is left waits for GPUs."""
        with self._change:
            told = False
            while self._todo and not self._stop.is_set():
                for number, job in list(self._todo):
                    if lease := self._lease(number, job):
                        self._todo.remove((number, job))
                        return number, job, lease
                if self._todo and not told:
                    number, job = self._todo[0]
                    devices = self._devices(job)
                    assert devices
                    self._progress.message(f"{self._names[number]}: {devices.waiting(job.run)}")
                    told = True
                # Another process lets go of a GPU without telling us.
                self._change.wait(_LOOK_AGAIN)
        return None

    def _lease(self, number: int, job: Job) -> Lease | None:
        """A job's GPUs; None while others hold them."""
        from gpu_doc.outside.gpus.leases import Lease

        try:
            devices = self._devices(job)
            if devices is None or (job.place and job.place.goes_on):
                return Lease()
            return devices.try_take(job.run)
        except GpuDocError as error:
            self._todo.remove((number, job))
            moment = datetime.now(timezone.utc).isoformat(timespec="seconds")
            self._ended.put(Finished(job=job, seconds=0.0, started=moment, error=error))
            return None


class _Attempts:
    """One job, tried again where its run says so and the cause is one that may pass."""

    def __init__(self, job: Job, name: str, slot: Slot, progress: Progress, lease: Lease) -> None:
        self._job = job
        self._name = name
        self._slot = slot
        self._progress = progress
        self._cells = 0
        self._probe: Mapping[str, Json] = {}
        self._lease = lease
        self._veto: GpuDocError | None = None

    def run(self, token: str, stop: threading.Event) -> Finished:
        for attempt in range(self._job.run.retries.times + 1):
            started, begin = datetime.now(timezone.utc), time.monotonic()
            self._progress.started(self._name, 0)
            # The marker by which this attempt's processes are found again; none may begin with another (`sweep`).
            error = self._once(f"{token}-{attempt}-")
            seconds = time.monotonic() - begin
            self._progress.finished(self._name, seconds, ok=error is None)
            again = error and worth_another_try(self._job.run, error, attempt)
            if not again or stop.wait(pause(attempt)):
                break
            self._progress.message(f"{self._name}: trying again, for want of network ({error})")
            _empty(self._job.folder)
        begun = started.isoformat(timespec="seconds")
        return Finished(job=self._job, seconds=seconds, started=begun, error=error, probe=self._probe)

    def _once(self, marker: str) -> GpuDocError | None:
        began = time.time()
        try:
            self._look_around()
            error = self._veto or (self._notebook(marker) if self._job.run.notebook else self._command(marker))
            error = self._veto or error
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
            "environment": self._environment(),
            "cwd": str(self._folder()),
            "folder": str(job.folder),
            "output": run.limits.output,
            "marker": marker,
            "produces": list(run.produces),
            "container": job.place.order(self._lease.devices) if job.place else None,
            "leased": bool(self._lease.devices),
        }
        facts = self._slot.run_notebook(message, run.limits, self._hear)
        return failure.of_notebook(run, facts, str(job.python))

    def _environment(self) -> dict[str, str]:
        """What a local run gets, with its GPUs and no others."""
        return local_environment(self._job.run, self._lease, self._job.environment)

    def _look_around(self) -> None:
        """See what a local run finds, where it matters: whether its GPUs are there. A container tells by itself."""
        job = self._job
        if job.place or not (self._lease.devices or job.run.requires):
            return
        try:
            answer = output([str(job.python), str(_PROBE)], limit=60, environment=self._environment())
        except OSError as error:
            what = f"what is here could not be found out: {error}"
            raise MachineError(what, where=job.run.address, remedy=f"Try: {job.python} {_PROBE}") from error
        self._judge(json.loads(answer))

    def _judge(self, facts: Mapping[str, Json]) -> bool:
        """Say whether what a run found around it will do; if not, that is its error."""
        self._probe = facts
        self._veto = check(self._job.run, self._lease.devices, facts)
        if note := busy(facts):
            self._progress.message(f"{self._name}: {note}")
        return self._veto is None

    def _hear(self, event: dict[str, Any]) -> dict[str, Any] | None:
        if event["event"] == "cells":
            self._cells = event["count"]
        elif event["event"] == "cell":
            self._progress.cell(self._name, event["number"] or 0, self._cells, event["cell"])
        elif event["event"] == "probe":
            return {"do": "go" if self._judge(event["facts"]) else "kill"}
        elif event["event"] == "old":
            self._tell_old(event["pattern"])
        elif event["event"] == "message":
            self._progress.message(f"{self._name}: {event['text']}")
        return None

    def _tell_old(self, pattern: str) -> None:
        self._progress.message(f"{self._name}: `{pattern}` is older than this run, which did not write it")

    def _command(self, marker: str) -> GpuDocError | None:
        from gpu_doc.outside.process import MARKER

        job, run = self._job, self._job.run
        assert run.command
        log = job.folder / "terminal.log"
        environment = {**self._environment(), "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
        message = {
            "argv": list(run.command),
            "cwd": str(job.root),
            "environment": {**environment, MARKER: marker},
            "log": str(log),
            "limit": LONGEST_LOG,
            "columns": COLUMNS,
            "rows": ROWS,
            "marker": marker,
            "container": job.place.order(self._lease.devices) if job.place else None,
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
