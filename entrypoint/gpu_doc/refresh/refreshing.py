"""Refreshes reports: executes what is stale, and writes its reports."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gpu_doc.console.console import Console
from gpu_doc.errors import Exit, GpuDocError, worst
from gpu_doc.model.configuration import Config, ImageIdentity
from gpu_doc.plan.plan import Plan, ReportPlan
from gpu_doc.refresh.planning import Doors, plan

if TYPE_CHECKING:
    from gpu_doc.execution.runs.docker import Docker
    from gpu_doc.model.results import Result


@dataclass(kw_only=True)
class Outcome:
    """How a refresh ended: what was written, per report, and what went wrong."""

    written: dict[str, tuple[str, ...]] = field(default_factory=dict)
    executed: int = 0
    results: list[Result] = field(default_factory=list)
    """The results of successful runs."""
    errors: list[GpuDocError] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Paths of the reports that are unchanged because something failed."""
    left: bool = False
    """Whether something is stale that was not to be refreshed."""

    @property
    def exit_code(self) -> Exit:
        """The exit code of the whole refresh."""
        return worst([error.exit_code for error in self.errors])


def refresh(config: Config, doors: Doors, *, force: bool, jobs: int | None, planned: Plan | None = None) -> Outcome:
    """Bring the reports of a configuration up to date; a report for which something fails stays unchanged."""
    # Only a pull shows whether a tag has moved.
    pulls = any(run.image and run.pull == "always" for report in config.reports for run in report.runs)
    planned = planned or plan(config, doors, force=force)
    tell_moved_images(planned, doors)
    if not pulls and planned.fresh:
        return claims_outcome(planned, doors)
    gc.enable()  # see cli/main.py; from here on it takes a while
    from gpu_doc.refresh.containers import containers, plan_with_images
    from gpu_doc.refresh.scheduler import Scheduler

    with (
        doors.state.lock(lambda who: doors.console.note(f"waiting for {who}, which refreshes these reports")) as last,
        ExitStack() as stack,
    ):
        if not doors.state.lasts:
            doors.console.note(
                "there is no folder to keep the key of state in (HOME): no later run can use these results"
            )
        recovered = _recover(config, doors.console) if any(report.changes for report in planned.reports) else {}
        docker = containers(config, doors, stack)
        if docker:
            with doors.console.group("Images"):
                planned = plan_with_images(config, doors, docker, planned, force=force)
        elif recovered or last is None or last != planned.last_refresh:  # another refresh has ended meanwhile
            planned = plan(config, doors, force=force)
        # A pull that was asked for and failed is a failure for fresh runs, too.
        todo = [report for report in planned.reports if not report.fresh or _not_pulled(report, docker)]
        if not todo:
            return replace(claims_outcome(planned, doors), written=recovered)
        _tell_plan([report for report in todo if not report.fresh], doors.console)
        work = stack.enter_context(Scheduler(config, doors, docker))
        work.run(todo, jobs=jobs)
        doors.state.prune()
    others = claims_outcome(Plan(reports=tuple(report for report in planned.reports if report not in todo)), doors)
    return Outcome(
        written=recovered | work.written,
        executed=work.executed,
        results=work.results,
        errors=[*work.errors, *others.errors],
        failed=[*work.failed, *others.failed],
    )


def _recover(config: Config, console: Console) -> dict[str, tuple[str, ...]]:
    """Finish what a killed refresh left half written, or take it back; returns the files concerned, by report."""
    from gpu_doc.record import checkout

    recovered: dict[str, tuple[str, ...]] = {}
    for report in config.reports:
        changed = checkout.recover(report.path, config.root, report.mended)
        if changed is not None:
            recovered[report.path] = changed
            console.note(f"{report.path}: cleared up after an interrupted refresh")
    return recovered


def claims_outcome(planned: Plan, doors: Doors) -> Outcome:
    """Return the outcome of reports that are not rendered: their claims may not hold, for people edit sentences."""
    outcome = Outcome()
    for report in (report for report in planned.reports if report.broken):
        for error in report.broken:
            doors.machine.redactor.error(error)
            doors.console.error(error)
            outcome.errors.append(error)
        if report.report.on_failure == "keep":
            outcome.failed.append(report.report.path)
    return outcome


def _not_pulled(report: ReportPlan, docker: Docker | None) -> bool:
    """Return whether a run of the report must always pull its image, and could not."""
    pulled = [each.run for each in report.runs if each.run.image and each.run.pull == "always"]
    return docker is not None and any(docker.problem(run, report.known_image(run)) for run in pulled)


def _tell_plan(todo: Sequence[ReportPlan], console: Console) -> None:
    """Say in a runner's log why something is done. Elsewhere `gpu-doc plan` says it; note only what is unexpected."""
    for report in todo:
        if lost := [run.run.address for run in report.runs if run.is_lost]:
            console.note(report.needs(lost))
    lines: list[str] = []
    for report in todo:
        lines += [report.report.path, *(f"  {reason}" for reason in report.reasons)]
        lines += [f"  {run.run.address}: {'; '.join(run.reasons) or 'fresh'}" for run in report.runs]
    runs = sum(not run.fresh for report in todo for run in report.runs)
    console.fold(f"Plan: reports to refresh: {len(todo)}, runs to execute for them: {runs}", lines)


def tell_moved_images(planned: Plan, doors: Doors) -> None:
    """Note tags that now point to a newer image, while their runs stay on the older one."""
    told: set[str] = set()
    runs = [run for report in planned.reports for run in report.runs]
    for each in (run for run in runs if run.run.image and run.run.pull != "always"):
        known = ImageIdentity.of_machine(each.fingerprint.machine) if each.fingerprint else None
        image = str(each.run.image)
        if known and image not in told and doors.image_moved(each.run, known):
            told.add(image)
            doors.console.note(f"{image} now points to a newer image; runs keep theirs until `--pull always`")
