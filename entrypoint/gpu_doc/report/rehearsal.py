"""Finds failures before anything runs, so that no GPU time is spent on a report that can't be written."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gpu_doc.errors import ConfigError, GpuDocError, ReportError
from gpu_doc.functions.shared.calls import check
from gpu_doc.functions.shared.function import BoundCall
from gpu_doc.git import checkout, lfs
from gpu_doc.model.answers import Call
from gpu_doc.model.configuration import Run
from gpu_doc.model.location import Location
from gpu_doc.notebooks.cells import SourceCell, is_python, kernel_name, source_cells
from gpu_doc.notebooks.names import PARAMETERS
from gpu_doc.plan.plan import ReportPlan
from gpu_doc.plan.planner import claimed
from gpu_doc.plan.unfetched import demand_fetched
from gpu_doc.record import evidence
from gpu_doc.record.imports import parse
from gpu_doc.report.report import rehearse
from gpu_doc.report.template import TemplateWorker
from gpu_doc.text.nearest import nearest


@dataclass(frozen=True)
class ReportCheck:
    """The valid calls that a report will make, and the reasons why it can't be written."""

    calls: tuple[BoundCall, ...]
    problems: tuple[GpuDocError, ...]


def check_report(plan: ReportPlan, root: Path, templates: TemplateWorker) -> ReportCheck:
    """Rehearse a report, unless its plan had to, and check its calls, its notebooks and their parameters."""
    problems: list[GpuDocError] = [run.problem for run in plan.runs if run.problem]
    calls: dict[str, BoundCall | None] = {}
    bound = {each.call.key: each for each in plan.calls.bound}
    stale = {run.run.address for run in plan.runs if not (run.fresh or run.problem)}
    placed: Iterable[tuple[Call, Location]] = ()
    with _told(problems):
        placed = _placed_calls(plan, root, templates)
    for call, location in placed:
        if call.key not in calls:
            calls[call.key] = None
            with _told(problems):
                checked = check(call, plan.report, root, location=location, known=bound.get(call.key))
                calls[call.key] = checked
                if checked.function.takes_pictures and not stale.isdisjoint(run.address for run in checked.runs):
                    problems += _refused(checked, location, root)
    if plan.report.claims:
        from gpu_doc.plan.claims import demand_sentences

        problems += demand_sentences(plan.report, root)
    with _told(problems):
        _demand_evidence(plan, root)
    for run in plan.runs:
        if run.problem:
            continue
        with _told(problems):
            check_parameters(run.run, root)
        if not run.fresh:
            with _told(problems):
                demand_fetched(run, root)
    distinct = {(error.what, error.where): error for error in problems}
    return ReportCheck(tuple(filter(None, calls.values())), tuple(distinct.values()))


def _refused(call: BoundCall, place: Location, root: Path) -> list[GpuDocError]:
    from gpu_doc.report.certain import refused

    found = refused(call, place, root)
    return [found] if found else []


@contextmanager
def _told(problems: list[GpuDocError]) -> Iterator[None]:
    """Go on after a failure, which is told with the others."""
    try:
        yield
    except GpuDocError as error:
        problems.append(error)


def _placed_calls(plan: ReportPlan, root: Path, templates: TemplateWorker) -> Iterable[tuple[Call, Location]]:
    """The calls that a report will make, each with the place it stands at."""
    if plan.calls.places is None:
        return [*rehearse(plan.report, root, templates).calls, *claimed(plan.report)]
    return [(each.call, place) for each, place in zip(plan.calls.bound, plan.calls.places, strict=True)]


def _demand_evidence(plan: ReportPlan, root: Path) -> None:
    """Raise ReportError if evidence was not fetched: otherwise all its fresh runs would be executed again."""
    place = evidence.path_of(plan.report, root)
    name = f"{plan.report.assets}/{evidence.NAME}"
    if plan.evidence is None and not place.exists() and (said := checkout.left_out(root, name)):
        raise ReportError(f"what the report was made of is not here{said}", where=Location(name))
    if plan.evidence is None and lfs.is_pointer(place):
        what = "what the report was made of was not fetched: a pointer of Git LFS stands in its place"
        raise ReportError(
            what, where=Location(name), remedy=f"{lfs.remedy(name)} Better: keep this small file out of Git LFS."
        )


def check_parameters(run: Run, root: Path) -> None:
    """Raise ConfigError if a notebook overwrites a given parameter, so that a report would show another value.

    Without a cell tagged `parameters`, papermill injects the values at the top, and a later assignment wins. With such
    a cell, we assume that an assignment is intended.
    """
    if not run.notebook or not run.parameters:
        return
    path = root / run.notebook
    if not is_python(path, run.kernel or kernel_name(path)):
        return
    cells = source_cells(path)
    if any(PARAMETERS in cell.tags for cell in cells):
        return
    for cell in cells:
        taken = sorted(set(_assigned(cell)) & set(run.parameters))
        if taken:
            raise ConfigError(
                f"`{taken[0]}` is given to run {run.address}, but the notebook sets it again: "
                "no cell is tagged `parameters`",
                where=Location(run.notebook, cell=cell.number),
                remedy=f"Tag that cell `parameters`. {_misspelt(cells)}".strip(),
            )


def _assigned(cell: SourceCell) -> Iterator[str]:
    """The names that a cell assigns at its top level."""
    tree = parse(cell.source)
    for statement in tree.body if tree else ():
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        for target in filter(None, targets):
            yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))


def _misspelt(cells: list[SourceCell]) -> str:
    close = nearest(PARAMETERS, {tag for cell in cells for tag in cell.tags})
    return "".join(f"One is tagged `{tag}`: is it that one?" for tag in close)
