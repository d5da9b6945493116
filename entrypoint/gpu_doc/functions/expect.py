"""`expect()`: a claim. It gives nothing; where it does not hold, the report is not written, or marked.

What it is judged by is asked for by a call of its own, so that the same value is asked for once: that of `value()`; or
for the shape of a table that of `expect()` with the address alone, which no template can ask for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gpu_doc.claims.condition_text import NotACondition, parse
from gpu_doc.claims.conditions import About
from gpu_doc.errors import ReportError
from gpu_doc.functions import table, value
from gpu_doc.functions.shared import options
from gpu_doc.functions.shared.function import PART, BoundCall, Function
from gpu_doc.functions.shared.html_tables import Rows
from gpu_doc.functions.shared.results import ResultReader, the_cell
from gpu_doc.model.answers import Answer, Call
from gpu_doc.model.claims import Claim
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import joined
from gpu_doc.record.kept_claims import KeptClaim

_PANDAS = re.compile(r"<p>([\d,]{1,15}) rows [x×] ([\d,]{1,15}) columns</p>")  # noqa: RUF001 - pandas' sign
_POLARS = re.compile(r"<small>shape: \(([\d_,]{1,15}), ([\d_,]{1,15})\)</small>")


def _condition(name: str, written: Json) -> None:
    options.text(name, written)
    try:
        parse(written)
    except NotACondition as error:
        raise ReportError(str(error)) from error


def fact(address: str, about: About) -> Call:
    """Return the call whose answer a claim is judged by."""
    return Call(function="value" if about == "value" else "expect", args=(address,))


def keys_of(claims: Iterable[KeptClaim]) -> set[str]:
    """Return the keys of the calls whose answers claims in evidence are judged by. They may be made up."""
    keys = set()
    for claim in claims:
        with suppress(NotACondition):
            keys.add(fact(claim.address, "value" if claim.file else parse(claim.expected).about).key)
    return keys


def call_of(claim: Claim) -> Call:
    """Return the call that makes a claim of the configuration."""
    return fact(claim.address, "value") if claim.file else Call(function="expect", args=(claim.address, claim.expected))


def written(call: Call) -> tuple[str, str]:
    """Return the address and the condition of a call. Raises ReportError if it has none, or a wrong one."""
    given = list(call.args)
    address = given.pop(0) if given else call.kwargs.get("address")
    that = given.pop(0) if given else call.kwargs.get("that")
    _condition("that", that)
    return str(address), str(that).strip()


def _judged(call: Call) -> Call:
    try:
        address, that = written(call)
    except ReportError:
        return call  # binding it says why
    return fact(address, parse(that).about)


def _check(call: BoundCall, root: Path) -> None:
    written = call.get("that")
    if written is None:
        remedy = f'Write expect("{call.written}", ">= 0.92").'
        raise ReportError(f"it is not said what is expected of {call.written}", remedy=remedy)
    (table if parse(written).about == "table" else value).FUNCTION.check(call, root)


def _answer(call: BoundCall, results: ResultReader) -> Answer:
    """Return the shape of a table: how many rows it has, and what its columns are called."""
    if call.address.file is not None:
        rows = table.from_csv(results.file(call).read_bytes(), call.address.file)
        return call.answered(_shape(rows, ""))
    outputs = results.outputs(call)
    rows = table.only_table(outputs, the_cell(call.address))
    pages = [joined((output.get("data") or {}).get("text/html", "")) for output in outputs]
    return call.answered(_shape(rows, next(page for page in pages if "<table" in page)))


def _shape(table: Rows, page: str) -> dict[str, Json]:
    """Return the shape of a data frame as its library counts it: without its index, and whole where less is shown."""
    first_row = page.partition("<tbody")[2].partition("<td")[0]
    names = list(table.head)[first_row.count("<th") :]
    if polars := _POLARS.search(page):
        names = [name.partition(" / ")[0] for name in names]
    counted = polars or _PANDAS.search(page)
    if not counted:
        return {"rows": len(table.rows), "columns": names}
    rows, columns = (int(re.sub("[,_]", "", number)) for number in counted.groups())
    shown = names if len(names) == columns else [name for name in names if name not in ("...", "…")]
    return {"rows": rows, "columns": [*shown, *["…"] * (columns - len(shown))]}


FUNCTION = Function(
    name="expect",
    text='nothing, where a claim such as `expect("train/accuracy", ">= 0.92")` holds; else the report is not written',
    first=PART,
    options={"that": _condition},
    second="that",
    gives=("value",),
    judged=_judged,
    check=_check,
    answer=_answer,
)
