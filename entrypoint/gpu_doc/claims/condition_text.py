r"""Reads conditions of `expect`.

>= 0.92     < 3 min     == 5     != "NaN"    == true      a comparison; the value's own digits count
0.93 ± 0.01             0.93 ± 1 %                        near a number; `+/-` is the same
0.9..0.95               between 0.9 and 0.95              a range, with both ends
>= last     >= last - 0.01      <= last + 2 %             compared with the value that was published last
/^v2\.\d+/                                                a regular expression, found somewhere in a text
rows == 10  columns >= 4  columns == [epoch, loss]  10 x 4    the shape of a table
"""

from __future__ import annotations

import re
from fractions import Fraction

from gpu_doc.claims.conditions import Between, Compared, Condition, Matches, Near, Same, Shape, Trend
from gpu_doc.claims.numbers import DIGITS, NotAnAmount, Tolerance, amount, tolerance

_SIGNS = str.maketrans({"≥": ">=", "≤": "<=", "≠": "!=", "\N{MINUS SIGN}": "-"})
_COMPARISON = re.compile(r"(>=|<=|==|!=|>|<)\s*(.+)", re.DOTALL)
_LAST = re.compile(r"last(?:\s*(?P<sign>[-+]|±)\s*(?P<by>.+))?")
_NEAR = re.compile(r"(?:==\s*)?(?P<center>.+?)\s*(?:±|\+/-|\+-)\s*(?P<by>.+)")
_BETWEEN = re.compile(r"between\s+(?P<low>.+?)\s+and\s+(?P<high>.+)")
_RANGE = re.compile(rf"(?P<low>[-+]?{DIGITS}\s*[^\W\d_.]*%?)\s*\.\.\s*(?P<high>.+)")
_REGEX = re.compile(r"/(?P<pattern>.*)/(?P<flags>i?)", re.DOTALL)
_SHAPE = re.compile(r"(?P<part>rows|columns)\s*(?P<sign>>=|<=|==|!=|>|<)\s*(?P<rest>.+)")
_SIZE = re.compile(r"(?P<rows>\d{1,9})\s*[x×]\s*(?P<columns>\d{1,9})")  # noqa: RUF001 - the sign between them
_LONGEST = 1000
_LONGEST_PATTERN = 10_000


class NotACondition(Exception):  # noqa: N818 - the caller says where it stands
    """Its text says what is wrong with a condition, in words."""


def parse(text: str) -> Condition:
    """Return the condition that a text means. Raises NotACondition, with what may be meant."""
    written = text.strip()
    plain = written if written.startswith("/") else written.translate(_SIGNS)
    try:
        return _parsed(plain)
    except NotAnAmount as error:
        raise NotACondition(str(error)) from error


def _parsed(text: str) -> Condition:
    if text.startswith("/"):
        return _regex(text)
    if len(text) > _LONGEST:
        raise NotACondition(f"`{_short(text)}` is no claim: it is longer than {_LONGEST} characters")
    if found := _SHAPE.fullmatch(text):
        return _shape(found["part"], found["sign"], found["rest"].strip())
    if found := _SIZE.fullmatch(text):
        return Shape(rows=("==", int(found["rows"])), columns=("==", int(found["columns"])))
    if found := _BETWEEN.fullmatch(text) or _RANGE.fullmatch(text):
        return _between(found["low"], found["high"])
    if not re.match(r"[<>!]|==\s*[\"']", text) and (found := _NEAR.fullmatch(text)) and "last" not in found["center"]:
        return _near(found["center"], found["by"])
    if found := _COMPARISON.fullmatch(text):
        return _comparison(found[1], found[2].strip())
    raise NotACondition(_meant(text))


