"""Takes the results of an open pull request into the checkout, so that they are not made again.

Otherwise, until somebody merges it, each push and each night would find its reports stale, and use the GPU for nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from gpu_doc.git.checkout import changed_files
from gpu_doc.model.configuration import Report
from gpu_doc.plan.plan import Plan
from gpu_doc.publish.branch_state import BranchState
from gpu_doc.publish.commit import PublishTools
from gpu_doc.publish.offer import Base, Offer
from gpu_doc.record.checkout import Draft, read, write

Files = dict[str, bytes | None]
"""Contents by path from the repository's top; None: there is no such file."""


def adopt(tools: PublishTools, planned: Plan, plan: Callable[[], Plan]) -> dict[str, Files]:
    """Write the pull request's files of stale reports into the checkout, if fewer runs are stale with them.

    Returns the files that were there before, by the reports' paths. Never overwrites uncommitted work.
    """
    before: dict[str, Files] = {}
    reports = {report.report.path: report.report for report in planned.reports}
    try:
        for offer, files in _held(tools, [report.report for report in planned.reports if not report.fresh]):
            before[offer.report.path] = {path: read(tools.layout.tree / path) for path in files}
            _write(tools, offer.report, files)
        now = plan() if before else planned
    except BaseException:  # an interrupt too
        _put_back(tools, reports, before)
        raise
    vain = [path for path in before if not _is_better(now, path, len(_stale(planned, path)))]
    _put_back(tools, reports, {path: before.pop(path) for path in vain})
    for path in before:
        tools.note(f"{path}: its pull request has results already, which are taken over")
    return before


@contextmanager
def adopted(tools: PublishTools, planned: Plan, plan: Callable[[], Plan]) -> Iterator[None]:
    """Adopt for the time of the `with`; then put back the files that were there before."""
    before = adopt(tools, planned, plan)
    try:
        yield
    finally:
        _put_back(tools, {report.report.path: report.report for report in planned.reports}, before)


def _held(tools: PublishTools, reports: Sequence[Report]) -> Iterator[tuple[Offer, dict[str, bytes]]]:
    """Yield what the branch has for each report, and the files that this makes here."""
    layout, branch = tools.layout, tools.target.branch
    tip = tools.scratch.fetch(branch)[branch] if reports else None
    on_branch = BranchState.of(tools, tip) if tip else None
    if on_branch is None or (on_branch.foreign and not on_branch.is_below):
        return
    base = Base(tools.scratch, layout, tip=tools.target.source, given=True)  # the plan tells what is fresh
    for offer in on_branch.offers(tools, reports):
        files, _ = base.files(offer)
        ours = any(path in on_branch.changes for path in files)
        if ours and not changed_files(layout.tree, [offer.text, layout.path(offer.report.assets), *offer.sentences]):
            yield offer, files


def _stale(planned: Plan, path: str) -> list[str]:
    return [
        run.run.address for each in planned.reports if each.report.path == path for run in each.runs if not run.fresh
    ]


def _is_better(now: Plan, path: str, stale_before: int) -> bool:
    fresh = any(each.fresh for each in now.reports if each.report.path == path)
    return fresh or len(_stale(now, path)) < stale_before


def _put_back(tools: PublishTools, reports: Mapping[str, Report], before: Mapping[str, Files]) -> None:
    for path, files in before.items():
        _write(tools, reports[path], files)


def _write(tools: PublishTools, report: Report, files: Mapping[str, bytes | None]) -> None:
    """Write a report's files; remove folders that become empty."""
    layout = tools.layout
    names = {path: os.path.relpath(layout.tree / path, layout.root.resolve()) for path in files}
    gone = [path for path, content in files.items() if content is None]
    draft = Draft(
        path=report.path,
        files={names[path]: content for path, content in files.items() if content is not None},
        before=read(layout.root / report.path),
        obsolete=tuple(names[path] for path in gone),
    )
    write(draft, layout.root)
    for folder in {(layout.tree / path).parent for path in gone}:
        with suppress(OSError):  # not empty
            folder.rmdir()
