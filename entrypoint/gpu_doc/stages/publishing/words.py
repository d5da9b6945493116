"""The texts that GitHub shows: pull request, comments, job summary, issue. Their wording is in `templates/`.

Each is filled in with fewer rows and pictures until it is short enough; what was left out is said where it would stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gpu_doc.errors import GpuDocError
from gpu_doc.model import PictureChange, Published, ReportChange, Result, ValueChange
from gpu_doc.outside.texts import render
from gpu_doc.stages.planning.plan import Plan
from gpu_doc.stages.publishing.amounts import in_words
from gpu_doc.stages.publishing.harmless import (
    Markdown,
    code,
    image,
    in_a_comment,
    in_a_message,
    link,
    one_line,
    readable,
    text,
)

__all__ = ["Place", "alarm_marker", "alarm_title", "closing_comment", "comment", "comment_marker", "commit_message"]
__all__ += ["failing", "pull_request_body", "recovered", "still_failing", "summary"]

LONGEST_BODY = 65_000
"""Characters; GitHub takes 65,536 for an issue, a pull request or a comment, and a marker may come on top."""
LONGEST_SUMMARY = 1_000_000
"""Bytes; GitHub takes 1 MiB for the summary of a step."""
_NAMED = 50
"""Reports that a commit's message names."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where pictures of both sides can be seen."""

    server_url: str
    repository: str
    """`owner/name`; empty where it is on no server that we know."""
    before_sha: str
    after_sha: str
    root_prefix: str
    """Root, from the top of the repository; empty or `.` where it is the top."""

    def path(self, path: str) -> str:
        """A path from root, from the top of the repository."""
        return path if self.root_prefix in ("", ".") else f"{self.root_prefix.rstrip('/')}/{path}"

    def url(self, sha: str, path: str) -> str:
        """Where the server shows a file of a commit, in private repositories too; empty where there is no server."""
        if not (self.server_url and self.repository):
            return ""
        return f"{self.server_url}/{self.repository}/blob/{sha}/{quote(self.path(path), safe='/', errors='replace')}"


@dataclass(frozen=True, kw_only=True)
class _Room:
    """How much of everything is shown."""

    reports: int
    values: int
    """Of all reports together, each with the same share; as are the pictures."""
    pictures: int
    places: int
    """Lines on where the runs of each report happened."""
    failures: int
    runs: int
    details: int
    """Characters of each failure's details."""


_ROOMS = (
    _Room(reports=200, values=1500, pictures=200, places=20, failures=100, runs=2000, details=20_000),
    _Room(reports=100, values=600, pictures=80, places=20, failures=50, runs=500, details=2000),
    _Room(reports=50, values=250, pictures=40, places=20, failures=20, runs=200, details=1000),
    _Room(reports=20, values=100, pictures=15, places=10, failures=10, runs=100, details=200),
    _Room(reports=10, values=30, pictures=5, places=5, failures=5, runs=30, details=0),
    _Room(reports=10, values=0, pictures=0, places=0, failures=3, runs=5, details=0),
)

_Values = Callable[[_Room], Mapping[str, Any]]


# --- pull request ----------------------------------------------------------------------------------------------------


def marker(kind: str, *names: str) -> str:
    """The first line of what we keep up to date, by which we find it again."""
    return f"<!-- gpu-doc-action {kind}: {' '.join(map(in_a_comment, names))} -->"


def pull_request_body(
    changes: Sequence[ReportChange],
    *,
    place: Place,
    configuration: str,
    base: str,
    failures: Sequence[str],
    run_url: str,
) -> str:
    """What a pull request says; `failures` are sentences, a line each."""

    def values(room: _Room) -> dict[str, Any]:
        return {
            "marker": Markdown(marker("pull-request", configuration, base)),
            "base": base,
            "configuration": configuration,
            "run_url": run_url,
            **_changes(changes, room, place=place),
            **_failures(failures, room),
        }

    return _fitting("pull-request.md.j2", values)


def commit_message(title: str, reports: Sequence[str], message: str | None) -> str:
    """A commit's message without trailers: title, the reports that change, what the configuration adds."""
    named = [f"- {in_a_message(path)}" for path in reports[:_NAMED]]
    if len(reports) > _NAMED:
        named.append(f"- and {len(reports) - _NAMED} more")
    parts = [one_line(title) or "docs: refresh results", "\n".join(named), (message or "").strip()]
    return "\n\n".join(filter(None, parts)) + "\n"


def closing_comment(*, base: str, source: str, run_url: str) -> str:
    """Why a pull request is closed: nothing differs from its base any more."""
    return _fitting("closing.md.j2", lambda _: {"base": base, "source": source[:12], "run_url": run_url})


# --- comment on a pull request ---------------------------------------------------------------------------------------


def comment_marker(configuration: str) -> str:
    """The first line of the comment that shows a pull request's changes."""
    return marker("preview", configuration)


def comment(
    changes: Sequence[ReportChange],
    *,
    preview_url: str,
    run_url: str,
    commit: str = "",
    failures: Sequence[str] = (),
    left_out: int = 0,
) -> str:
    """What a comment on a pull request says, without its marker; `left_out` items did not reach us."""

    def values(room: _Room) -> dict[str, Any]:
        return {
            "preview_url": preview_url,
            "run_url": run_url,
            "commit": commit[:12],
            "left_out": left_out,
            **_changes(changes, room, place=None),
            **_failures(failures, room),
        }

    return _fitting("comment.md.j2", values)


# --- job summary -----------------------------------------------------------------------------------------------------


