"""What an open pull request already holds is taken into the checkout, so that nobody runs for it once more.

Until somebody merges it, each push and each night would else find its reports stale, and start the GPU for nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from gpu_doc.model import Report
from gpu_doc.stages.planning.plan import Plan
from gpu_doc.stages.publishing.checkout import Draft, read, write
from gpu_doc.stages.publishing.commit import Desk
from gpu_doc.stages.publishing.offer import Base, from_commit
from gpu_doc.stages.publishing.pull_request import Standing


def adopt(desk: Desk, planned: Plan, plan: Callable[[], Plan]) -> dict[str, dict[str, bytes | None]]:
    """Write what the pull request's branch has for stale reports, where fewer runs are stale with it.

    Gives what stood there before, by the reports' paths.
    """
    stale = {
        report.report.path: len(_stale(planned, report.report.path)) for report in planned.reports if not report.fresh
    }
    reports = [report.report for report in planned.reports if report.report.path in stale]
    tip = desk.scratch.fetch(desk.target.branch)[desk.target.branch] if reports else None
    standing = Standing.of(desk, tip) if tip else None
    if standing is None or standing.foreign:
        return {}
    base = Base(desk.scratch, desk.layout, tip=desk.target.source, start=standing.start)
    before = {}
    for offer in from_commit(desk.layout, reports, desk.scratch, standing.tip):
        files, _ = base.files(offer)
        if files and any(path in standing.changes for path in files):
            before[offer.report.path] = _exchange(desk, offer.report, files)
    if not before:
        return {}
    now = plan()
    for report in reports:
        if report.path in before and not _is_better(now, report.path, stale[report.path]):
            _exchange(desk, report, before.pop(report.path))
    for path in before:
        desk.note(f"{path}: its pull request has results already, which are taken over")
    return before


@contextmanager
def adopted(desk: Desk, planned: Plan, plan: Callable[[], Plan]) -> Iterator[None]:
    """Adopt for a while: what stood there before is put back."""
    before = adopt(desk, planned, plan)
    try:
        yield
    finally:
        reports = {report.report.path: report.report for report in planned.reports}
        for path, files in before.items():
            _exchange(desk, reports[path], files)


def _stale(planned: Plan, path: str) -> list[str]:
    return [
        run.run.address for each in planned.reports if each.report.path == path for run in each.runs if not run.fresh
    ]


def _is_better(now: Plan, path: str, stale_before: int) -> bool:
    fresh = any(each.fresh for each in now.reports if each.report.path == path)
    return fresh or len(_stale(now, path)) < stale_before


def _exchange(desk: Desk, report: Report, files: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
    """Write a report's files, given by path from the repository's top; None: none is there. Gives what was there."""
    layout = desk.layout
    before = {path: read(layout.tree / path) for path in files}
    names = {path: os.path.relpath(layout.tree / path, layout.root.resolve()) for path in files}
    text = report.path
    draft = Draft(
        path=text,
        files={names[path]: content for path, content in files.items() if content is not None},
        before=read(layout.root / text),
        obsolete=tuple(names[path] for path, content in files.items() if content is None),
    )
    write(draft, layout.root)
    return before
