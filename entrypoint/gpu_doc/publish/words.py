"""The texts that GitHub shows: pull request, comments, issue. Their wording is in `templates/`.

Each is filled in with fewer rows and pictures until it is short enough. A note says what was left out, and where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gpu_doc.model.changes import ReportChange
from gpu_doc.publish.wording import PictureLinks, Room, changed, failed, fitting
from gpu_doc.text.github_markdown import Markdown, in_a_comment, in_a_message, one_line

__all__ = [
    "PictureLinks",
    "closing_comment",
    "comment",
    "comment_marker",
    "commit_message",
    "issue_marker",
    "issue_title",
]
__all__ += ["failing", "pull_request_body", "recovered", "still_failing"]

_NAMED = 50
"""The most reports that a commit message names."""


# --- pull request ----------------------------------------------------------------------------------------------------


def marker(kind: str, *names: str) -> str:
    """Return the first line of a text that we keep up to date; by this line we find it again."""
    return f"<!-- gpu-doc-action {kind}: {' '.join(map(in_a_comment, names))} -->"


@dataclass(frozen=True, kw_only=True)
class Older:
    """A report that shows older results, since its refresh failed."""

    path: str
    commit: str
    """The commit of the results; empty if not known."""
    made: str
    """The date of the results; empty if not known."""


@dataclass(frozen=True, kw_only=True)
class About:
    """The base of a pull request, its sources, and the run that wrote it."""

    configuration: str
    base: str
    run_url: str = ""
    source: str = ""
    """The commit that the run was made from."""
    older: Sequence[Older] = ()
    told: str = ""
    """A hidden line."""


def pull_request_body(
    changes: Sequence[ReportChange], *, place: PictureLinks, about: About, failures: Sequence[str] = ()
) -> str:
    """Return a pull request's text; `failures` are sentences, one per line."""

    def values(room: Room) -> dict[str, Any]:
        return {
            "marker": Markdown(marker("pull-request", about.configuration, about.base)),
            "base": about.base,
            "configuration": about.configuration,
            "run_url": about.run_url,
            "told": Markdown(about.told),
            "source": about.source[:12],
            "source_url": place.commit_url(about.source) if about.source else "",
            "older": [
                {
                    "path": place.path(report.path),
                    "url": place.url(place.after_sha, report.path) if report.made or report.commit else "",
                    "commit": report.commit[:12],
                    "commit_url": place.commit_url(report.commit) if report.commit else "",
                    "made": report.made,
                }
                for report in about.older[: room.failures]
            ],
            "more_older": max(0, len(about.older) - room.failures),
            **changed(changes, room, place=place),
            **failed(failures, room),
        }

    return fitting("pull-request.md.j2", values)


def commit_message(title: str, reports: Sequence[str], message: str | None) -> str:
    """Return a commit message without trailers: title, changed reports, the configuration's own text."""
    named = [f"- {in_a_message(path)}" for path in reports[:_NAMED]]
    if len(reports) > _NAMED:
        named.append(f"- and {len(reports) - _NAMED} more")
    parts = [one_line(title) or "docs: refresh results", "\n".join(named), (message or "").strip()]
    return "\n\n".join(filter(None, parts)) + "\n"


def closing_comment(*, base: str, source: str, run_url: str) -> str:
    """Return the comment on closing a pull request: nothing differs from its base any more."""
    return fitting("closing.md.j2", lambda _: {"base": base, "source": source[:12], "run_url": run_url})


# --- comment on a pull request ---------------------------------------------------------------------------------------


def comment_marker(configuration: str) -> str:
    """Return the first line of the comment that shows a pull request's changes."""
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
    """Return a comment on a pull request, without its marker; `left_out` items did not reach us."""

    def values(room: Room) -> dict[str, Any]:
        return {
            "preview_url": preview_url,
            "run_url": run_url,
            "commit": commit[:12],
            "left_out": left_out,
            **changed(changes, room, place=None),
            **failed(failures, room),
        }

    return fitting("comment.md.j2", values)


# --- the issue of a nightly run --------------------------------------------------------------------------------------


def issue_marker(workflow: str) -> str:
    """Return the first line of the issue about a workflow's failure."""
    return marker("issue", workflow)


def issue_title(workflow: str) -> str:
    """Return the title of that issue. GitHub shows titles as plain text, and accepts 256 characters."""
    return f"{in_a_message(workflow)[:200]} fails: reports are not refreshed"


def failing(*, workflow: str, run_url: str, failures: Sequence[str] = ()) -> str:
    """Return the issue's text, without its marker."""
    return _issue("failing", workflow, run_url, failures)


def still_failing(*, workflow: str, run_url: str, failures: Sequence[str] = ()) -> str:
    """Return the comment on that issue: it failed again."""
    return _issue("still-failing", workflow, run_url, failures)


def recovered(*, workflow: str, run_url: str) -> str:
    """Return the comment on closing that issue."""
    return _issue("recovered", workflow, run_url, ())


def _issue(state: str, workflow: str, run_url: str, failures: Sequence[str]) -> str:
    def values(room: Room) -> dict[str, Any]:
        return {"state": state, "workflow": workflow, "run_url": run_url, **failed(failures, room)}

    return fitting("issue.md.j2", values)
