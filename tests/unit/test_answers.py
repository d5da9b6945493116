"""What each template function gives, from notebooks and files as runs leave them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_doc import functions
from gpu_doc.errors import ReportError
from gpu_doc.execution.agent.pseudo_terminal import Bounded
from gpu_doc.functions.shared.calls import bind, check
from gpu_doc.functions.shared.exhibits import slug
from gpu_doc.functions.shared.plaintext import as_seen, line_slice
from gpu_doc.functions.shared.results import ResultReader
from gpu_doc.functions.shared.values import NoValue, parse_value
from gpu_doc.model.answers import Answer, Call
from gpu_doc.model.configuration import Capture, Report, Run
from gpu_doc.model.location import Location
from gpu_doc.model.results import Result
from gpu_doc.text import markdown

PNG = b"\x89PNG\r\n\x1a\n not really"
PNG_OUTPUT: dict[str, Any] = {
    "output_type": "display_data",
    "data": {"image/png": base64.b64encode(PNG).decode(), "text/plain": "<Figure size 640x480>"},
    "metadata": {},
}


def stdout(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def result(text: str, **more: Any) -> dict[str, Any]:
    return {"output_type": "execute_result", "execution_count": 1, "data": {"text/plain": text, **more}, "metadata": {}}


def scrap(name: str, data: object) -> dict[str, Any]:
    """As scrapbook 0.5 writes it."""
    content = {"name": name, "data": data, "encoder": "json", "version": 1}
    return {
        "output_type": "display_data",
        "data": {"application/scrapbook.scrap.json+json": content},
        "metadata": {"scrapbook": {"data": True, "display": False, "name": name}},
    }


def myst(name: str, *, shown: bool, **data: str) -> dict[str, Any]:
    """As `myst_nb.glue(name, value, display=shown)` writes it."""
    prefix = "" if shown else "application/papermill.record/"
    kinds = {"text": "text/plain", "png": "image/png"}
    return {
        "output_type": "display_data",
        "data": {prefix + kinds[kind]: value for kind, value in data.items()},
        "metadata": {"scrapbook": {"mime_prefix": prefix, "name": name}},
    }


TABLE = "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>"
CELLS: list[tuple[str, str, list[dict[str, Any]]]] = [
    ("parameters", "lr = 0.01", []),
    ("loss-curve", "#| label: fig-loss\nplot()", [PNG_OUTPUT]),
    (
        "log",
        "train()",
        [stdout("epoch 1\r\n"), stdout("50%\r100%\n"), result("'done'"), {**stdout("x"), "name": "stderr"}],
    ),
    ("frame", "df", [result("  a\n0 1", **{"text/html": TABLE})]),
    ("accuracy", "accuracy", [stdout("noise\n"), result("np.float64(0.9234)")]),
    ("both", "a; b", [PNG_OUTPUT, PNG_OUTPUT, result("1", **{"text/html": TABLE})]),
    ("silent", "x = 1", []),
    ("", "glue('glued', 0.5)", [scrap("glued", 0.5), myst("shown", shown=True, text="'a'")]),
    ("", "glue('figure', f)", [myst("figure", shown=False, png=str(PNG_OUTPUT["data"]["image/png"]), text="<F>")]),
    ("twice", "glue('kept', 1)", [scrap("kept", 1), myst("kept", shown=True, text="'shown'"), scrap("more", 2)]),
    ("clash", "glue('clash', 1)", [scrap("clash", 1)]),
    ("json", "JSON({})", [result("<JSON>", **{"application/json": {"a": [1, 2]}})]),
    ("text-value", "s", [result("'a --> <!-- b'")]),
    ("not-a-number", "x", [result("nan")]),
    ("ticks", "print('```')", [stdout("```` x\n")]),
    ("bash", "%%bash\nls", [stdout("a\n")]),
    ("dup", "1", [result("1")]),
    ("dup", "2", [result("2")]),
]


def notebook_run(address: str = "baseline", **more: Any) -> Run:
    return Run(
        report="docs/a.md", name=address.partition("[")[0], address=address, line=1, notebook="train.ipynb", **more
    )


LOG_RUN = Run(
    report="docs/a.md",
    name="log",
    address="log",
    line=1,
    command=("x",),
    produces=("loss.png", "t.csv", "acc.json", "no.txt"),
)
SWEEP = [notebook_run(f"sweep[lr={lr}]", point={"lr": lr}) for lr in ("0.1", "0.01")]
REPORT = Report(
    path="docs/a.md", line=1, template="a.md.j2", runs=(notebook_run(parameters={"lr": 1}), LOG_RUN, *SWEEP)
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with a source notebook, and beside it the results of runs."""
    root = tmp_path_factory.mktemp("root")
    notebook: dict[str, Any] = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    for tag, source, _ in CELLS:
        metadata = {"tags": [tag] if tag else []}
        notebook["cells"].append({"cell_type": "code", "metadata": metadata, "source": source, "outputs": []})
    (root / "train.ipynb").write_text(json.dumps(notebook))
    for cell, (_, _, outputs) in zip(notebook["cells"], CELLS, strict=True):
        cell["outputs"] = outputs
    notebook["cells"].insert(
        1, {"cell_type": "code", "metadata": {"tags": ["injected-parameters"]}, "source": "lr = 1"}
    )
    for run in REPORT.runs:
        folder = root / "state" / run.name / run.point.get("lr", "")
        (folder / "produced").mkdir(parents=True)
        (folder / "executed.ipynb").write_text(json.dumps(notebook))
    log = root / "state" / "log"
    (log / "terminal.log").write_bytes(b"\x1b[31mred\x1b[0m\r\n 10%\r 99%\r\nlast\r\n")
    (log / "produced" / "loss.png").write_bytes(PNG)
    (log / "produced" / "t.csv").write_text("a,b\n1,x\n")
    (log / "produced" / "acc.json").write_text("0.5\n")
    return root


