"""Which call each line of a report comes from, through loops, macros, filters, variables and arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.answers import Answer, Call
from gpu_doc.model.configuration import Report
from gpu_doc.model.values import Json
from gpu_doc.report.template import TemplateWorker
from gpu_doc.report.trace import Trace, trace

ANSWERS: dict[str, Json] = {
    "a/x": 0.5,
    "a/n": 7,
    "a/name": "one|two",
    "a/rows": [{"k": 1.5, "s": "left"}, {"k": 2.5, "s": "right"}],
    "a/table": "| h |\n| --- |\n| 1 |",
    "a/true": True,
}


@pytest.fixture(scope="module")
def worker() -> Iterator[TemplateWorker]:
    with TemplateWorker() as made:
        yield made


def traced(text: str, root: Path, worker: TemplateWorker, **others: str) -> Trace:
    for name, content in {"a.j2": text, **{key.replace("_", "."): value for key, value in others.items()}}.items():
        (root / name).write_text(content)

    def answer(call: Call) -> Answer:
        return Answer(value=ANSWERS[call.args[0]])

    return trace(Report(path="a.md", line=1, template="a.j2"), root, worker, answer, LineEnds())


def lines(found: Trace) -> dict[str, set[str]]:
    """By the text of a line, the addresses that it comes from."""
    text = found.text.split("\n")
    told: dict[str, set[str]] = {}
    for each in found.shown:
        for number in range(each.first, each.last + 1):
            told.setdefault(text[number - 1], set()).add(each.call.args[0])
    return told


X = '{{ value("a/x") }}'
LOOP = '{% for r in value("a/rows") %}\n{{ r.k }} of {{ loop.index }}\n{% endfor %}\n'
MACRO = "{% macro row(label, number) %}\n{{ label }}: {{ number }}\nplain words\n{% endmacro %}\n"
SET = '{% set x = value("a/x") %}\nnothing\n'

CASES: dict[str, tuple[str, dict[str, set[str]]]] = {
    "a value": (f"# Title\n\nIt is {X}.\n\nmore\n", {"It is 0.5.": {"a/x"}}),
    "a filter": ('{{ value("a/x")|percent(1) }}\n', {"50.0 %": {"a/x"}}),
    "two in a line": (f'{X} and {{{{ value("a/n") }}}}\n', {"0.5 and 7": {"a/x", "a/n"}}),
    "a table": ('{{ table("a/table") }}\n\nno\n', {"| h |": {"a/table"}, "| --- |": {"a/table"}, "| 1 |": {"a/table"}}),
    "behind front matter": (f"---\ntitle: T\n---\n\n{X}\n", {"0.5": {"a/x"}}),
    "a variable": (SET + "{{ x }}\n", {"0.5": {"a/x"}}),
    "a variable and a filter": (SET + "{{ x|round(2) }}\n", {"0.5": {"a/x"}}),
    "a variable that a format takes": (SET + '{{ "%.3f"|format(x) }}\n', {"0.500": {"a/x"}}),
    "a sign of percent": (SET + '{{ "%.3f" % x }}\n', {"0.500": {"a/x"}}),
    "a format of a text": (SET + '{{ "{:.4f}".format(x) }}\n', {"0.5000": {"a/x"}}),
    "arithmetic": (SET + '{% set y = 100 * x - value("a/n") %}\n{{ y }}\n', {"43.0": {"a/x", "a/n"}}),
    "a minus": (SET + "{% set y = -x %}\n{{ y }}\n", {"-0.5": {"a/x"}}),
    "joined text": (SET + '{% set y = "at " ~ x %}\n{{ y }}\n', {"at 0.5": {"a/x"}}),
    "a part of a text": ('{% set s = value("a/name") %}\n{{ s[:3] }}\n', {"one": {"a/name"}}),
    "a method of a text": ('{% set s = value("a/name").split("|") %}\n{{ s[1] }}\n', {"two": {"a/name"}}),
    "a loop": (LOOP, {"1.5 of 1": {"a/rows"}, "2.5 of 2": {"a/rows"}}),
    "a loop over addresses": (
        '{% for n in ["x", "n"] %}\n- {{ value("a/" ~ n) }}\n{% endfor %}\n',
        {"- 0.5": {"a/x"}, "- 7": {"a/n"}},
    ),
    "a sum": ('{% set s = value("a/rows")|sum(attribute="k") %}\n{{ s }}\n', {"4.0": {"a/rows"}}),
    "a list that is mapped": (
        '{{ value("a/rows")|map(attribute="k")|map("percent")|join(", ") }}\n',
        {"150 %, 250 %": {"a/rows"}},
    ),
    "a macro": (
        MACRO + '{{ row("acc", value("a/x")) }}\n{{ row("n", value("a/n")) }}\n',
        {"acc: 0.5": {"a/x"}, "n: 7": {"a/n"}},
    ),
    "a macro's condition": (
        '{% macro good(n) %}{% if n > 1 %}good{% else %}bad{% endif %}{% endmacro %}\n{{ good(value("a/n")) }}\n',
        {"good": {"a/n"}},
    ),
    "a captured text": ('{% set s %}\nfirst\n{{ value("a/x") }}\n{% endset %}\n{{ s }}\n', {"0.5": {"a/x"}}),
    "an indented text": (
        '{% filter indent(2) %}\nfirst\n{{ value("a/x") }}\nthen {{ value("a/n") }}\n{% endfilter %}\n',
        {"  0.5": {"a/x"}, "  then 7": {"a/n"}},
    ),
    "a call with a body": (
        '{% macro box() %}\n[\n{{ caller() }}\n]\n{% endmacro %}\n{% call box() %}{{ value("a/x") }}{% endcall %}\n',
        {"0.5": {"a/x"}},
    ),
    "what stands in a table": ('| a |\n| - |\n| {{ value("a/name") }} |\n', {"| one&#124;two |": {"a/name"}}),
    "a condition in an expression": ('{{ "yes" if value("a/true") else "no" }}\n', {"yes": {"a/true"}}),
    "what a condition chooses": ('{% if value("a/n") > 1 %}\n{{ value("a/x") }}\n{% endif %}\n', {"0.5": {"a/x"}}),
}


@pytest.mark.parametrize("case", CASES)
def test_each_line_has_its_calls(case: str, tmp_path: Path, worker: TemplateWorker) -> None:
    text, expected = CASES[case]
    found = traced(text, tmp_path, worker)
    assert found.exact
    assert lines(found) == expected
    assert all(each.place.file == "a.j2" and each.place.line for each in found.shown)


def test_what_is_included_is_traced(tmp_path: Path, worker: TemplateWorker) -> None:
    found = traced("first\n{% include 'b.j2' %}\nlast\n", tmp_path, worker, b_j2="inner\n{{ value('a/x') }}\n")
    assert lines(found) == {"0.5": {"a/x"}}
    assert [str(each.place) for each in found.shown] == ["b.j2:2"]


def test_a_call_that_only_decides_is_named_and_shown_nowhere(tmp_path: Path, worker: TemplateWorker) -> None:
    found = traced('{% if value("a/n") > 1 %}\nmany\n{% endif %}\n', tmp_path, worker)
    assert lines(found) == {}
    assert [(call.args[0], str(place)) for call, place in found.untold] == [("a/n", "a.j2:1")]


def test_several_calls_for_several_lines_are_not_told_apart(tmp_path: Path, worker: TemplateWorker) -> None:
    found = traced('{% set s = [value("a/x"), value("a/n")]|join("\\n") %}\n{{ s }}\n', tmp_path, worker)
    assert [each.sure for each in found.shown] == [False, False]
    assert lines(found) == {"0.5": {"a/x", "a/n"}, "7": {"a/x", "a/n"}}


def test_a_template_that_counts_its_own_text_is_not_traced(tmp_path: Path, worker: TemplateWorker) -> None:
    text = '{% set s %}{{ value("a/x") }}{% endset %}\n{{ s }}{% if s.endswith("5") %}!{% endif %}\n'
    found = traced(text, tmp_path, worker)
    assert found.text.endswith("0.5!\n")
    assert (found.exact, found.shown) == (False, ())
    assert [call.args[0] for call, _ in found.untold] == [
        "a/x",
    ]
