"""Compares values in evidence with the results in state, where it has them: state is sealed, and evidence is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gpu_doc.errors import GpuDocError
from gpu_doc.functions.shared.redacted import redacted
from gpu_doc.functions.shared.results import ResultReader
from gpu_doc.model.configuration import Config, Report
from gpu_doc.model.results import Result
from gpu_doc.plan.plan import RunPlan
from gpu_doc.record.evidence import Evidence
from gpu_doc.record.state import State
from gpu_doc.redaction import Redactor
from gpu_doc.verify.answers import of
from gpu_doc.verify.evidence_file import EvidenceFile


def results(known: Evidence, plans: Mapping[str, RunPlan], state: State) -> dict[str, Result]:
    """Return the results in state that evidence is about: of the same execution, since another may give others."""
    found = {}
    for address, run in known.runs.items():
        result = state.find(plans[address].run, run.fingerprint.text) if address in plans else None
        if result and result.record.get("started") == run.made.get("started"):
            found[address] = result
    return found


def compare(
    config: Config, report: Report, known: Evidence, found: Mapping[str, Result], redactor: Redactor, file: EvidenceFile
) -> None:
    """Add to a file's findings the values that are others in state. Only values: how they are written may change."""
    reader = ResultReader(report, config.capture, found, root=config.root)
    for each in of(report, known):
        if each.bound is None or each.bound.function.name != "value" or each.bound.run.address not in found:
            continue
        try:
            there = redacted(each.bound.function.answer(each.bound, reader), redactor).value
        except GpuDocError:
            continue  # a cell that was renamed since
        if there != each.kept.value:
            file.add("answer", f"{each.call}: its run gave {there!r}, says state", "answers", each.key, "value")


def told(known: Evidence, found: Mapping[str, Result]) -> Iterator[str]:
    """Yield the runs whose values could not be compared."""
    if missing := [address for address in known.runs if address not in found]:
        yield f"values with what their runs gave: state has no such result here of {', '.join(missing)}"
