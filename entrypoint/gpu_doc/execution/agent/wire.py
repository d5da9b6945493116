"""Writes messages between processes, which are dataclasses, as JSON; reads them only if their shape is right.

The sender may not be who we think: a run can write where its agent does, a template may take over its process. So no
message is used before each field was found to have its type. A field may be a text, a number, a flag, None, `Any` (JSON
of any shape), a tuple, a list, a mapping, a Literal, a union of types, a TypedDict, or another dataclass.

It is in the agent's folder since the agent can import nothing else: only the standard library of Python 3.8.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import json
import sys
import types
from typing import Any, Callable, Literal, Union, get_args, get_origin, get_type_hints

LARGEST = 1e18
"""The largest number, of bytes or seconds. JSON's numbers reach 1e308, and Python's reader accepts NaN."""

_MISSING = dataclasses.MISSING
_UNIONS = (Union, getattr(types, "UnionType", Union))

Shape = Callable[[Any], Any]
"""Converts a JSON value to its type. Raises WireError."""


class WireError(ValueError):
    """What was read is not a message that may come."""


def write(message: Any) -> bytes:
    """Return a message, an instance of a dataclass, as one line of JSON: its name and its fields."""
    return json.dumps([type(message).__name__, message], default=_plain).encode()


def _plain(value: Any) -> dict[str, Any]:
    if isinstance(value, collections.abc.Mapping):
        return dict(value)
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


class Reader:
    """Reads messages of certain kinds, and refuses everything else."""

    def __init__(self, *kinds: type, longest: int = sys.maxsize) -> None:
        """`longest`: the most characters of a text."""
        self._kinds = {kind.__name__: kind for kind in kinds}
        self._longest = longest
        self._shapes: dict[Any, Shape] = {}

    def __call__(self, line: bytes) -> Any:
        """Return the message in a line. Raises WireError."""
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise WireError(f"no JSON: {error}") from error
        if len(_list(value)) != 2 or not isinstance(value[0], str) or value[0] not in self._kinds:
            raise WireError("an unknown message")
        return self._shape(self._kinds[value[0]])(value[1])

    # --- shapes -----------------------------------------------------------------------------------------------------

    def _shape(self, kind: Any) -> Shape:
        """Return the function that reads values of a type; it is made once for each type."""
        if kind not in self._shapes:
            self._shapes[kind] = self._made(kind)
        return self._shapes[kind]

    def _made(self, kind: Any) -> Shape:
        origin, inner = get_origin(kind), get_args(kind)
        if kind is str:
            return self._text
        if kind in _SIMPLE:
            return _SIMPLE[kind]
        if dataclasses.is_dataclass(kind):
            return self._message(kind)
        if isinstance(kind, type) and issubclass(kind, dict):  # a TypedDict
            hints = get_type_hints(kind)
            return self._object(dict, hints, required=set(hints))
        return self._compound(origin, inner)

    def _compound(self, origin: Any, inner: Any) -> Shape:
        if origin in _UNIONS:
            return _one_of([self._shape(each) for each in inner])
        if origin is Literal:
            return _known(inner)
        if origin is tuple:
            return self._tuple(inner)
        if origin is list:
            return self._list(inner[0])
        if origin in (dict, collections.abc.Mapping):
            return self._table(inner[1])
        raise TypeError(f"no message can hold {origin} of {inner}")

    def _text(self, value: Any) -> Any:
        if not isinstance(value, str) or len(value) > self._longest:
            raise WireError("no text, or too long")
        return value

    def _tuple(self, inner: Any) -> Shape:
        if inner[-1] is Ellipsis:
            each = self._shape(inner[0])
            return lambda value: tuple(map(each, _list(value)))
        shapes = [self._shape(part) for part in inner]

        def read(value: Any) -> Any:
            if len(_list(value)) != len(shapes):
                raise WireError("a list of another length")
            return tuple(shape(part) for shape, part in zip(shapes, value))

        return read

    def _list(self, inner: Any) -> Shape:
        each = self._shape(inner)
        return lambda value: list(map(each, _list(value)))

    def _table(self, inner: Any) -> Shape:
        each = self._shape(inner)
        return lambda value: {self._text(name): each(part) for name, part in _object(value).items()}

    def _message(self, kind: Any) -> Shape:
        fields, hints = dataclasses.fields(kind), get_type_hints(kind)
        needed = {each.name for each in fields if each.default is _MISSING and each.default_factory is _MISSING}
        return self._object(kind, {each.name: hints[each.name] for each in fields}, required=needed)

    def _object(self, make: Any, hints: dict[str, Any], *, required: set[str]) -> Shape:
        shapes = {name: self._shape(kind) for name, kind in hints.items()}

        def read(value: Any) -> Any:
            if not required <= _object(value).keys() <= shapes.keys():
                raise WireError("a field is missing, or unknown")
            found = {name: shapes[name](part) for name, part in value.items()}
            try:
                return make(**found)
            except ValueError as error:  # the message has further rules, besides types
                raise WireError(str(error)) from error

        return read


def _flag(value: Any) -> Any:
    if not isinstance(value, bool):
        raise WireError("no flag")
    return value


def _whole(value: Any) -> Any:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST:
        raise WireError("no whole number, or too large")
    return value


def _number(value: Any) -> Any:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) <= LARGEST:
        raise WireError("no number, or too large")
    return value


def _none(value: Any) -> Any:
    if value is not None:
        raise WireError("a value where none should be")


_SIMPLE: dict[Any, Shape] = {
    Any: lambda value: value,
    bool: _flag,
    int: _whole,
    float: _number,
    type(None): _none,
}


def _known(values: Any) -> Shape:
    def read(value: Any) -> Any:
        if not isinstance(value, str) or value not in values:
            raise WireError("an unknown value")
        return value

    return read


def _list(value: Any) -> Any:
    if not isinstance(value, list):
        raise WireError("no list")
    return value


def _object(value: Any) -> Any:
    if not isinstance(value, dict):
        raise WireError("no object")
    return value


def _one_of(shapes: Any) -> Shape:
    def read(value: Any) -> Any:
        for shape in shapes:
            try:
                return shape(value)
            except WireError:
                continue
        raise WireError("has none of its types")

    return read
