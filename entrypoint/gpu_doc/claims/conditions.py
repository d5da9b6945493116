"""Conditions of `expect`: whether a value fulfils them. How they are written, condition_text.py says."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, NoReturn

from gpu_doc.claims.numbers import NO_TOLERANCE, Number, Tolerance, number, shown
from gpu_doc.errors import ReportError
from gpu_doc.model.values import Json

About = Literal["value", "table"]

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_SECONDS = 10.0


@dataclass(frozen=True)
class Facts:
    """What a condition is judged by."""

    value: Json
    """Of a table: `rows`, their number, and `columns`, their names."""
    last: Json = None
    """What was published last; None if nothing was."""
    noise: Tolerance = NO_TOLERANCE
    """How much the value may differ from run to run."""


class Condition:
    """A condition. `about` is the kind of fact that it needs; `trend`: what was published last, too."""

    about: About = "value"
    trend: bool = False

    def holds(self, facts: Facts) -> bool:
        """Return whether it is fulfilled. Raises ReportError if the value is of another kind."""
        raise NotImplementedError


@dataclass(frozen=True)
class Compared(Condition):
    """Compared with a number. Only equality leaves room for noise: a bound is a bound."""

    sign: str
    other: Fraction

    def holds(self, facts: Facts) -> bool:
        """Return whether the number compares so; NaN never does."""
        return _compare(_number(facts.value), self.sign, self.other, noise=facts.noise.of(self.other))


@dataclass(frozen=True)
class Same(Condition):
    """The same text or truth value, or another one."""

    sign: str
    other: str | bool

    def holds(self, facts: Facts) -> bool:
        """Return whether it is."""
        if type(facts.value) is not type(self.other):
            _other_kind(facts.value, "a text" if isinstance(self.other, str) else "true or false")
        return OPERATORS[self.sign](facts.value, self.other)


@dataclass(frozen=True)
class Near(Condition):
    """Near a number."""

    center: Fraction
    by: Tolerance

    def holds(self, facts: Facts) -> bool:
        """Return whether it is at most so far away."""
        value, by = _number(facts.value), self.by.of(self.center)
        return self.center - by <= value <= self.center + by


@dataclass(frozen=True)
class Between(Condition):
    """In a range, both ends included."""

    low: Fraction
    high: Fraction

    def holds(self, facts: Facts) -> bool:
        """Return whether it lies in it."""
        return self.low <= _number(facts.value) <= self.high


@dataclass(frozen=True)
class Trend(Condition):
    """Compared with what was published last, `shift` away from it. It holds where nothing was."""

    sign: str
    shift: Tolerance
    down: bool
    trend = True

    def holds(self, facts: Facts) -> bool:
        """Return whether it compares so. What differs by no more than noise counts as equal."""
        value, last = _number(facts.value), number(facts.last)
        if last is None or isinstance(last, float):  # never published, or not a finite number
            return not _is_nan(value)
        by = self.shift.of(last)
        other = last - by if self.down else last + by
        return _compare(value, self.sign, other, noise=facts.noise.of(last), bound=True)


@dataclass(frozen=True)
class Matches(Condition):
    """A text in which a regular expression is found."""

    pattern: str

    def holds(self, facts: Facts) -> bool:
        """Return whether it is found. Raises ReportError if that takes too long."""
        if not isinstance(facts.value, str):
            _other_kind(facts.value, "a text")
        from gpu_doc.system.matching import matching

        try:
            return bool(matching(self.pattern, [facts.value], seconds=_SECONDS))
        except ReportError as error:
            what = f"`/{self.pattern[:60]}/` took more than {_SECONDS:g} s"
            raise ReportError(what, remedy=error.remedy) from error


@dataclass(frozen=True)
class Shape(Condition):
    """How many rows and columns a table has, or what its columns are called."""

    rows: tuple[str, int] | None = None
    columns: tuple[str, int] | None = None
    names: tuple[str, tuple[str, ...]] | None = None
    about = "table"

    def holds(self, facts: Facts) -> bool:
        """Return whether the table has this shape."""
        table = facts.value
        shape = table if isinstance(table, dict) else {}
        if type(shape.get("rows")) is not int or not isinstance(shape.get("columns"), list):
            _other_kind(table, "a table")
        counts = ((self.rows, table["rows"]), (self.columns, len(table["columns"])))
        fits = all(OPERATORS[wanted[0]](count, wanted[1]) for wanted, count in counts if wanted)
        return fits and (not self.names or OPERATORS[self.names[0]](tuple(table["columns"]), self.names[1]))


def _compare(value: Number, sign: str, other: Fraction, *, noise: Fraction, bound: bool = False) -> bool:
    if _is_nan(value):
        return False
    if noise and isinstance(value, Fraction) and abs(value - other) <= noise:
        equal = sign in ("==", ">=", "<=")
        if bound or sign in ("==", "!="):
            return equal
    return OPERATORS[sign](value, other)


def _is_nan(value: Number) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _number(value: Json) -> Number:
    found = number(value)
    if found is None:
        _other_kind(value, "a number")
    return found


def _other_kind(value: Json, wanted: str) -> NoReturn:
    kinds = {str: "the text", bool: "the truth value", list: "the list", dict: "the mapping"}
    is_number = number(value) is not None and not isinstance(value, str)
    kind = "nothing" if value is None else "the number" if is_number else kinds.get(type(value), "the value")
    said = "" if value is None else f" `{shown(value)}`"
    remedies = {
        "a number": "End the cell with the number alone, such as float(accuracy).",
        "a text": "Compare a number with a number: `== 5`, `>= 0.92`.",
    }
    what = f"it is {kind}{said}, and the claim is about {wanted}"
    raise ReportError(what, remedy=remedies.get(wanted, "Write a claim for what the value is."))
