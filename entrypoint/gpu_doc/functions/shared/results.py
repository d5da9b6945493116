"""Reads what the addresses of calls name in the results of runs: cells, outputs, values, files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gpu_doc.errors import ReportError
from gpu_doc.functions.shared import values
from gpu_doc.functions.shared.address import Address
from gpu_doc.functions.shared.exhibits import Framing
from gpu_doc.functions.shared.function import BoundCall
from gpu_doc.git import lfs
from gpu_doc.model.configuration import Capture, Report, Run
from gpu_doc.model.results import Result
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import (
    ExecutedCell,
    SourceCell,
    as_in_source,
    find_cell,
    missing_cell,
    shown_cells,
    source_cells,
)
from gpu_doc.notebooks.noise import without_noise
from gpu_doc.record.cuts import cut_of, from_record
from gpu_doc.widgets.outputs import unfolded

_KEPT = 4
"""The most executed notebooks in memory at once."""
_LARGEST_FILE = 50_000_000
"""The most bytes of a produced file that a report may contain."""

Output = Mapping[str, Json]


class ResultReader:
    """Reads the results of one report's runs for the calls of its template."""

    def __init__(self, report: Report, capture: Capture, results: Mapping[str, Result], *, root: Path) -> None:
        """`results` by run address; it may grow. If a result is missing, a KeyError is the caller's mistake."""
        self.framing = Framing(capture, report)
        self.root = root
        self._results = results
        self._notebooks: dict[tuple[str, str], list[ExecutedCell]] = {}

    def result(self, run: Run) -> Result:
        """Return the result of a run."""
        return self._results[run.address]

    def cell(self, call: BoundCall) -> ExecutedCell:
        """Return the cell that a call names; for a glued value, a cell with just its outputs. Raises ReportError."""
        return self._cell(call.address, self.result(call.run))

    def source(self, call: BoundCall) -> SourceCell:
        """Return the cell that a call names, as the notebook has it now; this needs no result. Raises ReportError."""
        notebook = str(call.run.notebook)
        return find_cell(source_cells(self.root / notebook), call.address.cell or "", notebook)

    def outputs(self, call: BoundCall) -> tuple[Output, ...]:
        """Return the outputs that a call names: all of a cell, or one. Raises ReportError."""
        cell, number = self.cell(call), call.get("output")
        _check_whole(call.address, cell, self.result(call.run), number)
        outputs = cell.outputs if cell.number else cell.outputs[-1:]
        if not outputs:
            raise ReportError(
                f"{the_cell(call.address)} has no output",
                remedy="End it with the thing to show, or show it with display().",
            )
        if number is None:
            return without_noise(unfolded(outputs))
        if number > len(outputs):
            plural = "s" if len(outputs) > 1 else ""
            raise ReportError(
                f"{the_cell(call.address)} has {len(outputs)} output{plural}: output={number} is none of them"
            )
        return without_noise(unfolded((outputs[number - 1],)))

    def value(self, address: Address, run: Run) -> Json:
        """Return the value of a cell, or a glued value. Raises ReportError."""
        result = self.result(run)
        cell = self._cell(address, result)
        _check_whole(address, cell, result)
        return values.value_of(cell.outputs)

    def file(self, call: BoundCall) -> Path:
        """Return the file that a call names. Raises ReportError."""
        name, result = call.address.file or "", self.result(call.run)
        path = result.produced(name)
        if not path.is_file() or not path.resolve().is_relative_to(result.folder.resolve()):
            raise ReportError(
                f"run {call.address.run} left no file {name}",
                remedy="`produces` says which files are kept; the run itself has to write it, relative to root.",
            )
        if path.stat().st_size > _LARGEST_FILE:
            raise ReportError(f"{name} is larger than {_LARGEST_FILE >> 20} MiB", remedy="Show a part of it.")
        if lfs.is_pointer(path):
            what = f"{name} is no file of the run: it is a pointer of Git LFS that was not fetched"
            raise ReportError(what, remedy=lfs.remedy(name))
        return path

    def _cells(self, result: Result) -> list[ExecutedCell]:
        key = result.run.address, result.fingerprint
        if key not in self._notebooks:
            while len(self._notebooks) >= _KEPT:
                self._notebooks.pop(next(iter(self._notebooks)))
            self._notebooks[key] = self._named(shown_cells(result.executed), result)
        return self._notebooks[key]

    def _named(self, cells: list[ExecutedCell], result: Result) -> list[ExecutedCell]:
        """Return the cells as the source has them now: a tag that was added since needs no new run."""
        return as_in_source(cells, source_cells(self.root / str(result.run.notebook)))

    def _cell(self, address: Address, result: Result) -> ExecutedCell:
        cells, name = self._cells(result), address.cell or ""
        notebook = str(result.run.notebook)
        glued = values.glued([output for cell in cells for output in cell.outputs], name)
        named = [cell for cell in cells if name in cell.names]
        if glued and named:
            raise ReportError(
                f"`{name}` is a cell of {notebook} (#{named[0].number}) and a glued value too",
                remedy="Give one of them another name.",
            )
        if glued:
            return ExecutedCell(0, "", (name,), "", "", cells[0].language, outputs=tuple(glued))
        if not named:
            known = [known for cell in cells for known in values.glued_names(cell.outputs)]
            missing = missing_cell(cells, name, notebook, values=known)
            if lost := from_record(result.record):
                remedy = f"{missing.remedy} Some values may be lost: {lost[0].sentence} in {lost[0].name}."
                raise ReportError(missing.what, remedy=remedy)
            raise missing
        return find_cell(cells, name, notebook)


def _check_whole(address: Address, cell: ExecutedCell, result: Result, output: int | None = None) -> None:
    """Raise ReportError if a cell's output was cut, unless the cut came after the output that is asked for."""
    cut = cut_of(result.record, cell.ran_as) if cell.ran_as else None
    if cut and not (output and output <= cut.after):
        raise cut.error(the_cell(address))


def the_cell(address: Address) -> str:
    """Return the name of a cell in messages."""
    return f"cell {address.cell} of run {address.run}"
