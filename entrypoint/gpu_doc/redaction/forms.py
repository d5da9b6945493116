"""The forms in which a secret may be written: plain, escaped, in hexadecimal, in base64.

Escaped means for JSON, Python, C, URLs and HTML. In base64, it may begin anywhere in a longer text. In all forms, its
letters may be separated by colour sequences, HTML tags and line ends. We can't find what a program transforms on
purpose (a cipher, an archive, letters in a picture).

Each form has a needle: a short text that it always contains. The form's regular expression is compiled and used only if
the needle occurs. So even a long text without secrets costs only a few passes of `bytes.find`.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import cached_property, partial

_CODES = rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])"
"""Colours and links of terminals."""

_TAG = rb"(?:<(?!!--)[^<>]{0,400}>|<!--(?:(?!-->)[\s\S]){0,400}-->)"
"""A tag or a comment; it may contain anything except its end."""

# This is repeated between letters. It must match each text in only one way, or a search could take for ever.
_NOISE = b"(?:" + _CODES + b"|" + _TAG + rb"|[\r\n][ \t]*|\\{1,4}[rn])"
"""What may be between the letters of a secret; also line wrapping, as Python and JSON show line ends."""

_GAP = (
    b"(?:" + _CODES + b"|" + _TAG + rb"|[\s+]|\xc2\xa0|%(?:25){0,3}(?:20|0[9AaDd])|&(?:nbsp|#(?:32|10|13|9));"
    rb"|\\{1,8}(?:[rnt]|(?:x|u00)(?:20|0[9AaDd])))*"
)
"""What may replace blanks and line ends in a secret; perhaps nothing."""

_BETWEEN_HEX = rb"(?:" + _NOISE + rb"|[ \t:;,_%&#-]|\\{1,8}x){0,6}"
_SEPARATORS = b" \t:;,_%&#-\\x"
_LEAST_DIGITS = 5
"""The least digits before an exponent; fewer would match too many numbers."""
_BLANKS = b" \t\r\n"
_ANY_NOISE = re.compile(_NOISE)
_WORD = re.compile(rb"[0-9A-Za-z]+")


class Form:
    """One way to write a value."""

    def __init__(self, needle: bytes, pattern: Callable[[], bytes], *, hexadecimal: bool = False) -> None:
        """Every match of `pattern` contains `needle`; with `hexadecimal`, once separators are removed."""
        self.needle = needle
        self.hexadecimal = hexadecimal
        self._make = pattern

    @cached_property
    def pattern(self) -> re.Pattern[bytes]:
        """The regular expression that finds it."""
        return re.compile(self._make(), re.IGNORECASE if self.hexadecimal else 0)


def forms(value: str) -> Iterator[Form]:
    """Yield all ways to write a value; the first is plain or escaped."""
    data = value.encode("utf-8", "surrogatepass")
    yield Form(_longest_word(data), partial(_spelled, value))
    yield Form(data.hex().encode(), partial(_in_hex, data), hexadecimal=True)
    if value.isascii() and value.isdecimal():
        yield Form(data, partial(_in_groups, value), hexadecimal=True)
        mantissa = value.strip("0")
        if len(mantissa) >= _LEAST_DIGITS:
            yield Form(mantissa[1:].encode(), partial(_with_exponent, mantissa, len(value.lstrip("0")) - 1))
    for before in range(3):
        digits = base64_digits(data, before)
        yield Form(_longest_word(digits), partial(_in_base64, digits, before))


def _longest_word(data: bytes) -> bytes:
    """The longest part that no escaping changes: letters and digits."""
    return max(_WORD.findall(data), key=len, default=b"")


def _spelled(value: str) -> bytes:
    """Match the value letter by letter, each plain or escaped."""
    return _GAP.join((_NOISE + b"*").join(map(_letter, word)) for word in re.split(r"\s+", value))


def _letter(letter: str) -> bytes:
    if letter.isascii() and letter.isalnum():
        return letter.encode()
    return b"(?:" + b"|".join(_escapes(letter)) + b")"


def _escapes(letter: str) -> Iterator[bytes]:
    from html.entities import codepoint2name  # needed only once a needle was found

    data, code = letter.encode("utf-8", "surrogatepass"), ord(letter)
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    yield rb"\\{0,8}" + re.escape(data)
    yield b"".join(rb"%%(?:25){0,3}%b" % _digits(f"{byte:02x}") for byte in data)
    yield b"".join(rb"\\{1,8}u" + _digits(units[at : at + 4]) for at in range(0, len(units), 4))
    yield rb"\\{1,8}U" + _digits(f"{code:08x}")
    yield b"".join(rb"\\{1,8}x" + _digits(f"{byte:02x}") for byte in data)
    yield b"".join(rb"\\{1,8}%03o" % byte for byte in data)
    name = "apos" if letter == "'" else codepoint2name.get(code)
    names = [*([name.encode()] if name else []), rb"#0*%d" % code]
    yield rb"&(?:amp;){0,3}(?:" + b"|".join([*names, rb"#[xX]0*" + _digits(f"{code:x}")]) + b");"
    if code <= 0xFF:
        yield rb"\\{1,8}x" + _digits(f"{code:02x}")


def _digits(text: str) -> bytes:
    """Hexadecimal digits, in either case."""
    return b"".join(b"[%c%c]" % (ord(d), ord(d.upper())) if d.isalpha() else d.encode() for d in text)


def _in_hex(data: bytes) -> bytes:
    return rb"(?:\\{1,8}x|%|&#x)?" + _BETWEEN_HEX.join(b"%02x" % byte for byte in data)


def _in_groups(digits: str) -> bytes:
    """Match a number with separators: 12,345,678 or 12_345_678 or 12 345 678."""
    first = len(digits) % 3 or 3
    groups = [digits[:first], *(digits[at : at + 3] for at in range(first, len(digits), 3))]
    whole = rb"(?:[,_' ]|\xc2\xa0|\xe2\x80[\x89\xaf])?".join(group.encode() for group in groups)
    return whole + rb"(?:\.0+(?![0-9]))?"


def _with_exponent(mantissa: str, exponent: int) -> bytes:
    """Match a large number with an exponent: 1.2345678e+07."""
    return rb"%b\.%b0*[eE]\+?0*%d(?![0-9])" % (mantissa[:1].encode(), mantissa[1:].encode(), exponent)


def base64_digits(data: bytes, before: int) -> bytes:
    """The base64 digits of a value after `before` bytes (modulo 3), without those that depend on neighbours."""
    # RFC 4648: a digit holds six bits. The digits at both ends also hold bits of the neighbours.
    whole = b64encode(bytes(before) + data)
    return whole[(0, 2, 3)[before] : (before + len(data)) * 8 // 6]


def _in_base64(digits: bytes, before: int) -> bytes:
    shared = rb"[0-9A-Za-z+/_-]?"
    written = {b"+": rb"(?:[+-]|%2[Bb])", b"/": rb"(?:\\{0,8}[/_]|%2[Ff])"}
    letters = (written.get(digits[at : at + 1], digits[at : at + 1]) for at in range(len(digits)))
    middle = (_NOISE + b"*").join(letters)
    return (shared if before else b"") + middle + shared + rb"(?:=|%3[Dd]|\\{1,8}u003[dD]){0,2}"


class Haystacks:
    """A text, prepared for searching the needles of forms."""

    def __init__(self, data: bytes) -> None:
        loud = any(sign in data for sign in (b"\x1b", b"<", b"\\"))
        joined = (_ANY_NOISE.sub(b"", data) if loud else data).translate(None, _BLANKS)
        # Both, since the second lacks the text inside tags.
        self._texts = [data] if len(joined) == len(data) else [data, joined]

    @cached_property
    def _digits(self) -> list[bytes]:
        return [text.lower().translate(None, _SEPARATORS) for text in self._texts]

    def may_hold(self, form: Form) -> bool:
        """Whether the text may contain a form."""
        return any(form.needle in text for text in (self._digits if form.hexadecimal else self._texts))
