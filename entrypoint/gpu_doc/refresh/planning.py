"""What a refresh talks to, and the plan of all reports, with what it asks a template for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.console.console import Console
from gpu_doc.errors import GpuDocError
from gpu_doc.model.configuration import Config, ImageIdentity, Report, Run
from gpu_doc.plan.plan import Plan, ReportPlan
from gpu_doc.plan.planner import Images, Planner
from gpu_doc.record.fingerprint import Machine
from gpu_doc.record.state import State

if TYPE_CHECKING:
    from gpu_doc.functions.shared.function import BoundCall
    from gpu_doc.model.answers import Call
    from gpu_doc.model.location import Location
    from gpu_doc.record.judging import Judge


@dataclass(frozen=True, kw_only=True)
class Doors:
    """What a refresh talks to, made by `cli/doors.py`."""

    console: Console
    state: State
    environ: Mapping[str, str]
    machine: Machine
    chromium: Callable[[], Path]
    commit: Callable[[], str | None]
    """Returns the commit that the checkout equals, apart from our own files; None if there is none."""
    judge: Callable[[], Judge]
    """Returns what compares the inputs of earlier runs with what is here."""
    images: Images
    """Returns the image that a run would use; it takes milliseconds."""
    image_moved: Callable[[Run, ImageIdentity], bool]
    """Returns whether the name of a run's image now means another image here."""
    work_tree: Callable[[], Path | None]
    """Returns the repository that contains the configuration, if any."""


def plan(config: Config, doors: Doors, *, force: bool = False, images: Images | None = None) -> Plan:
    """Return what would run and why. `images`: those that were prepared, instead of those that are found here."""
    return _planner(config, doors, images).plan(config, force=force)


def checked(config: Config, planned: Plan) -> dict[str, tuple[GpuDocError, ...]]:
    """Return why a refresh of stale reports would fail, as far as known without running, by report's path."""
    stale = [report for report in planned.reports if not report.fresh]
    if not stale:
        return {}
    from gpu_doc.report.rehearsal import check_report
    from gpu_doc.report.template import TemplateWorker

    with TemplateWorker() as templates:
        return {report.report.path: check_report(report, config.root, templates).problems for report in stale}


def edited_lines(config: Config, doors: Doors, plans: Iterable[ReportPlan]) -> dict[str, int]:
    """Return the first line, by path, in which a generated report was edited by hand."""
    from gpu_doc.refresh.hand_edits import first_edited_line

    planner = _planner(config, doors)
    found = {plan.report.path: first_edited_line(plan, planner) for plan in plans}
    return {path: line for path, line in found.items() if line}


def _planner(config: Config, doors: Doors, images: Images | None = None) -> Planner:
    return Planner(
        root=config.root,
        capture=config.capture,
        state=doors.state,
        machine=doors.machine,
        images=images or doors.images,
        rehearse=lambda report: _rehearsed(report, config.root),
        bind=_bound,
        judge=doors.judge,
    )


def _rehearsed(report: Report, root: Path) -> Sequence[tuple[Call, Location]]:
    from gpu_doc.report.report import rehearse
    from gpu_doc.report.template import TemplateWorker

    with TemplateWorker() as templates:
        return rehearse(report, root, templates).calls


def _bound(call: Call, report: Report) -> BoundCall:
    from gpu_doc.functions.shared.calls import bind

    return bind(call, report)
