"""Keeps what people changed by hand in generated text and files before it is overwritten, and warns about it."""

from __future__ import annotations

from pathlib import Path

from gpu_doc.console.console import Console
from gpu_doc.errors import GpuDocError, MachineError
from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.answers import Answer, Call
from gpu_doc.model.location import Location
from gpu_doc.plan.plan import ReportPlan
from gpu_doc.plan.planner import Planner
from gpu_doc.plan.usable import Usable
from gpu_doc.record import checkout
from gpu_doc.record.checkout import Draft
from gpu_doc.record.contents import is_as
from gpu_doc.record.state import State
from gpu_doc.report.report import render
from gpu_doc.report.template import TemplateWorker


class HandEdits:
    """Keeps hand edits in state."""

    def __init__(self, root: Path, state: State, console: Console, line_ends: LineEnds) -> None:
        self._root = root
        self._state = state
        self._console = console
        self._line_ends = line_ends

    def keep(self, plan: ReportPlan, draft: Draft) -> None:
        """Keep what `draft` will overwrite in state, and say where."""
        if self._is_edited(plan, draft) and draft.before is not None:
            kept = self._state.keep_edited(plan.report.path, draft.before)
            line = plan.edits[0].line if plan.edits else None
            line = line or first_difference(draft.before, checkout.content_of(draft.files[draft.path]))
            what = (
                "was edited by hand"
                if plan.evidence
                else "is not what gpu-doc would write, and no evidence says who did"
            )
            location = Location(plan.report.path, line)
            self._console.warn(
                f"{location} {what}; it is rendered again. Your version is kept in {kept}; "
                f"edit {plan.report.template or 'the text outside the markers'} instead.",
                where=location,
            )
        for path, new in draft.files.items():
            name = path.removeprefix(f"{plan.report.assets}/")
            known = plan.evidence.files.get(name) if plan.evidence else None
            content = checkout.read(self._root / path) if known else None
            if content is None or known is None:
                continue
            if is_as(self._root / path, content, known.sha256, self._line_ends):
                continue
            if content != checkout.content_of(new):
                kept = self._state.keep_edited(path, content)
                self._console.warn(f"{path} was changed by hand; it is made again. Your version is kept in {kept}.")

    def _is_edited(self, plan: ReportPlan, draft: Draft) -> bool:
        """Return whether the report differs from the draft and from what evidence says that we wrote."""
        if not plan.report.template:
            return bool(plan.edits)
        if draft.before is None or draft.before == checkout.content_of(draft.files[draft.path]):
            return False
        if plan.evidence is None or not isinstance(plan.evidence.text, str):
            return True
        path, line_ends = self._root / plan.report.path, self._line_ends
        return not is_as(path, draft.before, plan.evidence.text, line_ends)


def first_difference(before: bytes, after: bytes) -> int:
    """Return the first line, from 1, in which two texts differ."""
    old, new = before.splitlines(), after.splitlines()
    pairs = enumerate(zip(old, new, strict=False), start=1)
    return next((number for number, (a, b) in pairs if a != b), min(len(old), len(new)) + 1)


def first_edited_line(plan: ReportPlan, planner: Planner) -> int | None:
    """Return the first line of a generated report that was edited; None if evidence can't render it to compare."""
    if plan.edits and plan.edits[0].line:
        return plan.edits[0].line
    known = plan.evidence
    if known is None or not plan.report.template or not all(claim.holds for claim in known.claims):
        return None  # marks of claims are no answers
    line_ends = planner.machine.line_ends
    usable = Usable(plan.report, known, planner.capture, planner.root, line_ends)

    def answer(call: Call) -> Answer:
        kept = usable.answer(call)
        if kept is None:
            raise MachineError("evidence has no answer")
        return Answer(value=kept.value)

    try:
        with TemplateWorker() as templates:
            text = render(plan.report, planner.root, templates, answer).text
        return first_difference((planner.root / plan.report.path).read_bytes(), text.encode())
    except (GpuDocError, OSError):
        return None