def results(root: Path) -> Mapping[str, Result]:
    machine = {
        "device": "cpu",
        "packages": {"python": "3.11.7", "torch": "2.7.0"},
        "data": {},
        "system": "Linux x86_64",
    }
    return {
        run.address: Result(
            run=run,
            fingerprint=run.address,
            folder=root / "state" / run.name / run.point.get("lr", ""),
            record={"machine": machine, "started": "2026-11-22T10:00:00Z", "commit": "abc", "seconds": 3.5},
        )
        for run in REPORT.runs
    }


@pytest.fixture(scope="module")
def answers(root: Path) -> ResultReader:
    return ResultReader(REPORT, Capture(), results(root), root=root)


def ask(answers: ResultReader, function: str, *args: object, **kwargs: object) -> Answer:
    bound = bind(Call(function=function, args=args, kwargs=kwargs), REPORT)
    return bound.function.answer(bound, answers)


# --- pictures --------------------------------------------------------------------------------------------------------


def test_a_picture_of_a_cells_output(answers: ResultReader) -> None:
    answer = ask(answers, "shot", "baseline/loss-curve", caption="Loss | [x] *y*")
    (asset,) = answer.assets
    assert answer.value == (
        f"![Figure of cell loss-curve in run baseline](a.assets/{asset.name})\n\n*Loss &#124; \\[x\\] \\*y\\**"
    )
    assert answer.runs == ("baseline",)
    assert asset.name.startswith("baseline-loss-curve-")
    assert asset.name.endswith(".png")
    exhibit = asset.exhibit
    assert exhibit is not None
    assert (exhibit.kind, exhibit.outputs, exhibit.source, exhibit.width, exhibit.scale) == (
        "output",
        (PNG_OUTPUT,),
        "",
        880,
        2,
    )
    assert asset.digest == exhibit.digest


@pytest.mark.parametrize("name", ["#2", "loss-curve", "fig-loss"])
def test_numbers_leave_injected_parameters_out(answers: ResultReader, name: str) -> None:
    (asset,) = ask(answers, "shot", f"baseline/{name}").assets
    assert asset.exhibit
    assert asset.exhibit.outputs == (PNG_OUTPUT,)


