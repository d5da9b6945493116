"""Where what a call shows comes from: its runs as evidence tells of them, its cell, and what is not established."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gpu_doc.errors import GpuDocError
from gpu_doc.functions.shared.calls import bind
from gpu_doc.functions.shared.function import BoundCall
from gpu_doc.model.answers import Call, Cell
from gpu_doc.model.configuration import Report, Run
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cell_lines import cell_lines
from gpu_doc.notebooks.cells import SourceCell, source_cells
from gpu_doc.plan.plan import RunPlan
from gpu_doc.record.evidence import Evidence, KeptAnswer, RunEvidence
from gpu_doc.record.state import State

_MOST_LINES = 20
"""The most lines of a cell that are shown."""


@dataclass(frozen=True, kw_only=True)
class CellOrigin:
    """A code cell that a call names."""

    notebook: str
    number: int
    name: str
    lines: tuple[int, int]
    """In the notebook's file; 0 where they could not be found."""
    source: str
    glues: str = ""
    """The value that the cell glues, if the address is that value's name."""


@dataclass(frozen=True, kw_only=True)
class RunOrigin:
    """A run, as evidence tells of it."""

    address: str
    what: str
    """The notebook or the command."""
    cell: CellOrigin | None
    facts: Mapping[str, Json]
    """Parameters, inputs, commit, image, device, time."""
    unknown: tuple[str, ...]
    """What is not established."""

    def to_json(self) -> dict[str, Json]:
        """Return it as in `why --json`."""
        return {
            "run": self.address,
            "what": self.what,
            "cell": asdict(self.cell) if self.cell else None,
            **self.facts,
            "not-established": list(self.unknown),
        }


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a call shows, and the runs that it comes from."""

    call: Call
    shows: str
    files: tuple[str, ...] = ()
    values: tuple[Cell, ...] = ()
    """The values in the line of a table."""
    runs: tuple[RunOrigin, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Return it as in `why --json`."""
        values = [{"address": cell.address, "value": cell.value, "shown": cell.text} for cell in self.values]
        runs = [run.to_json() for run in self.runs]
        address = next((arg for arg in self.call.args if isinstance(arg, str)), None)
        told = {"call": str(self.call), "address": address, "shows": self.shows, "files": list(self.files)}
        return {**told, "values": values, "runs": runs}


