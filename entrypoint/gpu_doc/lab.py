"""`gpu-doc lab`: JupyterLab in a run's container; but unlike a run, it writes to the checkout itself."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from socket import socket
from urllib.parse import quote

from gpu_doc import interrupts
from gpu_doc.console.console import Console
from gpu_doc.errors import GpuDocError, MachineError, RunError, UsageError
from gpu_doc.execution.agent.jobs import LabJob
from gpu_doc.execution.agent.messages import LabReady, LabRefused
from gpu_doc.execution.containers import engine, recipe
from gpu_doc.execution.containers.container import NoPythonError
from gpu_doc.execution.containers.jupyterlab import Ended, Lab, Refused
from gpu_doc.execution.containers.order import Order
from gpu_doc.execution.gpus.inventory import Gpu
from gpu_doc.execution.gpus.leases import Lease
from gpu_doc.execution.runs.container_setup import ContainerSetup
from gpu_doc.execution.runs.docker import Docker
from gpu_doc.execution.runs.hosts import Hosts
from gpu_doc.model.configuration import Config, ImageIdentity, Run
from gpu_doc.model.location import Location
from gpu_doc.record import evidence
from gpu_doc.text.nearest import did_you_mean
from gpu_doc.text.plain import plain

_LOCAL = "JupyterLab of this environment, without a container: python -m jupyterlab"
_LOOK_AGAIN = 1.0
"""Seconds between checks of GPUs that others hold."""
_SHOWN = 20
"""Lines of JupyterLab's log that a message shows."""


def choose(config: Config, notebook: str | None, *, here: Path) -> Run:
    """Return the first run that has an image and, if one is given, uses the notebook.

    `notebook` is a path from `here` or from root. Raises UsageError.
    """
    runs = [run for report in config.reports for run in report.runs]
    if notebook is not None:
        runs = _using(runs, notebook, config.root, here)
    chosen = next((run for run in runs if run.image), None)
    if chosen is None:
        whose = f"that uses {notebook}" if notebook else "in the configuration"
        raise UsageError(f"no run {whose} has an image", where=Location(str(config.path)), remedy=f"{_LOCAL}.")
    # A command has no notebook to open, and we want to leave nothing behind.
    return replace(chosen, command=None, detach=False, bootstrap=False)


def _using(runs: list[Run], notebook: str, root: Path, here: Path) -> list[Run]:
    spellings = {notebook, os.path.relpath(here / notebook, root), os.path.relpath((here / notebook).resolve(), root)}
    found = [run for run in runs if run.notebook in spellings]
    if not found:
        meant = did_you_mean(notebook, {run.notebook for run in runs if run.notebook})
        remedy = f"{meant} Without a name, JupyterLab starts in the image of the first run that has one.".strip()
        raise UsageError(f"no run uses the notebook `{notebook}`", remedy=remedy)
    return found


def person(checkout: Path) -> tuple[int, int]:
    """Return the user and group that JupyterLab runs as: this user, so that files are theirs; for root, the owner's.

    Raises MachineError if root owns the checkout too.
    """
    if os.getuid():
        return os.getuid(), os.getgid()
    owner = checkout.stat()
    if not owner.st_uid:
        what = "JupyterLab would run as root: this user is root, and the checkout belongs to root"
        remedy = f"Run gpu-doc as another user, or give the checkout to one: chown -R USER: {checkout}"
        raise MachineError(what, where=Location(str(checkout)), remedy=remedy)
    return owner.st_uid, owner.st_gid


def place_of(
    run: Run, docker: Docker, config: Config, user: tuple[int, int], note: Callable[[str], None]
) -> ContainerSetup:
    """Return the setup of JupyterLab's container: like the run's, but as `user`. Pulls the image if needed.

    Raises GpuDocError if there is no such image, or if containers of its engine can't write to the checkout.
    """
    known = _known(run, config)
    docker.prepare([(run, known)], note)
    if problem := docker.problem(run, known):
        raise problem
    place = docker.place(run, "", note, view=False)
    if not place.visibility.sees_paths:
        what = "the container engine doesn't see this machine's files: JupyterLab could write nothing to the checkout"
    elif not place.visibility.same_ids:
        what = "the container engine has other user ids (rootless, userns-remap): JupyterLab's files would not be yours"
    else:
        return replace(place, user=user)
    remedy = f"Name another engine of this machine (docker-host). {_LOCAL}."
    raise MachineError(what, where=place.address["DOCKER_HOST"], remedy=remedy)


def _known(run: Run, config: Config) -> ImageIdentity | None:
    """The run's image when its report was made."""
    report = next(report for report in config.reports if report.path == run.report)
    kept = evidence.read(config.root / report.assets / evidence.NAME)
    known = kept.runs.get(run.address) if kept else None
    return known.image(run.image) if known else None


