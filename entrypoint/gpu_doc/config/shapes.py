"""Kinds that hold other kinds: lists, mappings by name, sections with known keys, and one of several."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from gpu_doc.config.kinds import WRONG, Kind
from gpu_doc.config.yaml12 import Entries, Items, Problems, Scalar, Tree
from gpu_doc.model.values import Json


class Values(dict[str, Any]):
    """The values read from a mapping, and the mapping's node."""

    def __init__(self, node: Tree) -> None:
        super().__init__()
        self.node = node

    def written(self) -> dict[str, Tree]:
        """Return the written entries, including those that could not be read."""
        return self.node.entries if isinstance(self.node, Entries) else {}

    def has(self, key: str) -> bool:
        """Return whether `key` is written at all."""
        return key in self.written()

    def place(self, key: str) -> Tree:
        """Return the place of the value of `key`."""
        return self.written()[key]

    def key(self, key: str) -> Scalar:
        """Return the place of `key` itself."""
        assert isinstance(self.node, Entries)
        return self.node.keys[key]

    def line(self, key: str) -> int:
        """Return the line of `key`."""
        return self.key(key).line


class Shape(Kind):
    """A kind that holds others. A missing value, as when all lines below a key are comments, counts as empty."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected, lambda _: WRONG, {})

    def refused(self, node: Tree, name: str, problems: Problems) -> bool:
        """Note a problem unless the node has our shape or is empty."""
        fits = isinstance(node, self.shape) or (isinstance(node, Scalar) and node.value is None)
        return not fits and self.refuse(node, name, problems) is WRONG


class ListOf(Shape):
    """A list, read as a tuple."""

    shape: ClassVar[type[Tree]] = Items

    def __init__(self, item: Kind, expected: str = "", *, least: int = 0) -> None:
        super().__init__(expected or f"a list, each item {item.expected}")
        self.item = item
        self.least = least

    def read(self, node: Tree, name: str, problems: Problems) -> Any:
        """Return the items that could be read, or WRONG."""
        if self.refused(node, name, problems):
            return WRONG
        items = node.items if isinstance(node, Items) else []
        if len(items) < self.least:
            return self.refuse(node, name, problems)
        values = [self.item.read(item, name, problems) for item in items]
        return tuple(value for value in values if value is not WRONG)

    def json(self) -> dict[str, Json]:
        """Return the JSON Schema."""
        if self.least:
            return {"type": "array", "items": self.item.json(), "minItems": self.least}
        return {"type": ["array", "null"], "items": self.item.json()}


class MapOf(Shape):
    """A mapping from names of the user's choice."""

    shape: ClassVar[type[Tree]] = Entries

    def __init__(self, key: Kind, value: Kind, expected: str) -> None:
        super().__init__(expected)
        self.key = key
        self.value = value

    def read(self, node: Tree, name: str, problems: Problems) -> Any:
        """Return the Values that could be read, or WRONG."""
        if self.refused(node, name, problems):
            return WRONG
        values = Values(node)
        for key, child in values.written().items():
            if not re.fullmatch(self.key.schema["pattern"], key):
                problem = f"`{key}` in `{name}`: expected {self.key.expected}"
                problems.append(values.key(key).problem(problem))
            elif (value := self.value.read(child, key, problems)) is not WRONG:
                values[key] = value
        return values

    def json(self) -> dict[str, Json]:
        """Return the JSON Schema."""
        names = {"pattern": self.key.schema["pattern"]}
        return {"type": ["object", "null"], "propertyNames": names, "additionalProperties": self.value.json()}


class OneOf(Shape):
    """The first of several kinds that fits. If only one has the right shape, its own message says what is wrong."""

    def __init__(self, expected: str, *kinds: Kind) -> None:
        super().__init__(expected)
        self.kinds = kinds

    def read(self, node: Tree, name: str, problems: Problems) -> Any:
        """Return the value by the first fitting kind, or WRONG."""
        likely = [kind for kind in self.kinds if isinstance(node, kind.shape)]
        if len(likely) == 1 and not isinstance(node, Scalar):
            return likely[0].read(node, name, problems)
        accepted = (kind.accept(node) for kind in likely)
        value = next((value for value in accepted if value is not WRONG), WRONG)
        return self.refuse(node, name, problems) if value is WRONG else value

    def json(self) -> dict[str, Json]:
        """Return the JSON Schema."""
        return {"anyOf": [kind.json() for kind in self.kinds]}


class Key:
    """A key of a section: its kind, one sentence about it, its default, and perhaps an example."""

    def __init__(self, kind: Kind, text: str, *, default: Json = WRONG, example: Json = WRONG) -> None:
        self.kind = kind
        self.text = text
        self.default = default
        self.example = example

    def json(self) -> dict[str, Json]:
        """Return the JSON Schema."""
        schema = {**self.kind.json(), "description": self.text}
        if self.default is not WRONG:
            schema["default"] = self.default
        return schema if self.example is WRONG else {**schema, "examples": [self.example]}


class Section(Shape):
    """A mapping with known keys: its own, and those of `base`. `title` names it in messages: "a run", "`limits`"."""

    shape: ClassVar[type[Tree]] = Entries

    def __init__(
        self, name: str, title: str, own: Mapping[str, Key], *, base: Section | None = None, need: tuple[str, ...] = ()
    ) -> None:
        such = f"a mapping with keys such as {', '.join(f'`{key}`' for key in list(own)[:3])}"
        super().__init__(such if "`" in title else f"{title}, which is {such}")
        self.name = name
        self.title = title
        self.own = own
        self.base = base
        self.need = need
        shared: Mapping[str, Key] = base.keys if base else {}
        self.keys: Mapping[str, Key] = {**own, **shared}

    def read(self, node: Tree, name: str, problems: Problems) -> Any:
        """Return the Values that could be read, or WRONG."""
        if self.refused(node, name, problems):
            return WRONG
        values = Values(node)
        for key, child in values.written().items():
            if key not in self.keys:
                from gpu_doc.config.suggest import unknown_key  # only a mistake pays for it

                problems.append(values.key(key).problem(unknown_key(key, self)))
            elif (value := self.keys[key].kind.read(child, key, problems)) is not WRONG:
                values[key] = value
        problems.extend(node.problem(f"{self.title} needs `{key}`") for key in self.need if not values.has(key))
        return values

    def json(self) -> dict[str, Json]:
        """Refer to the definition."""
        return {"$ref": f"#/$defs/{self.name}"}

    def definition(self) -> dict[str, Json]:
        """Return the JSON Schema that `json()` refers to."""
        properties = {key: spec.json() for key, spec in self.own.items()}
        if self.base:
            properties |= {key: {"$ref": f"#/$defs/{self.base.name}/properties/{key}"} for key in self.base.keys}
        schema = {"type": "object" if self.need else ["object", "null"], "additionalProperties": False}
        return {**schema, "properties": properties, **({"required": list(self.need)} if self.need else {})}
