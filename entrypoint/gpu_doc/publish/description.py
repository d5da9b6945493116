"""Keeps a pull request's text, title, labels and reviewers up to date, and respects what people changed.

A hidden line in its text records what we wrote. A hash of the content: a text that is still right is left alone, and
one that GitHub refused is written by the next run. A hash of the title: a person's own title is kept. The reviewers:
nobody is asked twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from gpu_doc.changes.changes import compare
from gpu_doc.model.configuration import Report
from gpu_doc.model.publishing import Published
from gpu_doc.publish import words
from gpu_doc.publish.commit import PublishTools
from gpu_doc.publish.offer import Offer
from gpu_doc.record import evidence

if TYPE_CHECKING:
    from gpu_doc.git.commits import Entry
    from gpu_doc.github.client import GitHub
    from gpu_doc.github.pull_requests import PullRequest

_TOLD = re.compile(r"^<!-- gpu-doc-action told: content=(\w+) title=(\w+) reviewers=([\w,]*) -->$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Results:
    """A run's results for the pull request."""

    offers: Sequence[Offer]
    refreshed: frozenset[str]
    """Paths of the reports that the run refreshed or found fresh: it replaces their files on the branch."""
    reports: Sequence[Report]
    """All reports of the configuration."""
    failures: Sequence[str] = ()
    failed: frozenset[str] = frozenset()
    """Paths of the reports that failed: their files on the branch are older."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The two commits that are compared: the base and the branch."""

    before: str
    after: str
    changes: Mapping[str, Entry | None]


@dataclass(frozen=True, kw_only=True)
class _Told:
    """The hidden line: only hashes."""

    content: str
    title: str
    reviewers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, body: str) -> _Told | None:
        """Read the line from a text; None if a person removed it, or an earlier version wrote the text."""
        found = _TOLD.search(body)
        names = frozenset(filter(None, found[3].split(","))) if found else frozenset()
        return cls(content=found[1], title=found[2], reviewers=names) if found else None

    @property
    def line(self) -> str:
        names = ",".join(sorted(self.reviewers))
        return f"<!-- gpu-doc-action told: content={self.content} title={self.title} reviewers={names} -->"


def _hash(text: str) -> str:
    return sha256(" ".join(text.split()).encode("utf-8", "replace")).hexdigest()[:16]


def create(tools: PublishTools, github: GitHub, results: Results, sides: Sides, *, fresh: bool) -> Published:
    """Open the pull request. Raises PublishError."""
    target, publish = tools.target, tools.target.publish
    told = _Told(
        content=_content(results, sides), title=_hash(publish.title), reviewers=frozenset(map(_hash, publish.reviewers))
    )
    made = github.pull_requests.create(
        head=target.branch,
        base=target.base,
        title=publish.title,
        body=_body(tools, results, sides, told),
        draft=publish.draft,
    )
    _label(tools, github, made)
    if publish.reviewers:
        github.pull_requests.request_reviewers(made.number, publish.reviewers)
    return published(made, "created", sides.after if fresh else "")


def keep(
    tools: PublishTools, github: GitHub, there: PullRequest, results: Results, sides: Sides, *, fresh: bool
) -> Published:
    """Update text, title, labels and reviewers; keep what is right, and what people changed.

    A draft stays a draft until a person marks it as ready. Raises PublishError.
    """
    publish = tools.target.publish
    told = _Told.of(there.body)
    title = publish.title if told and told.title == _hash(there.title) != _hash(publish.title) else None
    asked = told.reviewers if told else frozenset(map(_hash, publish.reviewers))
    reviewers = [name for name in publish.reviewers if _hash(name) not in asked]
    now = _Told(
        content=_content(results, sides),
        # Without a record that the title is ours, it may be a person's: it stays.
        title=_hash(title or there.title) if told and told.title == _hash(there.title) else told.title if told else "0",
        reviewers=asked | {_hash(name) for name in reviewers},
    )
    is_ours = there.body.startswith("<!-- gpu-doc-action pull-request:")
    changed = _label(tools, github, there)
    if fresh or (is_ours and now != told):
        github.pull_requests.update(there.number, body=_body(tools, results, sides, now), title=title)
        changed = True
    if reviewers and (fresh or is_ours):
        github.pull_requests.request_reviewers(there.number, reviewers)
    return published(there, "updated" if changed else "none", sides.after if fresh else "")


def _label(tools: PublishTools, github: GitHub, there: PullRequest) -> bool:
    """Add missing labels; keep those that people added."""
    known = {label.casefold() for label in there.labels}
    missing = [label for label in tools.target.publish.labels if label.casefold() not in known]
    if missing:
        github.pull_requests.add_labels(there.number, missing)
    return bool(missing)


def _content(results: Results, sides: Sides) -> str:
    """Return what the text depends on; without the run and its commit, which would change it each time."""
    changes = sorted((path, entry.blob if entry else "") for path, entry in sides.changes.items())
    return _hash(json.dumps([changes, list(results.failures), sorted(results.failed)]))


def _body(tools: PublishTools, results: Results, sides: Sides, told: _Told) -> str:
    target, root = tools.target, tools.layout
    after = _Side(tools, sides.after)
    changes = compare(results.reports, before=_Side(tools, sides.before), after=after)
    place = words.PictureLinks(
        server_url=target.server_url,
        repository=target.repository,
        before_sha=sides.before,
        after_sha=sides.after,
        root_prefix=root.path("."),
    )
    about = words.About(
        configuration=target.configuration,
        base=target.base,
        run_url=target.run_url,
        source=target.source,
        older=[_older(report, after) for report in results.reports if report.path in results.failed],
        told=told.line,
    )
    return words.pull_request_body(changes, place=place, about=about, failures=results.failures)


def _older(report: Report, side: _Side) -> words.Older:
    """Return from which commit, and when, the results in a report were made."""
    content = side.read(f"{report.assets}/{evidence.NAME}")
    known = evidence.parse(content) if content is not None else None
    made = [run.made for run in known.runs.values()] if known else []
    first = min(made, key=lambda each: str(each.get("started", "")), default={})
    commit = first.get("commit")
    return words.Older(
        path=report.path, commit=commit if isinstance(commit, str) else "", made=str(first.get("started", ""))[:10]
    )


@dataclass(frozen=True)
class _Side:
    """The reports in a commit; paths are from root."""

    tools: PublishTools
    commit: str

    def read(self, path: str) -> bytes | None:
        return self.tools.scratch.read(self.commit, self.tools.layout.path(path))


def published(
    pull_request: PullRequest, operation: Literal["created", "updated", "none"], commit: str = ""
) -> Published:
    """Return the result of publishing with a pull request."""
    return Published(
        mode="pull-request", commit=commit, number=pull_request.number, url=pull_request.url, operation=operation
    )
