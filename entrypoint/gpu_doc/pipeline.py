"""The stages in order: plan, rehearse, execute, capture, compose, publish."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gpu_doc.console import Console
from gpu_doc.errors import Exit, GpuDocError, UsageError, worst
from gpu_doc.model import Call, Config, Report
from gpu_doc.stages.planning.fingerprint import Surroundings
from gpu_doc.stages.planning.plan import Plan, Planner, ReportPlan
from gpu_doc.stages.state import State


@dataclass(frozen=True, kw_only=True)
class Doors:
    """What a refresh talks to, made by `cli.py`."""

    console: Console
    state: State
    environ: Mapping[str, str]
    surroundings: Surroundings
    chromium: Callable[[], Path]
    commit: Callable[[], str | None]
    """The commit that the checkout is, but for what we write there ourselves; None where there is no such."""


@dataclass(kw_only=True)
class Outcome:
    """How a refresh ended: what was written, per report, and what went wrong."""

    written: dict[str, tuple[str, ...]] = field(default_factory=dict)
    executed: int = 0
    errors: list[GpuDocError] = field(default_factory=list)

    @property
    def exit_code(self) -> Exit:
        """The exit code that stands for all of it."""
        return worst([error.exit_code for error in self.errors])


def plan(config: Config, doors: Doors, *, force: bool = False) -> Plan:
    """What would run and why."""
    return _planner(config, doors).plan(config, force=force)


def foreseen(config: Config, planned: Plan) -> dict[str, tuple[GpuDocError, ...]]:
    """Why a refresh of the stale reports would fail, as far as that can be known without running: by report's path."""
    stale = [report for report in planned.reports if not report.fresh]
    if not stale:
        return {}
    from gpu_doc.outside.template import TemplateWorker
    from gpu_doc.stages.reporting.foresight import foresee

    with TemplateWorker() as templates:
        return {report.report.path: foresee(report, config.root, templates).problems for report in stale}


def refresh(config: Config, doors: Doors, *, force: bool, jobs: int) -> Outcome:
    """Bring the reports of a configuration up to date; what fails leaves its own reports as they were."""
    todo = plan(config, doors, force=force)
    if todo.fresh:
        return Outcome()
    from gpu_doc.stages.refresh import Refresh

    with doors.state.lock(lambda who: doors.console.note(f"waiting for {who}, which refreshes these reports")):
        todo = plan(config, doors, force=force)
        with Refresh(config, doors.state, doors.surroundings, doors.console, doors.commit()) as work:
            work.open_doors(doors.environ, doors.chromium)
            work.run([report for report in todo.reports if not report.fresh], jobs=jobs)
            outcome = Outcome(written=work.written, executed=work.executed, errors=work.errors)
        doors.state.prune()
    return outcome


def select(config: Config, wanted: Sequence[str], *, here: Path) -> Config:
    """The configuration with the named reports only; names are paths from root or from the working folder."""
    if not wanted:
        return config
    by_path = {report.path: report for report in config.reports}
    chosen: dict[str, Report] = {}
    for name in wanted:
        # Not resolve(): a report may be a link, and root lie below one.
        spellings = (
            os.path.relpath(here / name, config.root),
            os.path.relpath((here / name).resolve(), config.root.resolve()),
        )
        report = next((by_path[path] for path in (name, *spellings) if path in by_path), None)
        if report is None:
            from difflib import get_close_matches  # only what is wrong needs it

            near = get_close_matches(name, by_path, n=1)
            known = ", ".join(by_path) or "none"
            remedy = f"Did you mean `{near[0]}`?" if near else f"Name one of these: {known}."
            raise UsageError(f"no report `{name}` is configured", remedy=remedy)
        chosen[report.path] = report
    return replace(config, reports=tuple(chosen.values()))


def edited_lines(config: Config, doors: Doors, plans: Iterable[ReportPlan]) -> dict[str, int]:
    """Where a generated report was edited by hand: path to the first line that differs from what evidence renders."""
    from gpu_doc.stages.refresh import first_edited_line

    planner = _planner(config, doors)
    found = {plan.report.path: first_edited_line(plan, planner) for plan in plans}
    return {path: line for path, line in found.items() if line}


def _planner(config: Config, doors: Doors) -> Planner:
    return Planner(
        root=config.root,
        capture=config.capture,
        state=doors.state,
        surroundings=doors.surroundings,
        rehearse=lambda report: _rehearsed(report, config.root),
        needed_runs=_needed_runs,
    )


def _rehearsed(report: Report, root: Path) -> Sequence[Call]:
    from gpu_doc.outside.template import TemplateWorker
    from gpu_doc.stages.reporting.report import rehearse

    with TemplateWorker() as templates:
        return [call for call, _ in rehearse(report, root, templates).calls]


def _needed_runs(call: Call, report: Report) -> Sequence[str]:
    from gpu_doc.stages.reporting.precheck import needed_runs

    return needed_runs(call, report)


def own_files(config: Config) -> list[str]:
    """What we write into the checkout, relative to root; folders with a trailing slash."""
    own = [name for report in config.reports for name in (report.path, f"{report.assets}/")]
    return [*own, ".gpu-doc/"]
