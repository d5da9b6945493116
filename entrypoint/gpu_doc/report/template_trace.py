"""Renders a template so that its text tells which call each part of it came from; in the child that renders templates.

What a call gives carries the call's number, through filters, calculations and variables. Each `{{ … }}` then puts marks
around what it becomes, with the numbers of the calls that were used for it (trace_marks.py). The parent takes the marks
out again, and compares what is left with the text as it is without them: a template may count the characters of a text.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from jinja2 import nodes, pass_context
from jinja2.runtime import Macro
from jinja2.visitor import NodeTransformer

from gpu_doc.report.template_values import Environment, Function, Text, shown
from gpu_doc.report.trace_marks import BEGIN, MARK, marked

Calls = frozenset[int]
_NONE: Calls = frozenset()


class _Carries:
    """Something that carries the numbers of the calls that it came from."""

    calls: Calls = _NONE


class _Words(_Carries, str):
    def __getitem__(self, key: Any) -> Any:
        return carrying(super().__getitem__(key), self.calls)


class _TextOfValue(_Carries, Text):
    def __getitem__(self, key: Any) -> Any:
        return carrying(super().__getitem__(key), self.calls)


class _Whole(_Carries, int):
    pass


class _Fraction(_Carries, float):
    pass


def carrying(value: Any, calls: Calls) -> Any:
    """Return a value that carries calls, in all of its leaves; truth values and None can't."""
    calls |= calls_of(value) if isinstance(value, _Carries) else _NONE
    if not calls or value is None or isinstance(value, bool):
        return value
    if isinstance(value, list | tuple):
        return type(value)(carrying(item, calls) for item in value)
    if isinstance(value, dict):
        return {key: carrying(item, calls) for key, item in value.items()}
    kinds: tuple[tuple[type, type], ...] = ((Text, _TextOfValue), (str, _Words), (int, _Whole), (float, _Fraction))
    kind = next((kind for known, kind in kinds if isinstance(value, known)), None)
    if kind is None:
        return value
    made = kind(value)
    made.calls = calls
    return made


def calls_of(*values: Any) -> Calls:
    """Return the calls that values carry, or that marks in their text name."""
    found: set[int] = set()
    for value in values:
        if isinstance(value, _Carries):
            found |= value.calls
        if isinstance(value, str):
            found |= _named_in(value)
        elif isinstance(value, list | tuple | set | frozenset):
            found |= calls_of(*value)
        elif isinstance(value, dict):
            found |= calls_of(*value, *value.values())
    return frozenset(found)


def _named_in(text: str) -> set[int]:
    named = ",".join(found[1] for found in MARK.finditer(text) if found[1]) if BEGIN in text else ""
    return {int(number) for number in named.split(",") if number}


class TracingEnvironment(Environment):
    """The sandbox, with marks around what expressions become."""

    intercepted_binops = frozenset(["+", "-", "*", "/", "//", "%", "**"])
    intercepted_unops = frozenset(["+", "-"])

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._open: list[set[int]] = []

    def wrap_filters(self) -> None:
        """Have all filters pass on what their arguments carry."""
        wrapped = {name: self._passing_on(name, work) for name, work in self.filters.items()}
        own: dict[str, Callable[..., Any]] = {"trace_begin": self._begin, "trace_end": self._end}
        self.filters = {**wrapped, **own, "trace_concat": self._concat}

    def answered(self, value: Any, number: int) -> Any:
        """Return the answer to a call, carrying the call's number."""
        calls = frozenset([number])
        self.use(calls)
        return carrying(value, calls)

    def use(self, calls: Calls) -> None:
        """Note that calls were used for the expression in progress."""
        if self._open:
            self._open[-1] |= calls

    def _passing_on(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        place = int(hasattr(work, "jinja_pass_arg"))  # Jinja2 puts the environment, or a context, before

        @functools.wraps(work)
        def passing_on(*args: Any, **kwargs: Any) -> Any:
            given = [list(arg) if hasattr(arg, "__next__") else arg for arg in args[place:]]
            calls = calls_of(*given, *kwargs.values())
            self.use(calls)
            if name != "indent":  # which leaves marks where they belong
                given = [_without_marks(arg) for arg in given]
            return carrying(work(*args[:place], *given, **kwargs), calls)

        return passing_on

    # What takes a context is never computed when the template is compiled.

    @pass_context
    def _begin(self, _context: Any, _: str) -> str:
        self._open.append(set())
        return ""

    @pass_context
    def _end(self, _context: Any, _: str, value: Any) -> str:
        used = frozenset(self._open.pop()) | calls_of(value)
        text = str(shown(value))
        numbers = sorted(used - _named_in(text))
        return marked(text, numbers) if numbers else text

    @pass_context
    def _concat(self, _context: Any, values: list[Any]) -> Any:
        calls = calls_of(*(value for value in values if isinstance(value, _Carries)))
        self.use(calls)
        return carrying("".join(map(str, values)), calls)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute, and pass on what both sides carry."""
        calls = calls_of(left, right)
        self.use(calls)
        if operator == "%":
            value = super().call_binop(context, operator, _without_marks(left), _without_marks(right))
        else:
            value = self.binop_table[operator](left, right)
        return carrying(value, calls)

    def call_unop(self, context: Any, operator: str, arg: Any) -> Any:
        """Compute, and pass on what the value carries."""
        return carrying(super().call_unop(context, operator, arg), calls_of(arg))

    def call(self, context: Any, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call something; a text's methods pass on what the text and their arguments carry."""
        value = super().call(context, called, *args, **kwargs)
        if isinstance(called, Function | Macro):
            return value
        return carrying(value, calls_of(getattr(called, "__self__", None), *args, *kwargs.values()))

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = _Marking().visit(super()._parse(source, name, filename))
        tree.set_environment(self)
        assert isinstance(tree, nodes.Template)
        return tree


class _Marking(NodeTransformer):
    """Puts each expression that becomes text between two filters, and has text joined by one."""

    def visit_Output(self, node: nodes.Output) -> nodes.Output:  # noqa: N802 - Jinja2's name
        """Mark the expressions of an output."""
        node.nodes = [
            child if isinstance(child, nodes.TemplateData) else self._marked(self.visit(child)) for child in node.nodes
        ]
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802 - Jinja2's name
        """Have a filter join texts."""
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(parts, "trace_concat", [], [], None, None, lineno=node.lineno)

    @staticmethod
    def _marked(child: nodes.Expr) -> nodes.Filter:
        line = child.lineno
        begin = nodes.Filter(nodes.Const("", lineno=line), "trace_begin", [], [], None, None, lineno=line)
        return nodes.Filter(begin, "trace_end", [child], [], None, None, lineno=line)


def _without_marks(value: Any) -> Any:
    return carrying(MARK.sub("", value), calls_of(value)) if isinstance(value, str) and BEGIN in value else value
