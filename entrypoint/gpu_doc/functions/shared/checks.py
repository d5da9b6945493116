"""Checks from sources, before anything runs, whether a call can be answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from gpu_doc.errors import ReportError
from gpu_doc.functions.shared.address import covered
from gpu_doc.functions.shared.function import BoundCall
from gpu_doc.notebooks.cells import SourceCell, find_cell, missing_cell, source_cells
from gpu_doc.text.nearest import did_you_mean, listed

FileJudge = Callable[[str, str], None]
"""Raises ReportError if the function of this name does not accept this file."""


def whole_run(call: BoundCall, _: Path) -> None:
    """Raise ReportError if the call names a part of a run."""
    name, address = call.function.name, call.address
    if address.cell is not None or address.file is not None:
        raise ReportError(f"{name}() takes a run, not {address}", remedy=f'Write {name}("{call.run.address}").')


def any_file(_function: str, _file: str) -> None:
    """Accept any file."""


def no_file(function: str, file: str) -> None:
    """Accept no file."""
    raise ReportError(
        f"{function}() shows cells, and {file} is a file", remedy="image(), text() and table() take files."
    )


def ending_in(what: str, suffixes: Iterable[str]) -> FileJudge:
    """Accept files with these suffixes."""

    def judge(function: str, file: str) -> None:
        if PurePosixPath(file).suffix.lower() not in suffixes:
            raise ReportError(
                f"{file} is no {what} by its name", remedy=f"{function}() takes {listed(sorted(suffixes))}."
            )

    return judge


def part_of_run(
    call: BoundCall, root: Path, *, file: FileJudge, name: Literal["cell", "glued", "any"] = "glued"
) -> None:
    """Raise ReportError if the call names no part of its run.

    `name`: what a cell's name may be other than a cell: nothing; a value that a cell seems to glue; or anything, since
    a notebook may glue a value under any name while it runs.
    """
    run, function = call.run, call.function.name
    if call.address.file is not None:
        _produced(call, call.address.file)
        file(function, call.address.file)
    elif call.address.cell is None:
        example = f"{run.address}/file:PATH" if run.command else f"{run.address}/loss-curve"
        raise ReportError(
            f"{run.address} is a run: {function}() needs a part of it", remedy=f'Write {function}("{example}").'
        )
    elif not run.notebook:
        raise ReportError(
            f"run {run.address} is a command, and has no cells",
            remedy=f'terminal("{run.address}") shows its terminal; a file that it left is {run.address}/file:PATH.',
        )
    else:
        _named(call.address.cell, run.notebook, root, name)


def _produced(call: BoundCall, file: str) -> None:
    run = call.run
    if not covered(file, run.produces):
        known = list(run.produces)
        raise ReportError(
            f"run {run.address} does not produce {file}; it has: {listed(known)}",
            remedy=did_you_mean(file, known) or f"List it: produces: [{file}].",
        )


def _named(name: str, notebook: str, root: Path, besides: Literal["cell", "glued", "any"]) -> None:
    cells = source_cells(root / notebook)
    if any(name in cell.names for cell in cells):
        find_cell(cells, name, notebook)  # raises if it fits two
    elif besides == "cell" or not (besides == "any" or _may_be_glued(name, cells)):
        raise missing_cell(cells, name, notebook)


def _may_be_glued(name: str, cells: Sequence[SourceCell]) -> bool:
    """Return whether some cell glues something, and a cell contains the name as a string."""
    if not any("glue" in cell.source for cell in cells):
        return False
    return any(f"{mark}{name}{mark}" in cell.source for cell in cells for mark in "\"'")
