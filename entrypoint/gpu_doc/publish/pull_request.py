"""One pull request per base and configuration, from a branch that holds one commit of ours on top of the base.

It is left alone while merging it would give just what we have to offer. A commit that is not ours, on that branch,
is never overwritten. What other runs published there is carried over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gpu_doc.errors import PublishError
from gpu_doc.git.commits import PURPOSE
from gpu_doc.git.refusals import ProtectedBranchError, RejectedError, UnsignedError
from gpu_doc.model import Published
from gpu_doc.publish import description, words
from gpu_doc.publish.branch_state import Standing
from gpu_doc.publish.commit import Desk, message_of, pause, placed
from gpu_doc.publish.description import Results
from gpu_doc.publish.offer import Offer

if TYPE_CHECKING:
    from gpu_doc.git.commits import Entry
    from gpu_doc.github.client import GitHub

_TRIES = 20


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
    changes, reports = placed(desk, base, _not_overtaken(desk, offers, standing, base, told), told)
    if not changes:
        return _close(desk, github, standing)
    if standing and _is_the_same(desk, standing, base, changes):
        sides = description.Sides(before=standing.start, after=standing.tip.sha, changes=changes)
        return _opened(desk, github, results, sides, fresh=False)
    if standing and standing.foreign:
        raise _foreign(desk, standing)
    message = message_of(desk, reports, f"{PURPOSE}: {target.purpose}")
    made = desk.scratch.commit(base, changes, message, target.identity, source=target.source)
    try:
        desk.scratch.push(target.branch, made, expected=tip)
    except UnsignedError:
        raise
    except ProtectedBranchError as error:
        error.remedy = (
            f"The rules are for `{target.branch}` too, which is only the pull request's own branch. Exempt it from "
            "them (`publish.branch` names it), or let the owner of the token bypass them."
        )
        raise
    return _opened(desk, github, results, description.Sides(before=base, after=made, changes=changes), fresh=True)


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


def _not_overtaken(
    desk: Desk, offers: Sequence[Offer], standing: Standing | None, base: str, told: set[str]
) -> list[Offer]:
    """The offers; in place of each that a newer run has overtaken, what that one published."""
    if standing is None or standing.foreign:
        return list(offers)
    published = standing.commit.source
    chosen = []
    for offer in offers:
        there = any(path in standing.changes for path in offer.files)
        newer = published and published != offer.source and _is_newer(desk, published, offer.source, base)
        if there and newer:
            why = f"{offer.report.path}: a newer run has published it already (from {str(published)[:10]})"
            if why not in told:
                told.add(why)
                desk.note(why)
            chosen += standing.offers(desk, [offer.report])
        else:
            chosen.append(offer)
    return chosen


def _is_newer(desk: Desk, published: str, source: str, base: str) -> bool:
    """Whether what is published comes later than `source`, or the base was forced to its history and away from ours."""
    is_ancestor = desk.scratch.is_ancestor
    if is_ancestor(source, published):
        return True
    return not desk.target.base_is_given and not is_ancestor(source, base) and is_ancestor(published, base)


def _is_the_same(desk: Desk, standing: Standing, base: str, changes: Mapping[str, Entry | None]) -> bool:
    """Whether merging the branch as it is gives what we would publish: then nobody is to hear of it."""
    paths = list(changes)
    if standing.foreign and desk.scratch.entries(standing.tip.sha, paths) == {p: e for p, e in changes.items() if e}:
        return True
    if standing.foreign and not standing.is_below:
        return False
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
        desk.note(
            f"nothing differs from {target.base} any more, but pull request #{pull_request.number} holds a commit that "
            f"is not gpu-doc's, {standing.foreign[:10]}: it is left open"
        )
        return description.published(pull_request, "none")
    comment = words.closing_comment(base=target.base, source=target.source, run_url=target.run_url)
    github.close_pull_request(pull_request.number, comment)
    desk.scratch.push(target.branch, None, expected=standing.tip.sha)
    return Published(mode="pull-request", number=pull_request.number, url=pull_request.url, operation="closed")


def _opened(desk: Desk, github: GitHub, results: Results, sides: description.Sides, *, fresh: bool) -> Published:
    """The pull request for what is on the branch; `fresh`: it has just been pushed."""
    target = desk.target
    pull_request = github.open_pull_request(target.branch, target.base)
    if pull_request:
        return description.keep(desk, github, pull_request, results, sides, fresh=fresh)
    if not fresh and _was_closed(desk, github, sides.after):
        return Published(mode="pull-request")
    return description.create(desk, github, results, sides, fresh=fresh)


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
