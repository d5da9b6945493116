"""The plan of each report and run: what would run, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gpu_doc.errors import GpuDocError
from gpu_doc.model.configuration import ImageIdentity, Report, Run
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json
from gpu_doc.record.evidence import Evidence
from gpu_doc.record.fingerprint import Fingerprint

if TYPE_CHECKING:
    from gpu_doc.functions.shared.function import BoundCall
    from gpu_doc.model.location import Location

_NOT_TO_BE_HAD = "its result is needed to render the report, and neither state nor evidence holds it"


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """A run, and why it would be executed; it is fresh if there is no reason."""

    run: Run
    fingerprint: Fingerprint | None
    """The fingerprint of the result to use; with earlier values for what is not checked here. None: see `problem`."""
    here: Fingerprint | None = None
    """The fingerprint if it is executed on this machine."""
    reasons: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    problem: GpuDocError | None = None
    """Why no fingerprint can be computed: a file can't be read, or is not a notebook."""
    same_inputs: bool = True
    """Whether what the run of evidence read is the same here, as far as it is known."""

    @property
    def fresh(self) -> bool:
        """Whether it need not be executed."""
        return not self.reasons

    def needed(self) -> RunPlan:
        """Return the same run, to be executed because its result is missing."""
        return replace(self, fingerprint=self.here, reasons=(_NOT_TO_BE_HAD,))

    @property
    def is_lost(self) -> bool:
        """Whether it is executed only because its result is missing."""
        return self.reasons == (_NOT_TO_BE_HAD,)


@dataclass(frozen=True, kw_only=True)
class HandEdit:
    """A generated part that a person edited; `line` is set for blocks in place."""

    path: str
    line: int | None = None

    def __str__(self) -> str:
        location = Location(self.path, self.line or 0)
        return f"{location}: this block was edited by hand" if self.line else f"{location} was edited by hand"


@dataclass(frozen=True, kw_only=True)
class ReportCalls:
    """What planning found out of a report's calls, where it had to, for those who need them later."""

    bound: tuple[BoundCall, ...] = ()
    places: tuple[Location, ...] | None = None
    """Where each of them stands; None where evidence named them, and nobody has rehearsed the template."""


@dataclass(frozen=True, kw_only=True)
class ReportPlan:
    """A report, its runs, and why it would be rendered."""

    report: Report
    runs: tuple[RunPlan, ...]
    changes: tuple[str, ...] = ()
    """Why it would be rendered, apart from hand edits."""
    edits: tuple[HandEdit, ...] = ()
    evidence: Evidence | None = None
    calls: ReportCalls = ReportCalls()
    broken: tuple[GpuDocError, ...] = ()
    """Why its claims don't hold, or can't be judged, as far as evidence tells: it has what it was published with."""
    claims: tuple[Json, ...] = ()
    """All its claims, as in `plan --json`."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it would be rendered."""
        return (*self.changes, *map(str, self.edits))

    @property
    def fresh(self) -> bool:
        """Whether neither the report nor its runs need work."""
        return not self.reasons and all(run.fresh for run in self.runs)

    @property
    def unchecked(self) -> tuple[str, ...]:
        """What could not be checked here, for any of its runs."""
        return tuple(dict.fromkeys(item for run in self.runs for item in run.unchecked))

    def needs(self, addresses: Sequence[str]) -> str:
        """Return why runs are executed although nothing changed."""
        return f"{self.report.path} needs the result of {', '.join(addresses)}, which is no longer in state"

    def known_image(self, run: Run) -> ImageIdentity | None:
        """The image of a run in evidence."""
        before = self.evidence.runs.get(run.address) if self.evidence else None
        return before.image(run.image) if before else None

    def to_json(self) -> dict[str, Json]:
        """Return it as in `plan --json`: a stale run is a reason for its report."""
        stale = [f"run {plan.run.address} is stale" for plan in self.runs if not plan.fresh]
        reasons = [*self.reasons, *stale]
        claims = {"claims": list(self.claims)} if self.claims else {}
        unchecked = list(self.unchecked)
        return {"path": self.report.path, "fresh": self.fresh, "reasons": reasons, "unchecked": unchecked, **claims}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All reports, in the configuration's order."""

    reports: tuple[ReportPlan, ...]
    last_refresh: str | None = None
    """The word of the refresh before it (`State.last_refresh`); the plan holds while state has the same."""

    @property
    def fresh(self) -> bool:
        """Whether there is nothing to do."""
        return all(report.fresh for report in self.reports)

    def to_json(self) -> dict[str, Json]:
        """Return it as in `plan --json`."""
        runs = [
            {
                "report": report.report.path,
                "run": plan.run.address,
                "fresh": plan.fresh,
                "reasons": list(plan.reasons),
                "unchecked": list(plan.unchecked),
                "fingerprint": plan.fingerprint.text if plan.fingerprint else None,
            }
            for report in self.reports
            for plan in report.runs
        ]
        return {"runs": runs, "reports": [report.to_json() for report in self.reports]}


def is_as_published(known: Evidence, plan: RunPlan) -> bool:
    """Return whether evidence is about exactly the run whose result would be used."""
    before = known.runs.get(plan.run.address)
    if before is None or plan.fingerprint is None or not plan.same_inputs:
        return False
    return before.fingerprint.text == plan.fingerprint.text
