"""The text of a job's summary: the result of each report and run, what changed, and what failed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gpu_doc.errors import GpuDocError
from gpu_doc.model.changes import ReportChange
from gpu_doc.model.publishing import Published
from gpu_doc.model.results import Result
from gpu_doc.plan.plan import Plan, ReportPlan, RunPlan
from gpu_doc.publish.wording import Room, changed, fitting
from gpu_doc.text.github_markdown import Markdown, readable
from gpu_doc.text.units import readable_time

LONGEST_SUMMARY = 1_000_000
"""Bytes; GitHub accepts 1 MiB for a step's summary."""


def job_summary(
    *,
    plan: Plan | None,
    results: Sequence[Result] = (),
    errors: Sequence[GpuDocError] = (),
    changes: Sequence[ReportChange] = (),
    published: Published | None = None,
    written: Collection[str] = (),
    left: Collection[str] = (),
) -> str:
    """Return the summary: each report and run, and why it ran or did not; what changed; what failed.

    `written` are the paths of refreshed reports; `left` of those that stayed unchanged because of a failure.
    """
    verdicts = _Verdicts(results, published, written, left)
    planned = plan.reports if plan else ()
    reports = [verdicts.of_report(report) for report in planned]
    runs = [verdicts.of_run(report, each) for report in planned for each in report.runs]

    def values(room: Room) -> dict[str, Any]:
        return {
            "report_plans": reports[: room.reports],
            "more_report_plans": max(0, len(reports) - room.reports),
            "runs": runs[: room.runs],
            "more_runs": max(0, len(runs) - room.runs),
            "errors": [_error(error, room) for error in errors[: room.failures]],
            "more_errors": max(0, len(errors) - room.failures),
            "published": published,
            "waits": any(report["verdict"] == "stale" for report in reports),
            "left": list(left)[: room.failures],
            "count_left": len(left),
            **changed(changes, room, place=None),
        }

    return fitting("summary.md.j2", values, size=lambda made: len(made.encode()), limit=LONGEST_SUMMARY)


@dataclass(frozen=True)
class _Verdicts:
    """The results of reports and runs, in words."""

    results: Sequence[Result]
    published: Published | None
    written: Collection[str]
    left: Collection[str]

    @cached_property
    def _took(self) -> dict[tuple[str, str], float]:
        """Seconds, by report and run."""
        return {(each.run.report, each.run.address): float(each.record["seconds"]) for each in self.results}

    def of_report(self, plan: ReportPlan) -> dict[str, str]:
        """The row of a report."""
        path = plan.report.path
        verdict = self._verdict(path, fresh=plan.fresh, done="refreshed")
        return {"path": path, "verdict": verdict, "why": "; ".join(plan.reasons)}

    def of_run(self, report: ReportPlan, plan: RunPlan) -> dict[str, str]:
        """The row of a run."""
        path, took = report.report.path, self._took.get((plan.run.report, plan.run.address))
        kept = self._verdict(path, fresh=plan.fresh, done="result kept from before")
        return {
            "report": path,
            "run": plan.run.address,
            "verdict": kept if took is None else "ran",
            "took": "" if took is None else readable_time(took),
            "why": "; ".join([*plan.reasons, *(f"not checked here: {item}" for item in plan.unchecked)]),
        }

    def _verdict(self, report: str, *, fresh: bool, done: str) -> str:
        if fresh:
            return "fresh"
        if report in self.written:
            return done
        if report in self.left:
            return "failed, or stopped by a failure"
        # If nothing was done for a report, it was found on the pull request's branch.
        untouched = all(each.run.report != report for each in self.results)
        number = self.published.number if self.published else None
        return "in its pull request already" if number and untouched else "stale"


def _error(error: GpuDocError, room: Room) -> dict[str, Any]:
    from gpu_doc.text.markdown import fenced

    details = readable(error.details)
    if len(details) > room.details:
        details = f"…{details[len(details) - room.details :]}" if room.details else ""
    return {
        "what": error.what,
        "where": error.where,
        "remedy": error.remedy,
        "kept": getattr(error, "kept", ""),
        "details": Markdown(fenced(details, "text")) if details.strip() else "",
    }
