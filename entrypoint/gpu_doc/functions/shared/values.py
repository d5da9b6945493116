"""Reads a number or string from a cell's outputs: glued, as JSON, or the last expression.

Glued values are those of scrapbook (`application/scrapbook.scrap.*`), of papermill's older `record`, and of MyST-NB:
any output whose metadata has its name under `scrapbook`.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence

from gpu_doc.errors import ReportError
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import joined
from gpu_doc.text.nearest import listed

Output = Mapping[str, Json]

_SCRAP = "application/scrapbook.scrap."
_RECORD = "application/papermill.record"
_LONGEST = 10_000
"""The most characters of a text that may be a value."""

_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|inf|nan)|True|False"
# tensor(0.93, device='cuda:0', grad_fn=<…>), array(0.5), Array(0.5, dtype=float32), tf.Tensor(0.5, shape=(), …)
_ZERO_DIMENSIONS = re.compile(
    rf"(?:tf\.)?(?:tensor|Tensor|array|Array|Parameter containing:\s*tensor)\(\s*({_NUMBER})\s*(?:,.*)?\)", re.DOTALL
)
_TENSORFLOW = re.compile(rf"<tf\.(?:Tensor|Variable)[^>]*\bnumpy=({_NUMBER})>")
_NUMPY_SCALAR = re.compile(r"(?:np|numpy|jnp)\.\w+\((.*)\)", re.DOTALL)
_NUMPY_TRUTH = re.compile(r"(?:np|numpy)\.(True|False)_")
_DECIMAL = re.compile(r"Decimal\('([^']+)'\)")
_FRACTION = re.compile(r"Fraction\((-?\d+), (\d+)\)")
_R_VECTOR = re.compile(r"\[1\]\s+(\S.*)", re.DOTALL)
_OTHER_WORDS: Mapping[str, Json] = {
    "nan": math.nan,
    "NaN": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "Inf": math.inf,
    "-Inf": -math.inf,
    "true": True,
    "false": False,
    "TRUE": True,
    "FALSE": False,
}


class NoValue(Exception):  # noqa: N818 - not an error yet
    """A text is not a number or string."""


def glued_names(outputs: Iterable[Output]) -> list[str]:
    """Return the names of all glued values, in order."""
    return [name for output in outputs for name in _names(output)]


def glued(outputs: Iterable[Output], name: str) -> list[Output]:
    """Return the output last glued under a name, its mime types unwrapped; two if scrapbook also displays the value.

    The data comes first, the display last.
    """
    found = [_unwrapped(output, name) for output in outputs if name in _names(output)]
    data = [output for output in found if "application/json" in output["data"]]
    shown = [output for output in found if "application/json" not in output["data"]]
    return [*data[-1:], *shown[-1:]]


def _names(output: Output) -> list[str]:
    """Return the names under which an output is glued: one, or several in papermill's record."""
    data, metadata = output.get("data") or {}, output.get("metadata") or {}
    note = metadata.get("scrapbook")
    names = [str(note["name"])] if isinstance(note, dict) and note.get("name") else []
    for kind, content in data.items():
        if kind.startswith(_SCRAP) and isinstance(content, dict) and "name" in content:
            names.append(str(content["name"]))
        elif kind == f"{_RECORD}+json" and isinstance(content, dict):
            names += map(str, content)
    return list(dict.fromkeys(names))


def _unwrapped(output: Output, name: str) -> Output:
    data: dict[str, Json] = {}
    for kind, content in (output.get("data") or {}).items():
        if kind.startswith(_SCRAP) and isinstance(content, dict):
            data["application/json"] = content.get("data")
        elif kind == f"{_RECORD}+json" and isinstance(content, dict):
            data["application/json"] = content.get(name)
        else:
            data[kind.removeprefix(f"{_RECORD}/")] = content
    return {**output, "output_type": "display_data", "data": data}


def value_of(outputs: Sequence[Output]) -> Json:
    """Return a cell's value: what it glued, else its JSON, else its last expression. Raises ReportError."""
    names = list(dict.fromkeys(glued_names(outputs)))
    if len(names) > 1:
        raise ReportError(f"this cell glues {len(names)} values: {listed(names)}", remedy="Name one: run/NAME.")
    if names:
        own = glued(outputs, names[0])
        return value_of_output(own[0])
    shown = [output for output in outputs if output.get("output_type") in ("execute_result", "display_data")]
    results = [output for output in shown if output["output_type"] == "execute_result"]
    for output in reversed([o for o in shown if "application/json" in (o.get("data") or {})] or results):
        return value_of_output(output)
    raise ReportError(
        "this cell has no value: it ends with no expression", remedy="End it with the value alone on its last line."
    )


def value_of_output(output: Output) -> Json:
    """Return the value of one output. Raises ReportError if it is not a number or string."""
    data = output.get("data") or {}
    if "application/json" in data:
        return data["application/json"]
    text = joined(data.get("text/plain", ""))
    try:
        return parse_value(text)
    except NoValue as error:
        shown = " ".join(text.split())
        shown = shown if len(shown) <= 60 else f"{shown[:57]}…"
        raise ReportError(
            f"what this cell shows is no number or string: {shown or 'nothing'}",
            remedy="End it with one number, such as float(accuracy), or glue one.",
        ) from error


def parse_value(text: str) -> Json:
    """Return the number, string or truth value that a text/plain represents. Raises NoValue."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        raise NoValue(text)
    for pattern in (_ZERO_DIMENSIONS, _TENSORFLOW, _NUMPY_SCALAR, _NUMPY_TRUTH, _DECIMAL, _R_VECTOR):
        if found := pattern.fullmatch(text):
            value = _literal(found[1])
            return float(str(value)) if pattern is _DECIMAL else value
    if (found := _FRACTION.fullmatch(text)) and int(found[2]):
        return int(found[1]) / int(found[2])
    return _literal(text)


def _literal(text: str) -> Json:
    if text in _OTHER_WORDS:
        return _OTHER_WORDS[text]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise NoValue(text) from error
    if value is not None and not isinstance(value, str | int | float):
        raise NoValue(text)
    return value


def value_in_file(content: str) -> Json:
    """Return the number or string that is the whole content of a file, as JSON or in Python. Raises NoValue."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return parse_value(content)