@dataclass(frozen=True)
class Origins:
    """Tells where calls come from, for one report."""

    report: Report
    root: Path
    known: Evidence
    raw: Mapping[str, Json]
    """The runs in evidence as JSON: what later versions add is shown too."""
    plans: Mapping[str, RunPlan]
    unknown: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What is not established of each run, beyond what is found here."""
    state: State | None = None

    def of(self, call: Call, row: Sequence[Cell] = ()) -> Origin:
        """Return where a call comes from; `row`: only the line of its table that has these cells."""
        kept = self.known.answers.get(call.key)
        if kept is None:
            return Origin(call=call, shows="")
        values = tuple(cell for cell in row if cell.address)
        wanted = {cell.address.rpartition("/")[0] for cell in values} or set(kept.runs)
        bound = self._bound(call)
        runs = tuple(self._run(address, bound, values) for address in kept.runs if address in wanted)
        return Origin(call=call, shows=_shown(kept), files=kept.assets, values=values, runs=runs)

    def _bound(self, call: Call) -> BoundCall | None:
        try:
            return bind(call, self.report)
        except GpuDocError:
            return None

    def _run(self, address: str, bound: BoundCall | None, values: Sequence[Cell]) -> RunOrigin:
        run = next((run for run in self.report.runs if run.address == address), None)
        before = self.known.runs.get(address)
        unknown = [*self._stale(address), *self.unknown.get(address, ())]
        cell = None
        name = values[0].address.rpartition("/")[2] if values else bound.address.cell if bound else None
        if run and run.notebook and name:
            cell = self._cell(run, name)
            if cell is None:
                unknown.append(f"which cell gave `{name}`: no cell of {run.notebook} has that name")
        if before is None:
            return RunOrigin(address=address, what="", cell=cell, facts={}, unknown=("evidence says nothing of it",))
        facts, more = self._facts(address, before)
        what = (run.notebook or "") if run and run.notebook else " ".join(map(str, before.source.get("command") or ()))
        return RunOrigin(address=address, what=what, cell=cell, facts=facts, unknown=(*unknown, *more))

    def _stale(self, address: str) -> Iterator[str]:
        plan = self.plans.get(address)
        for reason in plan.reasons if plan else ():
            yield f"what today's source would give: {reason}"
        for what in plan.unchecked if plan else ():
            yield f"not checked here: {what}"

    def _cell(self, run: Run, name: str) -> CellOrigin | None:
        try:
            cells = source_cells(self.root / str(run.notebook))
        except GpuDocError:
            return None
        found = [cell for cell in cells if name in cell.names]
        gluing = [] if found else [cell for cell in cells if _glues(cell, name)]
        if len(found or gluing) != 1:
            return None
        cell = (found or gluing)[0]
        return CellOrigin(
            notebook=str(run.notebook),
            number=cell.number,
            name=cell.name,
            lines=cell_lines(self.root / str(run.notebook), cell.number),
            source="\n".join(cell.source.rstrip().splitlines()[:_MOST_LINES]),
            glues=name if gluing else "",
        )

    def _facts(self, address: str, run: RunEvidence) -> tuple[dict[str, Json], list[str]]:
        """Return what evidence tells of a run, and what is not established."""
        source, machine, made, unknown = run.source, run.machine, run.made, list[str]()
        image = source.get("image")
        local = image == "local"
        probe, said = self._probe(address, run), self._environment(address)
        gpu = machine.get("device") == "gpu"
        facts: dict[str, Json] = {
            "parameters": source.get("parameters") or {},
            "modules": sorted(source.get("modules") or {}),
            "files": sorted(
                {**(source.get("files") or {}), **(source.get("data") or {}), **(machine.get("data") or {})}
            ),
            "inputs": _observed(self.raw.get(address) or {}),
            "commit": made.get("commit"),
            "image": image,
            "image-digest": machine.get("image-digest"),
            "device": machine.get("device"),
            "gpu": [str(each.get("name")) for each in probe.get("gpus") or () if isinstance(each, dict)]
            or ([said["Device"]] if gpu and "Device" in said else []),
            "driver": probe.get("driver") or said.get("Driver"),
            "packages": machine.get("packages") or {},
            "started": made.get("started"),
            "seconds": made.get("seconds"),
            "gpu-doc": made.get("gpu-doc"),
            "fingerprint": run.fingerprint.text,
        }
        if local:
            unknown.append("packages beyond those listed: a local run takes what is installed")
        if not made.get("commit"):
            unknown.append("which commit it was made from: there was none, or files were not committed")
        if gpu and not facts["gpu"]:
            unknown.append(
                "which GPU and driver: state and environment() would tell, and have nothing of this run here"
            )
        if not facts["inputs"]:
            unknown.append("what else it read: nothing was watched, or this was before runs were watched")
        if why := (self.raw.get(address) or {}).get("unobserved"):
            unknown.append(f"all that it read: {why}")
        return {key: value for key, value in facts.items() if value not in (None, [], {})}, unknown

    def _environment(self, address: str) -> Mapping[str, str]:
        """Return what environment() says of a run, by label, if the report shows it."""
        key = Call(function="environment", args=(address,)).key
        kept = self.known.answers.get(key)
        return {row[0].text: row[1].text for row in (kept.cells if kept else None) or () if len(row) == 2}

    def _probe(self, address: str, run: RunEvidence) -> Mapping[str, Json]:
        """Return what state knows of the machine that a run was on."""
        plan = self.plans.get(address)
        result = self.state.find(plan.run, run.fingerprint.text) if self.state and plan else None
        machine = result.record.get("machine") if result else None
        probe = machine.get("probe") if isinstance(machine, dict) else None
        return probe if isinstance(probe, dict) else {}


def _shown(kept: KeptAnswer) -> str:
    """Return what an answer shows, on one line."""
    if kept.assets:
        return ", ".join(kept.assets)
    lines = str(kept.value).splitlines() or [""]
    return lines[0] if len(lines) == 1 else f"{len(lines)} lines"


def _glues(cell: SourceCell, name: str) -> bool:
    return re.search(rf"\bglue\(\s*(?:name\s*=\s*)?[rf]?[\"']{re.escape(name)}[\"']", cell.source) is not None


def _observed(run: Mapping[str, Json]) -> dict[str, list[str]]:
    """Return the paths that a run read, by how, from all sets of inputs in evidence."""
    found: dict[str, set[str]] = {}
    for each in run.get("inputs") or ():
        for how, paths in each.items() if isinstance(each, dict) else ():
            if isinstance(paths, dict | list):
                found.setdefault(how, set()).update(map(str, paths))
    return {how: sorted(paths) for how, paths in found.items()}
