"""Prints the inputs of a run: `plan --explain RUN`."""

from __future__ import annotations

import json
from pathlib import Path

from gpu_doc.console.console import Console
from gpu_doc.errors import UsageError
from gpu_doc.plan.explanation import Explanation
from gpu_doc.plan.explanation import explain as explained
from gpu_doc.plan.plan import Plan


def explain(address: str, planned: Plan, console: Console, *, root: Path, as_json: bool) -> None:
    """Print the inputs of a run, in each report that has one of this name. Raises UsageError if none has."""
    runs = [(report, run) for report in planned.reports for run in report.runs]
    found = [explained(report, run, root) for report, run in runs if address in (run.run.address, run.run.name)]
    if not found:
        from gpu_doc.text.nearest import did_you_mean

        known = list(dict.fromkeys(run.run.address for _, run in runs))
        remedy = did_you_mean(address, known) or f"Name one of these: {', '.join(known) or 'none'}."
        raise UsageError(f"no run `{address}` is configured", remedy=remedy)
    if as_json:
        console.say(json.dumps([each.to_json() for each in found], indent=2, ensure_ascii=False))
        return
    for each in found:
        _print(each, console)


def _print(each: Explanation, console: Console) -> None:
    console.say(f"{each.report}: run {each.run}")
    shown = [reason for reason in each.inputs if not reason.sought]
    width = min(48, max((len(reason.name) for reason in shown), default=0))
    for reason in shown:
        console.say(f"  {reason.name:<{width}}  {reason.why}")
    if sought := [reason for reason in each.inputs if reason.sought]:
        console.say(f"  and {len(sought)} files that an import would have found before another; --json lists them")
    for what in each.unestablished:
        console.say(f"  not established: {what}")
