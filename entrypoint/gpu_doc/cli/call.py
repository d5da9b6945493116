"""The call of a command: its arguments, environment, working folder and configuration, and whose code it is."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc import config
from gpu_doc.console.console import Console
from gpu_doc.errors import ConfigError
from gpu_doc.git import checkout as git
from gpu_doc.model.configuration import Config
from gpu_doc.model.location import Location
from gpu_doc.record.state import Layers, default_folder
from gpu_doc.refresh import selection

if TYPE_CHECKING:
    from gpu_doc.github.event import Event
    from gpu_doc.trust.origin import Origin


def listens(environ: Mapping[str, str]) -> bool:
    """Whether there is a runner that takes outputs or a summary: all of `action/` is imported only then."""
    return bool(environ.get("GITHUB_OUTPUT") or environ.get("GITHUB_STEP_SUMMARY"))


@dataclass(frozen=True)
class Call:
    """Made by main.py, the only module that reads the environment."""

    args: argparse.Namespace
    console: Console
    environ: Mapping[str, str]
    here: Path
    """The working folder."""

    @property
    def on_runner(self) -> bool:
        """Whether this is a job on GitHub's runner."""
        return self.environ.get("GITHUB_ACTIONS") == "true"

    @property
    def token(self) -> str:
        """The token to publish with: the action's input, else the variables that GitHub's own `gh` uses."""
        return next(filter(None, map(self.environ.get, ("INPUT_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"))), "")

    def event(self) -> Event | None:
        """The event that started us, on a runner."""
        if not self.on_runner or not self.environ.get("GITHUB_EVENT_NAME"):
            return None
        from gpu_doc.github import event

        return event.read(self.environ)

    def config(self) -> Config:
        """The named configuration, or the one found from here. Raises ConfigError."""
        path = self.args.config or config.find(self.here)
        if path is None:
            raise _no_config(self.here)
        return config.load(path.absolute(), git.left_out)

    def config_if_any(self, path: Path | None) -> Config | None:
        """The configuration, for commands that also work without one."""
        try:
            return config.load(path.absolute(), git.left_out) if path else None
        except ConfigError as error:
            self.console.error(error)
            return None

    def state_folder(self, whole: Config) -> Path:
        """The folder of state."""
        given: Path | None = self.args.state_dir
        return given.absolute() if given else default_folder(whole.root, self.environ)


def _no_config(here: Path) -> ConfigError:
    """Return an error that says where we looked, and which file may be meant."""
    remedy = "`gpu-doc init` writes one that works, with an example notebook and template."
    tree, outer = git.work_tree(here), config.above(here)
    if tree is None and outer:
        path = os.path.relpath(outer, here)
        what = f"no gpu-doc.yml here; without a git repository only this folder is looked in; {path} exists"
        remedy = f"Add `--config {shlex.quote(path)}`."
    else:
        what = "no gpu-doc.yml here" if tree in (None, here) else "no gpu-doc.yml here or above"
    return ConfigError(what, where=Location(str(here)), remedy=remedy)


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
