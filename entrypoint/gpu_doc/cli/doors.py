"""Builds what a refresh works with: state, this machine, Chromium, engines, git."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc import redaction
from gpu_doc.cli.call import Call, Job, layers
from gpu_doc.errors import MachineError
from gpu_doc.git import checkout as git
from gpu_doc.model.configuration import Config, ImageIdentity, Run
from gpu_doc.model.values import Json
from gpu_doc.record.fingerprint import Machine
from gpu_doc.record.state import State, key_path
from gpu_doc.refresh import selection
from gpu_doc.refresh.planning import Doors
from gpu_doc.system.python_environment import active_environment, has_gpu

if TYPE_CHECKING:
    from gpu_doc.console.console import Console
    from gpu_doc.execution.containers.image_lookup import ImageLookup
    from gpu_doc.record.judging import Judge


def build_doors(call: Call, whole: Config, job: Job | None = None) -> Doors:
    """Build the doors for a project. From here on, its secrets are redacted in all that is printed."""
    console, environ = call.console, call.environ
    # A secret named only by the pull request's own configuration does not reach its runs, but is redacted.
    console.redactor = redaction.known(whole, environ, *([job.own] if job else []))
    machine = Machine(
        environment=active_environment(environ),
        gpu=has_gpu(),
        tracked=lambda path: git.tracked_files(whole.root, path),
        redactor=console.redactor,
    )
    images = _Images(environ)
    state = State(
        call.state_folder(whole),
        key_path(environ),
        lambda: layers(job, whole, on_runner=call.on_runner),
        project=_project(call, whole),
        matches=lambda run, kept: inputs.match(run, kept),  # noqa: PLW0108 - made below, as it needs the state
    )
    inputs = _Inputs(whole, state, machine, environ)
    return Doors(
        console=console,
        state=state,
        environ=environ,
        machine=machine,
        chromium=lambda: _chromium(console, environ),
        # Own files of the whole configuration: reports refreshed earlier must not make the checkout dirty.
        commit=lambda: git.clean_commit(whole.root, own_files=selection.own_files(whole)),
        judge=lambda: inputs.judge,
        images=images.identity,
        image_moved=images.moved,
        work_tree=lambda: git.work_tree(whole.root),
    )


def refuse_mounts(call: Call, chosen: Config) -> None:
    """Refuse folders that no container may get, before one is started. Raises ConfigError."""
    if any(run.image for report in chosen.reports for run in report.runs):
        from gpu_doc.trust import mounts

        ours = [call.state_folder(chosen), key_path(call.environ)]
        mounts.refuse(chosen, git.work_tree(chosen.root) or chosen.root, [path for path in ours if path], call.environ)


def _project(call: Call, whole: Config) -> str:
    """Return what tells this project's results from others', if `state-dir` names a folder that several may share.

    The default folder belongs to one project.
    """
    if not call.args.state_dir or not call.on_runner:
        return ""
    place = os.path.relpath(whole.root, git.work_tree(whole.root) or whole.root)
    return f"{call.environ.get('GITHUB_REPOSITORY', '').lower()}:{place}:"


def _chromium(console: Console, environ: Mapping[str, str]) -> Path:
    from gpu_doc.pictures.browser import find_chromium
    from gpu_doc.system import process

    try:
        return find_chromium(environ.get("GPU_DOC_CHROMIUM"), environ)
    except MachineError as missing:
        installer = environ.get("GPU_DOC_CHROMIUM_INSTALLER")  # which scripts/action names
        if not installer or environ.get("GPU_DOC_CHROMIUM"):
            raise
        console.note("There is no Chromium on this runner: installing one.")
        try:
            process.output([installer], limit=900)
        except OSError as error:
            raise MachineError(missing.what, remedy=missing.remedy, details=str(error)) from error
    return find_chromium(None, environ)


class _Images:
    """Looks up images once for all runs, since many share one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    @cached_property
    def _engines(self) -> ImageLookup:
        from gpu_doc.execution.containers.image_lookup import ImageLookup  # only runs in containers need it

        return ImageLookup(self._environ)

    def identity(self, run: Run, known: ImageIdentity | None) -> ImageIdentity | None:
        return self._engines.identity(str(run.image), docker_host=run.docker_host, pull=run.pull, known=known)

    def moved(self, run: Run, known: ImageIdentity) -> bool:
        return self._engines.moved(str(run.image), docker_host=run.docker_host, known=known)


class _Inputs:
    """Compares what earlier runs read with what is here; imported only where a run's inputs are known."""

    def __init__(self, whole: Config, state: State, machine: Machine, environ: Mapping[str, str]) -> None:
        self._whole = whole
        self._state = state
        self._machine = machine
        self._environ = environ

    @cached_property
    def judge(self) -> Judge:
        from gpu_doc.record.judging import Judge
        from gpu_doc.record.never_inputs import never_inputs

        return Judge(
            never_inputs(self._whole, self._state.folder),
            line_ends=self._machine.line_ends,
            environ=self._environ,
            code=self._state.code,
        )

    def match(self, run: Run, inputs: Json) -> bool:
        """Whether a set of inputs in state is the same here."""
        from gpu_doc.record.inputs import from_json

        return not self.judge.of(from_json(inputs), run).reasons
