"""Keeps one issue open while a workflow fails: opens it, comments on each failure, closes it on success."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gpu_doc.errors import UsageError
from gpu_doc.publish import words

if TYPE_CHECKING:
    from gpu_doc.github.client import GitHub
    from gpu_doc.github.event import Event
    from gpu_doc.github.issues import Issue

_RESULTS = frozenset({"success", "failure", "cancelled", "skipped"})
"""The possible results of a job. https://docs.github.com/actions/reference/workflows-and-actions/contexts#needs-context"""

_CANCELLED = "A job was cancelled, ran out of time, or never got a runner."


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The watched workflow, and the results of its jobs."""

    workflow: str
    """Its name, for people."""
    file: str
    """Its file, since several workflows may have the same name."""
    name: str
    """Tells several issues of it apart."""
    results: frozenset[str]

    @property
    def fails(self) -> bool:
        """Whether any job did not succeed."""
        return bool(self.results & {"failure", "cancelled"})


@dataclass(frozen=True, kw_only=True)
class KeptIssue:
    """What was done with the issue."""

    operation: Literal["opened", "commented", "closed", "none"]
    issue: Issue | None = None


def results(text: str) -> frozenset[str]:
    """Parse the results of jobs, separated by blanks or commas. Raises UsageError."""
    found = frozenset(re.findall(r"[^\s,]+", text))
    if not found or found - _RESULTS:
        what = f"`result` is `{text[:100]}`; it takes {', '.join(sorted(_RESULTS))}"
        raise UsageError(what, remedy="Write `result: ${{ join(needs.*.result, ' ') }}`.")
    return found


def look_after(github: GitHub, event: Event, watched: Watched) -> KeptIssue:
    """Open the issue, comment on it once for each attempt of a run, or close it. Raises PublishError."""
    # A manual run on another branch must neither open nor close this branch's issue.
    marker = words.issue_marker(f"{watched.file} {event.ref} {watched.name}".strip())
    workflow = f"{watched.workflow} ({watched.name})" if watched.name else watched.workflow
    run_url = f"{event.run_url}/attempts/{event.attempt}"
    if watched.fails:
        failures = [_CANCELLED] if "cancelled" in watched.results else []
        body = words.failing(workflow=workflow, run_url=run_url, failures=failures)
        issue = github.issues.keep(marker, words.issue_title(workflow), body, ())
        if issue.created:
            return KeptIssue(operation="opened", issue=issue)
        attempt = words.marker("issue-attempt", event.run_id, str(event.attempt))
        comment = words.still_failing(workflow=workflow, run_url=run_url, failures=failures)
        done = github.issues.keep_comment(issue.number, attempt, comment)
        return KeptIssue(operation="none" if done == "unchanged" else "commented", issue=issue)
    issue_from_before = github.issues.find(marker) if "success" in watched.results else None
    if issue_from_before:
        github.issues.close(issue_from_before.number, words.recovered(workflow=workflow, run_url=run_url))
    return KeptIssue(operation="closed" if issue_from_before else "none", issue=issue_from_before)
