"""Finds out what is on a pull request's branch: our commit, perhaps below merges of the base, or a person's work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_doc.model.configuration import Report
from gpu_doc.publish.commit import PublishTools
from gpu_doc.publish.offer import Offer, offers_of

if TYPE_CHECKING:
    from gpu_doc.git.commits import Commit, Entry

_MERGES = 50
"""The most merges by "Update branch" to look through."""

_OTHERS = 20
"""The most commits of other people to look through."""


@dataclass(frozen=True, kw_only=True)
class BranchState:
    """What is on the pull request's branch."""

    tip: Commit
    commit: Commit
    """Our own commit: the tip, or the commit that somebody merged the base into."""
    changes: Mapping[str, Entry | None]
    """The branch's changes, compared with the base below it."""
    start: str
    """The base commit below it."""
    foreign: str
    """A commit of somebody else, or of another configuration's or base's pull request; empty if there is none."""
    is_below: bool = False
    """Whether somebody's commit is on top of ours, such as a reviewer's suggestion. The other fields are about ours."""

    @classmethod
    def of(cls, tools: PublishTools, tip: str) -> BranchState:
        """Inspect a branch, given its tip."""
        scratch = tools.scratch
        top = scratch.commit_at(tip)
        ours = _below_merges(tools, top)
        if ours and ours.purpose in (None, tools.target.purpose):
            start = top.parents[-1]
            changes = scratch.changes(start, tip)
            if ours is top or changes == scratch.changes(ours.parents[0], ours.sha):
                return cls(tip=top, commit=ours, changes=changes, start=start, foreign="")
        if below := _below_others(tools, top):
            start = below.parents[0]
            scratch.have(start)
            changes = scratch.changes(start, below.sha)
            return cls(tip=top, commit=below, changes=changes, start=start, foreign=tip, is_below=True)
        start = top.parents[0] if top.parents else tip
        return cls(tip=top, commit=ours or top, changes=scratch.changes(start, tip), start=start, foreign=tip)

    def offers(self, tools: PublishTools, reports: Sequence[Report]) -> list[Offer]:
        """Return the branch's files for these reports."""
        source = self.commit.source or self.tip.sha
        content = self.commit.sha if self.is_below else self.tip.sha
        return offers_of(
            tools.layout,
            reports,
            lambda path: tools.scratch.read(content, path),
            source=source,
            start=self.start,
        )


def _below_merges(tools: PublishTools, top: Commit) -> Commit | None:
    """Return our commit, at the tip or below merges of the base; None if there is something else.

    "Update branch" makes such merges. As long as they change nothing of ours, they are not a person's work.
    """
    commit, base = top, tools.target.base
    for _ in range(_MERGES):
        if commit.intact:
            tools.scratch.have(commit.parents[0])
            return commit
        tip = tools.scratch.fetch(base)[base] if len(commit.parents) == 2 else None
        if tip is None or not tools.scratch.is_ancestor(commit.parents[1], tip):
            return None
        tools.scratch.have(commit.parents[0])
        commit = tools.scratch.commit_at(commit.parents[0])
    return None


def _below_others(tools: PublishTools, top: Commit) -> Commit | None:
    """Return our commit below other people's; None if there is none among the first few."""
    commit = top
    for _ in range(_OTHERS):
        if commit.intact:
            # Our commit without a purpose belongs to the base, below the branch.
            return commit if commit.purpose == tools.target.purpose else None
        if not commit.parents:
            return None
        tools.scratch.have(commit.parents[0])
        commit = tools.scratch.commit_at(commit.parents[0])
    return None