def test_alternative_texts_are_always_there(answers: ResultReader) -> None:
    assert "![Figure of cell loss-curve in run baseline](" in ask(answers, "shot", "baseline/loss-curve").value
    assert "![Figure of cell both in run baseline](" in ask(answers, "shot", "baseline/both", output=2).value
    assert "![Table: 1 row" in ask(answers, "shot", "baseline/frame").value
    assert (
        "![Source of cell accuracy in run baseline, and below it: Text: noise"
        in ask(answers, "shot", "baseline/accuracy", show="cell").value
    )
    assert "![A \\[b\\]](" in ask(answers, "shot", "baseline/loss-curve", alt="A\n[b]", caption="c").value
    assert "![Terminal: " in ask(answers, "terminal", "log").value
    assert "![loss.png of run log](" in ask(answers, "image", "log/file:loss.png").value


def test_a_caption_is_not_read_twice(answers: ResultReader) -> None:
    for name, address in (("shot", "baseline/loss-curve"), ("image", "baseline/loss-curve"), ("terminal", "log")):
        value = ask(answers, name, address, caption="What came out").value
        assert value.count("What came out") == 1
        assert value.endswith("*What came out*")


@pytest.mark.parametrize(("stream", "left"), [("stdout", ["stdout", "stdout", None]), ("stderr", [None, "stderr"])])
def test_one_of_the_two_streams(answers: ResultReader, stream: str, left: list[str | None]) -> None:
    (asset,) = ask(answers, "shot", "baseline/log", streams=stream).assets
    assert asset.exhibit
    assert [output.get("name") for output in asset.exhibit.outputs] == left


def test_a_cell_of_the_other_stream_alone(answers: ResultReader) -> None:
    with pytest.raises(ReportError, match="shows nothing but its other stream"):
        ask(answers, "shot", "baseline/bash", streams="stderr")


def test_a_picture_keeps_its_name_while_it_shows_the_same(answers: ResultReader) -> None:
    def name(**options: object) -> str:
        return ask(answers, "shot", "baseline/both", **options).assets[0].name

    assert name() == name(caption="x") == name(alt="y")
    assert len({name(), name(output=1), name(width=400), name(show="cell"), name(theme="dark")}) == 5


def test_the_cell_with_its_source(answers: ResultReader) -> None:
    (asset,) = ask(answers, "shot", "baseline/loss-curve", show="cell", width=500).assets
    assert asset.exhibit
    assert (asset.exhibit.kind, asset.exhibit.source, asset.exhibit.width) == (
        "cell",
        "#| label: fig-loss\nplot()",
        500,
    )


def test_both_themes_are_two_pictures(answers: ResultReader) -> None:
    answer = ask(answers, "shot", "baseline/loss-curve", theme="both", alt='"`|<x>')
    light, dark = answer.assets
    assert answer.value == (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="a.assets/{dark.name}">'
        f'<img alt="&quot;&#96;&#124;&lt;x&gt;" src="a.assets/{light.name}"></picture>'
    )
    assert [asset.exhibit and asset.exhibit.theme for asset in answer.assets] == ["light", "dark"]
    assert light.name != dark.name


def test_an_image_is_copied_untouched(answers: ResultReader, root: Path) -> None:
    (asset,) = ask(answers, "image", "baseline/loss-curve").assets
    assert (asset.content, asset.name.rpartition(".")[2]) == (PNG, "png")
    (asset,) = ask(answers, "image", "log/file:loss.png").assets
    assert asset.source == root / "state/log/produced/loss.png"


def test_a_terminal_is_a_picture_of_its_lines(answers: ResultReader) -> None:
    (asset,) = ask(answers, "terminal", "log", lines="-2:").assets
    assert asset.exhibit
    assert [span.text for line in asset.exhibit.lines for span in line] == [" 99%", "last"]


