"""A number as it is printed in prose: what it says, how exactly, and how another value is printed in the same form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

from gpu_doc.claims.numbers import UNITS

_SEPARATORS = ",_'\u00a0"
LOOSE = (
    rf"(?<![\w.,])(?<!\w-)(?:[-+\N{{MINUS SIGN}}])?(?:[1-9]\d{{0,2}}(?:[{_SEPARATORS}]\d{{3}})+(?!\d)|\d+)"
    r"(?:[.,]\d+)?(?:[eE][-+]?\d{1,3})?(?![\w]|[.,]\d)"
)
"""What a number in prose looks like; not those in names such as H100 or v2.7."""
_FORM = re.compile(
    rf"(?P<digits>(?P<sign>[-+\N{{MINUS SIGN}}]?)(?P<whole>[1-9]\d{{0,2}}(?P<separator>[{_SEPARATORS}])\d{{3}}"
    rf"(?:(?P=separator)\d{{3}})*|\d+)(?:(?P<point>[.,])(?P<decimals>\d+))?(?P<exponent>[eE][-+]?\d{{1,3}})?)"
    r"(?:\s?(?P<unit>[^\W\d_]+|%))?"
)
_MOST_DIGITS = 60


@dataclass(frozen=True)
class Printed:
    """A printed number."""

    text: str
    digits: str
    """Sign, digits and exponent, without the unit."""
    value: Fraction
    """What it says, with its unit."""
    precision: Fraction
    """Half a unit of its last digit: `92 %` says 0.915 to 0.925."""
    unit: str
    decimals: int
    separator: str
    point: str
    exponent: str

    def of(self, value: Fraction) -> str:
        """Return the digits that print another value in the same form."""
        with localcontext() as context:
            context.prec = 400
            wanted = value / UNITS.get(self.unit, Fraction(1))
            number = Decimal(wanted.numerator) / Decimal(wanted.denominator)
            if self.exponent:
                power = number.adjusted() if number else 0
                number = round(number.scaleb(-power), self.decimals)
                if abs(number) >= 10:  # 9.99 was rounded up
                    power, number = power + 1, number.scaleb(-1)
            rounded = number.quantize(Decimal(1).scaleb(-self.decimals), rounding=ROUND_HALF_EVEN)
        whole, _, decimals = f"{abs(rounded):f}".partition(".")
        if self.separator:
            whole = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", self.separator, whole)
        sign = ("\N{MINUS SIGN}" if "\N{MINUS SIGN}" in self.digits else "-") if rounded < 0 else ""
        sign = "+" if self.digits.startswith("+") and rounded > 0 else sign
        text = f"{sign}{whole}{self.point + decimals if decimals else ''}"
        return f"{text}{_exponent(self.exponent, power)}" if self.exponent else text


def _exponent(like: str, power: int) -> str:
    """Return an exponent, written as another one: `e-04` has two digits, `E+4` a sign."""
    width = len(like.lstrip("eE+-"))
    sign = "-" if power < 0 else "+" if "+" in like else ""
    return f"{like[0]}{sign}{abs(power):0{width}d}"


def read(text: str, unit: str = "") -> Printed | None:
    """Return a printed number; None if the text is none. `unit`: one that stands behind it."""
    found = _FORM.fullmatch(text.strip())
    if not found or len(found["digits"]) > _MOST_DIGITS:
        return None
    unit = found["unit"] or unit
    if unit and unit not in UNITS:
        return None
    separator, decimals = found["separator"] or "", found["decimals"] or ""
    whole = found["whole"].replace(separator, "") if separator else found["whole"]
    sign = "-" if found["sign"] in ("-", "\N{MINUS SIGN}") else ""
    exponent = found["exponent"] or ""
    scale = UNITS.get(unit, Fraction(1)) * Fraction(f"1{exponent}")
    return Printed(
        text=text.strip(),
        digits=found["digits"],
        value=Fraction(f"{sign}{whole}.{decimals or 0}") * scale,
        precision=scale / 2 / 10 ** len(decimals),
        unit=unit,
        decimals=len(decimals),
        separator=separator,
        point=found["point"] or "",
        exponent=exponent,
    )
