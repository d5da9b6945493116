"""What `check` prints."""

from __future__ import annotations

import io

from gpu_doc.cli import summary
from gpu_doc.console.console import Console
from gpu_doc.model.configuration import Report
from gpu_doc.plan.plan import HandEdit, Plan, ReportPlan


def checked(*reports: ReportPlan, lines: dict[str, int]) -> list[str]:
    out = io.StringIO()
    summary.check(Plan(reports=reports), lines, Console(out, io.StringIO(), interactive=False, colour=False, ci=False))
    return out.getvalue().splitlines()[:-1]


def test_each_edit_is_shown_at_its_own_line() -> None:
    report = Report(path="docs/a.md", line=1, runs=())
    edits = tuple(HandEdit(path="docs/a.md", line=line) for line in (3, 9))
    plan = ReportPlan(report=report, runs=(), changes=("docs/a.md was edited by hand",), edits=edits)
    assert checked(plan, lines={"docs/a.md": 3}) == [
        "docs/a.md: docs/a.md was edited by hand",
        "docs/a.md:3: edited by hand in a generated part",
        "docs/a.md:9: edited by hand in a generated part",
    ]


def test_an_edit_whose_line_is_not_known_names_the_file() -> None:
    report = Report(path="docs/b.md", line=1, runs=())
    plan = ReportPlan(report=report, runs=(), edits=(HandEdit(path="docs/b.md"),))
    assert checked(plan, lines={}) == ["docs/b.md was edited by hand"]
