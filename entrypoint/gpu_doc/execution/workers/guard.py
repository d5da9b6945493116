"""Runs notebooks and commands in child processes, and enforces their limits from outside.

A limit must hold even if a cell catches KeyboardInterrupt, or a kernel no longer answers. So the parent counts the
time: first it interrupts, then it kills the kernel with all that it started, then the child.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gpu_doc.execution.agent.sampling import Sampler
from gpu_doc.execution.agent.shortages import out_of_memory_kills
from gpu_doc.execution.agent.wire import WireError
from gpu_doc.execution.workers.messages import (
    CellBegan,
    End,
    Event,
    Interrupt,
    Kill,
    LetGo,
    RunCommand,
    RunNotebook,
    Started,
    read_event,
    write,
)
from gpu_doc.execution.workers.run_ends import Cell, Defect, DriverKilled, RunEnd
from gpu_doc.system.process import Child, ChildEndedError, kill_tree, marked, resident_memory, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gpu_doc.model.configuration import Limits

    Hear = Callable[[Event], LetGo | Kill | None]
    """Is called with each event but the last, and may return an answer."""

GRACE = 2.0
"""Seconds between an interrupt, a kill of the kernel, and a kill of the child that drives it."""

CLOSING = 8.0
"""Seconds that the last kernels have to end by themselves; a little more than the worker gives them."""

MOST_NOTEBOOKS = 50
MOST_MEMORY = 250 << 20
"""After so many notebooks, or with so many bytes, a worker is replaced by a new one, so that memory doesn't grow."""


@dataclass
class Facts:
    """How a run ended, according to its child, and what we observed."""

    done: RunEnd
    """The child's last event."""
    overrun: Literal["time", "cell-time"] | None = None
    """The limit that ended it."""
    cell: Cell | None = None
    """A notebook's current cell."""
    seconds: float = 0.0
    """How long that cell had run, if a time limit ended it."""
    gone: bool = False
    """Whether the child can't be used any more."""
    memory: int = 0
    """The resident memory of its main process, in bytes, when we last looked."""
    memory_ran_out: bool = False
    """Whether the system killed a process of our control group during the run because memory ran out."""


class StoppedError(Exception):
    """Everything was stopped; there is no result."""


class Guard:
    """Watches one run: its limits, the memory of its main process, and the resources that all of it uses."""

    def __init__(self, limits: Limits, job: RunNotebook | RunCommand, child: Child) -> None:
        """`job` is the child's request; we use its `marker`, `environment` and `folder` too."""
        self._limits = limits
        self._marker = job.marker
        self._child = child
        self._pid = 0
        now = time.monotonic()
        self._run_end = now + limits.time if limits.time else float("inf")
        self._cell_start = now
        self._cell_end = float("inf")
        self._next = float("inf")
        self._steps: list[Callable[[], None]] = []
        self._kills = out_of_memory_kills()
        pids = frozenset((child.pid,))
        self._sampler = Sampler(lambda: marked(self._marker), ours=pids, environ=job.environment)
        self._taken = Path(job.folder) / "resources.json"
        self.facts = Facts(Defect(traceback=""))

    def wait(self) -> float:
        """Return the seconds until `look` has something to do."""
        return max(0.0, min(self._run_end, self._cell_end, self._next, time.monotonic() + 1.0) - time.monotonic())

    def hear(self, event: Event) -> None:
        """Note an event."""
        if isinstance(event, Started):
            self._pid = event.pid
            if self._pid:  # a container's agent measures by itself
                self._sampler.start()
        elif isinstance(event, CellBegan):
            now = self._cell_start = time.monotonic()
            self.facts.cell = event.cell if not self.facts.overrun else self.facts.cell
            if self.facts.overrun:
                self._next = now  # the cell caught the interrupt, and the notebook went on
            elif self._limits.cell_time:
                self._cell_end = now + self._limits.cell_time

    def look(self) -> None:
        """Check the limits; if one has passed, take the next step against the run."""
        self.facts.memory = resident_memory(self._pid) or self.facts.memory
        self._child.go_on()
        now = time.monotonic()
        if not self.facts.overrun and now >= min(self._run_end, self._cell_end):
            whole = now >= self._run_end
            self.facts.overrun = "time" if whole else "cell-time"
            self.facts.seconds = now - self._cell_start
            self._run_end = self._cell_end = float("inf")
            self._steps = [self._child.kill, self._kill] + [self._interrupt] * (not whole)
            self._next = now
        if now >= self._next and self._steps:
            self._steps.pop()()
            self._next = time.monotonic() + GRACE if self._steps else float("inf")

    def end(self, done: RunEnd, *, gone: bool = False) -> Facts:
        """Return what is known, after the child's last event."""
        self.facts.done, self.facts.gone = done, gone
        # A container reports for itself; our own group's count says nothing about it.
        self.facts.memory_ran_out = bool(self._pid) and out_of_memory_kills() > self._kills
        if self._pid:
            self._sampler.stop()
            with suppress(FileNotFoundError, NotADirectoryError):  # the run removed the folder; another error says so
                self._taken.write_text(json.dumps(self._sampler.result()), "utf-8")
        return self.facts

    def close(self) -> None:
        """Stop measuring."""
        self._sampler.stop()

    def _interrupt(self) -> None:
        self._child.send(write(Interrupt()))

    def _kill(self) -> None:
        if self._pid:
            kill_tree(self._pid)
            sweep(self._marker)
        else:
            self._child.send(write(Kill()))  # a container


