"""`compare()`: a table of the values that the runs of a matrix gave."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from gpu_doc.errors import ReportError
from gpu_doc.functions.shared import options
from gpu_doc.functions.shared.address import Address
from gpu_doc.functions.shared.function import MATRIX, BoundCall, Function
from gpu_doc.functions.shared.results import ResultReader
from gpu_doc.functions.shared.tables import Entry, Table, table
from gpu_doc.model.answers import Answer
from gpu_doc.model.configuration import Run
from gpu_doc.model.values import Json, Scalar
from gpu_doc.text import markdown

Best = Literal["max", "min"]

_MORE_IS_BETTER = re.compile(
    r"(?:^|[\W_])(?:acc|accuracy|accuracies|precision|recall|sensitivity|specificity|f1|auc|auroc|auprc|ap|map|ndcg|mrr|iou|dice|"
    r"r2|score|scores|bleu|rouge|rougel|meteor|chrf|psnr|ssim|reward|return|correct|throughput|speedup|fps|flops|tflops|mfu|"
    r"per_s|per_sec|per_second)"
    r"(?:$|[\W_]|\d)"
)
_LESS_IS_BETTER = re.compile(
    r"(?:^|[\W_])(?:loss|error|errors|err|mistakes?|rmse|mse|mae|mape|perplexity|ppl|wer|cer|fid|time|seconds|duration|latency|memory)"
    r"(?:$|[\W_])"
)
_MOST_DIGITS = 6
"""The most significant digits that a number may get so that its column has equal decimals."""


def _names(name: str, value: Json) -> None:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise ReportError(f'{name}= is a list of names, such as {name}=["accuracy", "loss"]')


def _best(name: str, value: Json) -> None:
    for wanted in list(value.values()) if isinstance(value, dict) else [value]:
        options.choice("max", "min")(name, wanted)


def _check(call: BoundCall, _: Path) -> None:
    if not call.get("values"):
        raise ReportError("it is not said which values to compare", remedy='Add values=["accuracy", …].')
    if not call.run.notebook:
        raise ReportError(f"the runs of {call.written} are commands, which have no values")


def _answer(call: BoundCall, results: ResultReader) -> Answer:
    names: Sequence[str] = call.get("values")
    columns = {name: [results.value(Address(run.address, cell=name), run) for run in call.runs] for name in names}
    best = {name: best_of(name, call.get("best")) for name in names}
    shown = comparison(call.runs, columns, best)
    return call.answered(shown.markdown, cells=shown.cells)


def best_of(name: str, wanted: Json) -> Best | None:
    """Return whether the largest or the smallest value is best: as the template says, else by the value's name.

    None where neither says it: a wrong mark would be read as a result.
    """
    said = wanted.get(name) if isinstance(wanted, dict) else wanted
    if said is not None:
        return "min" if said == "min" else "max"
    more, less = (kind.search(name.lower()) for kind in (_MORE_IS_BETTER, _LESS_IS_BETTER))
    if bool(more) == bool(less):
        return None
    return "max" if more else "min"


def comparison(runs: Sequence[Run], columns: Mapping[str, Sequence[Json]], best: Mapping[str, Best | None]) -> Table:
    """Return a table with a row for each run: its point, then its values; the best of each column is bold, if known."""
    keys = list(dict.fromkeys(key for run in runs for key in run.point))
    winners = {name: _winner(values, best[name]) for name, values in columns.items()}
    texts = {name: short_numbers(values) for name, values in columns.items()}
    rows = [[Entry(markdown.plain(name)) for name in (*keys, *columns)]]
    for number, run in enumerate(runs):
        entries = []
        for name, values in columns.items():
            shown = markdown.plain(texts[name][number])
            shown = markdown.bold(shown) if _is(values[number], winners[name]) else shown
            entries.append(Entry(shown, f"{run.address}/{name}", _single(values[number])))
        rows.append([*(Entry(markdown.plain(run.point.get(key, ""))) for key in keys), *entries])
    points: list[markdown.Alignment] = [_alignment([run.point.get(key, "") for run in runs]) for key in keys]
    sides: list[markdown.Alignment] = ["right" if _any_number(values) else "left" for values in columns.values()]
    return table(rows, [*points, *sides])


def _number(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _winner(values: Sequence[Json], best: Best | None) -> float | None:
    """Return the best number; None if there is nothing to choose from."""
    numbers = [number for value in values if (number := _number(value)) is not None]
    if best is None or len(values) < 2 or not numbers or (len(numbers) == len(values) and len(set(numbers)) == 1):
        return None
    return max(numbers) if best == "max" else min(numbers)


def _is(value: Json, winner: float | None) -> bool:
    return winner is not None and _number(value) == winner


def _any_number(values: Sequence[Json]) -> bool:
    return any(_number(value) is not None for value in values)


def _alignment(texts: Sequence[str]) -> markdown.Alignment:
    try:
        [float(text) for text in texts]
    except ValueError:
        return "left"
    return "right"


def _single(value: Json) -> Scalar:
    """Return a value as evidence keeps it: JSON has no infinite numbers and no NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value if isinstance(value, str | int | float) else None


def short_number(value: Json) -> str:
    """Return a value for a table: fractions with four significant digits, whole numbers unchanged."""
    if isinstance(value, bool) or not isinstance(value, float):
        return "" if value is None else str(value)
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    if value.is_integer() and abs(value) < 1e15:
        return f"{value:.0f}"
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def short_numbers(values: Sequence[Json]) -> list[str]:
    """Return the values of a table's column: fractions with the same number of decimals, so that they can be compared.

    Each is shown as if alone if there are whole numbers among them, or if one would get more significant digits than
    `_MOST_DIGITS`: 0.0001 beside 250.5.
    """
    texts = [short_number(value) for value in values]
    numbers = {place: value for place, value in enumerate(values) if _number(value) is not None}
    decimals = max((len(texts[place].partition(".")[2]) for place in numbers), default=0)
    aligned = {place: f"{value:.{decimals}f}" for place, value in numbers.items()}
    digits = max((len(text.lstrip("-0.").replace(".", "")) for text in aligned.values()), default=0)
    alike = all(isinstance(value, float) and "e" not in texts[place] for place, value in numbers.items())
    if not alike or digits > _MOST_DIGITS:
        return texts
    return [aligned.get(place, text) for place, text in enumerate(texts)]


FUNCTION = Function(
    name="compare",
    text="a table over a matrix such as `sweep[*]`, the best value bold where "
    '`best="min"` or `"max"` or its name says which (accuracy, loss)',
    first=MATRIX,
    options={"values": _names, "best": _best},
    gives=("table",),
    check=_check,
    answer=_answer,
)
