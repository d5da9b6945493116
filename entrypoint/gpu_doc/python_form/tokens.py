"""Splits Python source into tokens, by the rules of Python 3.14 and on every Python alike.

https://docs.python.org/3/reference/lexical_analysis.html. Comments, blank lines and the kind of quotes are gone;
strings and numbers are what they mean. Also knows IPython's magics, which a cell may have among its lines.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gpu_doc.python_form import strings
from gpu_doc.python_form.errors import NotParsedError
from gpu_doc.python_form.strings import Field, Text

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\f]+|\\\n)
    | (?P<comment>\#[^\n]*)
    | (?P<line>\n)
    | (?P<string>(?:[rR][bBfFtT]?|[bBfFtT][rR]?|[uU])?(?:\"{3}|'{3}|["']))
    | (?P<number>0[xX](?:_?[0-9a-fA-F])+ | 0[bB](?:_?[01])+ | 0[oO](?:_?[0-7])+
        | (?:[0-9](?:_?[0-9])*)?\.[0-9](?:_?[0-9])*(?:[eE][+-]?[0-9](?:_?[0-9])*)?[jJ]?
        | [0-9](?:_?[0-9])*\.?(?:[eE][+-]?[0-9](?:_?[0-9])*)?[jJ]?)
    | (?P<name>[^\W\d]\w*)
    | (?P<operator>\*\*=|//=|>>=|<<=|\.\.\.|->|:=|==|!=|<=|>=|\*\*|//|<<|>>|[-+*/%@&|^]=
        | [-+*/%@&|^~<>()\[\]{},:.;=!?])""",
    re.VERBOSE,
)
_INDENTATION = re.compile(r"[ \t\f]*")
_LOGICAL_LINE = re.compile(r"(?:\\\n|[^\n])*")
_KEYWORDS = frozenset(
    {
        *("False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def"),
        *("del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is"),
        *("lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield"),
    }
)


class Token(NamedTuple):
    """A token: its kind, and what it says."""

    kind: str
    """`name`, `keyword`, `number`, `string`, `operator`, `magic`, `line`, `indent`, `dedent` or `end`."""
    text: str
    string: Text | None = None


END = Token("end", "")
_LINE, _INDENT, _DEDENT = Token("line", ""), Token("indent", ""), Token("dedent", "")


def split(source: str, *, cell: bool) -> list[Token]:
    """Return the tokens of a module or of a notebook's cell. Raises NotParsedError."""
    return _Lexer(source, cell=cell).tokens()


class _Lexer:
    def __init__(self, source: str, *, cell: bool) -> None:
        self._source = source
        self._cell = cell
        self._found: list[Token] = []
        self._indents = [0]
        self._depth = 0

    def tokens(self) -> list[Token]:
        at, end = 0, len(self._source)
        while at < end:
            at = self._line(at)
        if self._depth:
            raise NotParsedError
        self._found += [_DEDENT] * (len(self._indents) - 1)
        return [*self._found, END]

    def _line(self, at: int) -> int:
        """Take a logical line, and return where the next begins."""
        match = _INDENTATION.match(self._source, at)
        assert match
        at = match.end()
        following = self._source[at : at + 1]
        if following in ("", "\n", "#"):
            return (self._source.find("\n", at) + 1) or len(self._source)
        self._indent(match[0])
        if self._cell and following in "%!?":
            return self._magic(at)
        first = len(self._found)
        while at < len(self._source):
            token, at = self._next(at)
            if token is None:
                continue
            if self._cell and not self._depth and self._begins_magic(token):
                del self._found[first:]
                return self._magic(match.end())
            if token is _LINE:
                break
            self._found.append(token)
        if not self._depth:
            self._found.append(_LINE)
        return at

    def _indent(self, blanks: str) -> None:
        width = len(blanks.rpartition("\f")[2].expandtabs(8))
        if width > self._indents[-1]:
            self._indents.append(width)
            self._found.append(_INDENT)
        while width < self._indents[-1]:
            self._indents.pop()
            self._found.append(_DEDENT)
        if width != self._indents[-1]:
            raise NotParsedError

    def _begins_magic(self, token: Token) -> bool:
        """Whether a line is IPython's, not Python's: `x = !ls`, `x = %time f()`, `f?`."""
        if token.text == "?":
            return True
        last = self._found[-1].text if self._found else ""
        return last == "=" and token.kind == "operator" and token.text in ("%", "!")

    def _magic(self, at: int) -> int:
        """Take a line of IPython's as it is, less trailing blanks."""
        match = _LOGICAL_LINE.match(self._source, at)
        assert match
        self._found += [Token("magic", match[0].rstrip()), _LINE]
        return match.end() + 1

    def _next(self, at: int) -> tuple[Token | None, int]:
        """Return the token there, None for what says nothing, and where the next begins. Raises NotParsedError."""
        match = _TOKEN.match(self._source, at)
        if not match:
            raise NotParsedError
        kind, text, at = str(match.lastgroup), match[0], match.end()
        if kind == "name":
            return _name(text), at
        if kind == "operator":
            self._depth += (text in "([{") - (text in ")]}")
            if self._depth < 0:
                raise NotParsedError
            return Token("operator", text), at
        if kind == "string":
            string, at = strings.scan(self._source, at, text, self.field)
            return Token("string", "", string), at
        if kind == "number":
            return Token("number", _number(text)), at
        return (_LINE if kind == "line" and not self._depth else None), at

    def field(self, at: int) -> tuple[Field, int]:
        """Return the expression of an f-string's field, and where what ends it stands: `}`, `!` or `:`."""
        start, outside, self._depth = at, self._depth, 0
        tokens: list[Token] = []
        while True:
            token, after = self._next_in_field(at)
            if token and not self._depth and token.text in ("!", ":", ":=", "="):
                break
            if token:
                tokens.append(token)
            at = after
        said = ""
        if token.text == "=":
            match = re.compile(r"\s*").match(self._source, after)
            assert match
            at = match.end()
            said = self._source[start:at]
            if "#" in said or self._source[at : at + 1] not in ("}", "!", ":"):
                raise NotParsedError
        self._depth = outside
        return Field((*tokens, END), said), at

    def _next_in_field(self, at: int) -> tuple[Token | None, int]:
        if at >= len(self._source):
            raise NotParsedError
        if not self._depth and self._source[at] == "}":
            return Token("operator", ":"), at
        token, after = self._next(at)
        return (None if token is _LINE else token), after


def _name(text: str) -> Token:
    if text in _KEYWORDS:
        return Token("keyword", text)
    if not text.isascii():
        import unicodedata

        text = unicodedata.normalize("NFKC", text)  # as Python does: PEP 3131
    return Token("name", text)


def _number(text: str) -> str:
    """Return what a number means: `1_000` is 1000, `0XFF` is 255, `1e3` is 1000.0. Raises NotParsedError."""
    plain = text.replace("_", "").lower()
    try:
        if plain[:2] in ("0x", "0b", "0o"):
            return f"{int(plain, 0):x}"
        if plain.endswith("j"):
            return f"{float(plain[:-1])!r}j"
        if plain.isdigit():
            if plain[0] == "0" and plain.strip("0"):
                raise NotParsedError
            return f"{int(plain):x}"
        return f"{float(plain)!r}"
    except ValueError as error:  # more digits than Python reads
        raise NotParsedError from error
