"""One pull request per base and configuration, from a branch that holds one commit of ours on top of the base.

It is left alone while merging it would give just what we have to offer. A commit that is not ours, on that branch,
is never overwritten. What other runs published there is carried over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_doc.errors import PublishError
from gpu_doc.model import Published, Report
from gpu_doc.outside.git.commits import PURPOSE
from gpu_doc.outside.git.refusals import RejectedError
from gpu_doc.stages.publishing import words
from gpu_doc.stages.publishing.changes import compare
from gpu_doc.stages.publishing.commit import Desk, message_of, pause, placed
from gpu_doc.stages.publishing.offer import Offer
from gpu_doc.stages.publishing.standing import Standing

if TYPE_CHECKING:
    from gpu_doc.outside.git.commits import Entry
    from gpu_doc.outside.github.client import GitHub, PullRequest

_TRIES = 20


@dataclass(frozen=True, kw_only=True)
class Results:
    """What a run has for the pull request."""

    offers: Sequence[Offer]
    settled: frozenset[str]
    """Paths of the reports that the run has brought up to date, or found so: what is there for them is replaced."""
    reports: Sequence[Report]
    """All reports of the configuration."""
    failures: Sequence[str] = ()


def demand_own_branch(desk: Desk) -> None:
    """Raise PublishError where the branch is that of another configuration's or base's pull request."""
    branch = desk.target.branch
    tip = desk.scratch.fetch(branch)[branch]
    if tip:
        _demand_own(desk, Standing.of(desk, tip))


def publish(desk: Desk, github: GitHub, results: Results) -> Published:
    """Bring the pull request up to date: open it, update it, close it, or leave it alone. Raises PublishError."""
    told: set[str] = set()
    for attempt in range(_TRIES):
        try:
            return _attempt(desk, github, results, told)
        except RejectedError:
            desk.note(f"another run works on {desk.target.branch}; looking again")
            pause(attempt)
    remedy = "Let runs take turns, with `concurrency` in the workflow. The result is kept for the next run."
    raise PublishError(f"`{desk.target.branch}` moved each time it was to be updated", remedy=remedy)


def _attempt(desk: Desk, github: GitHub, results: Results, told: set[str]) -> Published:
    target = desk.target
    tips = desk.scratch.fetch(target.base, target.branch)
    base, tip = tips[target.base], tips[target.branch]
    if base is None:
        raise PublishError(f"the base branch `{target.base}` is not there", where=target.place)
    standing = Standing.of(desk, tip) if tip else None
    if standing:
        _demand_own(desk, standing)
    offers = [*results.offers, *(_carried(desk, standing, results, base) if standing else ())]
    changes, reports = placed(desk, base, _not_overtaken(desk, offers, standing, told), told)
    if not changes:
        return _close(desk, github, standing)
    if standing and _is_the_same(desk, standing, base, changes):
        return _opened(desk, github, results, base, standing.tip.sha, fresh=False)
    if standing and standing.foreign:
        raise _foreign(desk, standing)
    message = message_of(desk, reports, f"{PURPOSE}: {target.purpose}")
    made = desk.scratch.commit(base, changes, message, target.identity, source=target.source)
    desk.scratch.push(target.branch, made, expected=tip)
    return _opened(desk, github, results, base, made, fresh=True)


def _carried(desk: Desk, standing: Standing, results: Results, base: str) -> list[Offer]:
    """What the branch holds of reports that this run did not settle, where the base did not change them meanwhile.

    Of a report in place that goes for what is ours; into a new text its blocks are put.
    """
    if standing.foreign:
        return []
    others = [report for report in results.reports if report.path not in results.settled]
    found = standing.offers(desk, others)
    mine = [offer for offer in found if any(path in standing.changes for path in offer.files)]

    def kept(offer: Offer, commit: str) -> dict[str, Entry]:
        whole = bool(offer.report.template)
        return desk.scratch.entries(commit, [path for path in offer.files if whole or path != offer.text])

    return [offer for offer in mine if kept(offer, base) == kept(offer, standing.start)]


def _not_overtaken(desk: Desk, offers: Sequence[Offer], standing: Standing | None, told: set[str]) -> list[Offer]:
    """The offers; in place of each that a newer run has overtaken, what that one published."""
    if standing is None or standing.foreign:
        return list(offers)
    published = standing.commit.source
    chosen = []
    for offer in offers:
        there = any(path in standing.changes for path in offer.files)
        newer = published and published != offer.source and desk.scratch.is_ancestor(offer.source, published)
        if there and newer:
            why = f"{offer.report.path}: a newer run has published it already (from {str(published)[:10]})"
            if why not in told:
                told.add(why)
                desk.note(why)
            chosen += standing.offers(desk, [offer.report])
        else:
            chosen.append(offer)
    return chosen


def _is_the_same(desk: Desk, standing: Standing, base: str, changes: Mapping[str, Entry | None]) -> bool:
    """Whether merging the branch as it is gives what we would publish: then nobody is to hear of it."""
    paths = list(changes)
    if standing.foreign:
        return desk.scratch.entries(standing.tip.sha, paths) == {p: e for p, e in changes.items() if e}
    same = dict(standing.changes) == dict(changes)
    same = same and desk.scratch.entries(base, paths) == desk.scratch.entries(standing.start, paths)
    # Where the base was forced to another history, merging would bring back what was taken out of it; where the branch
    # was merged and that was reverted, merging it once more would bring nothing.
    return (
        same and desk.scratch.is_ancestor(standing.start, base) and not desk.scratch.is_ancestor(standing.tip.sha, base)
    )


def _demand_own(desk: Desk, standing: Standing) -> None:
    branch = desk.target.branch
    if standing.commit.intact and standing.commit.purpose not in (None, desk.target.purpose):
        raise PublishError(
            f"`{branch}` is the pull request's branch of {standing.commit.purpose}, and this is {desk.target.purpose}",
            where=branch,
            remedy="Give each configuration and base its own: `publish.branch` may hold {base} and {config}.",
        )


def _foreign(desk: Desk, standing: Standing) -> PublishError:
    branch = desk.target.branch
    return PublishError(
        f"`{branch}` holds a commit that is not gpu-doc's, {standing.foreign[:10]}: it is not overwritten",
        where=branch,
        remedy="Merge or close its pull request, or take the commit elsewhere and delete the branch. "
        "The results are kept: the next run publishes them without running.",
    )


def _close(desk: Desk, github: GitHub, standing: Standing | None) -> Published:
    """Nothing differs from the base any more: close the pull request, and remove its branch if nobody else uses it."""
    target = desk.target
    if standing is None:
        return Published(mode="pull-request")
    pull_request = github.open_pull_request(target.branch, target.base)
    if pull_request is None:
        return Published(mode="pull-request")
    if standing.foreign:
        raise _foreign(desk, standing)
    comment = words.closing_comment(base=target.base, source=target.source, run_url=target.run_url)
    github.close_pull_request(pull_request.number, comment)
    desk.scratch.push(target.branch, None, expected=standing.tip.sha)
    return Published(mode="pull-request", number=pull_request.number, url=pull_request.url, operation="closed")


def _opened(desk: Desk, github: GitHub, results: Results, base: str, commit: str, *, fresh: bool) -> Published:
    """The pull request for what is on the branch; `fresh`: it has just been pushed."""
    target = desk.target
    pull_request = github.open_pull_request(target.branch, target.base)
    if not fresh and pull_request:
        return _published(pull_request, "none")
    if not fresh and _was_closed(desk, github, commit):
        return Published(mode="pull-request")
    body = _body(desk, results, base, commit)
    if pull_request:
        github.update_body(pull_request.number, body)
        return _published(pull_request, "updated", commit)
    publish = target.publish
    made = github.create_pull_request(
        head=target.branch, base=target.base, title=publish.title, body=body, draft=publish.draft
    )
    if publish.labels:
        github.add_labels(made.number, publish.labels)
    if publish.reviewers:
        github.request_reviewers(made.number, publish.reviewers)
    return _published(made, "created", commit if fresh else "")


def _was_closed(desk: Desk, github: GitHub, commit: str) -> bool:
    """Whether a person closed a pull request with just this content: it is not opened once more."""
    last = github.newest_pull_request(desk.target.branch, desk.target.base)
    if last is None or last.head_sha != commit or last.merged:
        return False
    desk.note(
        f"pull request #{last.number} with just these results was closed; it is opened again when they change, "
        f"or when the branch {desk.target.branch} is deleted"
    )
    return True


def _body(desk: Desk, results: Results, base: str, commit: str) -> str:
    target, root = desk.target, desk.layout
    changes = compare(
        results.reports,
        before=_Side(desk, base),
        after=_Side(desk, commit),
    )
    place = words.Place(
        server_url=target.server_url,
        repository=target.repository,
        before_sha=base,
        after_sha=commit,
        root_prefix=root.path("."),
    )
    return words.pull_request_body(
        changes,
        place=place,
        configuration=target.configuration,
        base=target.base,
        failures=results.failures,
        run_url=target.run_url,
    )


@dataclass(frozen=True)
class _Side:
    """The reports as a commit has them; paths from root."""

    desk: Desk
    commit: str

    def read(self, path: str) -> bytes | None:
        return self.desk.scratch.read(self.commit, self.desk.layout.path(path))


def _published(pull_request: PullRequest, operation: str, commit: str = "") -> Published:
    return Published(
        mode="pull-request",
        commit=commit,
        number=pull_request.number,
        url=pull_request.url,
        operation=operation,  # type: ignore[arg-type]  # one of the three words above
    )
