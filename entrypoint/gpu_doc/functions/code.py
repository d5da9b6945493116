"""`code()`: a cell's source."""

from __future__ import annotations

from pathlib import Path

from gpu_doc.functions.shared import checks
from gpu_doc.functions.shared.function import PART, BoundCall, Function
from gpu_doc.functions.shared.results import ResultReader
from gpu_doc.model.answers import Answer
from gpu_doc.text import markdown


def _check(call: BoundCall, root: Path) -> None:
    checks.part_of_run(call, root, file=checks.no_file, name="cell")


def _answer(call: BoundCall, results: ResultReader) -> Answer:
    cell = results.source(call)
    return call.answered(markdown.fenced(cell.source.rstrip(), cell.language))


FUNCTION = Function(
    name="code",
    text="the cell's source, fenced in its language",
    first=PART,
    gives=("text",),
    check=_check,
    answer=_answer,
    label="source",
    shows_source=lambda _: True,
    needs_results=False,
)