class Slot:
    """Executes one run at a time, and keeps its notebook worker from one run to the next."""

    def __init__(self, runtime: Path, name: str) -> None:
        """`runtime` is a folder with a short path for sockets and logs; `name` tells this slot from others."""
        self.runtime = runtime
        self._name = name
        self._worker: Child | None = None
        self._children: list[Child] = []
        self._served = 0
        self._lock = threading.Lock()
        self._stopped = False

    def run_notebook(self, job: RunNotebook, limits: Limits, hear: Hear) -> Facts:
        """Run a notebook. Raises StoppedError if `kill` was called."""
        worker = self._worker or self._start("kernel_worker", job.environment)
        self._worker = worker
        worker.send(write(replace(job, runtime=str(self.runtime))))
        facts = self._watch(worker, Guard(limits, job, worker), hear)
        self._served += 1
        if facts.gone:
            self._forget()
            sweep(job.marker)
        elif worker.memory > MOST_MEMORY or self._served >= MOST_NOTEBOOKS:
            # It ends by itself after its last kernel; nobody waits for it.
            worker.send(write(End()))
            self._forget()
        return facts

    def run_command(self, job: RunCommand, limits: Limits, hear: Hear) -> Facts:
        """Run a command. Raises StoppedError if `kill` was called."""
        module = "container_command_worker" if job.container else "command_worker"
        child = self._start(module, job.environment)
        child.send(write(job))
        facts = self._watch(child, Guard(limits, job, child), hear)
        self._end(child, GRACE)
        sweep(job.marker)
        return facts

    def close(self) -> None:
        """Wait until the kernels that still shut down, and the workers, have ended."""
        if self._worker:
            self._worker.send(write(End()))
        end = time.monotonic() + CLOSING
        for child in list(self._children):
            with suppress(ChildEndedError):
                while time.monotonic() < end and not self._stopped:
                    child.receive(0.2)
            self._end(child, 0.5)

    def kill(self) -> None:
        """Kill everything at once. Any thread may call it; those that wait for a run get StoppedError."""
        with self._lock:
            self._stopped = True
            children = list(self._children)
        for child in children:
            child.kill()

    def abandon(self) -> None:
        """Close the pipes; to be called after `kill`, when no thread waits for a run any more."""
        for child in list(self._children):
            self._end(child, 0)

    def _end(self, child: Child, timeout: float) -> None:
        child.close(timeout)
        with self._lock:
            self._children.remove(child)

    def _forget(self) -> None:
        self._worker = None
        self._served = 0

    def _start(self, module: str, environment: Mapping[str, str]) -> Child:
        for child in [child for child in self._children if child.ended]:
            self._end(child, 0)
        with self._lock:
            if self._stopped:
                raise StoppedError
            log = self.runtime / f"{self._name}.log"
            child = Child(f"execution.workers.{module}", environment=environment, log=log)
            self._children.append(child)
            return child

    def _watch(self, child: Child, guard: Guard, hear: Hear) -> Facts:
        try:
            return self._facts(child, guard, hear)
        finally:
            guard.close()

    def _facts(self, child: Child, guard: Guard, hear: Hear) -> Facts:
        while True:
            try:
                line = child.receive(guard.wait())
            except ChildEndedError as error:
                if self._stopped:
                    raise StoppedError from error
                status = child.ending(GRACE)
                if status is not None and status < 0:
                    return guard.end(DriverKilled(status=status), gone=True)
                child.kill()  # it may have closed its output, or write a line without end
                return guard.end(Defect(traceback=str(error)), gone=True)
            if line is None:
                guard.look()
                continue
            try:
                event = read_event(line)
            except WireError as error:  # a local run can write where its worker does
                child.kill()
                return guard.end(Defect(traceback=f"it sent something that is not a message: {error}"), gone=True)
            if isinstance(event, RunEnd):
                return guard.end(event)
            guard.hear(event)
            if answer := hear(event):
                child.send(write(answer))
