"""The one comment on a pull request that shows what it changes in the reports.

The job that writes it has a write token. From the job that ran the pull request's code it gets only text, which may be
anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gpu_doc.changes.changes import from_json
from gpu_doc.errors import UsageError
from gpu_doc.publish import words

if TYPE_CHECKING:
    from gpu_doc.github.client import GitHub
    from gpu_doc.github.event import Event

_FAILED = "The refresh failed; the summary of the run names the cell and the message."


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The outputs of the other job."""

    result: str
    """GitHub's result of the job; `skipped` if nothing was stale."""
    changes: str
    """The action's output `changes`; also empty if GitHub withheld it."""
    url: str
    """The address of the uploaded preview."""
    name: str
    """Tells several comments apart."""


def keep(github: GitHub, event: Event, preview: Preview) -> Literal["created", "updated", "none"]:
    """Update the comment. If there is nothing to show, an existing comment says so, and no new one is made.

    Raises UsageError, PublishError.
    """
    if event.pull_request is None:
        remedy = "Call it on the event pull_request; workflows/pull-request.yml is ready to copy."
        raise UsageError(f"there is no pull request to comment on: the event is {event.name}", remedy=remedy)
    body, has_news = text(event, preview)
    done = github.issues.keep_comment(event.pull_request, words.comment_marker(preview.name), body, create=has_news)
    return "none" if done == "unchanged" else done


def text(event: Event, preview: Preview) -> tuple[str, bool]:
    """Return the comment's text, without its marker, and whether there is anything to show."""
    changes, left_out = from_json(preview.changes)
    # Only an artifact of this repository's workflows: a pull request's code could name any other address.
    artifacts = f"{event.server_url}/{event.repository}/actions/runs/"
    url = preview.url if preview.url.startswith(artifacts) else ""
    failures = [_FAILED] if preview.result == "failure" else []
    body = words.comment(
        changes,
        preview_url=url,
        run_url=event.run_url,
        commit=event.head_sha or "",
        failures=failures,
        left_out=left_out,
    )
    return body, bool(changes or url or failures)
