"""Executes runs in parallel, each in its own slot, and yields each result as soon as it is there."""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc import interrupts
from gpu_doc.errors import GpuDocError, MachineError
from gpu_doc.execution.runs.attempts import Attempts
from gpu_doc.execution.runs.devices import Devices
from gpu_doc.execution.runs.folder_locks import Turn, try_turn
from gpu_doc.execution.runs.job import Finished, Job
from gpu_doc.execution.runs.turns import Turns, Wanted

if TYPE_CHECKING:
    from gpu_doc.console.progress import Progress
    from gpu_doc.execution.gpus.leases import Lease
    from gpu_doc.execution.workers.guard import Slot

_LOOK_AGAIN = 0.2
"""Seconds between checks of GPUs and checkouts that others hold."""


def execute(
    jobs: Sequence[Job],
    *,
    parallel: int,
    progress: Progress,
    devices: Callable[[Job], Devices | None] = lambda _: None,
) -> Iterator[Finished]:
    """Execute jobs, at most `parallel` at a time, and yield each when it has ended.

    `devices` returns the GPUs of a job's host, None if it needs none. A job begins when it can have the GPUs that it
    requests; others go ahead meanwhile.

    Closing the generator, or an exception while it waits (KeyboardInterrupt), kills everything that was started. When
    it is exhausted, all kernels, children and temporary files are gone.

    Raises MachineError if no temporary folder can be written.
    """
    if not jobs:
        return
    from gpu_doc.system.process import LONGEST_SOCKET_NAME
    from gpu_doc.system.temporary import private_folder

    with ExitStack() as stack:
        try:
            runtime = stack.enter_context(private_folder(room=LONGEST_SOCKET_NAME))
        except OSError as error:
            raise MachineError("no temporary folder can be written", remedy=f"Make room there ({error}).") from error
        crew = _Crew(jobs, min(parallel, len(jobs)), runtime, progress, devices)
        stack.callback(crew.kill)
        crew.start()
        for _ in jobs:
            interrupts.check()
            yield crew.next()
        crew.join()


class _Crew:
    """Threads that take one job after the other, each with its own slot."""

    def __init__(
        self,
        jobs: Sequence[Job],
        size: int,
        runtime: Path,
        progress: Progress,
        devices: Callable[[Job], Devices | None],
    ) -> None:
        from gpu_doc.execution.workers.guard import Slot

        self._token = secrets.token_hex(8)
        self._progress = progress
        self._ended: queue.SimpleQueue[Finished | BaseException] = queue.SimpleQueue()
        self._todo = list(enumerate(jobs))
        self._devices = devices
        self._turns = Turns(jobs)
        self._told: set[int] = set()
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
        while True:
            # In short pieces: Python handles a signal that comes just before a wait only after it.
            with suppress(queue.Empty):
                item = self._ended.get(timeout=_LOOK_AGAIN)
                if isinstance(item, BaseException):
                    raise item
                return item

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def kill(self) -> None:
        """Kill all that runs; if the threads have ended already, this only looks for remaining processes."""
        from gpu_doc.system.process import sweep

        self._stop.set()
        going = [(slot, thread) for slot, thread in zip(self._slots, self._threads, strict=True) if thread.is_alive()]
        for slot, _ in going:
            slot.kill()
        sweep(self._token)
        for slot, thread in going:
            thread.join(1)
            slot.abandon()

    def _serve(self, slot: Slot) -> None:
        from gpu_doc.execution.workers.guard import StoppedError

        try:
            while (item := self._take()) is not None:
                number, job, lease, turn = item
                with turn, lease:
                    began = time.time()
                    attempts = Attempts(job, self._names[number], slot, self._progress, lease)
                    finished = attempts.run(f"{self._token}-{number}", self._stop)
                    if said := self._turns.note(job, began, well=finished.error is None):
                        self._progress.message(f"{self._names[number]}: {said}")
                    self._ended.put(finished)
                with self._change:
                    self._change.notify_all()
            slot.close()
        except StoppedError:
            pass
        except BaseException as error:  # noqa: BLE001 - `next` raises a defect of this thread
            self._ended.put(error)

    def _take(self) -> tuple[int, Job, Lease, Turn] | None:
        """Return the next job with its turn and its GPUs; wait while every remaining job waits for these."""
        with self._change:
            while self._todo and not self._stop.is_set():
                refused: set[Wanted] = set()
                for number, job in list(self._todo):
                    if held := self._held(number, job, refused):
                        self._todo.remove((number, job))
                        return number, job, *held
                if self._todo:
                    self._tell(*self._todo[0], refused)
                # Another process does not tell us when it releases a GPU or ends its turn.
                self._change.wait(_LOOK_AGAIN)
        return None

    def _tell(self, number: int, job: Job, refused: set[Wanted]) -> None:
        """Print once what a job waits for."""
        if self._turns.wanted(job) in refused:
            waiting = self._turns.waiting(job)
        else:
            devices = self._devices(job)
            assert devices
            waiting = "" if number in self._told else devices.waiting(job.run)
            self._told.add(number)
        if waiting:
            self._progress.message(f"{self._names[number]}: {waiting}")

    def _held(self, number: int, job: Job, refused: set[Wanted]) -> tuple[Lease, Turn] | None:
        """Take a job's GPUs and its turn; None, holding nothing, while others have some of them."""
        wanted = self._turns.wanted(job)
        if wanted in refused:
            return None
        with ExitStack() as stack:
            try:
                turn = try_turn(*wanted)
                if turn is None:
                    refused.add(wanted)
                    return None
                stack.enter_context(turn)
                if lease := self._lease(job):
                    stack.pop_all()
                    return lease, turn
            except GpuDocError as error:
                self._todo.remove((number, job))
                moment = datetime.now(timezone.utc).isoformat(timespec="seconds")
                self._ended.put(Finished(job=job, seconds=0.0, started=moment, error=error))
        return None

    def _lease(self, job: Job) -> Lease | None:
        """Lease a job's GPUs; None while others hold them."""
        from gpu_doc.execution.gpus.leases import Lease

        devices = self._devices(job)
        if devices is None or (job.place and job.place.goes_on):
            return Lease()
        return devices.try_take(job.run)
