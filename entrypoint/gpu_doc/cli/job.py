"""What we do here, as the event and the checkout say: whose code it is, and what that decides."""

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
    """On a person's machine there is no event."""

    event: Event | None
    origin: Origin | None
    """Whose code is checked out, on a runner."""
    own: Config
    """The configuration that is checked out."""


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
    """The configuration with what the base's decides for a pull request."""
    if job.event is None or job.origin is None:
        return job.own
    from gpu_doc.trust.isolation import with_base
    from gpu_doc.trust.origin import remote

    def warn(text: str, where: Location) -> None:
        call.console.warn(text, where=where)

    return with_base(job.own, job.event, job.origin, remote(job.event, call.token), call.environ, warn)


def layers(job: Job | None, whole: Config, *, on_runner: bool) -> Layers:
    """Who may use whose results. A person has one layer; who is on a runner for no known reason has nobody else's."""
    if job is None or job.event is None or job.origin is None:
        return Layers(own="unknown" if on_runner else "")
    from gpu_doc.trust.origin import layers

    changed = git.is_changed(whole.root, own_files=selection.own_files(whole))
    return layers(job.event, job.origin, changed=changed)
