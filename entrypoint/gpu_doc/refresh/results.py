"""Records an ended run, and checks whether it was what was planned."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from gpu_doc import __version__
from gpu_doc.errors import RunError
from gpu_doc.execution.runs.job import Finished, Job
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import executed_cells, joined
from gpu_doc.plan.plan import RunPlan
from gpu_doc.record import cuts, forms
from gpu_doc.record.fingerprint import Machine, cell_hash


def record_of(finished: Finished, plan: RunPlan, machine: Machine, commit: str | None) -> dict[str, Json]:
    """Return what state keeps of a successful run, besides its files."""
    assert plan.fingerprint is not None
    made_on = dict(plan.fingerprint.machine)
    packages = made_on.get("packages") or {}
    if "python" in packages:
        made_on["packages"] = {**packages, "python": machine.environment.version}
    job = finished.job
    made_on["system"] = f"{platform.system()} {platform.machine()}"
    if plan.run.image:
        made_on["image"] = plan.run.image
    if finished.probe:
        made_on["probe"] = dict(finished.probe)
    return {
        **cuts.to_record(finished.cuts),
        "started": finished.started,
        "seconds": round(finished.seconds, 2),
        "commit": commit,
        "gpu-doc": __version__,
        "machine": made_on,
        "forms": forms.of_run(plan.run, job.root, plan.fingerprint.source, job.redactor.json, _texts(job)),
    }


def _texts(job: Job) -> Iterator[str]:
    """Yield the texts that a run showed, except those of figures and files."""
    if not job.run.notebook:
        yield (job.folder / "terminal.log").read_bytes().decode("utf-8", "replace")
        return
    for cell in executed_cells(job.folder / "executed.ipynb"):
        for output in cell.outputs:
            data = output.get("data") or {}
            yield joined(output.get("text", ""))
            yield from (joined(text) for kind, text in data.items() if kind.startswith("text/"))
            yield from map(str, output.get("traceback", ()))


def changed_meanwhile(job: Job, plan: RunPlan) -> RunError | None:
    """Return whether the planned code was executed: a person may have saved the notebook while the run waited."""
    if not job.run.notebook or plan.fingerprint is None:
        return None
    planned = plan.fingerprint.source.get("code", [])
    cells = executed_cells(job.folder / "executed.ipynb")
    executed = [cell_hash(cell) for cell in cells if cell.number]
    # If the source has a cell of an earlier papermill, it was replaced.
    if executed == planned or len(planned) == len(executed) + 1 == len(cells):
        return None
    return RunError(
        "this notebook was saved while its run waited: what was executed is not what was planned",
        where=Location(job.run.notebook),
        remedy="Run again.",
    )
