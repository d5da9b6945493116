"""The state of one report during a refresh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gpu_doc.functions.shared.function import BoundCall
from gpu_doc.model.results import Result
from gpu_doc.plan.plan import ReportPlan
from gpu_doc.report.compose import Composer


class Work:
    """One report during a refresh: the runs that it waits for, and the calls of its template."""

    def __init__(self, plan: ReportPlan) -> None:
        self.plan = plan
        self.executed: dict[str, Result] = {}
        self.waiting = {run.run.address for run in plan.runs if not run.fresh}
        self.calls: tuple[BoundCall, ...] = ()
        self.failed = False
        self.told = False
        """Whether all that keeps it from being written was told."""
        self.composer: Composer | None = None

    def wait_for(self, addresses: Sequence[str]) -> None:
        """Add runs to execute that seemed to be fresh."""
        runs = tuple(run.needed() if run.run.address in addresses else run for run in self.plan.runs)
        self.plan = replace(self.plan, runs=runs)
        self.waiting.update(addresses)
