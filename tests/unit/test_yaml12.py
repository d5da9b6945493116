"""Scalars as YAML 1.2's core schema reads them, places, and what is refused."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_doc.config.yaml12 import Entries, Items, MarkedProblem, Problems, Scalar, Tree, parse, plain, scalar

# https://yaml.org/spec/1.2.2/#1032-tag-resolution
CORE_SCHEMA = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"]),
    **dict.fromkeys(["true", "True", "TRUE"], True),
    **dict.fromkeys(["false", "False", "FALSE"], False),
    "0": 0,
    "-19": -19,
    "+12": 12,
    "012": 12,
    "0o7": 7,
    "0o17": 15,
    "0x3A": 58,
    "1e-4": 1e-4,
    "1E3": 1000.0,
    "0.": 0.0,
    "-0.0": -0.0,
    ".5": 0.5,
    "+12e03": 12000.0,
    "-2E+05": -200000.0,
    "1.5e-3": 0.0015,
    ".inf": math.inf,
    "-.Inf": -math.inf,
    "+.INF": math.inf,
}
# Each of these is a number, a truth value or a date in YAML 1.1, which PyYAML reads.
TEXTS = [
    "on",
    "off",
    "yes",
    "no",
    "y",
    "n",
    "On",
    "NO",
    "12:30",
    "190:20:30",
    "1_000",
    "0b101",
    "2001-12-14",
    "2026-11-22T10:00:00Z",
    "=",
    "0o8",
    "0x",
    "0xG",
    "+",
    "-",
    ".",
    "-.nan",
    "inf",
    "nan",
    "1e",
    "1e+",
    "e5",
    ".e5",
    "1.2.3",
    "TrUe",
    "nULL",
    "0O7",
    "0X1",
    "-0x1",
    "+0o1",
    "١٢",
]


def read(text: str) -> Any:
    problems: Problems = []
    tree = parse(text, problems)
    assert problems == []
    assert tree is not None
    return plain(tree)


def refused(text: str) -> list[MarkedProblem]:
    problems: Problems = []
    parse(text, problems)
    assert problems
    return problems


@pytest.mark.parametrize(("text", "value"), CORE_SCHEMA.items(), ids=repr)
def test_a_plain_scalar_has_the_value_that_the_core_schema_gives(text: str, value: object) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


@pytest.mark.parametrize("text", TEXTS)
def test_all_else_is_text(text: str) -> None:
    assert scalar(text) == text


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_not_a_number(text: str) -> None:
    value = scalar(text)
    assert isinstance(value, float)
    assert math.isnan(value)


def test_a_learning_rate_is_a_number_and_quotes_make_it_a_text() -> None:
    assert read("lr: 1e-4\nwritten: '1e-4'") == {"lr": 1e-4, "written": "1e-4"}


@given(st.integers())
def test_integers_come_back(number: int) -> None:
    assert scalar(str(number)) == number
    assert number < 0 or scalar(f"0x{number:x}") == scalar(f"0o{number:o}") == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_come_back(number: float) -> None:
    assert scalar(repr(number)) == number


PRINTABLE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp"), exclude_characters="\ufeff"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | PRINTABLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PRINTABLE, inner, max_size=4),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 1, 4]))
def test_json_is_yaml_and_means_the_same(value: object, indent: int | None) -> None:
    assert read(json.dumps(value, ensure_ascii=False, indent=indent)) == value


def leaves(tree: Tree) -> list[Scalar]:
    if isinstance(tree, Scalar):
        return [tree]
    children = tree.items if isinstance(tree, Items) else [*tree.entries.values(), *tree.keys.values()]
    return [leaf for child in children for leaf in leaves(child)]


@given(JSON, st.sampled_from([None, 2]))
def test_places_are_where_a_value_is_written(value: object, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    tree = parse(text, [])
    assert tree is not None
    lines = text.split("\n")
    for leaf in leaves(tree):
        written = json.dumps(leaf.text, ensure_ascii=False) if isinstance(leaf.value, str) else leaf.text
        assert lines[leaf.line - 1][leaf.column - 1 :].startswith(written)


def test_a_scalar_keeps_how_it_was_written() -> None:
    tree = parse("[1e-4, 0x10, '0.10', on]", [])
    assert isinstance(tree, Items)
    assert [leaf.text for leaf in leaves(tree)] == ["1e-4", "0x10", "0.10", "on"]


def test_aliases_and_merge_keys() -> None:
    text = """
base: &base {lr: 0.1, seed: 1}
more: &more {seed: 2, epochs: 5}
both: {<<: [*base, *more], lr: 0.5}
same: *base
text: {"<<": 1}
"""
    value = read(text)
    assert value["both"] == {"lr": 0.5, "seed": 1, "epochs": 5}
    assert value["same"] == {"lr": 0.1, "seed": 1}
    assert value["text"] == {"<<": 1}


def test_a_merge_key_takes_mappings_only() -> None:
    assert refused("a: {<<: [1]}") == [(1, 10, "`<<` takes a mapping or a list of mappings")]


def test_standard_tags_work_and_others_are_refused() -> None:
    assert read("[!!str 12, !!int 3, !!float 2, !!map {}, !!seq []]") == ["12", 3, 2, {}, []]
    assert refused("a: !python/object:os.system x")[0][:2] == (1, 4)
    assert "`!!int`" in refused("a: !!int text")[0].text
    assert "`!secret`" in refused("- !secret {}")[0].text


def test_a_key_that_stands_twice_is_refused() -> None:
    assert refused("a: 1\nb: 2\na: 3") == [(3, 1, "the key `a` is written twice, first in line 1")]


def test_a_key_must_be_a_scalar() -> None:
    assert refused("? [a, b]\n: 1") == [(1, 3, "a key must be a single word or a text")]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a:\n\t- b", 2, "indented with a tab"),
        ("a: 1\nb: [1, 2\nc: 3", 3, "not valid YAML"),
        ("a: b: c", 1, "mapping values are not allowed"),
        ("a: *nowhere", 1, "undefined alias"),
        ("a: 1\n---\nb: 2", 2, "another document"),
        ("a: 1\nb: \x00", 2, "control character U+0000"),
        ("a: \x1b[31m", 1, "control character U+001B"),
        ("a: " + "9" * 5000, 1, "5000 digits is too long"),
        ("[" * 300 + "]" * 300, 1, "nested too deeply"),
        ("[" * 1_000_000, 1, "nested too deeply"),
        ("a: &a [*a]", 1, "nested too deeply"),
    ],
    ids=lambda item: repr(item)[:30],
)
def test_what_cannot_be_read_is_one_problem_with_its_line(text: str, line: int, words: str) -> None:
    (problem,) = refused(text)
    assert problem.line == line
    assert words in problem.text


def test_aliases_cannot_fill_the_memory() -> None:
    levels = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    (problem,) = refused("\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x]", *levels]))
    assert "too many values" in problem.text


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    problems: Problems = []
    tree = parse(text, problems)
    assert tree is None or isinstance(tree, Scalar | Items | Entries)


def test_without_libyaml_it_is_the_same() -> None:
    program = """
import sys
sys.modules["yaml._yaml"] = None
from gpu_doc.config.yaml12 import parse, plain
import yaml
assert not yaml.__with_libyaml__
problems = []
assert plain(parse("a: [1e-4, 'x', on, {b: }]", problems)) == {"a": [1e-4, "x", "on", {"b": None}]}
assert not problems
parse("a: 1\\na: [", problems)
assert problems[0].line == 2, problems
"""
    subprocess.run([sys.executable, "-c", program], check=True)