def test_nothing_is_missing_from_a_terminal_without_a_word(root: Path, answers: ResultReader) -> None:
    log = root / "state/log/terminal.log"
    whole = log.read_bytes()
    found: list[bytes] = []
    bounded = Bounded(found.append, 60)
    bounded.write(b"".join(b"epoch %d\r\n" % number for number in range(50)))
    bounded.close()
    log.write_bytes(b"".join(found))
    try:
        for wanted in ({}, {"match": "epoch"}, {"lines": "1:-1"}):
            with pytest.raises(ReportError, match=r"the terminal's log was cut \(`limits.output`\), in line 5"):
                ask(answers, "terminal", "log", **wanted)
        for wanted in ({}, {"match": "epoch"}, {"lines": "6:7"}, {"lines": ":-8"}):
            with pytest.raises(ReportError, match="was cut"):
                ask(answers, "text", "log", **wanted)
        assert ask(answers, "text", "log", lines="1").value == "```text\nepoch 1\n```"
        assert ask(answers, "text", "log", lines="-2:").value == "```text\nepoch 48\nepoch 49\n```"
        (asset,) = ask(answers, "terminal", "log", lines="-2:").assets
        assert asset.exhibit
    finally:
        log.write_bytes(whole)


def test_lines_of_a_terminal_that_is_too_long_are_counted_from_its_end_only(root: Path, answers: ResultReader) -> None:
    log = root / "state/log/terminal.log"
    whole = log.read_bytes()
    log.write_bytes(b"".join(b"%d\n" % number for number in range(10_050)))
    try:
        for kind, wanted in (
            ("text", {}),
            ("terminal", {"match": "^5$"}),
            ("text", {"lines": "3:5"}),
            ("terminal", {"lines": ":3"}),
            ("text", {"lines": "3"}),
        ):
            with pytest.raises(ReportError, match="only the last 10,000 lines of it can be shown"):
                ask(answers, kind, "log", **wanted)
        assert ask(answers, "text", "log", lines="-2:").value == "```text\n10048\n10049\n```"
    finally:
        log.write_bytes(whole)


# --- text ------------------------------------------------------------------------------------------------------------


def test_text_is_what_a_person_saw(answers: ResultReader) -> None:
    assert ask(answers, "text", "baseline/log").value == "```text\nepoch 1\n100%\n'done'\n```"
    assert ask(answers, "text", "log").value == "```text\nred\n 99%\nlast\n```"
    assert ask(answers, "text", "log/file:t.csv").value == "```text\na,b\n1,x\n```"


def test_parts_of_a_text(answers: ResultReader) -> None:
    assert ask(answers, "text", "log", lines="-2:").value == "```text\n 99%\nlast\n```"
    assert ask(answers, "text", "log", match=r"^\s*\d+%|las+t").value == "```text\n 99%\nlast\n```"
    assert ask(answers, "text", "log", match="[a-z]", lines="0").value == "```text\nred\n```"


def test_a_fence_is_longer_than_what_it_holds(answers: ResultReader) -> None:
    assert ask(answers, "text", "baseline/ticks").value == "`````text\n```` x\n`````"


def test_code_is_fenced_in_its_language(answers: ResultReader) -> None:
    assert ask(answers, "code", "baseline/accuracy").value == "```python\naccuracy\n```"
    assert ask(answers, "code", "baseline/bash").value == "```bash\n%%bash\nls\n```"


def test_tables(answers: ResultReader) -> None:
    assert ask(answers, "table", "baseline/frame").value == "| a |\n| ---: |\n| 1 |"
    assert ask(answers, "table", "log/file:t.csv").value == "| a | b |\n| ---: | --- |\n| 1 | x |"


ANSWERED: dict[str, tuple[str, dict[str, Any]]] = {
    "shot": ("baseline/frame", {}),
    "image": ("baseline/loss-curve", {}),
    "text": ("baseline/log", {}),
    "table": ("baseline/frame", {}),
    "code": ("baseline/frame", {}),
    "value": ("baseline/accuracy", {}),
    "terminal": ("log", {}),
    "compare": ("sweep[*]", {"values": ["accuracy"]}),
    "environment": ("log", {}),
}