def summary(
    *,
    plan: Plan | None,
    results: Sequence[Result] = (),
    errors: Sequence[GpuDocError] = (),
    changes: Sequence[ReportChange] = (),
    published: Published | None = None,
    preview_url: str = "",
) -> str:
    """The job summary: each report and run with the reason that it ran or did not; what changed; what failed."""
    from gpu_doc.console import readable_time

    took = {(each.run.report, each.run.address): float(each.record["seconds"]) for each in results}
    runs = [
        {
            "report": report.report.path,
            "run": each.run.address,
            "verdict": _verdict(fresh=each.fresh, ran=(each.run.report, each.run.address) in took, failed=bool(errors)),
            "took": readable_time(took[key]) if (key := (each.run.report, each.run.address)) in took else "",
            "why": "; ".join([*each.reasons, *(f"not checked here: {item}" for item in each.unchecked)]),
        }
        for report in (plan.reports if plan else ())
        for each in report.runs
    ]
    reports = [
        {"path": report.report.path, "fresh": report.fresh, "why": "; ".join(report.reasons)}
        for report in (plan.reports if plan else ())
    ]

    def values(room: _Room) -> dict[str, Any]:
        return {
            "report_plans": reports[: room.reports],
            "more_report_plans": max(0, len(reports) - room.reports),
            "runs": runs[: room.runs],
            "more_runs": max(0, len(runs) - room.runs),
            "errors": [_error(error, room) for error in errors[: room.failures]],
            "more_errors": max(0, len(errors) - room.failures),
            "published": published,
            "preview_url": preview_url,
            **_changes(changes, room, place=None),
        }

    return _fitting("summary.md.j2", values, size=lambda made: len(made.encode()), limit=LONGEST_SUMMARY)


def _verdict(*, fresh: bool, ran: bool, failed: bool) -> str:
    if ran:
        return "ran"
    if fresh:
        return "fresh"
    return "failed, or stopped by a failure" if failed else "would run"


def _error(error: GpuDocError, room: _Room) -> dict[str, Any]:
    from gpu_doc.stages.answering.markdown import fenced

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


# --- the issue of a nightly run --------------------------------------------------------------------------------------


def alarm_marker(workflow: str) -> str:
    """The first line of the issue that stands for a workflow's failure."""
    return marker("alarm", workflow)


def alarm_title(workflow: str) -> str:
    """The title of that issue; GitHub shows titles as plain text, and takes 256 characters."""
    return f"{in_a_message(workflow)[:200]} fails: reports are not refreshed"


def failing(*, workflow: str, run_url: str, failures: Sequence[str] = ()) -> str:
    """What the issue says, without its marker."""
    return _alarm("failing", workflow, run_url, failures)


def still_failing(*, workflow: str, run_url: str, failures: Sequence[str] = ()) -> str:
    """A comment on that issue: it failed again."""
    return _alarm("still-failing", workflow, run_url, failures)


def recovered(*, workflow: str, run_url: str) -> str:
    """The comment with which that issue is closed."""
    return _alarm("recovered", workflow, run_url, ())


def _alarm(state: str, workflow: str, run_url: str, failures: Sequence[str]) -> str:
    def values(room: _Room) -> dict[str, Any]:
        return {"state": state, "workflow": workflow, "run_url": run_url, **_failures(failures, room)}

    return _fitting("alarm.md.j2", values)


# --- what they share -------------------------------------------------------------------------------------------------


def _fitting(template: str, values: _Values, *, size: Callable[[str], int] = len, limit: int = LONGEST_BODY) -> str:
    """A text with as much as there is room for."""
    made = ""
    for room in _ROOMS:
        shared = {"code": code, "link": link, "image": image}
        made = render(template, {**shared, **values(room)}, finish=text)
        if size(made) <= limit:
            return made
    return made  # the least of it fits: texts are cut one by one too


def _failures(failures: Sequence[str], room: _Room) -> dict[str, Any]:
    return {"failures": failures[: room.failures], "more_failures": max(0, len(failures) - room.failures)}


def _changes(changes: Sequence[ReportChange], room: _Room, *, place: Place | None) -> dict[str, Any]:
    """What changes.md.j2 needs; without a place pictures are named only."""
    shown = changes[: room.reports]
    values, pictures = (total // max(1, len(shown)) for total in (room.values, room.pictures))
    return {
        "reports": [_report(change, place, values=values, pictures=pictures, places=room.places) for change in shown],
        "more_reports": len(changes) - len(shown),
        "count": len(changes),
        "pictures_shown": bool(place and place.url("", "")),
        "pictures_elsewhere": place is None,
    }


def _report(change: ReportChange, place: Place | None, *, values: int, pictures: int, places: int) -> dict[str, Any]:
    came, went = change.lines
    return {
        "path": place.path(change.path) if place else change.path,
        "kind": change.kind,
        "came": came,
        "went": went,
        "values": list(_values(change.values[:values])),
        "more_values": max(0, len(change.values) - values),
        "pictures": [_picture(picture, place) for picture in change.pictures[:pictures]],
        "more_pictures": max(0, len(change.pictures) - pictures),
        "environment": change.environment[:places],
    }


def _values(changes: Sequence[ValueChange]) -> Iterator[tuple[str, str, str, str]]:
    for change in changes:
        yield change.name, *in_words(change.before, change.after)


def _picture(change: PictureChange, place: Place | None) -> dict[str, str]:
    def url(sha: str, path: str | None) -> str:
        address = place.url(sha, path) if place and path else ""
        return f"{address}?raw=true" if address else ""

    return {
        "name": change.name,
        "before": url(place.before_sha if place else "", change.before),
        "after": url(place.after_sha if place else "", change.after),
        "verdict": "new" if change.before is None else "gone" if change.after is None else "changed",
    }
