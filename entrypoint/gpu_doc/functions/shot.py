"""`shot()`: a picture of what a cell shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gpu_doc.errors import ReportError
from gpu_doc.functions.shared import alternative, checks, options
from gpu_doc.functions.shared.function import PART, BoundCall, Function
from gpu_doc.functions.shared.results import Output, ResultReader, the_cell
from gpu_doc.model.answers import Answer
from gpu_doc.model.location import Location
from gpu_doc.model.results import Result
from gpu_doc.notebooks.cells import ExecutedCell


def _check(call: BoundCall, root: Path) -> None:
    checks.part_of_run(call, root, file=checks.no_file)


def _answer(call: BoundCall, results: ResultReader) -> Answer:
    outputs, cell = _outputs(call, results), results.cell(call)
    show = call.get("show") or "output"
    location = _location(cell, results.result(call.run))
    pictured = [
        replace(
            exhibit,
            outputs=outputs,
            source=cell.source if show == "cell" else "",
            language=cell.language,
            location=location,
        )
        for exhibit in results.framing.exhibits(call, "cell" if show == "cell" else "output")
    ]
    alt = alternative.of_outputs(cell, outputs, call.address, call.options)
    return results.framing.pictured(call, pictured, alt)


def _outputs(call: BoundCall, results: ResultReader) -> tuple[Output, ...]:
    """Return the outputs to picture; if `streams` is given, only with that stream."""
    outputs, stream = results.outputs(call), call.get("streams")
    wanted = tuple(one for one in outputs if not stream or one["output_type"] != "stream" or one["name"] == stream)
    if not wanted and call.get("show") != "cell":
        raise ReportError(f"{the_cell(call.address)} shows nothing but its other stream", remedy="Leave streams= out.")
    return wanted


def _location(cell: ExecutedCell, result: Result) -> Location:
    """Return notebook and cell; a glued value has no cell here."""
    return Location(str(result.run.notebook), cell=cell.number, cell_name=cell.name if cell.number else "")


FUNCTION = Function(
    name="shot",
    text=(
        'a screenshot of a cell\'s outputs, or with `output=2` of its second one; `show="cell"` adds the source above, '
        '`streams="stdout"` leaves stderr out'
    ),
    first=PART,
    options={**options.PICTURE, "show": options.choice("output", "cell"), "streams": options.STREAM, **options.OUTPUT},
    gives=("picture",),
    check=_check,
    answer=_answer,
    shows_source=lambda call: call.get("show") == "cell",
)
