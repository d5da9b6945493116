"""Commits results to a branch, on top of its present tip, and changes only our own files.

If somebody else pushes first, fetch, put our files on the new tip, and try again, with growing random pauses.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_doc.errors import PublishError
from gpu_doc.git.refusals import RejectedError
from gpu_doc.publish import words
from gpu_doc.publish.layout import Layout
from gpu_doc.publish.offer import Base, Offer

if TYPE_CHECKING:
    from gpu_doc.git.commits import Entry
    from gpu_doc.git.scratch import Scratch
    from gpu_doc.publish.target import Target

PATIENCE = 600.0
"""Seconds after which we give up when others always push first."""

_LONGEST_PAUSE = 30.0
"""Seconds. With shorter pauses, a hundred jobs kept each other and the server too busy, and none succeeded."""


@dataclass(frozen=True, kw_only=True)
class PublishTools:
    """What all parts of publishing need."""

    scratch: Scratch
    layout: Layout
    target: Target
    note: Callable[[str], None]


def commit(tools: PublishTools, offers: Sequence[Offer]) -> str:
    """Commit offers to the base branch. Returns the commit's SHA; empty if the branch has everything already.

    Raises PublishError; ProtectedBranchError if the branch accepts no pushes.
    """
    target, told = tools.target, set[str]()
    end = time.monotonic() + PATIENCE
    for attempt in range(10_000):
        tip = tools.scratch.fetch(target.base)[target.base]
        if tip is None:
            remedy = "Was it deleted meanwhile? The result is kept: the next run publishes it without running."
            raise PublishError(f"the branch `{target.base}` is not there", where=target.place, remedy=remedy)
        if not (target.base_is_given or tools.scratch.is_ancestor(target.source, tip)):
            what = f"`{target.base}` no longer has {target.source[:10]}: somebody pushed with force meanwhile"
            tools.note(f"{what}. Its results are kept, and not published")
            return ""
        changes, reports = placed(tools, tip, offers, told)
        if not changes:
            return ""
        made = tools.scratch.commit(tip, changes, message_of(tools, reports), target.identity, source=target.source)
        try:
            tools.scratch.push(target.base, made, expected=tip)
        except RejectedError as error:
            if time.monotonic() > end:
                remedy = "The result is kept: the next run publishes it without running."
                what = f"others pushed to `{target.base}` each time, {attempt + 1} times in {PATIENCE / 60:.0f} minutes"
                raise PublishError(what, where=target.place, remedy=remedy) from error
            if attempt == 0:
                tools.note(f"somebody pushed to {target.base} meanwhile; the results are put on top of that")
            pause(attempt)
        else:
            return made
    raise AssertionError  # the pauses alone take longer than PATIENCE


def placed(
    tools: PublishTools, tip: str, offers: Sequence[Offer], told: set[str]
) -> tuple[dict[str, Entry | None], list[str]]:
    """Return what offers change on a tip, and for which reports. Note, once, what must not be changed."""
    base = Base(tools.scratch, tools.layout, tip=tip, given=tools.target.base_is_given)
    changes: dict[str, Entry | None] = {}
    reports = []
    for offer in offers:
        own, why = base.changes(offer)
        if why and why not in told:
            told.add(why)
            tools.note(why)
        if own:
            reports.append(offer.report.path)
        changes |= own
    return changes, reports


def message_of(tools: PublishTools, reports: Sequence[str], *more: str) -> str:
    """Return the commit message, with the configuration's trailers and `more`; source and seal are added later."""
    publish = tools.target.publish
    text = words.commit_message(publish.title, reports, publish.message)
    trailers = [*publish.trailers, *more]
    return "\n".join([text.rstrip(), "", *trailers]) if trailers else text


def pause(attempt: int) -> None:
    """Let others finish first: wait longer each time, for a random time so that two jobs don't collide again."""
    longest = min(_LONGEST_PAUSE, 0.1 * 1.6 ** min(attempt, 20))
    time.sleep(random.uniform(longest / 4, longest))  # noqa: S311 - guessing it gains nothing
