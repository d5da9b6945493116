"""Decides which events are accepted, and whether results are published for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.errors import UsageError
from gpu_doc.git.checkout import commit_of_head
from gpu_doc.model.configuration import Publish, PublishMode

if TYPE_CHECKING:
    from gpu_doc.github.event import Event
    from gpu_doc.trust.origin import Origin

_QUEUE = "gh-readonly-queue/"
"""The prefix of merge queues' branches. https://docs.github.com/repositories/configuring-branches-and-merges-in-your-repository/configuring-pull-request-merges/managing-a-merge-queue"""


def refuse(event: Event, *, allow_forks: bool) -> None:
    """Refuse events for which a stranger's code would run with our rights or on our machines. Raises UsageError."""
    if event.name == "pull_request_target":
        raise UsageError(
            "pull_request_target runs a pull request's code with the rights of the base: it is refused",
            remedy="Use `on: pull_request`; workflows/pull-request.yml is ready to copy.",
        )
    if event.from_fork and event.self_hosted and not allow_forks:
        raise UsageError(
            "this pull request comes from a fork, and this is a self-hosted runner: its code is not run here",
            remedy="Look through the changes and push them to a branch of this repository; or, where the runner is "
            "made for strangers' code, set the input `allow-forks: true`.",
        )


def refuse_origin(event: Event, origin: Origin, *, allow_forks: bool) -> None:
    """Refuse, on self-hosted runners, a commit that is on no branch or tag, whatever the event. Raises UsageError."""
    if origin.kind == "unknown" and event.self_hosted and not allow_forks:
        what = f"no branch or tag of {event.repository} has the commit {origin.name[:12]}, which is checked out"
        raise UsageError(
            f"{what}: it may be a stranger's, and this is a self-hosted runner",
            remedy="Check out a branch or tag of this repository, with `fetch-depth: 0` where it is an older commit; "
            "or, where the runner is made for strangers' code, set the input `allow-forks: true`.",
        )


def mode_for(
    asked: str,
    publish: Publish,
    event: Event | None,
    origin: Origin | None = None,
    *,
    configuration: str = "gpu-doc.yml",
) -> tuple[PublishMode, str]:
    """Return how to publish, and a sentence if that is not what was asked for.

    `asked` is the command line's mode; `config` means the configuration's. `configuration` is its path.
    """
    mode = publish.mode_for(asked)
    if event is None or mode in ("none", "check"):
        return mode, ""
    if passing := _passing(event, origin):
        return "none", f"nothing is published for {passing}"
    if event.pull_request and asked == "config":
        return "none", "nothing is published for a pull request, unless its `publish` says so; see its preview"
    from gpu_doc.publish.target import is_own_branch

    branch = event.head_branch if event.pull_request else event.branch
    if branch and is_own_branch(publish, branch, configuration):
        return "none", f"nothing is published for {branch}, which is gpu-doc's own branch"
    return mode, ""


def _passing(event: Event, origin: Origin | None) -> str:
    """Return what the event is about, if nobody may publish for it; else empty."""
    if event.from_fork:
        return "a pull request from a fork"
    if origin and origin.stranger:
        return "a commit that no branch or tag of the repository has"
    if event.name == "merge_group" or (event.branch or "").startswith(_QUEUE):
        return "a merge queue, whose branch is gone in a moment"
    return ""


def is_echo(event: Event | None, tree: Path | None) -> bool:
    """Whether a push brought only our own commit, made from the commit before it.

    If our commit is on top of a person's push, the results for that push may still be missing.
    """
    if event is None or event.name != "push" or tree is None:
        return False
    commit = commit_of_head(tree)
    return commit is not None and commit.intact and commit.parents[0] == commit.source == event.before
