"""Selects lines of a command's terminal."""

from __future__ import annotations

from collections.abc import Sequence

from gpu_doc.errors import ReportError
from gpu_doc.execution.agent.pseudo_terminal import CUT
from gpu_doc.functions.shared import plaintext
from gpu_doc.functions.shared.function import BoundCall
from gpu_doc.model.pictures import LEFT_OUT


def kept(lines: Sequence[str], call: BoundCall) -> list[int]:
    """Return the indices of the lines that a call keeps. Raises ReportError if none is left."""
    return plaintext.kept_lines(lines, lines_wanted=call.get("lines"), match=call.get("match"))


def check_whole(lines: Sequence[str], call: BoundCall) -> None:
    """Raise ReportError if something would be missing from what is shown of a terminal."""
    cuts = [index for index, line in enumerate(lines) if line.startswith((f"… {CUT} ", LEFT_OUT))]
    if not cuts or not (call.get("match") or _crosses(cuts, kept(lines, call), call.get("lines"))):
        return
    if lines[cuts[0]].startswith(LEFT_OUT):
        raise ReportError(
            f"the terminal's log is too long: only the last {len(lines) - 1:,} lines of it can be shown",
            remedy='Print less, or take the last lines, such as lines="-20:".',
        )
    raise ReportError(
        f"the terminal's log was cut (`limits.output`), in line {min(cuts) + 1} of what is kept",
        remedy='Raise `limits.output`, print less, or take lines before or after the cut, such as lines="-20:".',
    )


def _crosses(cuts: Sequence[int], shown: Sequence[int], wanted: str | None) -> bool:
    """Whether lines have a cut among them, or between them and the end from which they are counted."""
    part = plaintext.line_slice(wanted) if wanted else slice(None)
    ends = [end for end in (part.start, part.stop) if end is not None]
    from_begin = part.start is None or any(end >= 0 for end in ends)
    from_end = (part.stop is None and (part.start or 0) < 0) or any(end < 0 for end in ends)
    return any(index in cuts or (from_begin and index > cuts[0]) or (from_end and index < cuts[-1]) for index in shown)


def demand_text(lines: Sequence[object], what: str, *, remedy: str = "") -> None:
    """Raise ReportError if there is nothing to show."""
    if not any(lines):
        raise ReportError(what, remedy=remedy)
