"""Compares everything about a report with everything else. It runs nothing, and needs no state."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gpu_doc.git import checkout
from gpu_doc.model.configuration import Config, Report
from gpu_doc.record import evidence
from gpu_doc.record.contents import Seen
from gpu_doc.record.evidence import CHECKSUMS_SINCE, Evidence
from gpu_doc.record.fingerprint import Machine
from gpu_doc.record.judging import Judge
from gpu_doc.record.state import State
from gpu_doc.report.template import TemplateWorker
from gpu_doc.verify import answers, evidence_file, files, kept_results
from gpu_doc.verify.evidence_file import EvidenceFile
from gpu_doc.verify.files import Folder
from gpu_doc.verify.findings import Finding, Verdict
from gpu_doc.verify.runs import RunCheck
from gpu_doc.verify.text import TextCheck

PROVES = (
    "Intact proves that these files agree with each other, not who made them. Who changes all of them so that they "
    "agree again is not found: that is what signatures are for, and there are none yet."
)


class Verifier:
    """Verifies the reports of a configuration."""

    def __init__(
        self, config: Config, machine: Machine, worker: TemplateWorker, judge: Callable[[], Judge], state: State
    ) -> None:
        self._config = config
        self._machine = machine
        self._worker = worker
        self._judge = judge
        self._state = state
        self._tree = checkout.work_tree(config.root)
        self._seen = Seen()

    def verify(self, report: Report) -> Verdict:
        """Return what was found of a report."""
        root, line_ends = self._config.root, self._machine.line_ends
        tree = self._tree or root
        folder = Folder(report, root, tree, self._tree is not None, line_ends)
        path = evidence.path_of(report, root)
        file = evidence_file.read(path, f"{report.assets}/{evidence.NAME}", tree, line_ends)
        if file.known is None:
            return Verdict(report=report.path, findings=tuple(file.findings))
        runs = RunCheck(self._config, report, self._machine, self._tree, self._seen, self._judge)
        known = file.known
        if known.report not in ("", report.path):
            file.add("evidence", f"is evidence of {known.report}, not of this report", "report")
        plans = runs.plans(known)
        found = [*self._compared(folder, known, file), *runs.findings(known, file, plans)]
        results = kept_results.results(known, plans, self._state)
        kept_results.compare(self._config, report, known, results, self._machine.redactor, file)
        unchecked = [*_old(known), *runs.unchecked(known, plans), *kept_results.told(known, results)]
        unchecked += _never(report, known)
        counts = {"pictures": len(known.files), "answers": len(known.answers), "runs": len(known.runs)}
        return Verdict(
            report=report.path,
            findings=tuple(dict.fromkeys([*found, *file.findings])),
            unchecked=tuple(unchecked),
            counts=tuple(counts.items()),
        )

    def _compared(self, folder: Folder, known: Evidence, file: EvidenceFile) -> Iterator[Finding]:
        yield from TextCheck(folder, known, file, self._worker).findings()
        yield from files.compare(folder, known, file)
        answers.compare(folder.report, known, file)


def _old(known: Evidence) -> Iterator[str]:
    if known.format < CHECKSUMS_SINCE:
        yield (
            f"numbers in evidence that nothing else repeats, such as times: it has format {known.format}, "
            "which has no checksums; the next run whose results differ writes today's"
        )


def _never(report: Report, known: Evidence) -> Iterator[str]:
    """Yield what is never compared, since it can't be without running."""
    if known.files:
        yield "whether pictures show what their runs gave: that takes running them again"
    images = any(run.source.get("image") != "local" for run in known.runs.values())
    yield f"packages{', image digest' if images else ''} and GPU of the runs: they are another machine's"
    if not report.template:
        yield "the text outside of blocks: people write it"
