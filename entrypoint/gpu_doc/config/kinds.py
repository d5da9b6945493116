"""Kinds of single values in the configuration: how each is read, described, and written as JSON Schema."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from gpu_doc.config.yaml12 import Entries, Items, Problems, Scalar, Tree, plain
from gpu_doc.model.values import Json

WRONG: Final = object()
"""The result of reading a value with a problem."""


class Kind:
    """A kind of value: `accept` returns the value of a node, or WRONG; `expected` describes valid values."""

    shape: ClassVar[type[Tree]] = Scalar

    def __init__(self, expected: str, accept: Callable[[Any], Any], schema: Mapping[str, Json]) -> None:
        self.expected = expected
        self.accept = accept
        self.schema = schema

    def read(self, node: Tree, name: str, problems: Problems) -> Any:
        """Return the value; or note a problem that names `name`, and return WRONG."""
        value = self.accept(node) if isinstance(node, self.shape) else WRONG
        return self.refuse(node, name, problems) if value is WRONG else value

    def refuse(self, node: Tree, name: str, problems: Problems) -> Any:
        """Note that the value is of another kind."""
        bare = isinstance(node, Scalar) and node.value is not None and not isinstance(node.value, str)
        hint = "; quotes make it a text" if bare and self.schema.get("type") == "string" else ""
        problems.append(node.problem(f"`{name}`: expected {self.expected}, found {found(node)}{hint}"))
        return WRONG

    def json(self) -> dict[str, Json]:
        """Return the JSON Schema."""
        return dict(self.schema)


def found(node: Tree) -> str:
    """Describe what was found."""
    if isinstance(node, Items):
        return "a list" if node.items else "an empty list"
    if isinstance(node, Entries):
        return "a mapping"
    text = node.text if len(node.text) <= 60 else f"{node.text[:57]}..."
    if node.value is None:
        return "nothing"
    if isinstance(node.value, str):
        return f"the text `{text}`" if text else "an empty text"
    return f"`{text}`" if isinstance(node.value, bool) else f"the number `{text}`"


def either(words: Sequence[str]) -> str:
    """Join as in "a, b or c"."""
    return " or ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def text(expected: str = "text", pattern: str = r"(?:.|\n)*\S(?:.|\n)*") -> Kind:
    """Text that matches `pattern`, a regular expression that Python and JSON Schema (ECMA 262) read alike."""

    def accept(node: Scalar) -> Any:
        return node.value if isinstance(node.value, str) and re.fullmatch(pattern, node.value) else WRONG

    return Kind(expected, accept, {"type": "string", "pattern": f"^(?:{pattern})$"})


def path(*suffixes: str) -> Kind:
    """A path or glob inside root, with forward slashes; `./` and double slashes are removed."""
    ending = f", ending in {either(suffixes)}" if suffixes else ""
    inside = text(
        f"a relative path inside the root folder, with forward slashes{ending}",
        r"(?![/~])(?!(?:\./)*\.?$)(?!(?:[^/]*/)*\.\.(?:/|$))[^\\\x00-\x1f]+"
        + (f"(?:{'|'.join(map(re.escape, suffixes))})" if suffixes else ""),
    )

    def accept(node: Scalar) -> Any:
        value = inside.accept(node)
        return value if value is WRONG else posixpath.normpath(value)

    return Kind(inside.expected, accept, inside.schema)


def word(expected: str) -> Kind:
    """A word of a command, or a version. Numbers and the like are kept as written, so that they need no quotes."""
    schema = {"type": ["string", "number", "boolean"]}
    return Kind(expected, lambda node: node.text if node.value is not None else WRONG, schema)


def single() -> Kind:
    """One value of a matrix. The result is the node, since addresses use the value as written."""
    return Kind("a single value", lambda node: node, {"type": ["string", "number", "boolean", "null"]})


def flag() -> Kind:
    """True or false."""
    return Kind(
        "true or false", lambda node: node.value if isinstance(node.value, bool) else WRONG, {"type": "boolean"}
    )


def choice(*words: str) -> Kind:
    """One of a few words."""
    expected = either([f"`{word}`" for word in words])
    return Kind(expected, lambda node: node.value if node.value in words else WRONG, {"enum": list(words)})


def whole(least: int, most: int | None = None) -> Kind:
    """A whole number within bounds."""
    expected = f"a whole number of at least {least}" if most is None else f"a whole number from {least} to {most}"

    def accept(node: Scalar) -> Any:
        value = node.value
        fits = type(value) is int and value >= least and (most is None or value <= most)
        return value if fits else WRONG

    schema = {"type": "integer", "minimum": least}
    return Kind(expected, accept, schema if most is None else {**schema, "maximum": most})


def amount(expected: str = "a number above 0") -> Kind:
    """A positive, finite number."""

    def accept(node: Scalar) -> Any:
        value = node.value
        return value if type(value) in (int, float) and 0 < float(value or 0) < float("inf") else WRONG

    return Kind(expected, accept, {"type": "number", "exclusiveMinimum": 0})


_SIZES = {
    "b": 1,
    **{f"{prefix}{end}": 1024 ** (i + 1) for i, prefix in enumerate("kmgt") for end in ("", "i", "ib")},
    **{f"{prefix}b": 1000 ** (i + 1) for i, prefix in enumerate("kmgt")},
}
_TIMES = {"d": 86_400, "h": 3_600, "m": 60, "s": 1, "ms": 0.001}


def size(*, bounded: bool = True) -> Kind:
    """Bytes, 1 or more: as in Docker, `8g` and `8GiB` are 8 * 1024**3; `8GB` is 8 * 10**9."""
    pattern = r"[0-9]+(?:\.[0-9]+)?(?:[bB]|[kKmMgGtT](?:[iI]?[bB]|[iI])?)"
    return _measure(
        "a size such as `8g` or `10MB`", pattern, _SIZES, lambda value: int(value) or WRONG, bounded=bounded
    )


def duration(*, bounded: bool = True) -> Kind:
    """Seconds: `90`, `90s`, `1h30m`, `2d`."""
    pattern = r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|[dhms]))+"
    return _measure("a duration such as `6h`, `1h30m` or `90s`", pattern, _TIMES, float, bounded=bounded)


def _measure(
    expected: str, pattern: str, units: Mapping[str, float], unit: Callable[[float], Any], *, bounded: bool
) -> Kind:
    """A number in the base unit, or numbers with units; unless `bounded`, `none` is allowed and means None."""
    number = amount()

    def accept(node: Scalar) -> Any:
        value = node.value
        if value == "none" and not bounded:
            return None
        if isinstance(value, str) and re.fullmatch(pattern, value):
            total = sum(float(n) * units[u.lower()] for n, u in re.findall(r"([0-9.]+)([A-Za-z]+)", value))
            node = Scalar(node.line, node.column, total, value)
        value = number.accept(node)
        return value if value is WRONG else unit(value)

    words = pattern if bounded else f"{pattern}|none"
    schema = {"type": ["number", "string"], "exclusiveMinimum": 0, "pattern": f"^(?:{words})$"}
    return Kind(expected if bounded else f"{expected}, or `none`", accept, schema)


class Anything(Kind):
    """Any value that JSON can hold."""

    def __init__(self) -> None:
        super().__init__("any value", plain, {})

    def read(self, node: Tree, name: str, problems: Problems) -> Any:  # noqa: ARG002  # nothing can be wrong
        """Return the value."""
        return plain(node)
