"""Writes expressions in the canonical form: operators before their operands, so that no parentheses are needed.

https://docs.python.org/3/reference/grammar.html. It takes more than Python does, since nothing that fails runs.
"""

from __future__ import annotations

from collections.abc import Callable

from gpu_doc.python_form.primaries import Primaries

_LEVELS = {
    **dict.fromkeys(["|"], 0),
    **dict.fromkeys(["^"], 1),
    **dict.fromkeys(["&"], 2),
    **dict.fromkeys(["<<", ">>"], 3),
    **dict.fromkeys(["+", "-"], 4),
    **dict.fromkeys(["*", "/", "//", "%", "@"], 5),
}
"""How strongly operators bind that take two operands, from the left."""
_COMPARE = frozenset({"<", ">", "==", ">=", "<=", "!="})


class Expressions(Primaries):
    """Reads expressions."""

    # --- lists of expressions -----------------------------------------------------------------------------------------

    def many(self, one: Callable[[], str]) -> tuple[list[str], bool]:
        """Return what stands between commas, and whether there was a comma."""
        found, comma = [one()], False
        while self.takes(","):
            comma = True
            if not self.begins():
                break
            found.append(one())
        return found, comma

    def elements(self) -> list[str]:
        """What stands between commas, if anything does."""
        return self.many(self.element)[0] if self.begins() else []

    def tuple_or_one(self, one: Callable[[], str]) -> str:
        """Return an expression, or a tuple without parentheses."""
        found, comma = self.many(one)
        return f"(, {' '.join(found)})" if comma else found[0]

    def expressions(self) -> str:
        """`a`, `a, *b`, `yield a`: what stands on either side of `=`."""
        return self.yielded() if self.is_word("yield") else self.tuple_or_one(self.element)

    def targets(self) -> str:
        """What stands between `for` and `in`."""
        return self.tuple_or_one(lambda: f"(* {self.arithmetic()})" if self.takes("*") else self.arithmetic())

    def element(self) -> str:
        """`a`, `*a` or `a := b`; in a pattern `a as b` too."""
        found = f"(* {self.arithmetic()})" if self.takes("*") else self.named()
        if self.in_pattern and self.takes("as"):
            return f"(as {found} {self.name()})"
        return found

    def named(self) -> str:
        """`a` or `a := b`."""
        if self.tokens[self.at].kind == "name" and self.tokens[self.at + 1].text == ":=":
            name = self.name()
            self.demand(":=")
            return f"(:= {name} {self.expression()})"
        return self.expression()

    def yielded(self) -> str:
        """`yield`, `yield a`, `yield from a`."""
        self.demand("yield")
        if self.takes("from"):
            return f"(yield-from {self.expression()})"
        return f"(yield {self.tuple_or_one(self.element)})" if self.begins() else "(yield)"

    # --- operators ----------------------------------------------------------------------------------------------------

    def expression(self) -> str:
        """`a`, `a if b else c` or `lambda: a`."""
        with self.deeper():
            if self.is_word("lambda"):
                self.demand("lambda")
                parameters = self.parameters(":", annotated=False)
                self.demand(":")
                return f"(lambda {parameters} {self.expression()})"
            found = self.disjunction()
            if self.in_pattern or not self.is_word("if"):  # after a pattern, `if` begins its guard
                return found
            self.demand("if")
            condition = self.disjunction()
            self.demand("else")
            return f"(if {condition} {found} {self.expression()})"

    def disjunction(self) -> str:
        """What `or`, `and`, `not` and comparisons join."""
        found = self._conjunction()
        if not self.is_word("or"):
            return found
        parts = [found]
        while self.takes("or"):
            parts.append(self._conjunction())
        return f"(or {' '.join(parts)})"

    def _conjunction(self) -> str:
        found = self._inversion()
        if not self.is_word("and"):
            return found
        parts = [found]
        while self.takes("and"):
            parts.append(self._inversion())
        return f"(and {' '.join(parts)})"

    def _inversion(self) -> str:
        if self.takes("not"):
            with self.deeper():
                return f"(not {self._inversion()})"
        parts = [self.arithmetic()]
        while operator := self._comparison():
            parts += [operator, self.arithmetic()]
        return f"(compare {' '.join(parts)})" if len(parts) > 1 else parts[0]

    def _comparison(self) -> str:
        token = self.tokens[self.at]
        if token.kind == "operator" and token.text in _COMPARE:
            self.at += 1
            return token.text
        if self.takes("in"):
            return "in"
        if self.takes("is"):
            return "is-not" if self.takes("not") else "is"
        if self.is_word("not") and self.tokens[self.at + 1].text == "in":
            self.at += 2
            return "not-in"
        return ""

    def arithmetic(self, lowest: int = 0) -> str:
        """What operators of at least this level join."""
        found = self._unary()
        while True:
            token = self.tokens[self.at]
            level = _LEVELS.get(token.text, -1) if token.kind == "operator" else -1
            if level < lowest:
                return found
            self.at += 1
            found = f"({token.text} {found} {self.arithmetic(level + 1)}"
            while self.in_pattern and token.text == "|" and self.takes("|"):
                found += f" {self.arithmetic(level + 1)}"
            found += ")"

    def _unary(self) -> str:
        token = self.tokens[self.at]
        if token.kind == "operator" and token.text in ("-", "+", "~"):
            self.at += 1
            with self.deeper():
                return f"(u{token.text} {self._unary()})"
        found = f"(await {self.primary()})" if self.takes("await") else self.primary()
        if self.takes("**"):
            with self.deeper():
                return f"(** {found} {self._unary()})"
        return found

    def parameters(self, end: str, *, annotated: bool) -> str:
        """The parameters of a function, up to what ends them."""
        found = []
        while not self.is_operator(end):
            star = next((star for star in ("**", "*", "/") if self.takes(star)), "")
            text = star
            if self.tokens[self.at].kind == "name":
                text += self.name()
                if annotated and self.takes(":"):
                    text += f":{self.element()}"
                if self.takes("="):
                    text += f"={self.expression()}"
            found.append(text)
            if not text or not self.takes(","):
                break
        return f"[{' '.join(found)}]"
