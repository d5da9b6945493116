"""Whether a call can be answered at all, judged from sources before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from gpu_doc.errors import ReportError
from gpu_doc.functions.address import Address, covered, find_run, find_runs, parse
from gpu_doc.functions.calls import Arguments, bind
from gpu_doc.functions.exhibits import IMAGE_SUFFIXES
from gpu_doc.model.answers import Call
from gpu_doc.model.configuration import Report, Run
from gpu_doc.notebooks.cells import SourceCell, find_cell, missing_cell, source_cells
from gpu_doc.text.nearest import did_you_mean, listed

_TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".tab", ".txt"})
_WHOLE_RUN = frozenset({"environment", "launch_command", "resources", "terminal"})


def needed_runs(call: Call, report: Report) -> tuple[str, ...]:
    """The addresses of the runs whose results a call needs. Raises ReportError where it names none."""
    address = bind(call).address
    if call.function == "compare":
        return tuple(run.address for run in find_runs(address, report))
    return (find_run(parse(address), report).address,)


def check(call: Call, report: Report, root: Path, *, line: object = None) -> None:
    """Judge a call by what can be known before its run. Raises ReportError, or NotebookFileError.

    A value may be glued while the notebook runs under any name, so value() is not judged by cells. `line` is where the
    call stands: a line of the template (or of the report in place), or a place with a file of its own.
    """
    try:
        _check(call, report, root)
    except ReportError as error:
        raise located(
            error, call, f"{report.template or report.path}:{line}" if isinstance(line, int) else line
        ) from None


def located(error: ReportError, call: Call, place: object) -> ReportError:
    """The same error, with the call's address and its place in the template where it names none."""
    address = next((f'"{arg}"' for arg in call.args if isinstance(arg, str)), "")
    told = error.where or error.what.startswith(f"{call.function}(")
    what = error.what if told else f"{call.function}({address}): {error.what}"
    return ReportError(what, where=error.where or str(place or ""), remedy=error.remedy, details=error.details)


def _check(call: Call, report: Report, root: Path) -> None:
    arguments = bind(call)
    if call.function == "compare":
        _check_comparison(arguments, report)
        return
    address = parse(arguments.address)
    run = find_run(address, report)
    if call.function in _WHOLE_RUN:
        _check_whole_run(call.function, address, run)
    elif address.file is not None:
        _check_file(call.function, address.file, run)
    elif address.cell is None:
        _check_no_cell(call.function, run)
    elif not run.notebook:
        raise ReportError(
            f"run {run.address} is a command, and has no cells",
            remedy=f'terminal("{run.address}") shows its terminal; a file that it left is {run.address}/file:PATH.',
        )
    else:
        _check_cell(call.function, address, run, root)


def _check_comparison(arguments: Arguments, report: Report) -> None:
    runs = find_runs(arguments.address, report)
    if not arguments.get("values"):
        raise ReportError("it is not said which values to compare", remedy='Add values=["accuracy", …].')
    if not runs[0].notebook:
        raise ReportError(f"the runs of {arguments.address} are commands, which have no values")


def _check_whole_run(function: str, address: Address, run: Run) -> None:
    if address.cell is not None or address.file is not None:
        raise ReportError(f"{function}() takes a run, not {address}", remedy=f'Write {function}("{run.address}").')
    if function == "terminal" and not run.command:
        raise ReportError(
            f"run {run.address} is a notebook, and has no terminal", remedy="shot() or text() show what a cell wrote."
        )
    if function == "launch_command" and not (run.image or run.configured_image):
        raise ReportError(
            f"run {run.address} has no image: it runs with the local Python, which no `docker run` reproduces",
            remedy="Give it an `image`, or leave launch_command() out.",
        )


def _check_no_cell(function: str, run: Run) -> None:
    if function == "text" and run.command:
        return
    example = f"{run.address}/file:PATH" if run.command else f"{run.address}/loss-curve"
    raise ReportError(
        f"{run.address} is a run: {function}() needs a part of it", remedy=f'Write {function}("{example}").'
    )


def _check_file(function: str, file: str, run: Run) -> None:
    if not covered(file, run.produces):
        known = list(run.produces)
        raise ReportError(
            f"run {run.address} does not produce {file}; it has: {listed(known)}",
            remedy=did_you_mean(file, known) or f"List it: produces: [{file}].",
        )
    suffix = PurePosixPath(file).suffix.lower()
    if function in ("shot", "code"):
        raise ReportError(
            f"{function}() shows cells, and {file} is a file", remedy="image(), text() and table() take files."
        )
    if function == "image" and suffix not in IMAGE_SUFFIXES:
        raise ReportError(f"{file} is no image by its name", remedy=f"image() takes {listed(sorted(IMAGE_SUFFIXES))}.")
    if function == "table" and suffix not in _TABLE_SUFFIXES:
        raise ReportError(f"{file} is no table by its name", remedy=f"table() takes {listed(sorted(_TABLE_SUFFIXES))}.")


def _check_cell(function: str, address: Address, run: Run, root: Path) -> None:
    notebook, name = str(run.notebook), address.cell or ""
    cells = source_cells(root / notebook)
    if any(name in cell.names for cell in cells):
        find_cell(cells, name, notebook)  # raises if it fits two
    elif function == "code" or not (function == "value" or _may_be_glued(name, cells)):
        raise missing_cell(cells, name, notebook)


def _may_be_glued(name: str, cells: Sequence[SourceCell]) -> bool:
    """Whether some cell glues something and has the name in it as a string."""
    if not any("glue" in cell.source for cell in cells):
        return False
    return any(f"{mark}{name}{mark}" in cell.source for cell in cells for mark in "\"'")