def lease(run: Run, docker: Docker, environ: Mapping[str, str], note: Callable[[str], None]) -> Lease:
    """Lease the run's GPUs; wait while others hold them. Raises MachineError."""
    devices = Hosts(environ, docker).devices(run)
    if devices is None:
        return Lease()
    if (taken := devices.try_take(run)) is None:
        note(f"JupyterLab {devices.waiting(run)}")
    while taken is None:
        time.sleep(_LOOK_AGAIN)
        taken = devices.try_take(run)
    return taken


def serve(place: ContainerSetup, gpus: Sequence[Gpu], listener: socket, opened: str | None, console: Console) -> None:
    """Run JupyterLab until it is shut down or interrupted (KeyboardInterrupt); `opened` is a notebook.

    Raises GpuDocError if it does not start, or ends by itself.
    """
    job = LabJob(recipe.WORKSPACE, secrets.token_hex(24), dict(place.secrets))
    order = _order(place, gpus, job)
    with engine.reconnect(place.address) as connection, Lab(connection, order, listener) as lab:
        try:
            begun = lab.start()
        except NoPythonError:
            raise _no_start(place, None, lab.log) from None
        if isinstance(begun, Ended):
            raise _end(place, begun, lab.log)
        if not isinstance(begun, LabReady):
            raise _no_start(place, begun, lab.log)
        console.say(f"JupyterLab in {place.image.reference} writes to {place.checkout}; Ctrl-C ends it.")
        address, port = listener.getsockname()
        path = place.inside(place.root / opened).removeprefix(f"{recipe.WORKSPACE}/") if opened else ""
        console.say(f"http://{address}:{port}/lab{f'/tree/{quote(path)}' if path else ''}?token={job.token}")
        try:
            end = lab.wait()
        except KeyboardInterrupt:
            interrupts.ending()
            console.note("ending JupyterLab")
            return
        if end.status != 0:
            raise _end(place, end, lab.log)
    console.note("JupyterLab was shut down")


def _order(place: ContainerSetup, gpus: Sequence[Gpu], job: LabJob) -> Order:
    """Return the order for the container: as for a run, but with the checkout itself, not a view or a copy."""
    setting = place.setting(gpus, "lab")
    checkout = recipe.Mount(source=str(place.checkout), target=recipe.WORKSPACE, writable=True)
    setting = replace(
        setting, mounts=(checkout, *setting.mounts), masked=tuple(place.masked()), unlabelled=place.selinux
    )
    create = recipe.payload(place.run, setting, recipe.WORKSPACE)
    return replace(place.order(gpus), create=create, overlay=None, checkout=None, job=job)


# --- words -----------------------------------------------------------------------------------------------------------


def _no_start(place: ContainerSetup, refusal: Refused | None, log: str) -> GpuDocError:
    """`refusal` is None where the image has no Python."""
    image = place.image.reference
    reachable = "Install it where every user can reach it: JupyterLab runs as whom the checkout belongs to."
    words = {
        "read-only": (
            "JupyterLab could not write to the checkout",
            f"Run gpu-doc as its owner, or make it writable for this user: {place.checkout}",
        ),
        "token": (
            f"JupyterLab of {image} does not ask for our token",
            "Take token, password and identity provider out of the image's jupyter_server_config.",
        ),
        "no answer": (f"JupyterLab of {image} does not answer", "Start it by hand in the image: python3 -m jupyterlab"),
    }
    if isinstance(refusal, LabRefused):
        what, remedy = words[refusal.why]
    elif refusal is None:
        what, remedy = f"the image {image} has no Python that this user can start", reachable
    else:
        what = f"the image {image} has no jupyterlab in its Python ({refusal.python})"
        remedy = "Add to its Dockerfile: RUN python3 -m pip install jupyterlab"
        if refusal.closed:
            what, remedy = f"{what}; {', '.join(refusal.closed)} on its PATH is closed to this user", reachable
    return MachineError(what, where=place.run.address, remedy=remedy, details=_tail(log))


def _end(place: ContainerSetup, end: Ended, log: str) -> RunError:
    where = place.run.address
    if end.out_of_memory:
        remedy = "Raise limits.memory, or open less at a time."
        return RunError("JupyterLab died: it needed more memory than it may use", where=where, remedy=remedy)
    if end.status is None:
        return RunError("the container of JupyterLab was removed", where=where)
    return RunError(f"JupyterLab ended with status {end.status}", where=where, details=_tail(log))


def _tail(log: str) -> str:
    return "\n".join(plain(log).strip().splitlines()[-_SHOWN:])
