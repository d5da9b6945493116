"""Tells why a report has other results: which of its inputs differ between the two sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gpu_doc.changes.shown import Shown
from gpu_doc.record.differences import compare
from gpu_doc.record.evidence import RunEvidence

if TYPE_CHECKING:
    from gpu_doc.record.inputs import Inputs

_NAMED = 5
"""So many inputs are named, then a count."""


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
        if before.made == after.made:
            return []
        return _of_inputs(before.inputs, after.inputs) or ["run again, from the same inputs"]
    try:
        return list(compare(before.fingerprint, after.fingerprint, cell_name=lambda number: f"#{number}").reasons)
    except (KeyError, TypeError, AttributeError, ValueError):  # evidence of a pull request, or of another version
        return []


def _of_inputs(before: tuple[Inputs, ...], after: tuple[Inputs, ...]) -> list[str]:
    """Name what differs between the last sets of inputs; none if the run was not seen to read other things."""
    if not before or not after or before == after:
        return []
    old, new = before[-1], after[-1]
    words = (
        ("read", {**old.read, **old.together}, {**new.read, **new.together}),
        ("imported", old.code, new.code),
        ("listed", old.listed, new.listed),
    )
    found = [
        f"{path or 'the root'} changed ({word} by the run)"
        for word, earlier, now in words
        for path in sorted(earlier.keys() & now.keys())
        if earlier[path] != now[path]
    ]
    here = {*new.read, *new.code, *new.listed, *new.present}
    there = {*old.read, *old.code, *old.listed, *old.present}
    found += [f"{path} is new (looked for by the run)" for path in sorted(old.absent & here)]
    found += [f"{path} is missing (looked for by the run)" for path in sorted(new.absent & there)]
    more = f"and {len(found) - _NAMED} more inputs"
    return found if len(found) <= _NAMED else [*found[:_NAMED], more]
