"""Which answers of evidence still hold: it may come from a pull request, and settings may have changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.answers import Call
from gpu_doc.model.configuration import Capture, Report, Run
from gpu_doc.model.values import Json
from gpu_doc.plan.meanings import settings_of
from gpu_doc.plan.usable import Usable
from gpu_doc.record.evidence import Evidence, KeptAnswer

RUN = Run(report="a.md", name="log", address="log", line=1, command=("train",), image="torch:2")
REPORT = Report(path="a.md", line=1, template="a.md.j2", runs=(RUN,))


def usable(function: str, value: Json = "told", *, now: Report = REPORT, capture: Capture | None = None) -> bool:
    """Whether an answer holds that was given with the settings of REPORT, under other settings now."""
    call = Call(function=function, args=("log",))
    known = Evidence(
        answers={call.key: KeptAnswer(value=value, runs=("log",))},
        settings=settings_of(REPORT, Capture(), launched={"log"} if function == "launch_command" else ()),
    )
    return Usable(now, known, capture or Capture(), Path("nowhere"), LineEnds()).answer(call) is not None


@pytest.mark.parametrize("function", ["shot", "image", "text", "table", "code", "compare", "environment", "later"])
def test_what_nothing_has_changed_for(function: str) -> None:
    assert usable(function)


def test_only_a_value_may_be_something_else_than_text() -> None:
    assert usable("value", {"a": [1]})
    assert not usable("text", {"a": [1]})


def test_pictures_show_the_settings_of_capture() -> None:
    shown = {name: usable(name, capture=Capture(width=500)) for name in ("shot", "terminal", "resources", "image")}
    assert shown == {"shot": False, "terminal": False, "resources": False, "image": True}


@pytest.mark.parametrize(
    ("change", "stale"),
    [({"setup": "64 px"}, {"environment"}), ({"network": "bridge"}, {"launch_command"})],
)
def test_what_tells_of_a_runs_settings(change: dict[str, str], stale: set[str]) -> None:
    now = replace(REPORT, runs=(replace(RUN, **change),))  # type: ignore[arg-type]  # names and values of keys
    names = ("text", "resources", "environment", "launch_command")
    assert {name for name in names if not usable(name, now=now)} == stale


def test_a_launch_command_of_unknown_settings_is_asked_for_again() -> None:
    call = Call(function="launch_command", args=("log",))
    known = Evidence(answers={call.key: KeptAnswer(value="docker run", runs=("log",))})
    assert Usable(REPORT, known, Capture(), Path("nowhere"), LineEnds()).answer(call) is None


def test_a_call_comes_back_from_its_key() -> None:
    call = Call(function="text", args=("log",), kwargs={"match": "é", "lines": "-2:"})
    assert Call.from_key(call.key) == call
