"""Prints the results of commands on standard output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.console.console import Console
from gpu_doc.errors import GpuDocError
from gpu_doc.model.configuration import Config
from gpu_doc.model.location import Location
from gpu_doc.model.publishing import Published
from gpu_doc.plan.plan import Plan
from gpu_doc.refresh.refreshing import Outcome

if TYPE_CHECKING:
    from gpu_doc.model.results import Result


def plan(planned: Plan, checked: Mapping[str, Sequence[GpuDocError]], console: Console, *, root: Path) -> None:
    """Print what would run and why, and what would fail, report by report."""
    width = max([len(run.run.address) for report in planned.reports for run in report.runs], default=0)
    for report in planned.reports:
        console.verdict(f"{report.report.path}: ", "fresh" if report.fresh else "stale", good=report.fresh)
        for reason in report.reasons:
            console.say(f"  {reason}")
        for run in report.runs:
            verdict = "fresh" if run.fresh else "would run"
            why = f": {'; '.join(run.reasons)}" if run.reasons else ""
            console.verdict(f"  {run.run.address:<{width}}  ", verdict + why, good=run.fresh)
        for item in report.unchecked:
            console.say(f"  not checked here: {item}")
        for error in report.broken:
            console.verdict("  ", f"does not hold: {error.where}: {error.what}", good=False)
        would_fail("  ", checked.get(report.report.path, ()), console, root=root)
    if not planned.reports:
        console.say("No reports are configured.")


def would_fail(start: str, problems: Sequence[GpuDocError], console: Console, *, root: Path) -> None:
    """Print what is known to fail before anything runs."""
    for problem in problems:
        where = problem.location.relative_to(root) if problem.location else problem.where
        said = " ".join(filter(None, [f"{where}: {problem.what}." if where else f"{problem.what}.", problem.remedy]))
        console.verdict(start, f"would fail: {said}", good=False)


def outcome(done: Outcome, config: Config, console: Console, *, here: Path) -> None:
    """Print what a refresh wrote; paths of reports are relative to `here`."""
    if done.left:
        return  # a note has said why nothing runs
    if not done.written and not done.errors:
        console.verdict("", f"All fresh: {_count(len(config.reports), 'report')}, nothing to run.", good=True)
        for report in config.reports:
            console.say(f"  {_from(here, config.root / report.path)}")
        return
    written = {report.path: done.written[report.path] for report in config.reports if report.path in done.written}
    for path, changed in written.items():
        console.say(f"{path}: {_count(len(changed), 'file')} changed" if changed else f"{path}: nothing changed")
        for name in changed:
            console.say(f"  {name}")
    console.say(f"{_count(done.executed, 'run')} executed{':' if done.results else '.'}")
    _took(done.results, console)
    for path in written:
        console.say(f"Report: {_from(here, config.root / path)}")


def _took(results: Sequence[Result], console: Console) -> None:
    """Print the time of each run, and its peaks."""
    from gpu_doc.record import consumption  # not needed if all is fresh
    from gpu_doc.text.units import readable_time

    width = max((len(result.run.address) for result in results), default=0)
    for result in results:
        taken = consumption.read(result)
        said = [readable_time(float(result.record["seconds"])), consumption.summary(taken) if taken else ""]
        console.say(f"  {result.run.address:<{width}}  {', '.join(filter(None, said))}")


def published(done: Published, console: Console) -> None:
    """Print where the results were published."""
    if done.operation != "none":
        console.say(f"Pull request #{done.number} {done.operation}: {done.url}")
    elif done.number:
        console.say(f"Pull request #{done.number} has it all already: {done.url}")
    elif done.commit:
        console.say(f"Pushed as {done.commit[:12]}.")


def check(planned: Plan, edited: Mapping[str, int], console: Console) -> None:
    """Print what is stale or was edited; `edited` has the line of an edit, if it is known."""
    for report in planned.reports:
        path = report.report.path
        for change in report.changes:
            console.say(f"{path}: {change}")
        for edit in report.edits:
            line = edit.line or edited.get(path)
            console.say(f"{Location(path, line)}: edited by hand in a generated part" if line else str(edit))
        for run in report.runs:
            if not run.fresh:
                console.say(f"{path}: run {run.run.address}: {'; '.join(run.reasons)}")
        for item in report.unchecked:
            console.say(f"{path}: not checked here: {item}")
        if not report.fresh:
            stale = [f"run {run.run.address}: {'; '.join(run.reasons)}" for run in report.runs if not run.fresh]
            what = "\n".join(["this report is not what its runs would give", *report.reasons, *stale])
            console.annotate("error", what, where=Location(path, edited.get(path, 0)))
        for error in report.broken:
            console.error(error)
    if planned.fresh and not any(report.broken for report in planned.reports):
        console.verdict("", f"All fresh: {_count(len(planned.reports), 'report')}.", good=True)
    elif not planned.fresh:
        console.say("`gpu-doc run` refreshes what is stale, and renders edited parts again.")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _from(here: Path, path: Path) -> str:
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
