"""Compares the runs in evidence with the configuration, with today's source, and with what git knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from gpu_doc import functions
from gpu_doc.functions.shared.calls import bind
from gpu_doc.git import asking
from gpu_doc.model.answers import Call
from gpu_doc.model.configuration import Config, Report, Run
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json
from gpu_doc.plan import meanings
from gpu_doc.plan.meanings import same_settings, settings_of
from gpu_doc.plan.plan import RunPlan
from gpu_doc.plan.planner import Planner
from gpu_doc.record.contents import Seen
from gpu_doc.record.evidence import Evidence, RunEvidence
from gpu_doc.record.fingerprint import Machine
from gpu_doc.record.judging import Judge
from gpu_doc.record.state import State
from gpu_doc.system.python_environment import PythonEnvironment
from gpu_doc.verify.evidence_file import EvidenceFile
from gpu_doc.verify.findings import Finding

_IMAGE = re.compile(r"(?:\S+@)?sha256:[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NO_STATE = ".gpu-doc/none"
"""A state that holds nothing: what is compared is what a clone has."""
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
    judge: Callable[[], Judge]
    """Gives what compares what runs read with what is here."""

    def findings(self, known: Evidence, file: EvidenceFile, plans: Mapping[str, RunPlan]) -> Iterator[Finding]:
        """Yield what is wrong with runs and their source; add what is wrong in evidence to the file's findings."""
        runs = {run.address: run for run in self.report.runs}
        for address in known.runs.keys() - runs.keys():
            file.add("run", f"run {address} is not configured for this report", "runs", address)
        for address, run in runs.items():
            if address not in known.runs:
                where = self.config.at(run.line)
                yield Finding(kind="run", what=f"evidence says nothing of run {address}", where=where, path="$.runs")
                continue
            yield from self._source(plans[address], known)
            yield from self._meanings(plans[address], known)
            self._facts(address, known.runs[address], file)
        yield from self._settings(known)

    def _source(self, planned: RunPlan, known: Evidence) -> Iterator[Finding]:
        run = planned.run
        if planned.problem:
            where = planned.problem.location or self.config.at(run.line)
            yield Finding(kind="source", what=f"run {run.address}: {planned.problem.what}", where=where)
            return
        files = {*_files(known.runs[run.address].source), *(_files(planned.here.source) if planned.here else ())}
        for reason in planned.reasons:
            where = self._place(run, reason, files)
            yield Finding(kind="source", what=f"run {run.address} was made of something else: {reason}", where=where)

    def _meanings(self, planned: RunPlan, known: Evidence) -> Iterator[Finding]:
        """Yield the addresses that name other cells than they did, and code that is written otherwise now."""
        where = Location(str(planned.run.notebook))
        for reason in self._judged(planned, known)[1]:
            yield Finding(kind="source", what=f"since the report was made: {reason}", where=where)

    def _judged(self, planned: RunPlan, known: Evidence) -> tuple[RunPlan, list[str]]:
        answers = meanings.by_run(known).get(planned.run.address, [])
        # A picture of code stays as it is where state is gone, and here nobody has it.
        return meanings.judged(planned, answers, self.config.root, lambda: False) if planned.fresh else (planned, [])

    def plans(self, known: Evidence) -> dict[str, RunPlan]:
        """Return the plan of each run that evidence speaks of."""
        planned = [self.plan(run, known) for run in self.report.runs if run.address in known.runs]
        return {plan.run.address: self._judged(plan, known)[0] for plan in planned}

    def plan(self, run: Run, known: Evidence) -> RunPlan:
        """Compare what a run was made from with what there is now: as a plan does, but on the machine of that time."""
        before = known.runs[run.address]
        planner = Planner(
            root=self.config.root,
            capture=self.config.capture,
            state=State(self.config.root / _NO_STATE, None),
            machine=_as_then(before, self.machine),
            images=lambda _, image: image,
            rehearse=lambda _: (),
            bind=bind,
            judge=self.judge,
            seen=self.seen,
        )
        return planner.run(run, known, force=False)

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
        settings = settings_of(self.report, self.config.capture, launched=launched)
        if known.settings.get("capture") != settings["capture"]:
            at = self.config.lines.get(("capture", "width"), 0)
            what = "its pictures were taken with other settings than `capture`, `for` and `fit` are now"
            yield Finding(
                kind="settings", what=what, where=self.config.at(at or self.report.line), path="$.settings.capture"
            )
        for run in self.report.runs:
            for part in ("runs", "launches"):
                if not same_settings(known.settings, settings, part, run.address):
                    what = f"run {run.address}: the report shows other settings than the configuration has"
                    yield Finding(kind="settings", what=what, where=self.config.at(run.line), path=f"$.settings.{part}")

    def unchecked(self, known: Evidence, plans: Mapping[str, RunPlan]) -> Iterator[str]:
        """Yield what can't be known here of what runs were made from."""
        yield from dict.fromkeys(what for plan in plans.values() for what in plan.unchecked)
        commits: dict[str, list[str]] = {}
        for address, run in known.runs.items():
            commits.setdefault(str(run.made.get("commit") or ""), []).append(address)
        for commit, addresses in commits.items():
            runs = ", ".join(addresses)
            if not commit:
                yield f"which commit these runs were made from: {runs} (there was none, or files were not committed)"
            elif _COMMIT.fullmatch(commit) and (why := self._unknown(commit)):
                yield f"whether commit {commit[:12]} is what these runs were made from: {runs} ({why})"

    def unknown_commit(self, run: RunEvidence) -> Iterator[str]:
        """Yield why it is not known whether a run's commit is what it was made from."""
        commit = run.made.get("commit")
        if isinstance(commit, str) and (why := self._unknown(commit)):
            yield f"whether its commit is what it was made from: {why}"

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


def _files(source: Mapping[str, Json]) -> Iterator[str]:
    """Yield the files in a run's source by their paths."""
    for part in ("modules", "files", "data"):
        yield from source.get(part) or {}


@dataclass(frozen=True)
class _AsThen(PythonEnvironment):
    """An environment with the packages of a run: those of this machine say nothing of it."""

    packages: Mapping[str, Json]

    def versions(self, modules: Iterable[str]) -> dict[str, str | None]:
        """Return the versions of that time."""
        del modules
        return {name: version for name, version in self.packages.items() if name != "python"}


def _as_then(before: RunEvidence, machine: Machine) -> Machine:
    packages = before.machine.get("packages") or {}
    environment = _AsThen(Path(), f"{packages.get('python') or ''}.0", (), packages)
    return replace(machine, environment=environment, gpu=before.machine.get("device") == "gpu")
