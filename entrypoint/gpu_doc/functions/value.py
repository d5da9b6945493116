"""`value()`: a number or string."""

from __future__ import annotations

import math
import re
from pathlib import Path

from gpu_doc.errors import ReportError
from gpu_doc.functions.shared import checks, values
from gpu_doc.functions.shared.function import PART, BoundCall, Function
from gpu_doc.functions.shared.results import ResultReader
from gpu_doc.model.answers import Answer
from gpu_doc.model.values import Json
from gpu_doc.text import markdown


def _check(call: BoundCall, root: Path) -> None:
    # A value may be glued while the notebook runs, under any name.
    checks.part_of_run(call, root, file=checks.any_file, name="any")


def _answer(call: BoundCall, results: ResultReader) -> Answer:
    if call.address.file is None:
        return call.answered(_safe(results.value(call.address, call.run)))
    content = results.file(call).read_text("utf-8", "replace")
    try:
        return call.answered(_safe(values.value_in_file(content)))
    except values.NoValue as error:
        raise ReportError(f"{call.address.file} holds no single number or string") from error


def _safe(value: Json) -> Json:
    """Return a value for a template: without numbers that JSON lacks, and comments that would hide what follows."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, str):
        return markdown.without_comments(re.sub(r"\r\n?", "\n", value))
    if isinstance(value, list):
        return [_safe(item) for item in value]
    if isinstance(value, dict):
        return {key: _safe(item) for key, item in value.items()}
    return value


FUNCTION = Function(
    name="value",
    text="a number or string: glued (scrapbook, MyST-NB), JSON, or the last expression; filters `percent`, `round`",
    first=PART,
    gives=("value",),
    check=_check,
    answer=_answer,
)
