"""Whether a report still shows what it showed besides results: what its addresses name, and settings.

Evidence has the meaning of each answer: `cells`, the place of each cell that its call names (`notebooks/cells.py:
places`; 0 for a value that was glued); `source`, a hash of the source that it shows; and `notebook`, its path, if the
text says it. What an answer has not, it does not depend on.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from gpu_doc.errors import ReportError
from gpu_doc.model.configuration import Capture, Report, Run
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import SourceCell, find_cell, missing_cell, places, source_cells
from gpu_doc.plan.plan import RunPlan
from gpu_doc.record.evidence import Evidence, KeptAnswer
from gpu_doc.record.fingerprint import cell_hash, short_hash

Part = Literal["cells", "source", "notebook"]


@dataclass(frozen=True)
class Change:
    """Why an answer no longer says what its call means."""

    part: Part
    """What of the meaning is another."""
    reason: str


class Notebook:
    """What the addresses of cells name in a notebook as it is now."""

    def __init__(self, run: Run, root: Path) -> None:
        """Raises NotebookFileError."""
        self._run = run
        self._path = str(run.notebook)
        self._cells = source_cells(root / self._path)

    @cached_property
    def _by_name(self) -> Mapping[str, list[int]]:
        found: dict[str, list[int]] = {}
        for index, cell in enumerate(self._cells):
            for name in dict.fromkeys(cell.names):
                found.setdefault(name, []).append(index)
        return found

    @cached_property
    def _places(self) -> list[int]:
        return places(self._cells)

    def place(self, name: str) -> int:
        """Return the place of the cell that a name fits; 0 if it fits none. Raises ReportError if it fits several."""
        found = self._by_name.get(name, [])
        if len(found) > 1:
            find_cell(self._cells, name, self._path)  # raises
        return self._places[found[0]] if found else 0

    def source(self, names: Iterable[str]) -> str:
        """Return a hash of the source of these cells, or of the whole notebook if none is named."""
        shown = [self._cells[found[0]] for name in names if (found := self._by_name.get(name, []))]
        return short_hash([cell_hash(cell) for cell in shown or self._cells])

    def change(self, before: Mapping[str, Json]) -> Change | None:
        """Return the first reason why an answer with this meaning does not hold; None if it does."""
        cells, shown, said = before.get("cells") or {}, before.get("source"), before.get("notebook")
        for name, place in cells.items():
            try:
                now = self.place(name)
            except ReportError as error:
                return Change("cells", error.what)
            if now != place:
                return Change("cells", self._moved(name, now))
        if shown and shown != self.source(cells):
            what = ", ".join(map(self._shown, cells)) or self._path
            return Change("source", f"the code of {what} is written otherwise now")
        if said and said != self._path:
            return Change("notebook", f"the notebook of run {self._run.address} is now {self._path}")
        return None

    def _moved(self, name: str, now: int) -> str:
        if now:
            return f"`{name}` is now {self._shown(name)}"
        return missing_cell(self._cells, name, self._path).what

    def _shown(self, name: str) -> str:
        cell: SourceCell = self._cells[self._by_name[name][0]]
        return f"cell #{cell.number} of {self._path}"


def by_run(known: Evidence | None) -> Mapping[str, list[KeptAnswer]]:
    """Return the answers that have a meaning, by the address of their first run."""
    found: dict[str, list[KeptAnswer]] = {}
    for kept in known.answers.values() if known else ():
        if kept.meaning and kept.runs:
            found.setdefault(kept.runs[0], []).append(kept)
    return found


def judged(
    plan: RunPlan, answers: Iterable[KeptAnswer], root: Path, has_result: Callable[[], bool]
) -> tuple[RunPlan, list[str]]:
    """Return why answers of a fresh run don't hold, and the run's plan with what can't be judged.

    A picture of code stays as it is where there is no result to take another from.
    """
    if not plan.run.notebook:
        return plan, []
    notebook = Notebook(plan.run, root)
    found = [(kept, change) for kept in answers if (change := notebook.change(kept.meaning))]
    pictures = {change.reason for kept, change in found if change.part == "source" and kept.assets}
    if not pictures or has_result():
        return plan, [change.reason for _, change in found]
    said = tuple(f"a picture of code: {reason}, and its result is not in state" for reason in sorted(pictures))
    plan = replace(plan, unchecked=(*plan.unchecked, *said))
    return plan, [change.reason for kept, change in found if not (change.part == "source" and kept.assets)]


# --- settings -------------------------------------------------------------------------------------------------------


def settings_of(report: Report, capture: Capture, *, launched: Container[str]) -> dict[str, Json]:
    """Return the settings that a rendered report shows although they are not part of a run.

    `launched`: the addresses of the runs whose launch_command() the report shows.
    """
    fit = {"fit": report.fit} if report.fit != Report.fit else {}
    site = {"for": report.site} if report.site != Report.site else {}
    width = capture.page_width(report)
    settings: dict[str, Json] = {
        "capture": {"width": width, "scale": capture.scale, "theme": capture.theme, **fit, **site},
        "runs": {run.address: shown for run in report.runs if (shown := _shown(run))},
    }
    launches = {run.address: _launched(run) for run in report.runs if run.address in launched}
    return settings | ({"launches": launches} if launches else {})


def _shown(run: Run) -> dict[str, Json]:
    shown = {"image": run.image, "setup": run.setup, "data": [source.path for source in run.data]}
    return {key: value for key, value in shown.items() if value}


def _launched(run: Run) -> str:
    """Return a short hash of the settings that launch_command() shows and a fingerprint does not contain."""
    limits = run.limits
    return short_hash(
        [
            [limits.memory, limits.cpus, limits.shm, limits.processes, run.network, run.user, run.bootstrap],
            [run.gpus, run.gpu_driver, run.env, run.secrets, dict(run.caches)],
        ]
    )


def same_settings(before: Mapping[str, Json], now: Mapping[str, Json], part: str, address: str) -> bool:
    """Return whether two results of `settings_of` are the same for a run."""
    return bool((before.get(part) or {}).get(address) == (now.get(part) or {}).get(address))


def settings_changes(report: Report, known: Evidence, capture: Capture) -> list[str]:
    """Return which settings are others than those that the report shows."""
    settings = settings_of(report, capture, launched=known.settings.get("launches") or {})
    reasons = ["capture settings changed"] if known.settings.get("capture") != settings["capture"] else []
    known_runs = [run.address for run in report.runs if run.address in known.runs]
    for part in ("runs", "launches"):
        changed = [address for address in known_runs if not same_settings(known.settings, settings, part, address)]
        reasons += [f"what {_shower(part)}() says of run {address} changed" for address in changed]
    return reasons


def _shower(part: str) -> str:
    """Return the name of the function that shows a part of evidence's settings. Needed only if one changed."""
    from gpu_doc import functions

    return next(function.name for function in functions.in_order() if function.shows_settings == part)
