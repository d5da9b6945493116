"""Prints what `verify` finds."""

from __future__ import annotations

import json

from gpu_doc.console.console import Console
from gpu_doc.errors import Exit
from gpu_doc.model.configuration import Config
from gpu_doc.refresh.planning import Doors
from gpu_doc.report.template import TemplateWorker
from gpu_doc.verify.findings import Verdict
from gpu_doc.verify.verify import PROVES, Verifier


def verify(config: Config, doors: Doors, *, as_json: bool) -> Exit:
    """Verify reports, and print what was found of each."""
    with TemplateWorker() as worker:
        verifier = Verifier(config, doors.machine, worker)
        verdicts = [verifier.verify(report) for report in config.reports]
    intact = all(verdict.intact for verdict in verdicts)
    if as_json:
        told = {"intact": intact, "reports": [verdict.to_json() for verdict in verdicts], "proves": PROVES}
        doors.console.say(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        for verdict in verdicts:
            _print(verdict, doors.console)
        if verdicts:
            doors.console.say(PROVES)
        else:
            doors.console.say("No reports are configured.")
    return Exit.DONE if intact else Exit.FINDING


def _print(verdict: Verdict, console: Console) -> None:
    number = len(verdict.findings)
    counted = ", ".join(f"{what}: {count}" for what, count in verdict.counts)
    said = f"intact ({counted})" if verdict.intact else f"not intact: {number} finding{'s' * (number != 1)}"
    console.verdict(f"{verdict.report}: ", said, good=verdict.intact)
    for finding in verdict.findings:
        console.say(f"  {finding}")
        console.annotate("error", finding.what, where=finding.where)
    for what in verdict.unchecked:
        console.say(f"  not compared: {what}")
