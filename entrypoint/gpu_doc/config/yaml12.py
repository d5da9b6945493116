"""YAML with the scalars of version 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema) and positions.

PyYAML's own loaders follow YAML 1.1, where `1e-4` is text, `on` is true and `12:30` is 750. So we use only its parser,
which knows no types, and convert the scalars here.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, TypeAlias

from yaml import MarkedYAMLError, ScalarNode, SequenceNode, YAMLError

from gpu_doc.model.values import Json
from gpu_doc.model.values import Scalar as Value

try:
    from yaml import CBaseLoader as _Loader
except ImportError:  # PyYAML was built without libyaml: the same, but ten times slower
    from yaml import BaseLoader as _Loader  # type: ignore[assignment]  # another class with the same methods

MAX_NODES = 100_000
MAX_DEPTH = 60
"""The most values with aliases expanded: a few lines of aliases must not fill the memory."""


class MarkedProblem(NamedTuple):
    """What is wrong, and where; line and column count from 1."""

    line: int
    column: int
    text: str


Problems: TypeAlias = list[MarkedProblem]


class Node:
    """A value of the file and where it starts; line and column count from 1."""

    __slots__ = ("column", "line")

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column

    def problem(self, text: str) -> MarkedProblem:
        """Return a problem at this position."""
        return MarkedProblem(self.line, self.column, text)


class Scalar(Node):
    """A single value; `text` is how it was written, without quotes."""

    __slots__ = ("text", "value")

    def __init__(self, line: int, column: int, value: Value, text: str) -> None:
        super().__init__(line, column)
        self.value = value
        self.text = text


class Items(Node):
    """A sequence."""

    __slots__ = ("items",)

    def __init__(self, line: int, column: int, items: list[Tree]) -> None:
        super().__init__(line, column)
        self.items = items


class Entries(Node):
    """A mapping; keys are text as written, and `keys` has their positions."""

    __slots__ = ("entries", "keys")

    def __init__(self, line: int, column: int) -> None:
        super().__init__(line, column)
        self.entries: dict[str, Tree] = {}
        self.keys: dict[str, Scalar] = {}


Tree: TypeAlias = Scalar | Items | Entries


def parse(text: str, problems: Problems) -> Tree | None:
    """Parse one document. None if it is empty, or if it can't be read; then `problems` has the reason."""
    try:
        raw = _Composer(text).get_single_node()
        return None if raw is None else _Reader(problems).tree(raw, depth=0)
    except _TooLargeError as error:
        problems.append(_at(error.args[0], "too many values, or nested too deeply, once aliases are followed"))
    except YAMLError as error:
        problems.append(_syntax_problem(error, text))
    return None


def plain(tree: Tree) -> Json:
    """Return the value without positions, as `json.loads` would."""
    if isinstance(tree, Scalar):
        return tree.value
    if isinstance(tree, Items):
        return [plain(item) for item in tree.items]
    return {key: plain(value) for key, value in tree.entries.items()}


_WORDS: dict[str, Value] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NUMBER = re.compile(
    r"([-+]?[0-9]+)|0o([0-7]+)|0x([0-9a-fA-F]+)|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
)
_BASES = {1: 10, 2: 8, 3: 16}


