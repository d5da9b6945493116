"""Refreshes reports, and publishes the results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_doc import interrupts
from gpu_doc.errors import FindingError, GpuDocError
from gpu_doc.model.configuration import Config, PublishMode
from gpu_doc.model.location import Location
from gpu_doc.model.publishing import Published
from gpu_doc.plan.plan import Plan
from gpu_doc.refresh.planning import Doors, plan
from gpu_doc.refresh.refreshing import Outcome, claims_outcome, refresh

if TYPE_CHECKING:
    from gpu_doc.publish.target import Target


@dataclass(frozen=True, kw_only=True)
class Publishing:
    """How a refresh is published."""

    mode: PublishMode
    target: Callable[[], Target]
    """Returns the target; called only if something may be published."""
    echo: Callable[[], bool]
    """Whether only our own commit started this workflow run."""
    only_fresh: bool = False
    """Whether nothing may run here: what is stale is left to another machine."""


def refresh_and_publish(
    whole: Config, chosen: Config, doors: Doors, publishing: Publishing, planned: Plan, *, force: bool, jobs: int | None
) -> tuple[Outcome, Published]:
    """Bring the chosen reports of the whole configuration up to date, and publish what differs from the commit."""
    nothing = publishing.only_fresh  # to be executed; not even an image is pulled
    if publishing.mode == "none" or (nothing and publishing.mode in ("check", "commit")):
        refreshed = None if nothing else refresh(chosen, doors, force=force, jobs=jobs, planned=planned)
        outcome = refreshed or _left(planned, doors)
        return outcome, Published(mode="none", changed=_changed(outcome))
    if publishing.mode == "check":
        return _check_for_changes(chosen, doors, planned, force=force, jobs=jobs)
    from gpu_doc.publish.publish import Publisher

    if not planned.fresh and not force and publishing.echo():
        _tell_loop(planned, doors)
        return Outcome(left=True), Published(mode="none")
    with Publisher(whole, chosen, publishing.mode, publishing.target(), doors.console.note, doors.environ) as publisher:
        publisher.demand_what_is_needed(planned, force=force)
        # With `force` too: where the results are the same again, what is there stays to the byte.
        if publisher.adopt(plan(chosen, doors) if force else planned, lambda: plan(chosen, doors)):
            planned = plan(chosen, doors, force=force)
        if nothing and not planned.fresh:
            return _left(planned, doors), Published(mode="none")
        if nothing:
            outcome = claims_outcome(planned, doors)
        else:
            outcome = refresh(chosen, doors, force=force, jobs=jobs, planned=planned)
        try:
            failures = [_in_a_line(error) for error in outcome.errors]
            with doors.console.group("Publish"):
                interrupts.check()
                return outcome, publisher.publish(frozenset(outcome.failed), failures)
        except GpuDocError as error:
            doors.console.error(error)
            outcome.errors.append(error)
            return outcome, Published(mode="none", changed=publisher.changed)


def plan_with_pull_request(
    whole: Config, chosen: Config, doors: Doors, planned: Plan, target: Callable[[], Target]
) -> Plan:
    """Return what would run if the results of an open pull request are adopted; the checkout stays unchanged."""
    if planned.fresh:
        return planned
    from gpu_doc.publish.publish import Publisher

    try:
        with Publisher(whole, chosen, "pull-request", target(), doors.console.note, doors.environ) as publisher:
            return publisher.plan_after_adopting(planned, lambda: plan(chosen, doors))
    except GpuDocError as error:  # if in doubt, run
        doors.console.warn(f"what an open pull request may hold is not known: {_in_a_line(error)}")
        return planned


def _left(planned: Plan, doors: Doors) -> Outcome:
    """Return the outcome of a call that may run nothing."""
    if not planned.fresh:
        doors.console.note("something is stale, which is left to the next refresh: nothing runs here")
        return Outcome(left=True)
    return claims_outcome(planned, doors)


def _tell_loop(planned: Plan, doors: Doors) -> None:
    """Say why nothing is run: each of our commits would cause the next."""
    stale = [report for report in planned.reports if not report.fresh]
    reasons = [*stale[0].reasons, *(reason for run in stale[0].runs for reason in run.reasons)]
    doors.console.warn(
        f"{stale[0].report.path} is stale again right after gpu-doc's own commit ({'; '.join(reasons[:3])}). "
        "Nothing is run, or it would go on for ever: does `depends-on` or `data` take in what gpu-doc writes?"
    )


def _check_for_changes(
    config: Config, doors: Doors, planned: Plan, *, force: bool, jobs: int | None
) -> tuple[Outcome, Published]:
    """Bring the reports up to date; a changed report is a finding."""
    outcome = refresh(config, doors, force=force, jobs=jobs, planned=planned)
    changed = _changed(outcome)
    for path in changed:
        remedy = "Commit it as it is now, or let `publish` do so."
        error = FindingError("this report is not what its runs give", where=Location(path), remedy=remedy)
        doors.console.error(error)
        outcome.errors.append(error)
    return outcome, Published(mode="check", changed=changed)


def _changed(outcome: Outcome) -> tuple[str, ...]:
    return tuple(path for path, files in outcome.written.items() if files)


def _in_a_line(error: GpuDocError) -> str:
    return f"{error.where}: {error.what}" if error.where else error.what
