"""Numbers exactly: values as they are, and amounts as people write them, with percent and units."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from gpu_doc.model.values import Json

Number = Fraction | float
"""Exact; a float only if it is not finite."""

UNITS = {
    "%": Fraction(1, 100),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "min": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
    **{name: Fraction(1000**power) for power, name in enumerate(("kB", "MB", "GB", "TB"), start=1)},
    **{name: Fraction(1024**power) for power, name in enumerate(("KiB", "MiB", "GiB", "TiB"), start=1)},
    "thousand": Fraction(1000),
    "million": Fraction(10**6),
    "billion": Fraction(10**9),
}
"""What a number is multiplied by. Values are in seconds and bytes."""
DIGITS = r"(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?"
_AMOUNT = re.compile(rf"\s*(?P<number>[-+]?{DIGITS})\s*(?P<unit>[^\W\d_]+|%)?\s*")
_MOST_DIGITS = 400
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class NotAnAmount(Exception):  # noqa: N818 - the caller says what it is an error of
    """Its text says what is wrong with a number, in words."""


@dataclass(frozen=True)
class Tolerance:
    """How much a value may differ; `relative` is a part of what it is compared with."""

    amount: Fraction
    relative: bool = False

    def of(self, center: Fraction) -> Fraction:
        """The tolerance around a number."""
        return self.amount * abs(center) if self.relative else self.amount


NO_TOLERANCE = Tolerance(Fraction(0))


def number(value: Json) -> Number | None:
    """Return a value as a number; None if it is none. value() gives numbers that are not finite as words."""
    if isinstance(value, str):
        return _NOT_FINITE.get(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float):
        # From its text, such as 0.1, not from the binary value nearest to it.
        return Fraction(repr(value)) if math.isfinite(value) else value
    return Fraction(value)


def amount(text: str) -> tuple[Fraction, str]:
    """Return a written number, and its unit: `92 %` is 0.92. Raises NotAnAmount."""
    found = _AMOUNT.fullmatch(text.replace("\N{MINUS SIGN}", "-"))
    if not found or len(found["number"]) > _MOST_DIGITS:
        remedy = f"; write it with a point, {text.replace(',', '.').strip()}" if _comma(text) else ""
        raise NotAnAmount(f"`{text.strip()}` is no number{remedy}")
    unit = found["unit"] or ""
    if unit and unit not in UNITS:
        from gpu_doc.text.nearest import nearest  # only a mistake pays for it

        near = "".join(f"; did you mean `{name}`?" for name in nearest(unit, UNITS))
        raise NotAnAmount(f"`{unit}` is no unit{near or '; known are ' + ', '.join(UNITS)}")
    return Fraction(found["number"].replace("_", "")) * UNITS.get(unit, Fraction(1)), unit


def tolerance(text: str) -> Tolerance:
    """Return a tolerance: `0.01`, or `1 %` of what a value is compared with. Raises NotAnAmount."""
    size, unit = amount(text)
    if size < 0:
        raise NotAnAmount(f"`{text.strip()}` is no tolerance: it is not below 0")
    return Tolerance(size, relative=unit == "%")


def _comma(text: str) -> bool:
    return re.fullmatch(r"\s*[-+]?\d+,\d+\s*%?\s*", text) is not None


def shown(value: Json) -> str:
    """Return a value for a message."""
    import json

    if isinstance(value, dict) and set(value) == {"rows", "columns"} and isinstance(value["columns"], list):
        return f"{value['rows']} x {len(value['columns'])}, columns [{', '.join(map(str, value['columns']))}]"
    text = value if isinstance(value, str) and value in _NOT_FINITE else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}…"
