"""Templates in their child process: what they may do, and what stops them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpu_doc.errors import ReportError
from gpu_doc.model.answers import Call
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json
from gpu_doc.report import template_messages as messages
from gpu_doc.report.template import Source, TemplateWorker
from gpu_doc.system.process import Child

FILES = {
    "part.md": "part {{ value('b/part') }}",
    "wrong.md": "\n{{ nonsense }}",
    "base.md": "<{% block body %}{% endblock %}>",
    "macros.md": "{% macro twice(address) %}{{ value(address) }}{{ value(address) }}{% endmacro %}",
}


@pytest.fixture(scope="module")
def worker() -> Iterator[TemplateWorker]:
    with TemplateWorker(seconds=3.0, memory=256 << 20, output=1_000_000) as worker:
        yield worker


def load(name: str) -> Source | None:
    return Source(f"templates/{name}", FILES[name]) if name in FILES else None


def accuracy(_call: Call, _place: Location) -> Json:
    return 0.9234


def render(worker: TemplateWorker, text: str) -> str:
    return worker.render(Source("templates/x.md.j2", text), report="docs/x.md", load=load, answer=accuracy)


def rehearse(worker: TemplateWorker, text: str) -> list[str]:
    calls = worker.rehearse(Source("templates/x.md.j2", text), report="docs/x.md", load=load)
    return [f"{place} {call}" for call, place in dict.fromkeys((str(call), place) for call, place in calls)]


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("a {{ value('b/a')|percent }}\n", "a 92 %\n"),
        ("{{ value('b/a')|percent(1) }} {{ value('b/a')|round(2) }}", "92.3 % 0.92"),
        ("{{ report }}", "docs/x.md"),
        ("{% include 'part.md' %}", "part 0.9234"),
        ("{% extends 'base.md' %}{% block body %}x{% endblock %}", "<x>"),
        ("{% from 'macros.md' import twice %}{{ twice('b/a') }}", "0.92340.9234"),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{% if value('b/a') > 0.9 %}good{% endif %}", "good"),
        ("{{ '<b>' }}", "<b>"),
        ("{{ missing|default('none') }} {{ missing is defined }}", "none False"),
    ],
)
def test_templates(worker: TemplateWorker, text: str, rendered: str) -> None:
    assert render(worker, text) == rendered
    rehearse(worker, text)


def test_calls_come_with_arguments_and_places(worker: TemplateWorker) -> None:
    asked: list[tuple[Call, Location]] = []

    def answer(call: Call, place: Location) -> Json:
        asked.append((call, place))
        return "X"

    text = "\n{{ shot('b/a', caption='é',\n  annotate=[{'at': 1.5}]) }}\n{% include 'part.md' %}"
    rendered = worker.render(Source("x.md.j2", text), report="x.md", load=load, answer=answer)
    assert rendered == "\nX\npart X"
    shot = Call(function="shot", args=("b/a",), kwargs={"caption": "é", "annotate": [{"at": 1.5}]})
    part = Call(function="value", args=("b/part",))
    assert asked == [(shot, Location("x.md.j2", 2)), (part, Location("templates/part.md", 1))]


MISTAKES = [
    ("\n\n{% if %}", 3, "Expected an expression", ""),
    ("\n{{ shott('b/a') }}", 2, "'shott' is undefined", "Did you mean `shot`?"),
    ("{{ accuracy }}", 1, "'accuracy' is undefined", "Known are: shot, image"),
    ("{{ 1|percnt }}", 1, "No filter named 'percnt'", "Did you mean `percent`?"),
    ("{{ 'x'|percent }}", 1, "percent needs a number, not 'x'", ""),
    ("{{ 1|delta }}", 1, "`delta` comes in a later version", "Leave it out for now."),
    ("{{ delta('b/a') }}", 1, "`delta` comes in a later version", "Leave it out for now."),
    ("{{ launch_comand('b') }}", 1, "'launch_comand' is undefined", "Did you mean `launch_command`?"),
    ("{{ shot }}", 1, "`shot` is a function", ""),
    ("{{ 'a: %s'|format(shot) }}", 1, "`shot` is a function", ""),
    ("{{ 'a' ~ [shot] }}", 1, "`shot` is a function", ""),
    ("{{ [[shot]]|join }}", 1, "`shot` is a function", ""),
    ("{{ shot|string }}", 1, "`shot` is a function", ""),
    ("{{ '{}'.format(shot) }}", 1, "`shot` is a function", ""),
    ("{{ '%s' % [cycler] }}", 1, "this is a function", ""),
    ("{{ {'a': 'b'.upper} }}", 1, "this is a function", ""),
    ("{{ 'x'|replace('x', cycler(1)) }}", 1, "this is no text", ""),
    ("{{ 'a' ~ cycler(1, 2) }}", 1, "this is no text", ""),
    ("{{ self }}", 1, "this is no text", ""),
    ("{{ [1]|map('string') }}", 1, "one after the other", ""),
    ("{{ value(nope) }}", 1, "'nope' is undefined", "Known are"),
    ("{{ value('b/a') + nope }}", 1, "'nope' is undefined", "Known are"),
    ("{{ value(cycler) }}", 1, "functions take text", ""),
    ("{{ value('a' * 200000) }}", 1, "longer than 100000 characters", ""),
    ("{{ 1 / 0 }}", 1, "division by zero", ""),
    ("{% include 'nowhere.md' %}", 1, "there is no template `nowhere.md`", "own folder"),
    ("\n\n{{ lipsum() }}", 3, "'lipsum' is undefined", "Known are"),
    ("{{ [1, 2]|random }}", 1, "No filter named 'random'", "Among the filters"),
    # what the sandbox is for
    ("{{ ''.__class__.__mro__ }}", 1, "unsafe", ""),
    ("{{ {}|attr('__class__') }}", 1, "unsafe", ""),
    ("{{ '{0.__class__}'.format(1) }}", 1, "unsafe", ""),
    ("{{ shot.__globals__ }}", 1, "has no attribute", ""),
    ("{{ cycler.__init__.__globals__ }}", 1, "unsafe", ""),
    ("{% set _ = [].append(1) %}{{ self.__init__ }}", 1, "unsafe", ""),
    # what only limits stop
    ("\n{{ 'a' * 10**9 }}", 2, "more than 256 MiB of memory", "multiplied"),
    ("\n{{ ('%1000000000d')|format(1) }}", 2, "more than 256 MiB of memory", "multiplied"),
    ("{% macro f() %}\n{{ f() }}{% endmacro %}{{ f() }}", 2, "calls itself without end", "end on a condition"),
    ("\n{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", 2, "more than 3 s", "loop"),
    ("{% for a in range(99999) %}{{ 'a' * 1000 }}{% endfor %}", 0, "beyond 1 MB", "Show less"),
]


@pytest.mark.parametrize(("text", "line", "what", "remedy"), MISTAKES)
@pytest.mark.parametrize("how", [render, rehearse])
def test_mistakes_and_limits_name_template_and_line(
    worker: TemplateWorker, how: object, text: str, line: int, what: str, remedy: str
) -> None:
    assert callable(how)
    with pytest.raises(ReportError) as caught:
        how(worker, text)
    assert what in caught.value.what
    assert remedy in caught.value.remedy
    assert caught.value.where == (f"templates/x.md.j2:{line}" if line else "templates/x.md.j2")
    assert render(worker, "still {{ value('b/a') }}") == "still 0.9234"


def test_a_rehearsal_finds_undefined_names_in_branches_that_are_not_taken(worker: TemplateWorker) -> None:
    with pytest.raises(ReportError, match="'never' is undefined") as caught:
        rehearse(worker, "{% if 1 > 9 %}\n{{ never }}{% endif %}")
    assert caught.value.where == "templates/x.md.j2:2"


def test_a_mistake_in_an_included_file_is_told_there(worker: TemplateWorker) -> None:
    for how in (render, rehearse):
        with pytest.raises(ReportError) as caught:
            how(worker, "x\n{% include 'wrong.md' %}")
        assert caught.value.where == "templates/wrong.md:2"


def test_what_ignores_its_own_clock_is_killed_and_the_next_template_is_rendered() -> None:
    with TemplateWorker(seconds=2) as worker:
        with pytest.raises(ReportError, match="more than 2 s") as caught:
            render(worker, "{{ 9**(9**9) }}")
        assert caught.value.where == "templates/x.md.j2"
        assert render(worker, "well") == "well"


def test_waiting_for_an_answer_does_not_count() -> None:
    def slow(_call: Call, _place: Location) -> Json:
        time.sleep(2.5)
        return 1

    with TemplateWorker(seconds=2) as worker:
        assert worker.render(Source("x", "{{ value('a/b') }}"), report="r", load=load, answer=slow) == "1"


def test_an_error_of_the_answer_passes_through_and_the_worker_goes_on(worker: TemplateWorker) -> None:
    def refuse(_call: Call, _place: Location) -> Json:
        raise ReportError("no such cell")

    with pytest.raises(ReportError, match="no such cell"):
        worker.render(Source("x", "{{ value('a/b') }} {{ value('c/d') }}"), report="r", load=load, answer=refuse)
    assert render(worker, "ok") == "ok"


class Overtaken(Child):
    """The child of a template that has got out of its sandbox: it says what it likes."""

    says = b""

    def receive(self, timeout: float) -> bytes | None:
        return super().receive(timeout) and self.says


HOSTILE = {
    "no JSON": b"nonsense",
    "deep": b'["Rendered", ' + b"[" * 500_000,
    "unheard of": b'["Exec", {"code": "1"}]',
    "no fields": b'["Rendered", {}]',
    "no text": b'["Rendered", {"text": 5}]',
    "the wrong end": b'["Texts", {"texts": ["x"]}]',
    "unwound": b'["Unwound", {}]',
    "a list for a name": b'["Load", {"template": ["part.md"], "file": "x", "line": 1}]',
    "a call without arguments": b'["Ask", {"call": {"function": "value"}, "file": "x", "line": "1"}]',
    "a failure of no kind": b'["Failed", {"kind": "x", "message": "", "file": "x", "line": 1}]',
}


@pytest.mark.parametrize("says", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("how", [render, rehearse])
def test_a_child_that_was_taken_over_is_not_believed(how: object, says: bytes, tmp_path: Path) -> None:
    assert callable(how)
    with TemplateWorker() as worker:
        worker._child = Overtaken("report.template_worker", environment={}, log=tmp_path / "log", isolated=False)
        worker._child.send(messages.write(messages.Memory(512 << 20)))
        worker._child.says = says
        with pytest.raises(ReportError, match="rendering ended at once") as caught:
            how(worker, "text")
        assert caught.value.where == "templates/x.md.j2"
        assert render(worker, "another child") == "another child"


def test_a_rehearsal_answers_nothing_that_a_child_asks(tmp_path: Path) -> None:
    with TemplateWorker() as worker:
        worker._child = Overtaken("report.template_worker", environment={}, log=tmp_path / "log", isolated=False)
        worker._child.says = messages.write(messages.Ask(Call(function="value", args=("b/a",)), "x", 1))
        with pytest.raises(ReportError, match="rendering ended at once"):
            rehearse(worker, "text")


def test_no_child_outlives_its_worker() -> None:
    import psutil

    with TemplateWorker() as worker:
        render(worker, "x")
        assert worker._child
        pid = worker._child.pid
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)


def test_no_child_is_started_before_it_is_needed() -> None:
    with TemplateWorker() as worker:
        assert worker._child is None


# --- rehearsals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("{{ value('b/a')|percent }}", ['value("b/a")']),
        ("{{ ((value('b/a') * 100 - value('b/b')) / 3)|round(2)|int }}", ['value("b/a")', 'value("b/b")']),
        ("{{ '%.2f'|format(value('b/a')) }}{{ '{:.1f}'.format(value('b/b')) }}", ['value("b/a")', 'value("b/b")']),
        (
            "{% if value('b/a') > 0.9 %}{{ shot('b/x') }}{% else %}{{ shot('b/y') }}{% endif %}",
            ['value("b/a")', 'shot("b/x")', 'shot("b/y")'],
        ),
        ("{% for x in value('b/l') %}{{ x.name }}{{ shot('b/x') }}{% endfor %}", ['value("b/l")', 'shot("b/x")']),
        ("{% if value('b/a') %}{% set x = 1 %}{% endif %}{{ x }}{{ code('b/c') }}", ['value("b/a")', 'code("b/c")']),
        ("{{ value('b/a')|tojson }}", ['value("b/a")']),
        ("{% include 'part.md' %}", ['value("b/part")']),
        (
            "{{ [value('b/a'), 3]|max }}{{ value('b/l')|join(',') }}{{ -value('b/a') }}",
            ['value("b/a")', 'value("b/l")'],
        ),
    ],
)
def test_rehearsals_record_calls_on_both_branches(worker: TemplateWorker, text: str, calls: list[str]) -> None:
    assert [line.partition(" ")[2] for line in rehearse(worker, text)] == calls


# --- single expressions ----------------------------------------------------------------------------------------------


def test_expressions(worker: TemplateWorker) -> None:
    items = [(3, "value('b/a')|percent"), (9, "'é' ~\n 1"), (12, "1 if value('b/a') > 3 else 'no'")]
    assert worker.expressions("docs/x.md", items, report="docs/x.md", answer=accuracy) == ["92 %", "é1", "no"]
    calls = worker.rehearse_expressions("docs/x.md", items, report="docs/x.md")
    assert {place for _, place in calls} == {Location("docs/x.md", 3), Location("docs/x.md", 12)}


@pytest.mark.parametrize(
    ("expression", "line", "what"),
    [
        ("1 +", 7, "unexpected"),
        ("1 +\n {", 8, "unexpected"),
        ("shott('x')", 7, "'shott' is undefined"),
        ("1 }}{% for x in [] %}", 7, "unexpected|chunk after|end of"),
        ("'a' * 10**9", 7, "MiB of memory"),
        ("''.__class__", 7, "unsafe"),
        ("shot", 7, "`shot` is a function"),
    ],
)
def test_mistakes_in_expressions(worker: TemplateWorker, expression: str, line: int, what: str) -> None:
    items = [(2, "1"), (7, expression)]
    with pytest.raises(ReportError, match=what) as caught:
        worker.expressions("docs/x.md", items, report="docs/x.md", answer=accuracy)
    assert caught.value.where == f"docs/x.md:{line}"
    with pytest.raises(ReportError, match=what) as caught:
        worker.rehearse_expressions("docs/x.md", items, report="docs/x.md")
    assert caught.value.where == f"docs/x.md:{line}"
