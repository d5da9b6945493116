"""One pull request per base and configuration, from a branch that holds one commit of ours on top of the base.

It is left alone while merging it would give exactly our results. Somebody else's commit on that branch is never
overwritten. What other runs published there is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gpu_doc.errors import PublishError
from gpu_doc.git.commits import PURPOSE
from gpu_doc.git.refusals import ProtectedBranchError, RejectedError, UnsignedError
from gpu_doc.model.publishing import Published
from gpu_doc.publish import description, words
from gpu_doc.publish.branch_state import BranchState
from gpu_doc.publish.commit import PublishTools, message_of, pause, placed
from gpu_doc.publish.description import Results
from gpu_doc.publish.offer import Offer

if TYPE_CHECKING:
    from gpu_doc.git.commits import Entry
    from gpu_doc.github.client import GitHub

_TRIES = 20


def demand_own_branch(tools: PublishTools) -> None:
    """Raise PublishError if the branch belongs to another configuration's or base's pull request."""
    branch = tools.target.branch
    tip = tools.scratch.fetch(branch)[branch]
    if tip:
        _demand_own(tools, BranchState.of(tools, tip))


def publish(tools: PublishTools, github: GitHub, results: Results) -> Published:
    """Open, update or close the pull request, or leave it alone. Raises PublishError."""
    told: set[str] = set()
    for attempt in range(_TRIES):
        try:
            return _attempt(tools, github, results, told)
        except RejectedError:
            tools.note(f"another run works on {tools.target.branch}; looking again")
            pause(attempt)
    remedy = "Let runs take turns, with `concurrency` in the workflow. The result is kept for the next run."
    raise PublishError(f"`{tools.target.branch}` moved each time it was to be updated", remedy=remedy)


def _attempt(tools: PublishTools, github: GitHub, results: Results, told: set[str]) -> Published:
    target = tools.target
    tips = tools.scratch.fetch(target.base, target.branch)
    base, tip = tips[target.base], tips[target.branch]
    if base is None:
        raise PublishError(f"the base branch `{target.base}` is not there", where=target.place)
    on_branch = BranchState.of(tools, tip) if tip else None
    if on_branch:
        _demand_own(tools, on_branch)
    offers = [*results.offers, *(_carried(tools, on_branch, results, base) if on_branch else ())]
    changes, reports = placed(tools, base, _not_overtaken(tools, offers, on_branch, base, told), told)
    if not changes:
        return _close(tools, github, on_branch)
    if on_branch and _is_the_same(tools, on_branch, base, changes):
        sides = description.Sides(before=on_branch.start, after=on_branch.tip.sha, changes=changes)
        return _opened(tools, github, results, sides, fresh=False)
    if on_branch and on_branch.foreign:
        raise _foreign(tools, on_branch)
    message = message_of(tools, reports, f"{PURPOSE}: {target.purpose}")
    made = tools.scratch.commit(base, changes, message, target.identity, source=target.source)
    try:
        tools.scratch.push(target.branch, made, expected=tip)
    except UnsignedError:
        raise
    except ProtectedBranchError as error:
        remedy = (
            f"The rules are for `{target.branch}` too, which is only the pull request's own branch. Exempt it from "
            "them (`publish.branch` names it), or let the owner of the token bypass them."
        )
        raise ProtectedBranchError(error.what, where=error.where, remedy=remedy, details=error.details) from error
    return _opened(tools, github, results, description.Sides(before=base, after=made, changes=changes), fresh=True)


def _carried(tools: PublishTools, on_branch: BranchState, results: Results, base: str) -> list[Offer]:
    """Return the branch's files of reports that this run did not refresh, unless the base changed them meanwhile.

    For a report in place, only our blocks count: they are put into the base's new text.
    """
    if on_branch.foreign:
        return []
    others = [report for report in results.reports if report.path not in results.refreshed]
    found = on_branch.offers(tools, others)
    mine = [offer for offer in found if any(path in on_branch.changes for path in offer.files)]

    def kept(offer: Offer, commit: str) -> dict[str, Entry]:
        whole = bool(offer.report.template)
        return tools.scratch.entries(commit, [path for path in offer.files if whole or path != offer.text])

    return [offer for offer in mine if kept(offer, base) == kept(offer, on_branch.start)]


def _not_overtaken(
    tools: PublishTools, offers: Sequence[Offer], on_branch: BranchState | None, base: str, told: set[str]
) -> list[Offer]:
    """Return the offers; if a newer run has published a report already, its files replace ours."""
    if on_branch is None or on_branch.foreign:
        return list(offers)
    published = on_branch.commit.source
    chosen = []
    for offer in offers:
        there = any(path in on_branch.changes for path in offer.files)
        newer = published and published != offer.source and _is_newer(tools, published, offer.source, base)
        if there and newer:
            why = f"{offer.report.path}: a newer run has published it already (from {str(published)[:10]})"
            if why not in told:
                told.add(why)
                tools.note(why)
            chosen += on_branch.offers(tools, [offer.report])
        else:
            chosen.append(offer)
    return chosen


def _is_newer(tools: PublishTools, published: str, source: str, base: str) -> bool:
    """Whether `published` is later than `source`, or a forced push put the base on its history and off ours."""
    is_ancestor = tools.scratch.is_ancestor
    if is_ancestor(source, published):
        return True
    return not tools.target.base_is_given and not is_ancestor(source, base) and is_ancestor(published, base)


def _is_the_same(tools: PublishTools, on_branch: BranchState, base: str, changes: Mapping[str, Entry | None]) -> bool:
    """Whether merging the present branch gives what we would publish. Then nobody needs to be told."""
    paths = list(changes)
    if on_branch.foreign and tools.scratch.entries(on_branch.tip.sha, paths) == {p: e for p, e in changes.items() if e}:
        return True
    if on_branch.foreign and not on_branch.is_below:
        return False
    same = dict(on_branch.changes) == dict(changes)
    same = same and tools.scratch.entries(base, paths) == tools.scratch.entries(on_branch.start, paths)
    # After a forced push to the base, merging would bring back the commits that were removed. After the branch was
    # merged and that merge reverted, merging it again would bring nothing.
    return (
        same
        and tools.scratch.is_ancestor(on_branch.start, base)
        and not tools.scratch.is_ancestor(on_branch.tip.sha, base)
    )


def _demand_own(tools: PublishTools, on_branch: BranchState) -> None:
    branch = tools.target.branch
    if on_branch.commit.intact and on_branch.commit.purpose not in (None, tools.target.purpose):
        raise PublishError(
            f"`{branch}` is the pull request's branch of {on_branch.commit.purpose},"
            f" and this is {tools.target.purpose}",
            where=branch,
            remedy="Give each configuration and base its own: `publish.branch` may hold {base} and {config}.",
        )


def _foreign(tools: PublishTools, on_branch: BranchState) -> PublishError:
    branch = tools.target.branch
    return PublishError(
        f"`{branch}` holds a commit that is not gpu-doc's, {on_branch.foreign[:10]}: it is not overwritten",
        where=branch,
        remedy="Merge or close its pull request, or take the commit elsewhere and delete the branch. "
        "The results are kept: the next run publishes them without running.",
    )


def _close(tools: PublishTools, github: GitHub, on_branch: BranchState | None) -> Published:
    """Close the pull request, since nothing differs from the base any more; delete its branch if unused."""
    target = tools.target
    if on_branch is None:
        return Published(mode="pull-request")
    pull_request = github.pull_requests.find_open(target.branch, target.base)
    if pull_request is None:
        return Published(mode="pull-request")
    if on_branch.foreign:
        tools.note(
            f"nothing differs from {target.base} any more, but pull request #{pull_request.number} holds a commit that "
            f"is not gpu-doc's, {on_branch.foreign[:10]}: it is left open"
        )
        return description.published(pull_request, "none")
    comment = words.closing_comment(base=target.base, source=target.source, run_url=target.run_url)
    github.pull_requests.close(pull_request.number, comment)
    tools.scratch.push(target.branch, None, expected=on_branch.tip.sha)
    return Published(mode="pull-request", number=pull_request.number, url=pull_request.url, operation="closed")


def _opened(
    tools: PublishTools, github: GitHub, results: Results, sides: description.Sides, *, fresh: bool
) -> Published:
    """Open or update the pull request for the branch; `fresh`: we have just pushed it."""
    target = tools.target
    pull_request = github.pull_requests.find_open(target.branch, target.base)
    if pull_request:
        return description.keep(tools, github, pull_request, results, sides, fresh=fresh)
    if not fresh and _was_closed(tools, github, sides.after):
        return Published(mode="pull-request")
    return description.create(tools, github, results, sides, fresh=fresh)


def _was_closed(tools: PublishTools, github: GitHub, commit: str) -> bool:
    """Whether a person closed a pull request with exactly this content: then it is not opened again."""
    last = github.pull_requests.find_newest(tools.target.branch, tools.target.base)
    if last is None or last.head_sha != commit or last.merged:
        return False
    tools.note(
        f"pull request #{last.number} with just these results was closed; it is opened again when they change, "
        f"or when the branch {tools.target.branch} is deleted"
    )
    return True
