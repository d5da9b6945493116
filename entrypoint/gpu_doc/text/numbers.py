"""Shows values before and after, with enough digits to see the difference, and the difference itself."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from fractions import Fraction

from gpu_doc.model.values import Json

_LONGEST = 200
"""Characters of a value that are shown."""
_MOST_DIGITS = 25
"""The most digits of a whole number that are written out."""
_MINUS = "\N{MINUS SIGN}"


def in_words(before: Json, after: Json) -> tuple[str, str, str]:
    """Return the value before, the value after, and the difference. An absent value is empty."""
    decimals = _decimals(before, after)
    return _text(before, decimals), _text(after, decimals), difference(before, after)


def difference(before: Json, after: Json) -> str:
    """Return how a value changed: `new`, `gone`, or by how much; empty if equal, or not both numbers."""
    if before is None or after is None:
        return "new" if before is None else "gone"
    first, second = _exact(before), _exact(after)
    if first is None or second is None or first == second:
        return ""
    gap = second - first
    absolute = _signed(gap, whole=isinstance(before, int) and isinstance(after, int))
    return f"{absolute} ({_percent(100 * gap / abs(first))})" if first else absolute


def _exact(value: Json) -> Fraction | None:
    """Return a finite number exactly: whole numbers may be too large for a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # From its text, such as 99.6, not from the binary value nearest to it.
    if isinstance(value, float):
        return Fraction(repr(value)) if math.isfinite(value) else None
    return Fraction(value)


def _signed(gap: Fraction, *, whole: bool) -> str:
    size = abs(gap)
    if whole and size < 10**_MOST_DIGITS:
        return f"{_sign(gap)}{int(size)}"
    return f"{_sign(gap)}{_rounded(size, 3)}"


def _percent(percent: Fraction) -> str:
    size = abs(percent)
    if size >= 1_000_000:
        return "more than a million %"
    if size >= 100:
        return f"{_sign(percent)}{float(size):.0f} %"
    if size < Fraction(1, 1000):
        return "less than 0.001 %"
    return f"{_sign(percent)}{_rounded(size, 2 if size < 1 else 3)} %"


def _sign(number: Fraction) -> str:
    return _MINUS if number < 0 else "+"


def _rounded(size: Fraction, digits: int) -> str:
    """Round to so many digits; without an exponent unless the number is tiny or huge."""
    number = Decimal(size.numerator) / Decimal(size.denominator)
    if Decimal("1e-6") <= number < Decimal("1e15"):
        return f"{number:.{max(0, digits - 1 - number.adjusted())}f}"
    return f"{number:.{digits - 1}e}"


def _decimals(before: Json, after: Json) -> int | None:
    """How many decimals show three digits of the difference of two fractions; None if they don't differ."""
    first, second = _exact(before), _exact(after)
    if not (isinstance(before, float) or isinstance(after, float)):
        return None
    if first is None or second is None or first == second:
        return None
    gap = abs(second - first)
    return max(0, 2 - (Decimal(gap.numerator) / Decimal(gap.denominator)).adjusted())


def _text(value: Json, decimals: int | None) -> str:
    """Return a value as text; cut if it is long."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value or '""'
    elif isinstance(value, float):
        text = _fraction(value, decimals)
    elif isinstance(value, int) and not isinstance(value, bool):
        text = str(value) if abs(value) < 10**_MOST_DIGITS else f"{Decimal(value):.6e}"
    else:
        text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _fraction(value: float, decimals: int | None) -> str:
    """Show three digits; more if the difference needs them, six if there is none; never more than the value has."""
    exact = repr(value)
    if not math.isfinite(value) or not 1e-6 <= abs(value) < 1e15:
        return exact
    least = 2 if decimals is not None else 5
    rounded = f"{value:.{max(decimals or 0, least - Decimal(value).adjusted(), 0)}f}"
    return rounded if len(rounded) < len(exact) else exact
