"""Finds out, from the event and the checkout, whose code this is, and what follows from that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_doc.git import checkout as git
from gpu_doc.model.configuration import Config
from gpu_doc.record.state import Layers
from gpu_doc.refresh import selection

if TYPE_CHECKING:
    from gpu_doc.cli.call import Call
    from gpu_doc.github.event import Event
    from gpu_doc.model.location import Location
    from gpu_doc.trust.origin import Origin


@dataclass(frozen=True)
class Job:
    """The event and the code's origin; on a person's machine, there is no event."""

    event: Event | None
    origin: Origin | None
    """The origin of the checked-out code, on a runner."""
    own: Config
    """The checked-out configuration."""


def find_job(call: Call, event: Event | None) -> Job:
    """Find out whose code is checked out. Raises ConfigError."""
    own = call.config()
    if event is None:
        return Job(None, None, own)
    from gpu_doc.trust import origin

    remote = origin.remote(event, call.token)
    found = origin.find(event, git.work_tree(own.root), lambda tree: origin.on_server(tree, remote, call.environ))
    return Job(event, found, own)


def isolated(job: Job, call: Call) -> Config:
    """Return the configuration; for a pull request, with the base's isolation."""
    if job.event is None or job.origin is None:
        return job.own
    from gpu_doc.trust.isolation import with_base
    from gpu_doc.trust.origin import remote

    def warn(text: str, where: Location) -> None:
        call.console.warn(text, where=where)

    return with_base(job.own, job.event, job.origin, remote(job.event, call.token), call.environ, warn)


def layers(job: Job | None, whole: Config, *, on_runner: bool) -> Layers:
    """Return the layers of state. A person has one; an unknown origin on a runner reads nobody else's."""
    if job is None or job.event is None or job.origin is None:
        return Layers(own="unknown" if on_runner else "")
    from gpu_doc.trust.origin import layers

    changed = git.is_changed(whole.root, own_files=selection.own_files(whole))
    return layers(job.event, job.origin, changed=changed)
