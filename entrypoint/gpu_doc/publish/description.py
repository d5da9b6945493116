"""What a pull request says and is labelled with: brought up to date with what is on its branch, and left to people.

A line of its text that is not shown holds what was told: a hash of the content, so that a text that is still right is
left alone and one that was not written, since GitHub refused, is written by the next run; a hash of the title, so that
a person's own is kept; and who was asked for a review, so that nobody is asked twice.
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
    """What a run has for the pull request."""

    offers: Sequence[Offer]
    refreshed: frozenset[str]
    """Paths of the reports that the run has brought up to date, or found so: what is there for them is replaced."""
    reports: Sequence[Report]
    """All reports of the configuration."""
    failures: Sequence[str] = ()
    failed: frozenset[str] = frozenset()
    """Paths of the reports whose refresh failed: what is there for them is older."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """What is compared: the base, and what is on the branch."""

    before: str
    after: str
    changes: Mapping[str, Entry | None]


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What the hidden line holds, all of it hashes."""

    content: str
    title: str
    reviewers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, body: str) -> _Told | None:
        """What a text holds; None where a person took the line away, or an earlier version wrote it."""
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
    """Bring text, title, labels and reviewers to what they should be; what is right, or a person's own, stays.

    A draft stays one until a person says that it is ready. Raises PublishError.
    """
    publish = tools.target.publish
    told = _Told.of(there.body)
    title = publish.title if told and told.title == _hash(there.title) != _hash(publish.title) else None
    asked = told.reviewers if told else frozenset(map(_hash, publish.reviewers))
    reviewers = [name for name in publish.reviewers if _hash(name) not in asked]
    now = _Told(
        content=_content(results, sides),
        # Of one that is not known to be ours nothing is known to be a person's either: it stays.
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
    """Add the labels that it lacks; those of people stay."""
    known = {label.casefold() for label in there.labels}
    missing = [label for label in tools.target.publish.labels if label.casefold() not in known]
    if missing:
        github.pull_requests.add_labels(there.number, missing)
    return bool(missing)


def _content(results: Results, sides: Sides) -> str:
    """What the text is about; not which run wrote it, nor for which commit: those would change it each time."""
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
    """From which commit, and when, what a report shows was made."""
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
    """The reports as a commit has them; paths from root."""

    tools: PublishTools
    commit: str

    def read(self, path: str) -> bytes | None:
        return self.tools.scratch.read(self.commit, self.tools.layout.path(path))


def published(
    pull_request: PullRequest, operation: Literal["created", "updated", "none"], commit: str = ""
) -> Published:
    """How publishing ended, with a pull request."""
    return Published(
        mode="pull-request", commit=commit, number=pull_request.number, url=pull_request.url, operation=operation
    )
