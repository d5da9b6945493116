"""Checks whether runs in containers get the GPUs that they request, by starting a container with GPUs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from gpu_doc.doctor.finding import Finding, failure, ok
from gpu_doc.doctor.images import Images
from gpu_doc.errors import GpuDocError, MachineError
from gpu_doc.execution.agent.messages import Probe
from gpu_doc.execution.gpus.inventory import Gpu, Inventory, of_facts
from gpu_doc.execution.gpus.requests import ALL
from gpu_doc.execution.runs import devices
from gpu_doc.model.configuration import Run
from gpu_doc.model.values import Json


def look(runs: Sequence[Run], images: Images, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look for the GPUs of an engine's runs, as runs do. No finding if no run requests one and there is none."""
    runs = [run for run in runs if run.gpus != "none"]
    if not runs:
        return
    trial = next((run for run in runs if run.image in images.startable), None)
    asked = any(map(devices.asks, runs))
    remote = images.engine.remote
    if trial is None and remote:
        return  # only a container could tell
    found = devices.search(
        images.engine.facts.offer,
        environ,
        remote=remote,
        asked=asked,
        probe=lambda: _shown(images, trial, [ALL]) if trial else {},
    )
    if not (asked or found.gpus):
        if found.amd:
            yield ok("GPU", "the engine has only GPUs of AMD's, which gpu-doc can't give to runs; none asks for one")
        return
    for driver in dict.fromkeys(run.gpu_driver for run in runs):
        mine = [run for run in runs if run.gpu_driver == driver]
        yield from _tried(mine, images, found)


def _tried(runs: Sequence[Run], images: Images, found: Inventory) -> Iterator[Finding]:
    """Check runs that get their GPUs in the same way, with one container that gets all GPUs."""
    facts: Mapping[str, Json] | None = None
    trial = next((run for run in runs if run.image in images.startable), None)
    if trial and found.gpus:
        try:
            facts = _shown(images, trial, found.gpus)
        except GpuDocError as error:
            yield failure("GPU", error, subject="in containers")
            return
    yield from _judged(runs, found, facts)


def _shown(images: Images, run: Run, gpus: Sequence[Gpu]) -> Mapping[str, Json]:
    """Return what a container with these GPUs finds. Raises GpuDocError."""
    run = replace(run, notebook=None, command=("true",))
    said = images.greeting(run, images.here[str(run.image)], gpus)
    return said.facts if isinstance(said, Probe) else {}


def _judged(runs: Sequence[Run], found: Inventory, facts: Mapping[str, Json] | None) -> Iterator[Finding]:
    """Yield a finding for each run: are its GPUs there. `facts` come from a container; None if none was started."""
    lacking = False
    for run in runs:
        try:
            choice = devices.choose(run, found)
            names = [gpu.id for gpu in choice.gpus[: choice.count]]
            if facts and names and (error := devices.check(run, names, facts)):
                raise error
        except MachineError as error:
            lacking = True
            yield failure("GPU", error, subject=f"{run.report}: {run.address}")
    if facts and found.gpus and not lacking:
        yield ok("GPU", f"containers get {', '.join(map(str, of_facts(facts).gpus))}")
