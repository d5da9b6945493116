"""Composes a report: renders its text, collects its files (report/files.py), and writes its evidence.

A valid answer in evidence is preferred to a result, so that what has not changed stays the same to the byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import replace

from gpu_doc import functions
from gpu_doc.errors import CaptureError, GpuDocError, ManyErrors, ReportError
from gpu_doc.functions.shared.calls import asked, bind
from gpu_doc.functions.shared.function import BoundCall
from gpu_doc.functions.shared.redacted import redacted
from gpu_doc.functions.shared.results import ResultReader
from gpu_doc.model.answers import Answer, Asset, Call
from gpu_doc.model.results import Result
from gpu_doc.model.values import Json
from gpu_doc.plan.meanings import settings_of
from gpu_doc.plan.plan import ReportPlan, RunPlan, is_as_published
from gpu_doc.plan.usable import Usable
from gpu_doc.record import checkout, evidence
from gpu_doc.record.checkout import Content, Draft
from gpu_doc.record.evidence import Evidence, KeptAnswer, KeptFile, RunEvidence
from gpu_doc.record.inputs import with_inputs
from gpu_doc.report import report
from gpu_doc.report.claims import ReportClaims
from gpu_doc.report.files import ReportFiles, ReportTools
from gpu_doc.report.kept_answers import kept_answers, kept_text, launched, meaning, says_the_same, tells_results
from gpu_doc.report.refusals import find
from gpu_doc.report.report import Rendered

_MADE = ("started", "seconds", "commit", "gpu-doc")
"""The entries of a result's record that evidence keeps as `made`."""

_PICTURES = (("picture",), ("image",))
"""What functions give whose answer is a picture and the words beside it."""


class NeedsRuns(Exception):  # noqa: N818 - a question to the scheduler, not an error
    """Rendering needs results that are neither in state nor in evidence."""

    def __init__(self, addresses: Sequence[str]) -> None:
        super().__init__(", ".join(addresses))
        self.addresses = tuple(addresses)