def _comparison(sign: str, rest: str) -> Condition:
    if found := _LAST.fullmatch(rest):
        if found["sign"] == "±" or sign in ("==", "!="):
            raise NotACondition("`last` goes with >=, <=, > or <: `>= last - 0.01`")
        shift = tolerance(found["by"]) if found["by"] else Tolerance(Fraction(0))
        return Trend(sign, shift, found["sign"] == "-")
    if rest in ("true", "false") and sign in ("==", "!="):
        return Same(sign, rest == "true")
    if len(rest) > 1 and rest[0] == rest[-1] and rest[0] in "\"'":
        if sign in ("==", "!="):
            return Same(sign, rest[1:-1])
        raise NotACondition(f"{sign} compares numbers, and {rest} is a text")
    if rest[:1] in "<>=!":
        raise NotACondition(_meant(sign + rest))
    try:
        return Compared(sign, amount(rest)[0])
    except NotAnAmount:
        if re.match(r"[-+.]?\d", rest):
            raise
        from gpu_doc.text.nearest import nearest  # only a mistake pays for it

        word = rest.split(maxsplit=1)[0]
        near = ("last",) if word in ("before", "previous", "published") else nearest(word, ("last", "true", "false"))
        hint = f"did you mean `{near[0]}`?" if near else f'a text is in quotes: {sign} "{rest}"'
        raise NotACondition(f"`{rest}` is no number; {hint}") from None


def _near(center: str, by: str) -> Condition:
    middle, unit = amount(center)
    around = tolerance(by)
    if unit == "%" and around.relative:
        ways = [f"`{float(middle):g} ± {float(size):g}`" for size in (around.of(middle), around.amount)]
        raise NotACondition(f"`{center.strip()} ± {by.strip()}` can be read in two ways: write {' or '.join(ways)}")
    return Near(middle, around)


def _between(low: str, high: str) -> Condition:
    ends = amount(low)[0], amount(high)[0]
    if ends[0] > ends[1]:
        raise NotACondition(f"no number lies between {low.strip()} and {high.strip()}: write the smaller one first")
    return Between(*ends)


def _regex(text: str) -> Condition:
    found = _REGEX.fullmatch(text)
    if not found:
        flags = text.rpartition("/")[2]
        said = "ends with a slash" if text.count("/") < 2 else f"can only have `i` behind it, not `{_short(flags)}`"
        raise NotACondition(f"a regular expression {said}: /^v\\d+/")
    if len(found["pattern"]) > _LONGEST_PATTERN:
        raise NotACondition(f"the regular expression is longer than {_LONGEST_PATTERN} characters")
    pattern = f"(?i){found['pattern']}" if found["flags"] else found["pattern"]
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise NotACondition(f"`{_short(text)}` is no regular expression: {error}") from error
    return Matches(pattern)


def _shape(part: str, sign: str, rest: str) -> Condition:
    if part == "columns" and rest.startswith("[") and rest.endswith("]"):
        if sign not in ("==", "!="):
            raise NotACondition(f"names of columns are compared with == or !=, not {sign}")
        names = tuple(name.strip().strip("\"'") for name in rest[1:-1].split(","))
        return Shape(names=(sign, names))
    if not re.fullmatch(r"\d{1,9}", rest):
        hint = ", or their names: columns == [epoch, loss]" if part == "columns" else ""
        raise NotACondition(f"`{_short(rest)}` is no number of {part}{hint}")
    wanted = sign, int(rest)
    return Shape(rows=wanted) if part == "rows" else Shape(columns=wanted)


def _meant(text: str) -> str:
    """Say what a text that is no condition may have been meant as."""
    swapped = {"=>": ">=", "=<": "<=", "=": "==", "!": "!=", "<>": "!=", "===": "==", "!==": "!="}
    head = re.match(r"[<>=!]+", text)
    what = f"`{_short(text)}` is no claim"
    if head and head[0] in swapped:
        return f"{what}; did you mean `{swapped[head[0]]}{text[head.end() :]}`?"
    try:
        amount(text)
    except NotAnAmount:
        pass
    else:
        return f"{what}; write `== {text}`, or with a tolerance `{text} ± 0.01`"
    from gpu_doc.text.nearest import nearest  # only a mistake pays for it

    word = re.match(r"\w+", text)
    if word and word[0] in ("rows", "columns"):
        return f"{what}; write `{word[0]} == 10`"
    if word and (near := nearest(word[0], ("rows", "columns", "between"))):
        rest = text[word.end() :] or " …"
        return f"{what}; did you mean `{near[0]}{rest}`?"
    return f"{what}; write `>= 0.92`, `0.93 ± 0.01`, `0.9..0.95`, `>= last`, `/^v2/` or `rows == 10`"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"
