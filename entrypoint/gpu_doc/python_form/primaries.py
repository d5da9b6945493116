"""Writes what binds strongest in the canonical form: names, calls, brackets, strings."""

from __future__ import annotations

from abc import abstractmethod

from gpu_doc.python_form.errors import NotParsedError
from gpu_doc.python_form.reader import Reader
from gpu_doc.python_form.strings import Field, Text
from gpu_doc.python_form.tokens import END

_CONSTANTS = frozenset({"None", "True", "False"})


class Primaries(Reader):
    """Reads operands; what is in their brackets, a subclass reads."""

    @abstractmethod
    def element(self) -> str:
        """`a`, `*a` or `a := b`; in a pattern `a as b` too."""

    @abstractmethod
    def elements(self) -> list[str]:
        """What stands between commas, if anything does."""

    @abstractmethod
    def expressions(self) -> str:
        """`a`, `a, *b`, `yield a`."""

    @abstractmethod
    def yielded(self) -> str:
        """`yield`, `yield a`, `yield from a`."""

    @abstractmethod
    def targets(self) -> str:
        """What stands between `for` and `in`."""

    @abstractmethod
    def expression(self) -> str:
        """`a`, `a if b else c` or `lambda: a`."""

    @abstractmethod
    def named(self) -> str:
        """`a` or `a := b`."""

    @abstractmethod
    def disjunction(self) -> str:
        """What `or`, `and`, `not` and comparisons join."""

    @abstractmethod
    def arithmetic(self, lowest: int = 0) -> str:
        """What operators of at least this level join."""

    def primary(self) -> str:
        """A name, a literal or what is in brackets, and all calls, items and attributes after it."""
        found = self._atom()
        while True:
            if self.takes("."):
                found = f"(. {found} {self.name()})"
            elif self.takes("("):
                found = f"(call {found} {self.arguments()})"
            elif self.takes("["):
                with self.deeper():
                    found = f"(item {found} {self._slices()})"
                self.demand("]")
            else:
                return found

    def _slices(self) -> str:
        """What stands in `x[…]`."""
        found, comma = [self._slice()], False
        while self.takes(","):
            comma = True
            if self.is_operator("]"):
                break
            found.append(self._slice())
        return f"(, {' '.join(found)})" if comma or found[0].startswith("(* ") else found[0]

    def _slice(self) -> str:
        parts = ["" if self.is_operator(":") else self.element()]
        while self.takes(":") and len(parts) < 3:
            parts.append(self.expression() if self.begins() else "")
        return f"(: {':'.join(parts + [''] * (3 - len(parts)))})" if len(parts) > 1 else parts[0]

    def arguments(self) -> str:
        """The arguments of a call, with its closing parenthesis; those with a name are evaluated last."""
        found: list[str] = []
        named: list[str] = []
        with self.deeper():
            while not self.is_operator(")"):
                (named if self._is_named() else found).append(self._argument())
                if not self.takes(","):
                    break
        self.demand(")")
        return f"[{' '.join(found + named)}]"

    def _is_named(self) -> bool:
        token, following = self.tokens[self.at : self.at + 2]
        return token.text == "**" or (token.kind == "name" and following.text == "=")

    def _argument(self) -> str:
        if self.takes("**"):
            return f"(** {self.expression()})"
        if self.takes("*"):
            return f"(* {self.expression()})"
        if self._is_named():
            name = self.name()
            self.demand("=")
            return f"(= {name} {self.element()})"
        found = self.element()
        return f"(generator {found}{self._comprehension()})" if self._is_comprehension() else found

    def _is_comprehension(self) -> bool:
        return self.is_word("for") or (self.is_word("async") and self.tokens[self.at + 1].text == "for")

    def _comprehension(self) -> str:
        found = ""
        while self._is_comprehension():
            word = " (async-for" if self.takes("async") else " (for"
            self.demand("for")
            found += f"{word} {self.targets()}"
            self.demand("in")
            found += f" {self.disjunction()}"
            while self.takes("if"):
                found += f" (if {self._condition()})"
            found += ")"
        return found

    def _condition(self) -> str:
        return self.named() if self.tokens[self.at + 1].text == ":=" else self.disjunction()

    def _atom(self) -> str:
        token = self.tokens[self.at]
        if token.kind == "name" or (token.kind == "keyword" and token.text in _CONSTANTS):
            self.at += 1
            return token.text
        if token.kind == "number":
            self.at += 1
            return f"#{token.text}"
        if token.kind == "string":
            return self._strings()
        if token.kind == "operator" and token.text in ("(", "[", "{", "..."):
            self.at += 1
            if token.text == "...":
                return "..."
            with self.deeper():
                return {"(": self._group, "[": self._list, "{": self._set_or_dict}[token.text]()
        raise NotParsedError

    def _group(self) -> str:
        if self.takes(")"):
            return "(, )"
        if self.is_word("yield"):
            found = self.yielded()
        else:
            found = self.element()
            if self._is_comprehension():
                found = f"(generator {found}{self._comprehension()})"
            elif self.takes(","):
                found = f"(, {' '.join([found, *self.elements()])})"
        self.demand(")")
        return found

    def _list(self) -> str:
        opening = "(, " if self.in_pattern else "["  # for a pattern, both are a sequence
        parts = []
        if not self.is_operator("]"):
            parts.append(self.element())
            if self._is_comprehension():
                parts.append(self._comprehension())
            elif self.takes(","):
                parts += self.elements()
        self.demand("]")
        found = f"{opening}{' '.join(parts)}"
        return f"{found})" if self.in_pattern else f"{found}]"

    def _set_or_dict(self) -> str:
        if self.takes("}"):
            return "{:}"
        found, is_dict = self._entry()
        if self._is_comprehension():
            found += self._comprehension()
        while self.takes(",") and not self.is_operator("}"):
            more, _ = self._entry()
            found += f" {more}"
        self.demand("}")
        return f"{{{': ' * is_dict}{found}}}"

    def _entry(self) -> tuple[str, bool]:
        if self.takes("**"):
            return f"(** {self.arithmetic()})", True
        key = self.element()
        return (f"{key}:{self.element()}", True) if self.takes(":") else (key, False)

    # --- strings ------------------------------------------------------------------------------------------------------

    def _strings(self) -> str:
        texts: list[Text] = []
        while (token := self.tokens[self.at]).string:
            texts.append(token.string)
            self.at += 1
        kinds = {text.kind for text in texts}
        if kinds & {"b", "t"} and len(kinds) > 1:
            raise NotParsedError
        parts = self._joined([part for text in texts for part in text.parts])
        if "f" in kinds:
            return f"(f {parts})"
        return f"{'' if kinds == {'s'} else kinds.pop()}{parts or _quoted('')}"

    def _joined(self, parts: list[str | Field]) -> str:
        found, text = [], ""
        for part in parts:
            text += part if isinstance(part, str) else part.said
            if isinstance(part, Field):
                found += [_quoted(text)] * bool(text) + [self._field(part)]
                text = ""
        return " ".join(found + [_quoted(text)] * bool(text))

    def _field(self, field: Field) -> str:
        with self.deeper():
            inner = type(self)([*field.tokens, END], self.depth)
            value = inner.expressions()
            if inner.tokens[inner.at].kind != "end":
                raise NotParsedError
            conversion = field.conversion or ("r" if field.said and field.spec is None else "")
            spec = "" if field.spec is None else f":{self._joined([*field.spec])}"
            return f"{{{value}!{conversion}{spec}}}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