class Composer:
    """Composes one report. `executed` maps addresses to results of this refresh; it grows as runs end."""

    def __init__(
        self, plan: ReportPlan, tools: ReportTools, calls: Iterable[BoundCall], *, executed: Mapping[str, Result]
    ) -> None:
        """`calls` are those found in the rehearsal."""
        self._plan = plan
        self._report = plan.report
        self._tools = tools
        self._executed = executed
        self._runs = {run.run.address: run for run in plan.runs}
        self._results: dict[str, Result] = {}
        self._known = plan.evidence or Evidence()
        self._files = ReportFiles(plan.report, self._known, tools)
        self._usable = Usable(plan.report, self._known, tools.capture, tools.root, tools.line_ends)
        self._reader = ResultReader(plan.report, tools.capture, self._results, root=tools.root)
        self._calls = {bound.call.key: bound for bound in calls}
        self._answers: dict[str, Answer] = {}
        """By the key of the call: each is asked for once, whether early for its pictures or for the text."""
        self._older_code: dict[str, dict[str, Json]] = {}
        """By the key of each picture that shows code as it was written before: what evidence says of that."""
        self._as_published: dict[str, tuple[str, ...]] = {}
        """By the key of each answer that still shows published facts of the run before: its new runs."""
        self._renewed: set[str] = set()
        """Those of them whose results differ."""
        self.claims = ReportClaims(plan, tools.root, self._answer, self._same_fingerprint)

    def prepare(self, calls: Sequence[BoundCall]) -> None:
        """Take the pictures of calls whose runs have all ended. `compose` raises what fails here."""
        answers: dict[str, Answer] = {}
        for call in calls:
            with suppress(NeedsRuns, ReportError):
                answers[call.call.key] = self._answer(call.call)
        self._files.photograph([asset for answer in answers.values() for asset in answer.assets])
        self._answers.update({key: self._final(answer) for key, answer in answers.items()})

    def compose(self) -> Draft:
        """The report's files. Raises NeedsRuns, or GpuDocError, ManyErrors for all calls that fail and all pictures."""
        try:
            return self._composed()
        except (ReportError, CaptureError) as error:
            found = self.refusals()
            said = {each.what for each in found}
            raise ManyErrors([*found, *(each for each in error.each if each.what not in said)]) from error

    def refusals(self) -> list[GpuDocError]:
        """All that keeps the report from being written, as far as runs that have ended tell."""
        return find(self._report, self._tools.root, self._tools.templates, self._if_ended, self._files)

    def _if_ended(self, call: Call) -> Answer | None:
        others = [run.address for run in self._bound(call).runs if run.address not in self._executed]
        with suppress(NeedsRuns):
            return self._answer(call) if all(self._runs[address].fresh for address in others) else None
        return None

    def _composed(self) -> Draft:
        before = checkout.read(self._tools.root / self._report.path)
        rendered, contents, kept = self._rendered()
        told = {run for runs in self._as_published.values() for run in runs}
        if renewed := {run for run in told if self._is_renewed(run, rendered, kept)}:
            self._renew(renewed)
            rendered, contents, kept = self._rendered()
        self.claims.demand()
        text = rendered.text.encode("utf-8")
        if self._report.template:  # in place, every byte outside of blocks stays the same
            text = self._tools.line_ends.as_there(self._tools.root / self._report.path, text, before)
        whole = self._evidence(rendered, kept)
        place = self._report.assets
        written = evidence.path_of(self._report, self._tools.root)
        there = checkout.read(written)
        files = {f"{place}/{name}": content for name, content in contents.items()}
        files |= self.claims.mended
        files[self._report.path] = text
        own = f"{place}/{evidence.NAME}"
        files[own] = self._tools.line_ends.as_there(written, whole.to_bytes(), there)
        gone = [name for name in self._known.files if name not in contents and self._files.published(name) is not None]
        obsolete = tuple(f"{place}/{name}" for name in gone)
        beside = {own: there, **self.claims.unmended}
        return Draft(path=self._report.path, files=files, before=before, obsolete=obsolete, beside=beside)

    def _rendered(self) -> tuple[Rendered, dict[str, Content], dict[str, KeptFile]]:
        """Return the text, every file's content, and the files' entries for evidence."""
        tools, claims = self._tools, self.claims
        claims.begin()
        rendered = report.render(
            self._report, tools.root, tools.templates, self._answer, said=claims.said, line_ends=tools.line_ends
        )
        # A notebook may print half of a surrogate pair, which can't be written.
        rendered = claims.judged(replace(rendered, text=rendered.text.encode("utf-8", "replace").decode()))
        assets = {asset.name: asset for answer in rendered.answers.values() for asset in answer.assets}
        return rendered, *self._files.contents(list(assets.values()))

    def _answer(self, call: Call) -> Answer:
        call = asked(call)
        known = self._answers.get(call.key)
        if known is None or not all(map(self._files.has, known.assets)):  # a picture may have been removed meanwhile
            known = self._answers[call.key] = self._asked(call)
        return known

    def _asked(self, call: Call) -> Answer:
        kept = self._usable.answer(call)
        if kept is not None and (all(map(self._unchanged, kept.runs)) or self._stays_as_published(call, kept)):
            return self._as_kept(kept)
        bound = self._bound(call)
        missing = [run.address for run in bound.runs if not self._has(bound, run.address)]
        if missing:
            earlier = self._usable.answer(call, other_source=True)
            if earlier is not None and all(map(self._unchanged, earlier.runs)):
                self._older_code[call.key] = {"source": earlier.meaning["source"]}
                return self._as_kept(earlier)
            raise NeedsRuns(missing)
        # State may contain a value that became a secret only after the run.
        answer = self._final(redacted(bound.function.answer(bound, self._reader), self._tools.redactor))
        words_only = kept is not None and bound.function.gives in _PICTURES and self._is_same_picture(answer, kept)
        return replace(answer, value=kept.value) if kept is not None and words_only else answer

    def _as_kept(self, kept: KeptAnswer) -> Answer:
        assets = tuple(Asset(name=name, digest=self._known.files[name].made_from) for name in kept.assets)
        return Answer(value=kept.value, runs=kept.runs, assets=assets, cells=kept.cells)

    def _final(self, answer: Answer) -> Answer:
        return replace(answer, assets=tuple(map(self._files.final, answer.assets))) if answer.assets else answer

    def _is_same_picture(self, answer: Answer, kept: KeptAnswer) -> bool:
        """Whether only the words beside a picture may differ: a later version may say them in another way."""
        files = self._known.files
        same = all(asset.name in files and files[asset.name].made_from == asset.digest for asset in answer.assets)
        return bool(kept.assets) and same and kept.assets == tuple(asset.name for asset in answer.assets)

    def _bound(self, call: Call) -> BoundCall:
        """Return the call as checked in the rehearsal. Raises ReportError for a wrong call that it missed."""
        if call.key not in self._calls:
            self._calls[call.key] = bind(call, self._report)
        return self._calls[call.key]

    def _stays_as_published(self, call: Call, kept: KeptAnswer) -> bool:
        """Whether a call shows how a run went (times, peaks), and may show it of the already published run.

        These are never compared. Whether the results are the same is known only after rendering everything.
        """
        function = functions.named(call.function)
        stays = function.stays if function else "never"
        told = stays == "always" or (stays == "same-fingerprint" and all(map(self._same_fingerprint, kept.runs)))
        if not told or self._renewed.intersection(kept.runs):
            return False
        self._as_published[call.key] = kept.runs
        return True

    def _renew(self, runs: Set[str]) -> None:
        """Ask anew for what was told of these runs as it was published: they gave other results."""
        self._renewed |= runs
        for key in [key for key, told in self._as_published.items() if not runs.isdisjoint(told)]:
            del self._as_published[key], self._answers[key]

    def _is_renewed(self, address: str, rendered: Rendered, files: Mapping[str, KeptFile]) -> bool:
        """Whether a run's results differ from the published ones, or can't be compared."""
        answers = self._kept(rendered)
        results = [
            key
            for key, before in self._known.answers.items()
            if address in before.runs and key in answers and tells_results(key)
        ]
        known = bool(results) or self._same_fingerprint(address)
        return not (known and self._same_results(address, answers, files))

    def _unchanged(self, address: str) -> bool:
        """Whether evidence is about exactly this run, and it was not executed again now."""
        return address not in self._executed and self._same_fingerprint(address)

    def _same_fingerprint(self, address: str) -> bool:
        return address in self._runs and is_as_published(self._known, self._runs[address])

    def _has(self, call: BoundCall, address: str) -> bool:
        """Whether there is a result that can answer a call; earlier versions did not measure resources."""
        result = self._result(address)
        if not call.function.needs_results:
            return True
        return result is not None and (address in self._executed or call.function.is_measured(result))

    def _result(self, address: str) -> Result | None:
        if address not in self._results:
            plan = self._runs.get(address)
            result = self._executed.get(address)
            if result is None and plan and plan.fingerprint and plan.fresh:
                result = self._tools.state.find(plan.run, plan.fingerprint.text)
            if result is None:
                return None
            self._tools.state.touch(result)
            self._results[address] = result
        return self._results[address]

    # --- evidence -----------------------------------------------------------------------------------------------------

    def _evidence(self, rendered: Rendered, files: Mapping[str, KeptFile]) -> Evidence:
        answers = self._kept(rendered)
        runs = {plan.run.address: self._run_evidence(plan, answers, files) for plan in self._plan.runs}
        whole = Evidence(
            sources=rendered.sources if self._report.template else {},
            settings=settings_of(self._report, self._tools.capture, launched=launched(answers)),
            runs=runs,
            answers={key: self._with_cells_of_its_runs(key, answer, runs) for key, answer in answers.items()},
            text=kept_text(self._report, rendered.text, self._tools.root, self._tools.line_ends),
            files=files,
            report=self._report.path,
            claims=self.claims.kept,
        )
        return self._known if says_the_same(whole, self._known) else whole

    def _kept(self, rendered: Rendered) -> dict[str, KeptAnswer]:
        def now(call: Call) -> dict[str, Json]:
            return meaning(self._bound(call), self._tools.root) | self._older_code.get(call.key, {})

        return kept_answers(rendered, now)

    def _with_cells_of_its_runs(self, key: str, answer: KeptAnswer, runs: Mapping[str, RunEvidence]) -> KeptAnswer:
        """An answer; with the cells that it had, if evidence still speaks of the runs that gave them."""
        before = self._known.answers.get(key)
        if before != answer or before.cells is None:
            return answer
        return before if all(runs.get(run) == self._known.runs.get(run) for run in answer.runs) else answer

    def _run_evidence(
        self, plan: RunPlan, answers: Mapping[str, KeptAnswer], files: Mapping[str, KeptFile]
    ) -> RunEvidence:
        assert plan.fingerprint is not None  # a report whose run has a problem is never composed
        address = plan.run.address
        before = self._known.runs.get(address)
        result = self._result(address)
        fits = before and before.fingerprint.text == plan.fingerprint.text
        same = before if fits and self._same_results(address, answers, files) else None
        if same and (result is None or (address not in self._executed and plan.same_inputs)):
            return same
        if before is None and result is None:
            raise NeedsRuns([address])
        made = {key: result.record.get(key) for key in _MADE} if result else before.made if before else {}
        forms = result.record.get("forms") or {} if result else before.forms if before else {}
        source, machine = plan.fingerprint.source, plan.fingerprint.machine
        now = same or RunEvidence(source=source, machine=machine, made=made, forms=forms)
        return with_inputs(now, result.record, self._tools.state.code) if result else now

    def _same_results(self, address: str, answers: Mapping[str, KeptAnswer], files: Mapping[str, KeptFile]) -> bool:
        """Whether everything that the report showed of a run, and still shows, is the same."""
        return all(
            answers[key] == before and all(files[name] == self._known.files.get(name) for name in before.assets)
            for key, before in self._known.answers.items()
            if address in before.runs and key in answers
        )
