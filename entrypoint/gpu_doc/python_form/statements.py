"""Writes statements in the canonical form."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gpu_doc.python_form.errors import NotParsedError
from gpu_doc.python_form.expressions import Expressions

_AUGMENTED = frozenset({"+=", "-=", "*=", "/=", "//=", "%=", "@=", "&=", "|=", "^=", ">>=", "<<=", "**="})


class Statements(Expressions):
    """Reads statements from tokens."""

    def everything(self) -> str:
        """Return all statements. Raises NotParsedError."""
        found = []
        while self.tokens[self.at].kind != "end":
            found += self._line()
        return "\n".join(found)

    def _line(self) -> list[str]:
        """Return the statements of a line, which semicolons separate; a compound statement is one."""
        token = self.tokens[self.at]
        if token.kind == "magic":
            self.at += 1
            self.of_kind("line")
            return [f"magic {token.text}"]
        compound = self._compound()
        if compound is not None:
            return [compound]
        found = [self._simple()]
        while self.takes(";"):
            if self.tokens[self.at].kind == "line":
                break
            found.append(self._simple())
        self.of_kind("line")
        return found

    def _block(self) -> str:
        self.demand(":")
        if self.tokens[self.at].kind != "line":
            return f"{{{'; '.join(self._line())}}}"
        self.at += 1
        self.of_kind("indent")
        found = []
        with self.deeper():
            while self.tokens[self.at].kind != "dedent":
                found += self._line()
        self.at += 1
        return f"{{{'; '.join(found)}}}"

    # --- compound -----------------------------------------------------------------------------------------------------

    def _compound(self) -> str | None:
        token = self.tokens[self.at]
        if token.kind == "operator" and token.text == "@":
            return self._decorated()
        if token.kind == "name" and token.text == "match":
            return self.tried(self._match)
        kinds: Mapping[str, Callable[[], str]] = {
            "if": self._if,
            "for": self._for,
            "while": self._while,
            "with": self._with,
            "try": self._try,
            "def": self._def,
            "class": self._class,
            "async": self._async,
        }
        read = kinds.get(token.text) if token.kind == "keyword" else None
        if read is None:
            return None
        self.at += 1
        return read()

    def _decorated(self) -> str:
        found = ""
        while self.takes("@"):
            found += f"(@ {self.named()}) "
            self.of_kind("line")
        compound = self._compound()
        if compound is None:
            raise NotParsedError
        return found + compound

    def _async(self) -> str:
        if not any(map(self.is_word, ("def", "for", "with"))):
            raise NotParsedError
        return f"async {self._compound()}"

    def _if(self) -> str:
        branches = [f"(if {self.named()} {self._block()}"]
        while self.takes("elif"):
            branches.append(f"(if {self.named()} {self._block()}")
        last = self._else()
        for branch in reversed(branches):
            found = f"{branch}{last})"
            last = f" else {{{found}}}"
        return found

    def _else(self) -> str:
        return f" else {self._block()}" if self.takes("else") else ""

    def _for(self) -> str:
        targets = self.targets()
        self.demand("in")
        return f"(for {targets} {self.expressions()} {self._block()}{self._else()})"

    def _while(self) -> str:
        return f"(while {self.named()} {self._block()}{self._else()})"

    def _with(self) -> str:
        items = self.tried(self._in_parentheses) if self.is_operator("(") else None
        if items is None:
            found = [self._with_item()]
            while self.takes(","):
                found.append(self._with_item())
            items = " ".join(found)
        return f"(with {items} {self._block()})"

    def _in_parentheses(self) -> str:
        self.demand("(")
        found = [self._with_item()]
        while self.takes(",") and not self.is_operator(")"):
            found.append(self._with_item())
        self.demand(")")
        if not self.is_operator(":"):
            raise NotParsedError
        return " ".join(found)

    def _with_item(self) -> str:
        found = self.named()
        if not self.takes("as"):
            return found
        return f"(as {found} {self.arithmetic()})"

    def _try(self) -> str:
        found = f"(try {self._block()}"
        while self.takes("except"):
            found += " (except*" if self.takes("*") else " (except"
            if not self.is_operator(":"):
                found += f" {self.tuple_or_one(self.expression)}"
                found += f" as {self.name()}" if self.takes("as") else ""
            found += f" {self._block()})"
        found += self._else()
        found += f" finally {self._block()}" if self.takes("finally") else ""
        return f"{found})"

    def _def(self) -> str:
        name, types = self.name(), self._type_parameters()
        self.demand("(")
        parameters = self.parameters(")", annotated=True)
        self.demand(")")
        returns = f" -> {self.expression()}" if self.takes("->") else ""
        return f"(def {name}{types} {parameters}{returns} {self._block()})"

    def _class(self) -> str:
        name, types = self.name(), self._type_parameters()
        bases = self.arguments() if self.takes("(") else "[]"
        return f"(class {name}{types} {bases} {self._block()})"

    def _type_parameters(self) -> str:
        if not self.takes("["):
            return ""
        found = []
        while not self.is_operator("]"):
            text = next((star for star in ("**", "*") if self.takes(star)), "") + self.name()
            text += f":{self.expression()}" if self.takes(":") else ""
            text += f"={self.element()}" if self.takes("=") else ""
            found.append(text)
            if not self.takes(","):
                break
        self.demand("]")
        return f"<{' '.join(found)}>"

    # --- match --------------------------------------------------------------------------------------------------------

    def _match(self) -> str:
        self.at += 1
        if not self.begins():
            raise NotParsedError
        subject = self.tuple_or_one(self.element)
        self.demand(":")
        self.of_kind("line")
        self.of_kind("indent")
        cases = []
        with self.deeper():
            while self.tokens[self.at].kind != "dedent":
                cases.append(self._case())
        self.at += 1
        if not cases:
            raise NotParsedError
        return f"(match {subject} {' '.join(cases)})"

    def _case(self) -> str:
        if self.name() != "case":
            raise NotParsedError
        self.in_pattern = True
        pattern = self.tuple_or_one(self.element)
        self.in_pattern = False
        guard = f" if {self.named()}" if self.takes("if") else ""
        return f"(case {pattern}{guard} {self._block()})"

    # --- simple -------------------------------------------------------------------------------------------------------

    def _simple(self) -> str:
        token, following = self.tokens[self.at], self.tokens[self.at + 1]
        if token.kind == "name" and token.text == "type" and following.kind == "name":
            return self._type_alias()
        kinds: Mapping[str, Callable[[], str]] = {
            "return": lambda: f"return {self.tuple_or_one(self.element) if self.begins() else ''}",
            "raise": self._raise,
            "assert": self._assert,
            "del": self._del,
            "import": lambda: f"import {self._names(dotted=True)}",
            "from": self._from,
            "global": lambda: f"global {self._names()}",
            "nonlocal": lambda: f"nonlocal {self._names()}",
            **{word: lambda: token.text for word in ("pass", "break", "continue")},
        }
        read = kinds.get(token.text) if token.kind == "keyword" else None
        if read is None:
            return self._expression_statement()
        self.at += 1
        return read()

    def _type_alias(self) -> str:
        self.at += 1
        name, types = self.name(), self._type_parameters()
        self.demand("=")
        return f"(type {name}{types} {self.expression()})"

    def _raise(self) -> str:
        found = f"raise {self.expression() if self.begins() else ''}"
        return f"{found} from {self.expression()}" if self.takes("from") else found

    def _assert(self) -> str:
        found = f"assert {self.expression()}"
        return f"{found}, {self.expression()}" if self.takes(",") else found

    def _del(self) -> str:
        """`del (a, b)` is `del a, b`: formatters write one for the other."""
        found, _ = self.many(self.arithmetic)
        inner = found[0].removeprefix("(, ").removesuffix(")") if len(found) == 1 and found[0][:3] == "(, " else ""
        return f"del {inner or ' '.join(found)}"

    def _from(self) -> str:
        dots = 0
        while (token := self.tokens[self.at]).kind == "operator" and token.text in (".", "..."):
            dots += len(token.text)
            self.at += 1
        module = "" if self.is_word("import") else self._dotted()
        self.demand("import")
        if self.takes("*"):
            return f"from {'.' * dots}{module} *"
        bracketed = self.takes("(")
        names = self._names()
        if bracketed:
            self.demand(")")
        return f"from {'.' * dots}{module} {names}"

    def _dotted(self) -> str:
        found = self.name()
        while self.takes("."):
            found += f".{self.name()}"
        return found

    def _names(self, *, dotted: bool = False) -> str:
        def one() -> str:
            name = self._dotted() if dotted else self.name()
            return f"{name} as {self.name()}" if self.takes("as") else name

        return ", ".join(self.many(one)[0])

    def _expression_statement(self) -> str:
        bracketed = self.is_operator("(")
        found = self.expressions()
        token = self.tokens[self.at]
        if self.takes(":"):
            # A name in parentheses is evaluated, and not annotated.
            found = f"({found})" if bracketed and found.isidentifier() else found
            found = f"(: {found} {self.expression()})"
            return f"{found} = {self.expressions()}" if self.takes("=") else found
        if token.kind == "operator" and token.text in _AUGMENTED:
            self.at += 1
            return f"({token.text} {found} {self.expressions()})"
        while self.takes("="):
            found += f" = {self.expressions()}"
        return found
