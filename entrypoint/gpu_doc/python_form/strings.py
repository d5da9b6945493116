"""Reads string literals: what they say, and the fields of f-strings (PEP 701, as since Python 3.12)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from gpu_doc.python_form.errors import NotParsedError

if TYPE_CHECKING:
    from gpu_doc.python_form.tokens import Token

_ESCAPE = re.compile(
    r"""\\(?:(?P<line>\n)|(?P<one>[\\'"abfnrtv])|(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9a-fA-F]{2})|(?P<bad>x)
    | (?P<wide>N\{(?P<name>[^{}]+)\}|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8})|[NuU]))""",
    re.VERBOSE,
)
_ONE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ENDS = {
    "'": re.compile(r"(?:[^\\\n']|\\[\s\S])*'"),
    '"': re.compile(r'(?:[^\\\n"]|\\[\s\S])*"'),
    "'''": re.compile(r"(?:[^\\']|\\[\s\S]|'(?!''))*'''"),
    '"""': re.compile(r'(?:[^\\"]|\\[\s\S]|"(?!""))*"""'),
}


class Field(NamedTuple):
    """A field of an f-string."""

    tokens: tuple[Token, ...]
    said: str
    """For `{x = }`, the text that it shows: all before the value."""
    conversion: str = ""
    spec: tuple[str | Field, ...] | None = None


class Text(NamedTuple):
    """A string literal."""

    kind: str
    """`s` for text, `b` for bytes, `f` for an f-string, `t` for a template string."""
    parts: tuple[str | Field, ...]


FieldReader = Callable[[int], tuple[Field, int]]


def scan(source: str, at: int, opening: str, field: FieldReader) -> tuple[Text, int]:
    """Return the string literal whose content begins there, and where it ends. Raises NotParsedError.

    `opening` is its prefix and quotes; `field` reads the expression of a field.
    """
    quotes = opening.lstrip("rRbBuUfFtT")
    prefix = opening[: -len(quotes)].lower()
    raw = "r" in prefix
    if "f" in prefix or "t" in prefix:
        parts, end = _Scan(source, field, quotes, raw=raw).literal(at)
        if "t" in prefix:  # its fields know the text of their expressions
            return Text("t", (opening.lower() + source[at:end],)), end
        return Text("f", parts), end
    match = _ENDS[quotes].match(source, at)
    if not match:
        raise NotParsedError
    text, kind = match[0][: -len(quotes)], "b" if "b" in prefix else "s"
    if kind == "b" and not text.isascii():
        raise NotParsedError
    return Text(kind, (text if raw else _decoded(text, wide=kind == "s"),)), match.end()


class _Scan:
    """Reads an f-string."""

    def __init__(self, source: str, field: FieldReader, quotes: str, *, raw: bool) -> None:
        self._source = source
        self._field = field
        self._quotes = quotes
        self._raw = raw

    def literal(self, at: int, *, in_spec: bool = False) -> tuple[tuple[str | Field, ...], int]:
        """Return text and fields up to the closing quotes, or, in a format, up to the brace."""
        source, quotes = self._source, self._quotes
        parts: list[str | Field] = []
        text = ""
        while at < len(source):
            one, two = source[at], source[at : at + 2]
            if in_spec and one == "}":
                return (*parts, self._decoded(text)), at
            if source.startswith(quotes, at):
                if in_spec:
                    raise NotParsedError
                return (*parts, self._decoded(text)), at + len(quotes)
            if two in ("{{", "}}"):
                if in_spec:
                    raise NotParsedError
                text, at = text + one, at + 2
            elif one == "{":
                parts.append(self._decoded(text))
                text = ""
                found, at = self._one_field(at + 1)
                parts.append(found)
            elif one == "}" or (one == "\n" and len(quotes) == 1):
                raise NotParsedError
            else:
                taken = self._escape(at) if one == "\\" else one
                text, at = text + taken, at + len(taken)
        raise NotParsedError

    def _escape(self, at: int) -> str:
        """Return what a backslash takes with it, so that it neither ends the string nor begins a field."""
        following = self._source[at + 1 : at + 2]
        if self._raw:
            return self._source[at : at + 2] if following in ("\\", self._quotes[0]) else "\\"
        if following == "N" and self._source[at + 2 : at + 3] == "{":
            return self._source[at : self._source.find("}", at) + 1] or "\\"
        return "\\" if following in "{}" else self._source[at : at + 2]

    def _one_field(self, at: int) -> tuple[Field, int]:
        found, at = self._field(at)
        if self._source[at] == "!":
            match = re.compile(r"!([a-z]+)\s*(?=[:}])").match(self._source, at)
            if not match:
                raise NotParsedError
            found, at = found._replace(conversion=match[1]), match.end()
        if self._source[at] == ":":
            spec, at = self.literal(at + 1, in_spec=True)
            found = found._replace(spec=spec)
        if self._source[at] != "}":
            raise NotParsedError
        return found, at + 1

    def _decoded(self, text: str) -> str:
        return text if self._raw else _decoded(text, wide=True)


def _decoded(text: str, *, wide: bool) -> str:
    r"""Return what a text means, as its escapes say; bytes know no `\N`, `\u` and `\U`. Raises NotParsedError."""
    if "\\" not in text:
        return text

    def meant(match: re.Match[str]) -> str:
        if match["line"]:
            return ""
        if match["one"]:
            return _ONE.get(match["one"], match["one"])
        if match["octal"]:
            code = int(match["octal"], 8)
            return chr(code if wide else code & 0xFF)
        if match["hex"]:
            return chr(int(match["hex"], 16))
        if match["wide"] and not wide:
            return match[0]
        return _wide(match)

    return _ESCAPE.sub(meant, text)


def _wide(match: re.Match[str]) -> str:
    if match["name"]:
        import unicodedata

        try:
            found = unicodedata.lookup(match["name"])
        except KeyError:
            found = ""
        if len(found) == 1:
            return found
    code = int(match["short"] or match["long"] or "110000", 16)
    if code > 0x10FFFF:
        raise NotParsedError
    return chr(code)
