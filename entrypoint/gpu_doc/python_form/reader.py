"""Takes tokens one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gpu_doc.python_form.errors import NotParsedError
from gpu_doc.python_form.tokens import Token

_DEEPEST = 40
"""How deep brackets, blocks and such may be nested, on every Python alike: their own limits differ."""
_CONSTANTS = ("None", "True", "False")
_BEGIN = frozenset({"not", "lambda", "await", "yield", *_CONSTANTS})
_BEGIN_OPERATORS = frozenset({"(", "[", "{", "-", "+", "~", "*", "..."})


class Reader:
    """Takes tokens, and knows which is next."""

    def __init__(self, tokens: list[Token], depth: int = 0) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = depth
        self.in_pattern = False
        """Whether `as` may stand after each part, and `|` is a choice."""

    def is_word(self, text: str) -> bool:
        """Whether the next token is this keyword."""
        token = self.tokens[self.at]
        return token.kind == "keyword" and token.text == text

    def is_operator(self, text: str) -> bool:
        """Whether the next token is this operator."""
        token = self.tokens[self.at]
        return token.kind == "operator" and token.text == text

    def takes(self, text: str) -> bool:
        """Take a keyword or an operator if it is next."""
        token = self.tokens[self.at]
        if token.text != text or token.kind not in ("keyword", "operator"):
            return False
        self.at += 1
        return True

    def demand(self, text: str) -> None:
        """Take a keyword or an operator. Raises NotParsedError if something else is next."""
        if not self.takes(text):
            raise NotParsedError

    def name(self) -> str:
        """Take a name. Raises NotParsedError."""
        return self.of_kind("name")

    def of_kind(self, kind: str) -> str:
        """Take a token of a kind, and return its text. Raises NotParsedError."""
        token = self.tokens[self.at]
        if token.kind != kind:
            raise NotParsedError
        self.at += 1
        return token.text

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Count a level of nesting. Raises NotParsedError if there are too many."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise NotParsedError
        yield
        self.depth -= 1

    def tried(self, read: Callable[[], str]) -> str | None:
        """Return what `read` returns; None, with nothing taken, if it can't be read so."""
        at, depth, in_pattern = self.at, self.depth, self.in_pattern
        try:
            return read()
        except NotParsedError:
            self.at, self.depth, self.in_pattern = at, depth, in_pattern
            return None

    def begins(self) -> bool:
        """Whether an expression is next."""
        kind, text, *_ = self.tokens[self.at]
        if kind == "operator":
            return text in _BEGIN_OPERATORS
        return kind in ("name", "number", "string") or (kind == "keyword" and text in _BEGIN)
