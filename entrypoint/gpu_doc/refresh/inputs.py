"""Takes down what a run read, when it has ended, and tells a person what they must know about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.runs.declared import undeclared, view
from gpu_doc.execution.runs.job import Finished
from gpu_doc.model.observed import Observed
from gpu_doc.model.values import Json
from gpu_doc.plan.plan import RunPlan
from gpu_doc.record.contents import Contents
from gpu_doc.record.inputs import to_json
from gpu_doc.record.taking import Taking
from gpu_doc.redaction import Redactor
from gpu_doc.refresh.planning import Doors

_SAID = 5
"""So many files are named, then a count."""


def take_inputs(finished: Finished, plan: RunPlan, doors: Doors, *, by_bytes: bool) -> dict[str, Json]:
    """Return the entries for a run's record; `by_bytes`: its code counts by its bytes, as it may see them."""
    assert plan.fingerprint is not None
    run, observed, judge = finished.job.run, finished.observed, doors.judge()
    if run.inputs == "declared":  # the fingerprint has them all
        if said := undeclared(run, plan.fingerprint.source, observed, finished.job.root):
            doors.console.warn(f"{run.address}: {said}")
        observed = Observed()
    observed = _without_secrets(observed, doors.machine.redactor)
    prefix = doors.machine.environment.executable.parent.parent
    settings = [f"{doors.environ['HOME']}/."] if doors.environ.get("HOME") else []
    taken = Taking(judge.never, installed=[f"{prefix}/", *settings]).of(
        observed,
        run,
        source=plan.fingerprint.source,
        began=finished.began,
        contents=Contents(doors.machine.line_ends),
        variables=judge.variables(run),
    )
    if taken.changed:
        what = f"{_some(taken.changed)} changed while {run.address} went on"
        doors.console.warn(f"{what}: its result is kept, but the next `gpu-doc run` executes it again")
    if taken.elsewhere:
        paths = ", ".join(taken.elsewhere[:_SAID])
        doors.console.note(
            f"{run.address} read {_some(taken.elsewhere)} outside of the checkout: a change there makes nothing stale. "
            f"To have it count: `data: [{paths}]`"
        )
    unobserved = {"unobserved": observed.unobserved} if observed.unobserved else {}
    if observed.unobserved and not taken.inputs:
        return unobserved
    inputs = taken.inputs.by_bytes() if by_bytes else taken.inputs
    return {"inputs": to_json(inputs), "stamps": dict(taken.stamps), **unobserved}


def with_remedy(error: GpuDocError, finished: Finished, plan: RunPlan) -> GpuDocError:
    """Return the error of a run; if it may not see a file that it looked for, with a remedy that says so."""
    run = finished.job.run
    if run.inputs == "declared" and plan.fingerprint:
        said = undeclared(run, plan.fingerprint.source, finished.observed, finished.job.root)
        error.remedy = f"{said}." if said else error.remedy
    return error


def seen_only(plan: RunPlan, doors: Doors, root: Path) -> frozenset[str] | None:
    """Return what a run sees of the checkout if its inputs are declared; None: all."""
    source = plan.here.source if plan.here else {}
    return view(plan.run, source, root, doors.work_tree() or root) if plan.run.inputs == "declared" else None


def _without_secrets(observed: Observed, redactor: Redactor) -> Observed:
    """Leave out paths that contain a secret, such as a file that was looked for by its name."""
    if not redactor:
        return observed
    paths = ("read", "imported", "missing", "present", "listed", "written")
    kept = {name: frozenset(each for each in getattr(observed, name) if redactor.text(each) == each) for name in paths}
    return replace(observed, **kept, unobserved=redactor.text(observed.unobserved))


def _some(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - _SAID} more" if len(paths) > _SAID else ""
    return ", ".join(paths[:_SAID]) + more
