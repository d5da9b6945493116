"""Lists the inputs of a run, and why each is one; and what is not established."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gpu_doc.errors import NotebookFileError
from gpu_doc.model.configuration import Run
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import source_cells
from gpu_doc.plan.plan import ReportPlan, RunPlan
from gpu_doc.record import imports
from gpu_doc.record.evidence import RunEvidence
from gpu_doc.record.inputs import CHANGED, Inputs

_SOUGHT = (".py", ".so")
"""The ends of the names under which the importer looks for modules."""


@dataclass(frozen=True)
class Reason:
    """An input and why it is one."""

    name: str
    why: str
    sought: bool = False
    """Whether the importer looked for it in vain: there are many of these."""


@dataclass(frozen=True)
class Explanation:
    """What a run is made of."""

    report: str
    run: str
    inputs: tuple[Reason, ...]
    unestablished: tuple[str, ...]

    def to_json(self) -> dict[str, Json]:
        """Return it as in `plan --explain RUN --json`."""
        inputs = [{"input": each.name, "why": each.why} for each in self.inputs]
        return {
            "report": self.report,
            "run": self.run,
            "inputs": inputs,
            "unestablished": list(self.unestablished),
        }


def explain(report: ReportPlan, plan: RunPlan, root: Path) -> Explanation:
    """Return the inputs of a run as evidence and its source tell."""
    known = report.evidence.runs.get(plan.run.address) if report.evidence else None
    found = [*_of_source(plan, root), *_of_machine(plan)]
    if known:
        found += _observed(known, plan)
    unknown = list(plan.unchecked)
    if plan.problem:
        unknown.append(f"its fingerprint: {plan.problem.what}")
    if known is None:
        unknown.append("what it reads besides: it has not been run yet")
    elif known.unobserved:
        unknown.append(f"all that it read: {known.unobserved}")
    elif not known.inputs:
        unknown.append("what it reads besides: its evidence is of an earlier version, or it was not watched")
    if plan.run.secrets:
        unknown.append(f"the values of secrets ({', '.join(plan.run.secrets)}), which are never kept")
    if plan.run.image is None or plan.run.network != "none":
        unknown.append("what it gets over the network")
    return Explanation(report.report.path, plan.run.address, tuple(found), tuple(unknown))


def _of_source(plan: RunPlan, root: Path) -> Iterator[Reason]:
    run, source = plan.run, plan.here.source if plan.here else {}
    if run.notebook:
        for number, name in enumerate(_cells(root / run.notebook), start=1):
            yield Reason(f"{run.notebook}#{number}{f' ({name})' if name else ''}", "a code cell of its notebook")
    else:
        yield Reason(" ".join(run.command or ()), "its command")
    for name, value in (source.get("parameters") or {}).items():
        yield Reason(f"parameters.{name} = {value}", "a parameter")
    for path in source.get("modules") or {}:
        yield Reason(path, _importer(path, run, root, source["modules"]))
    for path in source.get("files") or {}:
        yield Reason(path, "depends-on")
    for each in run.data:
        yield Reason(each.path, f"data, by its version {each.version}" if each.version is not None else "data")
    for name in run.produces:
        yield Reason(f"produces {name}", "what it leaves is part of its result")
    yield Reason(f"limits.output = {run.limits.output}", "more of what it prints is cut")


def _cells(path: Path) -> list[str]:
    try:
        return [cell.name or "" for cell in source_cells(path)]
    except NotebookFileError:
        return []


def _importer(path: str, run: Run, root: Path, modules: Mapping[str, str]) -> str:
    """Why a local file is code of a run."""
    if run.command and any(path == PurePosixPath(word).as_posix() for word in run.command):
        return "named by its command"
    place = PurePosixPath(path)
    name = place.parent.name if place.stem == "__init__" else place.stem
    for number, cell in enumerate(source_cells(root / run.notebook) if run.notebook else (), start=1):
        if _names(cell.source, name):
            return f"imported by code cell #{number}"
    for other in modules:
        if other != path and other.endswith(".py") and _names((root / other).read_text("utf-8", "replace"), name):
            return f"imported by {other}"
    return "named by its code"


def _names(code: str, name: str) -> bool:
    found = imports.read_names(code)
    return any(name in dotted.split(".") for _, dotted in found.imports)


def _of_machine(plan: RunPlan) -> Iterator[Reason]:
    fingerprint = plan.fingerprint or plan.here
    machine = fingerprint.machine if fingerprint else {}
    if plan.run.image:
        yield Reason(f"{plan.run.image} ({machine.get('image-digest') or 'digest not known here'})", "its image")
    for package, version in (machine.get("packages") or {}).items():
        yield Reason(f"{package} {version or '(not installed)'}", "a package that its code imports")
    if device := machine.get("device"):
        yield Reason(str(device).upper(), "its device")


def _observed(known: RunEvidence, plan: RunPlan) -> Iterator[Reason]:
    date = str(known.made.get("started", ""))[:10]
    when = f"by the run on {date}" if date else "by the run"
    for number, inputs in enumerate(known.inputs):
        if number:
            when = "by a run with the same results"
        yield from _of_set(inputs, when)
    for name in plan.run.env:
        yield Reason(name, "env")


def _of_set(inputs: Inputs, when: str) -> Iterator[Reason]:
    for path, digest in sorted(inputs.read.items()):
        yield Reason(path, f"read {when}{', and it changed meanwhile' if digest == CHANGED else ''}")
    for folder, (_, names) in sorted(inputs.together.items()):
        yield from (Reason(f"{folder}/{name}" if folder else name, f"read {when}") for name in names)
    for path in sorted(inputs.code):
        yield Reason(path, f"imported {when}")
    for entry in sorted(inputs.hidden):
        kind, _, path = entry.partition(" ")
        if kind != "env":
            yield Reason(path, f"{'imported' if kind == 'code' else 'read'} {when}; git ignores it")
    for folder in sorted(inputs.listed):
        yield Reason("./" if folder == "." else f"{folder}/", f"its names were listed {when}")
    for path in sorted(inputs.present):
        yield Reason(path, f"looked for {when}")
    for path in sorted(inputs.absent):
        yield Reason(path, f"looked for in vain {when}", sought=path.endswith(_SOUGHT))