def scalar(text: str) -> Value:
    """Return the value of an unquoted scalar.

    Raises ValueError for an integer of more digits than Python converts (some thousands).
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or not (match := _NUMBER.fullmatch(text)):
        return text
    return int(match[match.lastindex], _BASES[match.lastindex]) if match.lastindex else float(text)


_TAGS: dict[str, tuple[type, ...]] = {
    "tag:yaml.org,2002:str": (str,),
    "tag:yaml.org,2002:int": (int,),
    "tag:yaml.org,2002:float": (float, int),
    "tag:yaml.org,2002:bool": (bool,),
    "tag:yaml.org,2002:null": (type(None),),
    "tag:yaml.org,2002:seq": (list,),
    "tag:yaml.org,2002:map": (dict,),
}


class _Composer(_Loader):
    """The parser without types: a node's tag is what was written, or None."""

    depth = 0

    def resolve(self, *_: object) -> None: ...

    def descend_resolver(self, parent: object, _: object) -> None:
        """Limit the depth: PyYAML calls this before each node, and the C parser would overrun the stack."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _TooLargeError(parent)

    def ascend_resolver(self) -> None:
        self.depth -= 1


class _TooLargeError(Exception):
    """Its argument is the node at which the limit was passed."""


class _Reader:
    """Turns the parser's nodes into ours; expands aliases, and notes what is not allowed."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.left = MAX_NODES

    def tree(self, raw: Any, depth: int) -> Tree:
        self.left -= 1
        if self.left < 0 or depth > MAX_DEPTH:
            raise _TooLargeError(raw)
        if isinstance(raw, ScalarNode):
            return self.scalar(raw)
        self.check_tag(raw, [] if isinstance(raw, SequenceNode) else {})
        mark = raw.start_mark
        if isinstance(raw, SequenceNode):
            return Items(mark.line + 1, mark.column + 1, [self.tree(item, depth + 1) for item in raw.value])
        return self.entries(raw, depth)

    def scalar(self, raw: Any) -> Scalar:
        text, value, mark = raw.value, raw.value, raw.start_mark
        if not raw.style and raw.tag != "tag:yaml.org,2002:str":
            try:
                value = scalar(text)
            except ValueError:
                self.problems.append(_at(raw, f"a number of {len(text)} digits is too long"))
        self.check_tag(raw, value)
        return Scalar(mark.line + 1, mark.column + 1, value, text)

    def check_tag(self, raw: Any, value: object) -> None:
        if raw.tag and type(value) not in _TAGS.get(raw.tag, ()):
            tag = raw.tag.replace("tag:yaml.org,2002:", "!!")
            self.problems.append(_at(raw, f"the tag `{tag}` is not allowed here; write the value without it"))

    def entries(self, raw: Any, depth: int) -> Entries:
        node = Entries(raw.start_mark.line + 1, raw.start_mark.column + 1)
        merged = []
        for raw_key, raw_value in raw.value:
            value = self.tree(raw_value, depth + 1)
            if not isinstance(raw_key, ScalarNode):
                self.problems.append(_at(raw_key, "a key must be a single word or a text"))
                continue
            key = self.scalar(raw_key)
            if key.text == "<<" and not raw_key.style:
                merged.append(value)
            elif key.text in node.keys:
                first = node.keys[key.text].line
                self.problems.append(key.problem(f"the key `{key.text}` is written twice, first in line {first}"))
            else:
                node.keys[key.text], node.entries[key.text] = key, value
        for value in merged:
            self.merge(node, value)
        return node

    def merge(self, node: Entries, source: Tree) -> None:
        """Merge the entries of `<<: *alias` or `<<: [*one, *two]`. Entries written here win, then earlier aliases."""
        for part in source.items if isinstance(source, Items) else [source]:
            if not isinstance(part, Entries):
                self.problems.append(part.problem("`<<` takes a mapping or a list of mappings"))
                continue
            for key, value in part.entries.items():
                if key not in node.entries:
                    node.keys[key], node.entries[key] = part.keys[key], value


def _at(raw: Any, text: str) -> MarkedProblem:
    return MarkedProblem(raw.start_mark.line + 1, raw.start_mark.column + 1, text)


_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _syntax_problem(error: YAMLError, text: str) -> MarkedProblem:
    """Return the parser's message as a problem; say so if a tab is the cause."""
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        found = _FORBIDDEN.search(text)
        before = text[: found.start()] if found else ""
        code = f" U+{ord(found[0]):04X}" if found else ""
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return MarkedProblem(line, column, f"a control character{code}, not text")
    words, mark, lines = str(error.problem), error.problem_mark, text.splitlines()
    if error.context and error.context_mark:
        words = f"{words} {error.context} that starts in line {error.context_mark.line + 1}"
    if mark.line >= len(lines):  # the file ends too early
        return MarkedProblem(len(lines), len(lines[-1]) + 1, f"not valid YAML: {words}")
    start = lines[mark.line]
    if "\t" in start[: len(start) - len(start.lstrip())]:
        words = "the line is indented with a tab, and YAML allows only spaces"
    return MarkedProblem(mark.line + 1, mark.column + 1, f"not valid YAML: {words}")
