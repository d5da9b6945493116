"""Prints what `verify` finds, and what `why` tells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from gpu_doc.console.console import Console
from gpu_doc.errors import Exit, UsageError
from gpu_doc.model.configuration import Config
from gpu_doc.refresh.planning import Doors
from gpu_doc.report.template import TemplateWorker
from gpu_doc.text.units import readable_time
from gpu_doc.verify.findings import Verdict
from gpu_doc.verify.origins import RunOrigin
from gpu_doc.verify.verify import PROVES, Verifier
from gpu_doc.verify.why import Asked, Line, Why
from gpu_doc.verify.why import why as asked_why

_MOST = 12
"""The most names that are told of a list."""


def verify(config: Config, doors: Doors, *, as_json: bool) -> Exit:
    """Verify reports, and print what was found of each."""
    with TemplateWorker() as worker:
        verifier = Verifier(config, doors.machine, worker, doors.judge, doors.state)
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


def place(text: str) -> tuple[str, int]:
    """Return the report and the line that REPORT[:LINE] names; 0 without a line."""
    found = re.fullmatch(r"(.+):([0-9]+)", text)
    if not found:
        return text, 0
    if int(found[2]) < 1:
        raise UsageError(f"`{text}` names no line", remedy="Lines count from 1.")
    return found[1], int(found[2])


def why(config: Config, doors: Doors, line: int, *, as_json: bool) -> Exit:
    """Tell where what stands on a line of a report comes from, or on all of its lines."""
    with TemplateWorker() as worker:
        told = asked_why(Asked(config, doors.machine, worker, doors.judge, doors.state), config.reports[0], line)
    if as_json:
        doors.console.say(json.dumps(told.to_json(), indent=2, ensure_ascii=False))
        return Exit.DONE
    for warning in told.warnings:
        doors.console.warn(warning)
    for text in _details(told) if line else _list(told):
        doors.console.say(text)
    return Exit.DONE


def _list(told: Why) -> Iterator[str]:
    """Say of each number, picture and table on which lines it stands, and what it comes from."""
    width = max((len(_lines(told, each)) for each in told.lines), default=0)
    for each in told.lines:
        call = each.origin.call
        address = next((json.dumps(arg, ensure_ascii=False) for arg in call.args if isinstance(arg, str)), "")
        yield f"{_lines(told, each):<{width}}  {call.function}({address}): {each.origin.shows}"
    yield from _elsewhere(told)
    if told.lines:
        yield f"`gpu-doc why {told.report}:{told.lines[0].shown.first}` tells more of a line."


def _lines(told: Why, each: Line) -> str:
    first, last = each.shown.first, each.shown.last
    return f"{told.report}:{first}" + (f"-{last}" if last > first else "")


def _elsewhere(told: Why) -> Iterator[str]:
    if not told.exact:
        yield "Which line comes from which call can't be told: the template looks into its own text, as by its length."
    for call, where in told.untold:
        yield f"{where}: {call} decides what stands in the report, or where its answer shows can't be told."


def _details(told: Why) -> Iterator[str]:
    here = f"{told.report}:{told.line}"
    if not told.lines:
        yield f"{here}: nothing generated stands here, as far as can be told."
        if told.nearest:
            yield f"  The nearest: {', '.join(f'{told.report}:{line}' for line in told.nearest)}."
        yield from _elsewhere(told)
    known: set[str] = set()
    for each in told.lines:
        origin = each.origin
        unsure = "" if each.shown.sure else " (or from another call that the same expression makes)"
        yield f"{_lines(told, each)}: {origin.call}{unsure}"
        yield f"  shows      {origin.shows}"
        yield f"  asked in   {each.shown.place}"
        for cell in origin.values:
            yield f"  value      {cell.address} = {cell.value!r}, shown as {cell.text}"
        for run in origin.runs:
            yield from _run(run, again=run.address in known)
            known.add(run.address)


def _run(run: RunOrigin, *, again: bool) -> Iterator[str]:
    yield f"  run        {run.address}: {run.what}" + ", as above" * again
    if cell := run.cell:
        first, last = cell.lines
        lines = (f":{first}" + (f"-{last}" if last > first else "")) if first else ""
        name = f" ({cell.name})" if cell.name else ""
        glues = f", which glues `{cell.glues}`" if cell.glues else ""
        yield f"  cell       #{cell.number}{name}{glues}, {cell.notebook}{lines}"
        yield from (f"             | {line}".rstrip() for line in cell.source.splitlines())
    if again:
        return
    facts = run.facts
    for label, text in (
        ("parameters", _pairs(facts.get("parameters"))),
        ("modules", _listed(facts.get("modules"))),
        ("files", _listed([*facts.get("files", ()), *facts.get("data", ())])),
        *((f"{how}", _listed(paths)) for how, paths in (facts.get("inputs") or {}).items()),
        ("commit", facts.get("commit")),
        ("image", " ".join(filter(None, [facts.get("image"), facts.get("image-digest")]))),
        ("device", ", ".join([str(facts.get("device") or ""), *facts.get("gpu", ())]).strip(", ")),
        ("driver", facts.get("driver")),
        ("packages", _listed([f"{name} {version}" for name, version in (facts.get("packages") or {}).items()])),
        ("made", _made(facts)),
    ):
        if text:
            yield f"  {label:<10} {text}"
    for what in run.unknown:
        yield f"  not established: {what}"


def _pairs(values: Any) -> str:
    return ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in (values or {}).items())


def _listed(names: Any) -> str:
    shown = list(map(str, names or ()))
    return ", ".join(shown[:_MOST]) + (f" and {len(shown) - _MOST} more" if len(shown) > _MOST else "")


def _made(facts: Any) -> str:
    seconds = facts.get("seconds")
    took = f"in {readable_time(float(seconds))}" if isinstance(seconds, int | float) else ""
    by = f"by gpu-doc {facts['gpu-doc']}" if facts.get("gpu-doc") else ""
    return ", ".join(filter(None, [str(facts.get("started") or ""), took, by]))
