"""Executes runs, and writes each report as soon as it is complete."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from gpu_doc.errors import GpuDocError, PublishError, RunError
from gpu_doc.execution.runs.execute import execute
from gpu_doc.execution.runs.hosts import Hosts
from gpu_doc.execution.runs.job import Finished, Job, kernel_environment
from gpu_doc.model.configuration import Config, ImageIdentity, Run
from gpu_doc.model.location import Location
from gpu_doc.model.results import Result
from gpu_doc.pictures.capture import Camera
from gpu_doc.plan.plan import ReportPlan, RunPlan
from gpu_doc.plan.unfetched import demand_fetched
from gpu_doc.record import checkout, evidence
from gpu_doc.refresh.hand_edits import HandEdits
from gpu_doc.refresh.inputs import seen_only, take_inputs, with_remedy
from gpu_doc.refresh.missing import missing
from gpu_doc.refresh.planning import Doors
from gpu_doc.refresh.results import changed_meanwhile, record_of
from gpu_doc.refresh.work import Work
from gpu_doc.report.compose import Composer, NeedsRuns
from gpu_doc.report.files import ReportTools
from gpu_doc.report.rehearsal import check_report
from gpu_doc.report.template import TemplateWorker
from gpu_doc.system.python_environment import with_programs_of

if TYPE_CHECKING:
    from gpu_doc.execution.runs.docker import Docker

_TRIES = 3
"""How often a report is rendered again if a person saves it at the same time."""


class Scheduler:
    """Executes the stale runs of reports, and composes and writes each report when its last run has ended."""

    def __init__(self, config: Config, doors: Doors, docker: Docker | None) -> None:
        self._config = config
        self._doors = doors
        self._state = doors.state
        self._machine = doors.machine
        self._redactor = doors.machine.redactor
        self._console = doors.console
        self._commit = doors.commit()
        self._docker = docker
        self._hand_edits = HandEdits(config.root, doors.state, doors.console, doors.machine.line_ends)
        self._environ = with_programs_of(doors.machine.environment, doors.environ)
        self._hosts = Hosts(doors.environ, docker)
        self._stack = ExitStack()
        # Both start only when they are needed.
        self._camera = self._stack.enter_context(
            Camera(
                doors.chromium,
                environ=doors.environ,
                redactor=self._redactor,
                allow_hosts=config.capture.allow_hosts,
                environment=lambda: doors.machine.environment,
                seal=lambda: doors.state.seal,
            )
        )
        self._templates = self._stack.enter_context(TemplateWorker())
        self.written: dict[str, tuple[str, ...]] = {}
        self.executed = 0
        self.results: list[Result] = []
        self.errors: list[GpuDocError] = []
        self.failed: list[str] = []

    def __enter__(self) -> Scheduler:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def run(self, plans: Sequence[ReportPlan], *, jobs: int | None) -> None:
        """Do everything, with so many runs at a time; None: as many as the machine has room for."""
        works = [Work(plan) for plan in plans]
        for work in works:
            self._prepare(work)
        while todo := [work for work in works if not work.failed and work.plan.report.path not in self.written]:
            self._round(todo, jobs)
        for work in works:
            if work.failed and not work.told and work.composer:  # a run failed; others may have ended
                self._fail(work, *self._refusals(work, work.composer))

    # --- steps --------------------------------------------------------------------------------------------------------

    def _prepare(self, work: Work) -> None:
        """Rehearse the template, so that a wrong address costs no GPU time."""
        checked = check_report(work.plan, self._config.root, self._templates)
        work.calls = checked.calls
        work.composer = self._composer(work)
        problems = [*checked.problems, *missing(work, self._config, self._docker, self._environ)]
        if work.waiting or problems:
            # What fresh runs show is known. Another composer, since this one's answers are to be those of the end.
            told = {problem.where for problem in problems}
            found = self._refusals(work, self._composer(work))
            problems += [error for error in found if error.where not in told]
        if problems:
            self._fail(work, *problems)

    def _refusals(self, work: Work, composer: Composer) -> list[GpuDocError]:
        """Return what prevents a report from being written, as far as the ended runs show."""
        ended = any(work.waiting.isdisjoint(run.address for run in call.runs) for call in work.calls)
        return composer.refusals() if ended else []

    def _composer(self, work: Work) -> Composer:
        tools = ReportTools(
            root=self._config.root,
            capture=self._config.capture,
            state=self._state,
            camera=self._camera,
            templates=self._templates,
            redactor=self._redactor,
            line_ends=self._machine.line_ends,
        )
        return Composer(work.plan, tools, work.calls, executed=work.executed)

    def _round(self, works: list[Work], parallel: int | None) -> None:
        """Execute what the reports wait for; compose each report when it waits for nothing more."""
        runs = self._waited_for(works)
        for work in works:
            if not work.waiting:
                self._finish(work)
        if not runs:
            return
        jobs = [job for plan in runs.values() if (job := self._job(plan, works))]
        if not jobs:
            return
        if any(call.function.takes_pictures for work in works for call in work.calls):
            self._camera.warm_up(self._config.capture.scale)
        with self._console.progress() as progress:
            at_once = parallel or self._hosts.jobs([job.run for job in jobs], len(os.sched_getaffinity(0)))
            at_once = min(at_once, len(jobs))
            if self._console.on_runner:
                progress.message(f"Execute: runs: {len(jobs)}, at a time: {at_once}")
            for finished in execute(
                jobs,
                parallel=at_once,
                progress=progress,
                devices=lambda job: self._hosts.devices(job.run),
            ):
                self._take(finished, works)

    def _waited_for(self, works: list[Work]) -> dict[str, RunPlan]:
        """Return what to execute, by fingerprint: reports that share a run share its result."""
        return {
            plan.fingerprint.text: plan
            for work in works
            for plan in work.plan.runs
            if plan.run.address in work.waiting and plan.fingerprint
        }

    def _job(self, plan: RunPlan, works: list[Work]) -> Job | None:
        """Return the job for a run; None if it can't be executed, which fails the reports that wait for it."""
        try:
            return self._made(plan)
        except GpuDocError as error:
            for work in works:
                if any(each.fingerprint == plan.fingerprint for each in work.plan.runs):
                    self._fail(work, error)
            return None

    def _made(self, plan: RunPlan) -> Job:
        run = plan.run
        assert plan.fingerprint is not None
        demand_fetched(plan, self._config.root)
        place = None
        if run.image and self._docker:
            image = ImageIdentity.of_machine(plan.fingerprint.machine)
            only = seen_only(plan, self._doors, self._config.root)
            place = self._docker.place(run, plan.fingerprint.text, self._console.note, known=image, only=only)
        return Job(
            run=run,
            place=place,
            fingerprint=plan.fingerprint.text,
            folder=self._state.scratch_folder(),
            root=self._config.root,
            python=self._machine.environment.executable,
            environment=kernel_environment(self._environ, [*run.env, *run.secrets]),
            ours=self._ours,
            redactor=self._redactor,
        )

    @cached_property
    def _ours(self) -> frozenset[Path]:
        """Return what we write into the checkout."""
        root = self._config.root
        written = (root / path for report in self._config.reports for path in report.written)
        # Not `resolve()`, which before Python 3.13 raises RuntimeError for links that lead to themselves.
        return frozenset(Path(os.path.realpath(path.parent), path.name) for path in (self._state.folder, *written))

    def _take(self, finished: Finished, works: list[Work]) -> None:
        job = finished.job
        self.executed += 1
        for cut in finished.cuts:
            location = cut.location(job.run)
            self._console.warn(f"{location}: {cut.sentence}. {cut.remedy}", where=location)
        waiting = [
            (work, plan)
            for work in works
            for plan in work.plan.runs
            if plan.run.address in work.waiting and plan.fingerprint and plan.fingerprint.text == job.fingerprint
        ]
        error = finished.error or changed_meanwhile(job, waiting[0][1])
        if error:
            self._failed(job, with_remedy(error, finished, waiting[0][1]), [work for work, _ in waiting])
            return
        record = record_of(finished, waiting[0][1], self._machine, self._commit)
        record |= take_inputs(finished, waiting[0][1], self._doors, by_bytes=not record["forms"])
        result = self._state.keep(job.run, job.fingerprint, job.folder, record)
        self.results.append(result)
        for work, plan in waiting:
            work.executed[plan.run.address] = replace(result, run=plan.run)
            work.waiting.discard(plan.run.address)
            self._advance(work, plan.run)

    def _failed(self, job: Job, error: GpuDocError, works: list[Work]) -> None:
        kept = self._state.keep_failed(job.run.address, job.folder)
        if isinstance(error, RunError):
            left = [kept / name for name in ("executed.ipynb", "terminal.log") if (kept / name).exists()]
            error.kept = str(left[0]) if left else ""
        for work in dict.fromkeys(works):
            self._fail(work, error)

    def _advance(self, work: Work, run: Run) -> None:
        """Handle a successful run: take its pictures while others go on, and write the report if it was the last."""
        if work.failed or work.composer is None:
            return
        if not work.waiting:
            self._finish(work)
            return
        with suppress(GpuDocError):  # composing the report raises it again
            told = [call for call in work.calls if run.address in {each.address for each in call.runs}]
            work.composer.prepare(told)

    def _finish(self, work: Work) -> None:
        if work.failed or work.composer is None:
            return
        try:
            self.written[work.plan.report.path] = self._write(work, work.composer)
            self._tell(work.composer.claims.broken)  # it was written with a mark that says so
        except NeedsRuns as need:
            work.wait_for(need.addresses)
            work.composer = self._composer(work)
            self._console.note(work.plan.needs(need.addresses))
        except GpuDocError as error:
            work.told = True
            self._fail(work, *error.each)

    def _write(self, work: Work, composer: Composer) -> tuple[str, ...]:
        for _ in range(_TRIES):
            draft = composer.compose()
            own = draft.beside.get(f"{work.plan.report.assets}/{evidence.NAME}")
            if evidence.parse(own or b"") != work.plan.evidence:
                what = "another gpu-doc refreshed this report meanwhile"
                raise PublishError(what, where=Location(draft.path), remedy="Run again.")
            self._hand_edits.keep(work.plan, draft)
            try:
                return checkout.write(draft, self._config.root)
            except checkout.ChangedMeanwhileError:
                self._console.note(f"{work.plan.report.path} was saved meanwhile; it is rendered once more")
        raise PublishError(
            "this file changes again and again while it is refreshed",
            where=Location(work.plan.report.path),
            remedy="Run again.",
        )

    def _fail(self, work: Work, *errors: GpuDocError) -> None:
        """Leave a report unchanged."""
        self._tell(errors)
        if not work.failed:
            self._console.note(f"{work.plan.report.path} stays as it was.")
            self.failed.append(work.plan.report.path)
        work.failed = True

    def _tell(self, errors: Sequence[GpuDocError]) -> None:
        """Tell what is wrong. A failure that several reports share is reported once."""
        for error in errors:
            self._redactor.error(error)
            if error.location:
                error.locate(error.location.relative_to(self._config.root))
            if (error.what, error.where) not in {(told.what, told.where) for told in self.errors}:
                self.errors.append(error)
                self._console.error(error)
