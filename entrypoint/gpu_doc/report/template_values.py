"""Turns the values of a template's expressions into text; refuses Python objects, shown with name and address.

Such a text differs from one rendering to the next, and tells a reader nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import TemplateRuntimeError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gpu_doc.text import values_in_tables


class LaterVersionError(TemplateRuntimeError):
    """The name is reserved for a later version; a rehearsal reports this error too."""


def percent(value: Any, digits: int = 0) -> str:
    """0.9234 gives `92 %`, with one digit `92.3 %`."""
    if isinstance(value, Placeholder):
        return "0 %"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TemplateRuntimeError(f"percent needs a number, not {value!r}")
    return f"{value * 100:.{int(digits)}f} %"


def delta(*_: Any, **__: Any) -> NoReturn:
    """Reserve the name, for a filter and for a function."""
    raise LaterVersionError("`delta` comes in a later version of gpu-doc")


def demand(value: Any) -> None:
    """Raise an error with its name if a value is undefined."""
    if isinstance(value, StrictUndefined):
        str(value)


class Placeholder:
    """Replaces an answer in a rehearsal. It works in any expression; `truth` is its value in conditions."""

    unsafe_callable = alters_data = False  # what Jinja2's sandbox looks for
    jinja_pass_arg = None

    def __init__(self, *, truth: bool) -> None:
        self._truth = truth

    def _same(self, *others: Any, **_: Any) -> Placeholder:
        for other in others:
            demand(other)
        return self

    def _decide(self, other: Any = None) -> bool:
        demand(other)
        return self._truth

    def __getattr__(self, name: str) -> Placeholder:
        if name.startswith("_"):
            raise AttributeError(name)
        return self

    __getitem__ = __call__ = _same
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _same
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __pos__ = __abs__ = _same
    __round__ = __floor__ = __ceil__ = __trunc__ = _same
    __bool__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _decide
    __eq__ = __ne__ = _decide

    def __hash__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Placeholder]:
        return iter([self] if self._truth else [])

    def __len__(self) -> int:
        return int(self._truth)

    def __int__(self) -> int:
        return 1

    __index__ = __int__

    def __float__(self) -> float:
        return 1.0

    def __str__(self) -> str:
        return "0"

    def __format__(self, _: str) -> str:
        return "0"


_VIEWS: tuple[type[Any], ...] = (type({}.keys()), type({}.values()), type({}.items()))
_CONSUMING = {
    *("attr", "batch", "count", "d", "default", "dictsort", "first", "groupby", "items", "last", "length", "list"),
    *("map", "max", "min", "reject", "rejectattr", "reverse", "select", "selectattr", "slice", "sort", "sum", "unique"),
}
"""Filters that accept iterators or undefined values, and don't turn them into text."""


def printable(value: Any) -> Any:
    """Return a value that can be shown: text, numbers, lists and mappings of them. Raises TemplateRuntimeError."""
    demand(value)
    if value is None or isinstance(value, str | int | float | Placeholder | range):
        return value
    if isinstance(value, (dict, list, tuple, set, frozenset, *_VIEWS)):
        for item in _items(value):
            printable(item)
        return value
    if isinstance(value, Function):
        str(value)  # says which
    if callable(value):
        raise TemplateRuntimeError("this is a function: call it with ()")
    if hasattr(value, "__iter__"):
        raise TemplateRuntimeError("this gives its items one after the other: add |list, or |join")
    raise TemplateRuntimeError(f"this is no text but a thing of the template's own ({type(value).__name__})")


def _items(value: Any) -> list[Any]:
    """Return the items of a list and its like, and of a mapping its keys and values."""
    return [*value, *value.values()] if isinstance(value, dict) else list(value)


class Text(str):
    """What value() gave; where it becomes part of the report, it is marked."""

    __slots__ = ()


def shown(value: Any) -> Any:
    """Return what an expression becomes in the report."""
    found = printable(value)
    return values_in_tables.marked(found) if isinstance(found, Text) else found


class Function:
    """A function of templates: it can be called, and has no text."""

    __module__ = "builtins"  # Jinja2 names it so in messages

    def __init__(self, name: str, call: Callable[..., Any]) -> None:
        self._name = name
        self._call = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        return self._call(*args, **kwargs)

    def _no_text(self, *_: Any) -> NoReturn:
        raise TemplateRuntimeError(f"`{self._name}` is a function: call it with ()")

    __str__ = __repr__ = __format__ = __html__ = _no_text


class Environment(ImmutableSandboxedEnvironment):
    """A sandbox that checks every value before it becomes text."""

    intercepted_binops = frozenset(["%"])

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, finalize=shown)
        self.filters = {name: _looking(name, work) for name, work in self.filters.items()}
        self.filters["printable"] = printable

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute `left % right`, which may format text."""
        return super().call_binop(context, operator, left, printable(right))

    def call(self, context: Any, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call something; methods of text, such as `format`, turn their arguments into text."""
        if isinstance(getattr(called, "__self__", None), str):
            printable([*args, *kwargs.values()])
        return super().call(context, called, *args, **kwargs)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Look an item up. Which one a placeholder stands for is not known, nor so what is found."""
        if isinstance(argument, Placeholder):
            demand(obj)
            return argument
        return super().getitem(obj, argument)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for joining in tree.find_all(nodes.Concat):
            joining.nodes = [nodes.Filter(n, "printable", [], [], None, None, lineno=n.lineno) for n in joining.nodes]
        return tree


def _looking(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that checks its arguments first, and its value if that becomes text."""
    place = int(hasattr(work, "jinja_pass_arg"))  # Jinja2 puts the environment, or a context, before

    @functools.wraps(work)
    def look(*args: Any, **kwargs: Any) -> Any:
        before, value, others = args[:place], args[place], args[place + 1 :]
        if name == "join" and not isinstance(value, str | StrictUndefined | Placeholder):
            value = list(value)
        printable([*others, *kwargs.values()])
        found = work(*before, value if name in _CONSUMING else printable(value), *others, **kwargs)
        if isinstance(value, Placeholder) and isinstance(found, str | int | float):
            return value  # a rehearsal knows as little of it as before
        return Text(found) if isinstance(value, Text) and type(found) is str else found

    return look
