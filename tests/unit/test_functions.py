"""The functions of templates: each is a file, and all that others know of them is declared there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpu_doc import functions
from gpu_doc.errors import ReportError
from gpu_doc.functions.shared.calls import bind
from gpu_doc.model.answers import Call
from gpu_doc.model.configuration import Report, Run

FILES = sorted(
    path.stem for path in Path(functions.__path__[0]).glob("*.py") if path.stem not in ("__init__", "__main__")
)
RUN = Run(report="a.md", name="baseline", address="baseline", line=1, notebook="train.ipynb")
REPORT = Report(path="a.md", line=1, template="a.md.j2", runs=(RUN,))


def test_each_file_is_a_function() -> None:
    assert list(functions.names()) == FILES
    assert sorted(function.name for function in functions.in_order()) == FILES


@pytest.mark.parametrize("name", ["shared", "__main__", "__init__", "", "nope", "../shot", "shared.calls", "os"])
def test_what_evidence_may_call_a_function_and_is_none(name: str) -> None:
    assert functions.named(name) is None
    with pytest.raises(ReportError, match="there is no function"):
        bind(Call(function=name, args=("baseline/x",)), REPORT)


def test_readers_meet_pictures_of_a_run_first() -> None:
    order = [function.name for function in functions.in_order()]
    assert order[:2] == ["shot", "image"]
    assert order.index("value") < order.index("terminal") < order.index("environment")


def test_a_call_is_taken_apart_once() -> None:
    bound = bind(Call(function="shot", args=("baseline/loss",), kwargs={"output": 2, "caption": None}), REPORT)
    assert (bound.address.run, bound.address.cell, bound.runs) == ("baseline", "loss", (RUN,))
    assert bound.options == {"output": 2}
    assert bound.get("caption") is None


def test_what_a_line_of_its_own_is_for() -> None:
    alone = {function.name for function in functions.in_order() if function.gives_block}
    assert alone == {"text", "code", "table", "compare", "environment", "resources", "launch_command"}


def test_which_functions_need_a_browser() -> None:
    assert {f.name for f in functions.in_order() if f.takes_pictures} == {"shot", "terminal", "resources"}


def test_what_may_stay_as_published() -> None:
    stays = {function.name: function.stays for function in functions.in_order() if function.stays != "never"}
    assert stays == {"environment": "same-fingerprint", "resources": "always"}