@pytest.mark.parametrize("name", ANSWERED)
def test_what_gives_a_table_says_its_cells_and_nothing_else_has_any(answers: ResultReader, name: str) -> None:
    address, options = ANSWERED[name]
    function = functions.named(name)
    assert function is not None
    answer = ask(answers, name, address, **options)
    assert (answer.cells is not None) == ("table" in function.gives)
    if answer.cells is not None:
        assert len(answer.cells) == len(answer.value.splitlines()) - 1  # less the line of dashes


# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "value"),
    [
        ("baseline/accuracy", 0.9234),
        ("baseline/glued", 0.5),
        ("baseline/shown", "a"),
        ("baseline/kept", 1),
        ("baseline/json", {"a": [1, 2]}),
        ("baseline/not-a-number", "nan"),
        ("baseline/text-value", "a --&gt; &lt;!-- b"),
        ("log/file:acc.json", 0.5),
    ],
)
def test_values(answers: ResultReader, address: str, value: object) -> None:
    assert ask(answers, "value", address).value == value


def test_a_glued_picture_can_be_shown(answers: ResultReader) -> None:
    assert ask(answers, "image", "baseline/figure").assets[0].content == PNG
    (asset,) = ask(answers, "shot", "baseline/figure").assets
    assert asset.exhibit
    assert "image/png" in asset.exhibit.outputs[0]["data"]


def test_of_what_scrapbook_keeps_and_shows_the_second_is_shown(answers: ResultReader) -> None:
    assert ask(answers, "text", "baseline/kept").value == "```text\n'shown'\n```"


def test_a_matrix_is_compared(answers: ResultReader) -> None:
    answer = ask(answers, "compare", "sweep[*]", values=["accuracy", "glued"])
    assert answer.value.splitlines()[0] == "| lr | accuracy | glued |"
    assert answer.value.splitlines()[2] == "| 0.1 | 0.9234 | 0.5 |"
    assert answer.runs == ("sweep[lr=0.1]", "sweep[lr=0.01]")


def test_the_environment_says_what_matters_and_nothing_that_changes(answers: ResultReader) -> None:
    table = ask(answers, "environment", "baseline").value
    assert "| Packages | Python 3.11.7, torch 2.7.0 |" in table
    assert "| Device | CPU (there was no GPU) |" in table
    assert "| Parameters | lr = `1` |" in table
    assert "2026" not in table
    assert "abc" not in table


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.93", 0.93), ("-3", -3), ("'it''s'", "its"), ("True", True), ("None", None), ("np.float64(0.93)", 0.93),
        ("np.int64(3)", 3), ("np.True_", True), ("np.str_('x')", "x"), ("tensor(0.93, device='cuda:0')", 0.93),
        ("tensor(0.9, grad_fn=<MeanBackward0>)", 0.9), ("tensor(3)", 3), ("array(0.5, dtype=float32)", 0.5),
        ("Array(0.5, dtype=float32)", 0.5), ("Decimal('0.10')", 0.1), ("Fraction(1, 4)", 0.25), ("[1] 0.93", 0.93),
        ("<tf.Tensor: shape=(), dtype=float32, numpy=0.93>", 0.93), ('"a\\n"', "a\n"), ("('a'\n 'b')", "ab"),
        ("1e-4", 1e-4),
    ],
)  # fmt: skip
def test_last_expressions(text: str, value: object) -> None:
    assert parse_value(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tensor([1.])",
        "array([0.5, 1])",
        "[1, 2]",
        "{}",
        "Foo(1)",
        "1j",
        "b'x'",
        "__import__('os')",
        "(" * 9999,
        "1" * 20000,
    ],
)
def test_last_expressions_that_are_no_value(text: str) -> None:
    with pytest.raises(NoValue):
        parse_value(text)


