"""Plans what would run and why. It changes nothing, and imports nothing that takes long if all is fresh."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.errors import GpuDocError
from gpu_doc.model.configuration import Capture, Config, ImageIdentity, Report, Run
from gpu_doc.notebooks.cells import source_cells
from gpu_doc.plan import meanings
from gpu_doc.plan.plan import Plan, ReportCalls, ReportPlan, RunPlan, is_as_published
from gpu_doc.plan.texts import Texts
from gpu_doc.record import differences, evidence, fingerprint
from gpu_doc.record.contents import Contents, Seen
from gpu_doc.record.evidence import Evidence, RunEvidence
from gpu_doc.record.fingerprint import Fingerprint, Machine
from gpu_doc.record.state import State

if TYPE_CHECKING:
    from gpu_doc.functions.shared.function import BoundCall
    from gpu_doc.model.answers import Call
    from gpu_doc.model.location import Location
    from gpu_doc.plan.claims import EvidentClaims
    from gpu_doc.record.judging import Judge

Images = Callable[[Run, ImageIdentity | None], ImageIdentity | None]
"""Returns the image that a run would use, given the one in evidence; None if that can't be known."""


@dataclass(frozen=True, kw_only=True)
class Planner:
    """Plans reports.

    `rehearse` returns the calls that a template would make, and `bind` checks one. They raise ReportError, and are used
    only if evidence does not tell.
    """

    root: Path
    capture: Capture
    state: State
    machine: Machine
    images: Images
    rehearse: Callable[[Report], Sequence[tuple[Call, Location]]]
    bind: Callable[[Call, Report], BoundCall]
    judge: Callable[[], Judge]
    """Returns what compares the inputs of earlier runs with what is here; few plans need it."""
    seen: Seen = field(default_factory=Seen)

    @property
    def _texts(self) -> Texts:
        return Texts(root=self.root, capture=self.capture, line_ends=self.machine.line_ends)

    def plan(self, config: Config, *, force: bool = False) -> Plan:
        """Return the plan; `force`: execute everything."""
        last = self.state.last_refresh()
        reports = tuple(self._report(report, force=force) for report in config.reports)
        return Plan(reports=reports, last_refresh=last)

    def _report(self, report: Report, *, force: bool) -> ReportPlan:
        """Return the plan of one report; once more if somebody wrote it meanwhile."""
        place = evidence.path_of(report, self.root)
        while True:
            before = _stamp(place)
            plan = self._planned(report, force=force)
            if plan.fresh or _stamp(place) == before:
                return plan

    def _planned(self, report: Report, *, force: bool) -> ReportPlan:
        known = evidence.read(evidence.path_of(report, self.root))
        runs, moved = self._runs(report, known, force=force)
        changes, edits = self._texts.changes(report, known)
        changes += [*moved, *self._result_changes(report, known, runs)]
        claims = self._claims(report, known)
        changes += claims.changes if claims else []
        calls = ReportCalls()
        stale = changes or edits or not all(run.fresh for run in runs)
        if lacking := self._without_result(runs) if stale else None:
            calls = self._calls(report, known) if known else calls
            needed = self._unanswered(report, known, calls, runs, lacking) if known else lacking
            runs = [run.needed() if run.run.address in needed else run for run in runs]
        return ReportPlan(
            report=report,
            runs=tuple(runs),
            changes=tuple(changes),
            edits=tuple(edits),
            evidence=known,
            calls=calls,
            broken=tuple(claims.broken) if claims else (),
            claims=tuple(claims.to_json()) if claims else (),
        )

    def _runs(self, report: Report, known: Evidence | None, *, force: bool) -> tuple[list[RunPlan], list[str]]:
        """Return the plans of the runs, and why answers don't hold although their run is fresh."""
        answers = meanings.by_run(known)
        plans, reasons = [], dict[str, None]()
        for run in report.runs:
            plan = self.run(run, known, force=force)
            if plan.fresh and run.address in answers:  # now, as its notebook has just been read
                has_result = partial(self._has_result, plan)
                plan, changed = meanings.judged(plan, answers[run.address], self.root, has_result)
                reasons |= dict.fromkeys(changed)
            plans.append(plan)
        return plans, [*reasons]

    def _has_result(self, plan: RunPlan) -> bool:
        return not self._without_result([plan])

    def _claims(self, report: Report, known: Evidence | None) -> EvidentClaims | None:
        if not (report.claims or (known and known.claims)):
            return None
        from gpu_doc.plan.claims import judged

        return judged(report, known, self.root, self.rehearse)

    def run(self, run: Run, known: Evidence | None, *, force: bool) -> RunPlan:
        """Return the plan of one run."""
        before = known.runs.get(run.address) if known else None
        image = before.image(run.image) if before else None
        try:
            verdict, here = self._verdict(run, before, image)
        except GpuDocError as error:
            return RunPlan(run=run, fingerprint=None, reasons=(str(error),), problem=error)
        found = RunPlan(run=run, fingerprint=here, here=here, reasons=verdict.reasons, unchecked=verdict.unchecked)
        if found.fresh and before and before.inputs:
            judged = self.judge().of_sets(before.inputs, run, partial(self.state.inputs, before.fingerprint.text))
            unchecked = (*verdict.unchecked, *judged.unchecked)
            found = replace(found, reasons=judged.reasons, unchecked=unchecked, same_inputs=not judged.reasons)
        kept = [verdict.now] if found.fresh else [verdict.now, here]
        usable = [one for one in kept if found.fresh or self.state.find(run, one.text)]
        if usable and not force:
            return replace(found, fingerprint=usable[0], reasons=())
        if known and ("runs", run.address) in known.contradictions:
            return replace(found, reasons=("what evidence says of it does not fit its checksum",))
        return found if found.reasons else replace(found, reasons=("forced",))

    def _verdict(
        self, run: Run, before: RunEvidence | None, image: ImageIdentity | None
    ) -> tuple[differences.Verdict, Fingerprint]:
        """Return the differences, and the fingerprint of the run here. Raises NotebookFileError or ConfigError."""
        contents = Contents(seen=self.seen)
        verdict, here = self._compared(run, before, image, contents)
        if verdict.reasons and contents.crlf:  # ask git only then, since it takes time
            return self._compared(run, before, image, Contents(self.machine.line_ends, seen=self.seen))
        return verdict, here

    def _compared(
        self, run: Run, before: RunEvidence | None, image: ImageIdentity | None, contents: Contents
    ) -> tuple[differences.Verdict, Fingerprint]:
        found = self.images(run, image) if run.image else None
        here = fingerprint.of(run, root=self.root, machine=self.machine, contents=contents, image=found)
        if before is None:
            return differences.Verdict(("never run, as far as evidence and state tell",), (), here), here
        kernel, kernel_now = (str(each.get("kernel", "")) for each in (before.source, here.source))
        if run.notebook and kernel != kernel_now:
            from gpu_doc.record.kernels import with_same_kernel

            same = with_same_kernel(run, kernel, kernel_now, self.machine.environment.executable)
            if same != run:
                return self._compared(same, before, image, contents)
        known, alike, unchecked = self._with_same_code(run, before, here)
        verdict = differences.compare(known, alike, cell_name=lambda n: self._cell_name(run, n))
        return replace(verdict, unchecked=(*verdict.unchecked, *unchecked)), here

    def _with_same_code(
        self, run: Run, before: RunEvidence, here: Fingerprint
    ) -> tuple[Fingerprint, Fingerprint, tuple[str, ...]]:
        """Return both fingerprints, with the same bytes for code that does the same; and what can't be checked."""
        known = before.fingerprint
        if not before.forms or all(here.source.get(part) == known.source.get(part) for part in ("code", "modules")):
            return known, here, ()
        from gpu_doc.record import forms  # nothing is parsed where all is as it was

        return forms.as_before(run, self.root, (known, before.forms), here, self.machine.redactor.json)

    def _cell_name(self, run: Run, number: int) -> str:
        if not run.notebook:
            return f"#{number}"
        name = source_cells(self.root / run.notebook)[number - 1].name
        return f"#{number} ({name})" if name else f"#{number}"

    def _result_changes(self, report: Report, known: Evidence | None, runs: Iterable[RunPlan]) -> list[str]:
        """Return the results in state that the report does not show yet, and runs that are no longer configured."""
        if known is None:
            return []
        news = [
            f"the result of run {plan.run.address} is in state, not yet in the report"
            for plan in runs
            if plan.fresh and plan.fingerprint and not is_as_published(known, plan)
        ]
        gone = set(known.runs) - {run.address for run in report.runs}
        return news + [f"run {address} is no longer configured" for address in sorted(gone)]

    def _without_result(self, runs: Iterable[RunPlan]) -> frozenset[str]:
        """Return the fresh runs without a result in state; evidence may still have what the report shows of them."""
        return frozenset(
            plan.run.address
            for plan in runs
            if plan.fresh and plan.fingerprint and not self.state.find(plan.run, plan.fingerprint.text)
        )

    def _unanswered(
        self, report: Report, known: Evidence, calls: ReportCalls, runs: Iterable[RunPlan], lacking: Set[str]
    ) -> frozenset[str]:
        """Return those of `lacking` that are needed by a call for which evidence has no usable answer.

        An answer is made from all of its runs: if one of them is new, the others are needed too.
        """
        unchanged = {plan.run.address for plan in runs if plan.fresh and is_as_published(known, plan)}
        from gpu_doc.plan.usable import Usable

        usable = Usable(report, known, self.capture, self.root, self.machine.line_ends)
        asked = [
            (usable.answer(bound.call, other_source=True), {run.address for run in bound.runs})
            for bound in calls.bound
            if bound.function.needs_results
        ]
        needed: frozenset[str] = frozenset()
        while True:
            same = unchanged - needed
            more = {
                run for kept, runs in asked if kept is None or not same.issuperset(kept.runs) for run in runs
            } & lacking
            if needed == more:
                return needed
            needed = frozenset(more)

    def _calls(self, report: Report, known: Evidence) -> ReportCalls:
        """Return the calls that the report will make; none if it can't be rendered."""
        calls: Sequence[Call] = evidence.calls_of(known)
        places, claims = None, claimed(report)
        try:
            if not self._texts.ask_the_same(report, known):
                rehearsed = self.rehearse(report)
                rehearsed = [*rehearsed, *claims]
                calls, places = [call for call, _ in rehearsed], tuple(place for _, place in rehearsed)
            else:
                calls = [*calls, *(call for call, _ in claims)]
            bound = {call.key: self.bind(call, report) for call in {call.key: call for call in calls}.values()}
            return ReportCalls(bound=tuple(bound[call.key] for call in calls), places=places)
        except GpuDocError:
            return ReportCalls()  # `run` will say why


def _stamp(place: Path) -> tuple[int, ...] | None:
    """Return what is another after each write of a file; None if there is no file."""
    try:
        about = place.stat()
    except OSError:
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size


def claimed(report: Report) -> list[tuple[Call, Location]]:
    """Return the calls of a report's claims, and where the configuration has them."""
    if not report.claims:
        return []
    from gpu_doc.functions.expect import call_of

    return [(call_of(claim), claim.location) for claim in report.claims]
