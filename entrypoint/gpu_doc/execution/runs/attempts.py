"""Executes one run, and tries again while its failure may be temporary."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.errors import GpuDocError, MachineError, RunError
from gpu_doc.execution.agent import probe, unattended
from gpu_doc.execution.agent.messages import read_probe
from gpu_doc.execution.agent.produced import Produced
from gpu_doc.execution.agent.pseudo_terminal import COLUMNS, LONGEST_LOG, ROWS
from gpu_doc.execution.agent.wire import WireError
from gpu_doc.execution.runs import aftermath, command_failure, failure, notebook_failure
from gpu_doc.execution.runs.devices import busy, check, local_environment
from gpu_doc.execution.runs.files import redact_files
from gpu_doc.execution.runs.job import Finished, Job
from gpu_doc.execution.runs.keeping import Keeping, remove
from gpu_doc.execution.runs.retries import pause, worth_another_try
from gpu_doc.execution.workers.messages import (
    CellBegan,
    Cells,
    Event,
    Kill,
    LetGo,
    OutputCut,
    Probed,
    RunCommand,
    RunNotebook,
    Said,
)
from gpu_doc.execution.workers.run_ends import CommandEnded
from gpu_doc.model.observed import Observed
from gpu_doc.model.values import Json
from gpu_doc.record.cuts import Cut
from gpu_doc.system.process import output
from gpu_doc.text.plain import plain

if TYPE_CHECKING:
    from gpu_doc.console.progress import Progress
    from gpu_doc.execution.gpus.leases import Lease
    from gpu_doc.execution.workers.guard import Slot

_PROBE = Path(probe.__file__)


class Attempts:
    """One job; tried again if its run's `retries` say so and the cause may pass."""

    def __init__(self, job: Job, name: str, slot: Slot, progress: Progress, lease: Lease) -> None:
        self._job = job
        self._name = name
        self._slot = slot
        self._progress = progress
        self._cells = 0
        self._probe: Mapping[str, Json] = {}
        self._lease = lease
        self._veto: GpuDocError | None = None
        self._cuts: list[Cut] = []
        self._observed = Observed(unobserved="it was not watched")

    def run(self, token: str, stop: threading.Event) -> Finished:
        """Run it to its end. `token` is the prefix of its processes' marker; `stop` ends the wait between two tries."""
        for attempt in range(self._job.run.retries.times + 1):
            started, begin = datetime.now(timezone.utc), time.monotonic()
            self._progress.started(self._name, 0)
            self._cuts.clear()
            # The marker to find this attempt's processes by; no marker may be a prefix of another (`sweep`).
            error = self._once(f"{token}-{attempt}-")
            seconds = time.monotonic() - begin
            self._progress.finished(self._name, seconds, ok=error is None, more=lambda: aftermath.lines(self._job))
            again = error and worth_another_try(self._job.run, error, attempt)
            if not again or stop.wait(pause(attempt)):
                break
            self._progress.message(f"{self._name}: network error; trying again ({error})")
            for path in self._job.folder.iterdir():
                remove(path)
        begun = started.isoformat(timespec="seconds")
        return Finished(
            job=self._job,
            seconds=seconds,
            started=begun,
            began=started.timestamp(),
            error=error,
            probe=self._probe,
            cuts=tuple(self._cuts),
            observed=self._observed,
        )

    def _once(self, marker: str) -> GpuDocError | None:
        with Keeping(self._job) as keeping:
            error = self._told(lambda: self._execute(marker), keeping)
            # After a failure too, since its files are kept for a person to look at.
            error = self._told(lambda: redact_files(self._job), keeping) or error
            error = keeping.problem(well=error is None) or error
        if isinstance(error, RunError) and not error.kept:
            left = [self._job.folder / name for name in ("executed.ipynb", "terminal.log", "kernel.log")]
            error.kept = next((str(path) for path in left if path.exists()), "")
        return error

    def _told(self, step: Callable[[], GpuDocError | None], keeping: Keeping) -> GpuDocError | None:
        """Run a step; return its error, if any."""
        try:
            return step()
        except GpuDocError as problem:
            return problem
        except OSError as problem:
            if problem.errno in (errno.ENOSPC, errno.EDQUOT):
                return failure.disk_full(problem.filename or str(self._job.folder))
            if known := keeping.problem(well=False):
                return known
            raise

    def _execute(self, marker: str) -> GpuDocError | None:
        from gpu_doc.execution.runs.observing import Watch  # not in a refresh where all is fresh

        self._look_around()
        with self._watched() as produced:
            if error := self._veto or failure.of_files(self._job.run, produced.found()):
                return error
            with Watch(self._job, self._slot.runtime) as watch:
                asked = self._notebook if self._job.run.notebook else self._command
                error = asked(marker, watch.variables)
            self._observed = watch.observed
            return self._veto or error or self._collect(produced)

    def _notebook(self, marker: str, watch: Mapping[str, str]) -> GpuDocError | None:
        job, run = self._job, self._job.run
        assert run.notebook
        asked = RunNotebook(
            notebook=str(job.root / run.notebook),
            name=run.notebook,
            parameters=dict(run.parameters),
            kernel=run.kernel,
            python=str(job.python),
            environment=self._environment(),
            cwd=str(self._job.cwd),
            folder=str(job.folder),
            output=run.limits.output,
            marker=marker,
            watch=watch,
            produces=run.produces,
            container=job.place.order(self._lease.gpus) if job.place else None,
            leased=bool(self._lease.devices),
            redact=tuple(job.redactor.values),
        )
        facts = self._slot.run_notebook(asked, run.limits, self._hear)
        return notebook_failure.of_notebook(run, facts, str(job.python))

    def _environment(self) -> dict[str, str]:
        """The variables of a local run: with its GPUs and no others, and without prompts for input."""
        run = self._job.run
        return {**local_environment(run, self._lease, self._job.environment), **unattended.variables(run.env)}

    def _look_around(self) -> None:
        """Probe for a local run, if needed, whether its GPUs are there. A container's agent does so itself."""
        job = self._job
        if job.place or not (self._lease.devices or job.run.requires):
            return
        try:
            answer = output([str(job.python), str(_PROBE)], limit=60, environment=self._environment())
            found = read_probe(answer.encode())
        except (OSError, WireError) as error:
            what = f"its GPUs and driver could not be found out: {error}"
            raise MachineError(what, where=job.run.address, remedy=f"Try: {job.python} {_PROBE}") from error
        self._judge(found.facts)

    def _judge(self, facts: Mapping[str, Json]) -> bool:
        """Return whether the run's environment is good enough; if not, keep the error."""
        self._probe = facts
        self._veto = check(self._job.run, self._lease.devices, facts)
        if note := busy(facts):
            self._progress.message(f"{self._name}: {note}")
        return self._veto is None

    def _hear(self, event: Event) -> LetGo | Kill | None:
        match event:
            case Cells():
                self._cells = event.count
            case CellBegan(cell):
                self._progress.cell(self._name, cell.number or 0, self._cells, cell.name)
            case Probed(facts):
                return LetGo() if self._judge(facts) else Kill()
            case OutputCut(cell):
                cut = Cut(cell.number or 0, cell.name, event.after, limit=event.limit, reached=event.reached)
                self._cuts.append(cut)
            case Said(text):
                self._progress.message(self._job.redactor.text(f"{self._name}: {plain(text)}"))
        return None

    def _command(self, marker: str, watch: Mapping[str, str]) -> GpuDocError | None:
        from gpu_doc.system.process import MARKER

        job, run = self._job, self._job.run
        assert run.command
        log = job.folder / "terminal.log"
        environment = {**self._environment(), "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
        asked = RunCommand(
            argv=run.command,
            cwd=str(job.root),
            environment={**environment, MARKER: marker},
            log=str(log),
            limit=min(run.limits.output, LONGEST_LOG),
            columns=COLUMNS,
            rows=ROWS,
            marker=marker,
            watch=watch,
            container=job.place.order(self._lease.gpus) if job.place else None,
            folder=str(job.folder),
            redact=tuple(job.redactor.values),
        )
        facts = self._slot.run_command(asked, run.limits, self._hear)
        if isinstance(facts.done, CommandEnded) and facts.done.left_out:
            what = f"{facts.done.left_out / 1e6:.3g} MB of what it printed are left out of its log (limits.output)"
            self._progress.message(f"{self._name}: {what}")
        return command_failure.of_command(run, facts, aftermath.screen(log))

    @contextmanager
    def _watched(self) -> Iterator[Produced]:
        """Watch the files that a local run produces. A container's agent does so itself."""
        job = self._job
        patterns = () if job.place else job.run.produces
        produced = Produced(patterns, [str(job.cwd), str(job.root)], hidden=[str(each) for each in job.ours])
        with closing(produced):
            yield produced

    def _collect(self, produced: Produced) -> GpuDocError | None:
        if self._job.place:
            return None
        into = self._job.folder / "produced"
        remove(into)  # only we write there
        produced.take(str(into))
        found = produced.found()
        for text in found.passed:
            self._hear(Said(text))
        error = failure.of_files(self._job.run, found)
        if error:
            remove(into)  # an incomplete copy is useless, and may be large
        return error