@given(st.integers() | st.floats(allow_nan=False) | st.text() | st.booleans() | st.none())
def test_whatever_python_prints_is_read_back(value: object) -> None:
    assert parse_value(repr(value)) == value


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "address", "options", "what"),
    [
        ("shot", "baseline/silent", {}, "has no output"),
        ("shot", "baseline/both", {"output": 4}, "has 3 outputs: output=4"),
        ("shot", "baseline/nope", {}, "no cell tagged `nope` in train.ipynb; it has: loss-curve, log, "),
        ("shot", "baseline/dup", {}, "`dup` fits 2 cells"),
        ("value", "baseline/clash", {}, "`clash` is a cell of train.ipynb (#11) and a glued value too"),
        ("value", "baseline/frame", {}, "no number or string"),
        ("value", "baseline/silent", {}, "no value"),
        ("value", "baseline/twice", {}, "this cell glues 2 values: kept, more"),
        ("value", "log/file:t.csv", {}, "no single number"),
        ("image", "baseline/log", {}, "holds no image; it holds: text/plain"),
        ("image", "baseline/both", {}, "holds 2 images"),
        ("table", "baseline/log", {}, "no data frame"),
        ("text", "baseline/loss-curve", {}, "has no text"),
        ("text", "baseline/log", {"match": "zzz"}, "fits none of the 3 lines"),
        ("text", "baseline/log", {"lines": "7:"}, "leaves none"),
        ("text", "baseline/log", {"match": "(a+)+$" * 9 + "("}, "no regular expression"),
        ("code", "baseline/glued", {}, "no cell tagged `glued`"),
        ("image", "log/file:no.txt", {}, "left no file no.txt"),
        ("compare", "sweep[*]", {"values": ["nope"]}, "no cell tagged `nope`"),
    ],
)
def test_what_cannot_be_shown(
    answers: ResultReader, function: str, address: str, options: dict[str, Any], what: str
) -> None:
    with pytest.raises(ReportError) as caught:
        ask(answers, function, address, **options)
    assert what in caught.value.what


def test_a_regular_expression_that_never_ends_is_stopped() -> None:
    from gpu_doc.system import matching

    with pytest.raises(ReportError, match=r"took more than 0\.3 s"):
        matching.matching("(a+)+$", ["a" * 40 + "b"], seconds=0.3)
    assert matching.matching("(a+)b$", ["xaab", "x"]) == [0]


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (Call(function="shot", args=("baseline/loss-curv",)), "no cell tagged `loss-curv` in train.ipynb"),
        (Call(function="shot", args=("base/loss-curve",)), "no run `base`"),
        (Call(function="shot", args=("log/x",)), "is a command, and has no cells"),
        (Call(function="shot", args=("baseline",)), "needs a part of it"),
        (Call(function="shot", args=("baseline/dup",)), "`dup` fits 2 cells"),
        (Call(function="shot", args=("baseline/loss-curve",), kwargs={"capton": "x"}), "no option capton="),
        (
            Call(function="shot", args=("baseline/loss-curve",), kwargs={"focus": "x"}),
            "`focus=` comes in a later version",
        ),
        (Call(function="shot", args=("baseline/loss-curve",), kwargs={"annotate": []}), "later version"),
        (Call(function="shot", args=("baseline/loss-curve",), kwargs={"output": 0}), "1 is the first"),
        (Call(function="shot", args=("baseline/loss-curve",), kwargs={"theme": "drak"}), "theme='drak' is none of"),
        (Call(function="shot", args=("baseline/loss-curve",), kwargs={"width": "9"}), "is no width"),
        (Call(function="shot", args=("log/file:loss.png",)), "loss.png is a file"),
        (Call(function="text", args=("log",), kwargs={"lines": "a"}), "no Python slice"),
        (Call(function="text", args=("log",), kwargs={"match": "("}), "no regular expression"),
        (Call(function="terminal", args=("baseline",)), "is a notebook, and has no terminal"),
        (Call(function="terminal", args=("log/x",)), "takes a run"),
        (Call(function="table", args=("log/file:x.csv",)), "does not produce x.csv"),
        (Call(function="image", args=("log/file:t.csv",)), "no image by its name"),
        (Call(function="compare", args=("sweep[*]",)), "not said which values"),
        (Call(function="compare", args=("sweep",), kwargs={"values": ["a"]}), "not a whole matrix"),
        (Call(function="resources", args=("baseline/loss-curve",)), "takes a run"),
        (Call(function="launch_command", args=("baseline",)), "has no image"),
        (Call(function="launch_command", args=("sweep",)), "is a matrix of 2 runs"),
        (Call(function="value", args=(3,)), "takes one address"),
    ],
)
def test_calls_are_judged_before_anything_runs(root: Path, call: Call, what: str) -> None:
    with pytest.raises(ReportError) as caught:
        check(call, REPORT, root, location=Location("a.md.j2", 12))
    assert what in caught.value.what
    assert caught.value.where == "a.md.j2:12"


