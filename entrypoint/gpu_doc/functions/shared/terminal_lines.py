"""Selects lines of a command's terminal."""

from __future__ import annotations

from collections.abc import Sequence

from gpu_doc.errors import ReportError
from gpu_doc.execution.agent.pseudo_terminal import CUT
from gpu_doc.functions.shared import plaintext
from gpu_doc.functions.shared.function import BoundCall


def kept(lines: Sequence[str], call: BoundCall) -> list[int]:
    """Return the indices of the lines that a call keeps. Raises ReportError if none is left."""
    return plaintext.kept_lines(lines, lines_wanted=call.get("lines"), match=call.get("match"))


def check_whole(lines: Sequence[str], call: BoundCall) -> None:
    """Raise ReportError if a cut would hide some of the lines that a call asks for."""
    cuts = {index for index, line in enumerate(lines) if line.startswith(f"… {CUT} ")}
    if cuts and (call.get("match") or cuts.intersection(kept(lines, call))):
        raise ReportError(
            f"the terminal's log was cut (`limits.output`), in line {min(cuts) + 1} of what is kept",
            remedy='Raise `limits.output`, print less, or take lines before or after the cut, such as lines="-20:".',
        )


def demand_text(lines: Sequence[object], what: str, *, remedy: str = "") -> None:
    """Raise ReportError if there is nothing to show."""
    if not any(lines):
        raise ReportError(what, remedy=remedy)
