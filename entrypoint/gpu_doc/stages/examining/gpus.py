"""Whether runs in containers get the GPUs that they ask for: judged by what a container with GPUs finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from gpu_doc.errors import GpuDocError, MachineError
from gpu_doc.model import Json, Run
from gpu_doc.outside.gpus.inventory import Inventory, inventory, of_facts
from gpu_doc.stages.examining.finding import Finding, failure, ok
from gpu_doc.stages.examining.images import Images
from gpu_doc.stages.executing import devices


def look(runs: Sequence[Run], images: Images, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look for the GPUs of an engine's runs; nothing is said where none asks for one, and none is there."""
    runs = [run for run in runs if run.gpus != "none"]
    asking = any(run.requires or run.gpus != "auto" for run in runs)
    here = Inventory() if images.engine.remote else inventory(environ)
    able = images.engine.facts.nvidia or images.engine.facts.cdi
    if not runs or not (asking or here.gpus or able):
        return
    facts: Mapping[str, Json] | None = None
    if trial := next((run for run in runs if run.image in images.startable), None):
        try:
            facts = _shown(images, trial, here)
        except GpuDocError as error:
            if asking or here.gpus:
                yield failure("GPU", error, subject="in containers")
            return
    if facts or not images.engine.remote:
        yield from _judged(runs, here, facts)


def _shown(images: Images, run: Run, here: Inventory) -> Mapping[str, Json]:
    """Return what a container with all GPUs of `here`, or else of the engine, finds. Raises GpuDocError."""
    run = replace(run, notebook=None, command=("true",))
    said = images.greeting(run, images.here[str(run.image)], [gpu.id for gpu in here.gpus] or ["all"])
    facts: Mapping[str, Json] = said["facts"]
    return facts


def _judged(runs: Sequence[Run], here: Inventory, facts: Mapping[str, Json] | None) -> Iterator[Finding]:
    """Say of each run whether its GPUs are there. `facts` are what a container found, None where none could start."""
    found = of_facts(facts) if facts else here
    lacking = False
    for run in runs:
        try:
            choice = devices.choose(run, here if here.gpus else found)
            names = [gpu.id for gpu in choice.gpus[: choice.count]]
            if facts and names and (error := devices.check(run, names, facts)):
                raise error
        except MachineError as error:
            lacking = True
            yield failure("GPU", error, subject=f"{run.report}: {run.address}")
    if facts and found.gpus and not lacking:
        yield ok("GPU", f"containers get {', '.join(map(str, found.gpus))}")