@pytest.mark.parametrize(
    "call",
    [
        Call(function="value", args=("baseline/glued-somewhere",)),
        Call(function="image", args=("baseline/figure",)),
        Call(function="shot", args=(), kwargs={"address": "baseline/#2", "caption": None}),
        Call(function="text", args=("log",)),
        Call(function="terminal", args=("log",), kwargs={"caption": "x"}),
        Call(function="environment", args=("log",)),
        Call(function="resources", args=("sweep[lr=0.1]",), kwargs={"theme": "both", "caption": "x"}),
        Call(function="table", args=("log/file:t.csv",)),
        Call(function="compare", args=("sweep[*]",), kwargs={"values": ["a"], "best": {"a": "min"}}),
    ],
)
def test_calls_that_may_be_answered(root: Path, call: Call) -> None:
    check(call, REPORT, root)


def test_the_runs_that_a_call_needs() -> None:
    assert bind(Call(function="shot", args=("baseline/x",)), REPORT).runs == REPORT.runs[:1]
    assert bind(Call(function="compare", args=("sweep[*]",)), REPORT).runs == tuple(SWEEP)


# --- plain text and Markdown -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("a\rb", "b"),
        ("abc\rx", "xbc"),
        ("abc\r\x1b[Kx", "x"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x\x1b]8;;http://e\x1b\\link\x1b]8;;\x1b\\", "xlink"),
        ("ab\b\bx", "xb"),
        ("one\ntwo\n\x1b[2Aup", "upe\ntwo\n"),
        ("a\x1b[3Cb", "a   b"),
        ("a\n\x1b[1A\x1b[2Kb", "b\n"),
        ("\x1b[99999999999C|", " " * 1000 + "|"),
        ("\tx  ", "\tx  "),
    ],
)
def test_text_after_control_characters(written: str, seen: str) -> None:
    assert as_seen(written) == seen


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from("\n\t")))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert as_seen(text) == text


@given(st.text())
def test_any_text_ends_without_control_characters(text: str) -> None:
    assert not set(as_seen(text)) & {*map(chr, range(9)), "\r", "\x1b", "\x7f"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-2:", [3, 4]),
        (":2", [0, 1]),
        ("1:3", [1, 2]),
        ("::2", [0, 2, 4]),
        ("-1", [4]),
        ("0", [0]),
        (" 1 : ", [1, 2, 3, 4]),
    ],
)
def test_slices(text: str, expected: list[int]) -> None:
    assert list(range(5))[line_slice(text)] == expected


@pytest.mark.parametrize("text", ["", "a", "1,2", "::0", "1:2:3:4"])
def test_what_is_no_slice(text: str) -> None:
    with pytest.raises(ReportError, match="no Python slice"):
        line_slice(text)


@given(st.text())
def test_alternative_texts_stay_text(text: str) -> None:
    """Read back by a Markdown parser there is one image and nothing else, with just that text."""
    from markdown_it import MarkdownIt

    (paragraph,) = (t for t in MarkdownIt("commonmark").parse(markdown.image("a b.png", text)) if t.type == "inline")
    (image,) = paragraph.children or []
    assert image.type == "image"
    assert image.attrGet("src") == "a%20b.png"
    shown = "".join(child.content for child in image.children or [])
    assert shown == markdown.one_line(text)


@given(st.text())
def test_names_of_files_are_safe_everywhere(text: str) -> None:
    assert set(slug(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert 0 < len(slug(text)) <= 60
