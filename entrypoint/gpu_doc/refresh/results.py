"""Records an ended run, and checks whether it was what was planned."""

from __future__ import annotations

import platform

from gpu_doc import __version__
from gpu_doc.errors import RunError
from gpu_doc.execution.runs.job import Finished, Job
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import executed_cells
from gpu_doc.plan.plan import RunPlan
from gpu_doc.record import cuts
from gpu_doc.record.fingerprint import Machine, cell_hash


def record_of(finished: Finished, plan: RunPlan, machine: Machine, commit: str | None) -> dict[str, Json]:
    """Return what state keeps of a successful run, besides its files."""
    assert plan.fingerprint is not None
    made_on = dict(plan.fingerprint.machine)
    packages = made_on.get("packages") or {}
    if "python" in packages:
        made_on["packages"] = {**packages, "python": machine.environment.version}
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
    }


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
