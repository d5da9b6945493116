"""Compares the runs in evidence with the configuration, with today's source, and with what git knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gpu_doc import functions
from gpu_doc.errors import GpuDocError
from gpu_doc.git import asking
from gpu_doc.model.answers import Call
from gpu_doc.model.configuration import Config, Report, Run
from gpu_doc.model.location import Location
from gpu_doc.notebooks.cells import source_cells
from gpu_doc.record import differences, evidence, fingerprint
from gpu_doc.record.contents import Contents, Seen
from gpu_doc.record.evidence import Evidence, RunEvidence
from gpu_doc.record.fingerprint import Fingerprint, Machine
from gpu_doc.verify.evidence_file import EvidenceFile
from gpu_doc.verify.findings import Finding

_IMAGE = re.compile(r"(?:\S+@)?sha256:[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_CELL = re.compile(r"code cell #(\d+)|code changed from cell #(\d+)")


@dataclass(frozen=True)
class RunCheck:
    """The runs of one report."""

    config: Config
    report: Report
    machine: Machine
    tree: Path | None
    """The repository's top; None without one."""
    seen: Seen
    """What was hashed for other reports."""

    def findings(self, known: Evidence, file: EvidenceFile) -> Iterator[Finding]:
        """Yield what is wrong with runs and their source; add what is wrong in evidence to the file's findings."""
        runs = {run.address: run for run in self.report.runs}
        for address in known.runs.keys() - runs.keys():
            file.add("run", f"run {address} is not configured for this report", "runs", address)
        for address, run in runs.items():
            if address not in known.runs:
                where = self.config.at(run.line)
                yield Finding(kind="run", what=f"evidence says nothing of run {address}", where=where, path="$.runs")
                continue
            yield from self._source(run, known.runs[address])
            self._facts(address, known.runs[address], file)
        yield from self._settings(known)

    def _source(self, run: Run, before: RunEvidence) -> Iterator[Finding]:
        """Compare what a run was made from with what there is now; packages, GPU and image are another machine's."""
        contents = Contents(self.machine.line_ends, seen=self.seen)
        try:
            here = fingerprint.of(run, root=self.config.root, machine=self.machine, contents=contents)
            machine = {**before.machine, "data": here.machine["data"]}
            now = Fingerprint(here.source, machine)
            verdict = differences.compare(before.fingerprint, now, cell_name=lambda number: self._cell(run, number))
        except GpuDocError as error:
            where = error.location or self.config.at(run.line)
            yield Finding(kind="source", what=f"run {run.address}: {error.what}", where=where)
            return
        for reason in verdict.reasons:
            where = self._place(
                run, reason, {*_files(before), *_files(RunEvidence(source=here.source, machine={}, made={}))}
            )
            yield Finding(kind="source", what=f"run {run.address} was made of something else: {reason}", where=where)

    def _cell(self, run: Run, number: int) -> str:
        name = source_cells(self.config.root / str(run.notebook))[number - 1].name
        return f"#{number} ({name})" if name else f"#{number}"

    def _place(self, run: Run, reason: str, files: set[str]) -> Location:
        if found := _CELL.match(reason):
            return Location(str(run.notebook), cell=int(found[1] or found[2]))
        if file := next((name for name in sorted(files) if reason.startswith(f"{name} ")), ""):
            return Location(file)
        return self.config.at_key(run, reason.partition(" ")[0].partition(".")[0])

    def _facts(self, address: str, run: RunEvidence, file: EvidenceFile) -> None:
        """Add to the findings what no run can have been."""
        for key in ("image-digest", "image-content"):
            digest = run.machine.get(key)
            if digest is not None and not (isinstance(digest, str) and _IMAGE.fullmatch(digest)):
                file.add("run", f"run {address}: this is no digest of an image", "runs", address, "machine", key)
        if (run.machine.get("image-digest") is None) != (run.source.get("image") == "local"):
            what = "a local run has no image digest, and one in an image has one"
            file.add("run", f"run {address}: {what}", "runs", address, "machine", "image-digest")
        commit, seconds, started = (run.made.get(key) for key in ("commit", "seconds", "started"))
        if commit is not None and not (isinstance(commit, str) and _COMMIT.fullmatch(commit)):
            file.add("run", f"run {address}: this is no commit", "runs", address, "made", "commit")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not seconds >= 0:
            file.add("run", f"run {address}: this is no length of time", "runs", address, "made", "seconds")
        try:
            datetime.fromisoformat(str(started))
        except ValueError:
            file.add("run", f"run {address}: this is no time", "runs", address, "made", "started")

    def _settings(self, known: Evidence) -> Iterator[Finding]:
        """Compare the settings that the report shows."""
        launched = {run for key, kept in known.answers.items() if _launches(key) for run in kept.runs}
        settings = evidence.settings_of(self.report, self.config.capture, launched=launched)
        if known.settings.get("capture") != settings["capture"]:
            at = self.config.lines.get(("capture", "width"), 0)
            what = "its pictures were taken with other settings than `capture`, `for` and `fit` are now"
            yield Finding(
                kind="settings", what=what, where=self.config.at(at or self.report.line), path="$.settings.capture"
            )
        for run in self.report.runs:
            for part in ("runs", "launches"):
                if not differences.same_settings(known.settings, settings, part, run.address):
                    what = f"run {run.address}: the report shows other settings than the configuration has"
                    yield Finding(kind="settings", what=what, where=self.config.at(run.line), path=f"$.settings.{part}")

    def unchecked(self, known: Evidence) -> Iterator[str]:
        """Yield what can't be known here of the commits that runs were made from."""
        commits: dict[str, list[str]] = {}
        for address, run in known.runs.items():
            commits.setdefault(str(run.made.get("commit") or ""), []).append(address)
        for commit, addresses in commits.items():
            runs = ", ".join(addresses)
            if not commit:
                yield f"which commit these runs were made from: {runs} (there was none, or files were not committed)"
            elif _COMMIT.fullmatch(commit) and (why := self._unknown(commit)):
                yield f"whether commit {commit[:12]} is what these runs were made from: {runs} ({why})"

    def _unknown(self, commit: str) -> str:
        if self.tree is None:
            return "there is no repository here"
        if asking.ask(self.tree, "rev-parse", "--git-dir") is None:
            return "git can't be asked here"
        if asking.ask(self.tree, "merge-base", "--is-ancestor", commit, "HEAD") is not None:
            return ""
        if asking.ask(self.tree, "rev-parse", "--is-shallow-repository") == "true":
            return "the clone is shallow"
        return "it is not in this history: squashed, rebased, or of another repository"


def _launches(key: str) -> bool:
    function = functions.named(Call.from_key(key).function)
    return function is not None and function.shows_settings == "launches"


def _files(run: RunEvidence) -> Iterator[str]:
    """Yield the files in a run's source by their paths."""
    for part in ("modules", "files", "data"):
        yield from run.source.get(part) or {}
