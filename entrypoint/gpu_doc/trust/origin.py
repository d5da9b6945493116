"""Finds out whose code is checked out. This decides which results it may use, and whether it may run here at all.

The event says which code a job is about, but a workflow may check out anything. So a commit counts as a branch's only
if GitHub says that the branch has it. A commit that is on no branch or tag counts as a stranger's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from gpu_doc.errors import PublishError
from gpu_doc.git import checkout
from gpu_doc.git.commits import Remote
from gpu_doc.record.state import Layers

if TYPE_CHECKING:
    from gpu_doc.github.event import Event

_LONGEST = 100
"""Characters of a layer's name; a folder's may have 255 bytes."""

_HISTORY = "history"
"""A key beside the names of branches and tags: the checked-out commit, if a branch has it in its history."""

Kind = Literal["branch", "tag", "commit", "pull-request", "merge-queue", "fork", "unknown", "no-commit"]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The origin of the code that is checked out on a runner."""

    kind: Kind
    name: str
    """The branch or tag, the number of the pull request, the merge queue's reference, or the commit."""

    @property
    def stranger(self) -> bool:
        """Whether the code comes from nobody who may write to the repository."""
        return self.kind in ("fork", "unknown")

    @property
    def layer(self) -> str:
        """The layer of state that its runs write: a unique name for each origin."""
        name = f"{self.kind}-{quote(self.name, safe='')}"
        return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}~{sha256(name.encode()).hexdigest()}"


def find(event: Event, tree: Path | None, references: Callable[[Path], Mapping[str, str]]) -> Origin:
    """Find the origin of the code. `references` (see `on_server`) is called only if the event does not tell it."""
    head = checkout.head_commit(tree) if tree else None
    if event.from_fork:
        return Origin(kind="fork", name=str(event.pull_request or event.head_sha))
    if tree is None or head is None:
        return Origin(kind="no-commit", name=event.name)
    found = _told(event, head) or _listed(event, tree, head, references(tree))
    if found.stranger:
        return found
    if event.pull_request:
        return Origin(kind="pull-request", name=str(event.pull_request))
    if event.name == "merge_group":
        return Origin(kind="merge-queue", name=event.ref)
    return found


def layers(event: Event, origin: Origin, *, changed: bool) -> Layers:
    """Return the layers that its runs read and write. `changed`: the checkout differs from the commit."""
    own = f"{origin.layer}+changes" if changed else origin.layer
    shared = _branch(event.default_branch or (event.branch if event.name == "schedule" else None))
    others = [] if own == shared else [origin.layer, _branch(event.base_branch), shared]
    return Layers(
        own=own, others=tuple(dict.fromkeys(filter(lambda name: name not in ("", own), others))), shared=shared
    )


def on_server(tree: Path, remote: Remote, environ: Mapping[str, str]) -> Mapping[str, str]:
    """The commits of its branches and tags, by their full names; empty if the server doesn't answer."""
    from gpu_doc.git.scratch import Scratch

    with suppress(PublishError), Scratch(tree, remote, environ) as scratch:
        references = dict(scratch.references())
        head = checkout.head_commit(tree)
        # A shallow checkout can't tell that a branch has moved on since.
        if head and head not in references.values() and scratch.is_on_a_branch(head, references):
            references[_HISTORY] = head
        return references
    return {}


def remote(event: Event, token: str) -> Remote:
    """Return the event's repository."""
    return Remote(url=f"{event.server_url}/{event.repository}.git", token=token or None)


def _branch(name: str | None) -> str:
    return Origin(kind="branch", name=name).layer if name else ""


def _told(event: Event, head: str) -> Origin | None:
    """Return the origin of a commit, if the event itself tells it."""
    if head == event.sha and event.branch:
        return Origin(kind="branch", name=event.branch)
    if head == event.sha and event.is_tag:
        return Origin(kind="tag", name=event.ref.removeprefix("refs/tags/"))
    if head == event.head_sha and event.head_branch:
        return Origin(kind="branch", name=event.head_branch)
    return Origin(kind="commit", name=head) if head in (event.sha, event.head_sha) else None


def _listed(event: Event, tree: Path, head: str, references: Mapping[str, str]) -> Origin:
    """Return the origin of a commit by the server's branches and tags: it is a tip, or in the history of one."""
    here = [name for name, sha in references.items() if sha == head and name != _HISTORY]
    wanted = [f"refs/heads/{branch}" for branch in (event.branch, checkout.current_branch(tree)) if branch]
    for name in sorted(here, key=lambda name: (name not in wanted, name)):
        kind: Kind = "branch" if name.startswith("refs/heads/") else "tag"
        return Origin(kind=kind, name=name.split("/", 2)[2])
    known = _HISTORY in references or not checkout.containing(tree, head).isdisjoint(references.values())
    return Origin(kind="commit" if known else "unknown", name=head)
