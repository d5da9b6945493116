"""Tells why a report has other results: which of its inputs differ between the two sides."""

from __future__ import annotations

from collections.abc import Iterator

from gpu_doc.changes.shown import Shown
from gpu_doc.record.differences import compare
from gpu_doc.record.evidence import RunEvidence


def reasons(before: Shown, after: Shown) -> Iterator[str]:
    """Return the reasons; none if one side has no evidence. A reason that several runs share is given once."""
    if not before.runs or not after.runs:
        return
    said: dict[str, list[str]] = {}
    for address, run in after.runs.items():
        for reason in _of_run(before.runs[address], run) if address in before.runs else ["new"]:
            said.setdefault(reason, []).append(address)
    for address in before.runs.keys() - after.runs.keys():
        said.setdefault("gone", []).append(address)
    for reason, addresses in said.items():
        everywhere = len(addresses) == len(after.runs) and reason not in ("new", "gone")
        yield reason if everywhere else f"{', '.join(addresses)}: {reason}"
    for path in dict.fromkeys([*after.sources, *before.sources]):
        if path not in before.sources or path not in after.sources:
            yield f"{path} is {'new' if path in after.sources else 'no longer used'}"
        elif before.sources[path] != after.sources[path]:
            yield f"{path} changed"


def _of_run(before: RunEvidence, after: RunEvidence) -> list[str]:
    if before.fingerprint.text == after.fingerprint.text:
        # No input changed, but the run was executed again.
        return [] if before.made == after.made else ["run again, from the same inputs"]
    try:
        return list(compare(before.fingerprint, after.fingerprint, cell_name=lambda number: f"#{number}").reasons)
    except (KeyError, TypeError, AttributeError, ValueError):  # evidence of a pull request, or of another version
        return []
