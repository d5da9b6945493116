"""`evidence.json`: format 1 as it was, tables with their cells, and what a pull request may put there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_doc.changes import format_1
from gpu_doc.changes.shown import shown
from gpu_doc.functions.compare import comparison
from gpu_doc.functions.environment import environment
from gpu_doc.functions.shared.html_tables import Rows
from gpu_doc.functions.shared.redacted import redacted
from gpu_doc.functions.shared.tables import Entry, Table, table
from gpu_doc.functions.table import written
from gpu_doc.model.answers import Answer, Call, Cell
from gpu_doc.model.configuration import Report, Run
from gpu_doc.model.results import Result
from gpu_doc.model.values import Json
from gpu_doc.record import evidence
from gpu_doc.record.evidence import Evidence, KeptAnswer
from gpu_doc.redaction import Redactor
from gpu_doc.text import markdown

FORMAT_1 = sorted((Path(__file__).parent / "evidence_of_format_1").glob("*.json"))
"""As version 0.1.0 of November 2026 wrote it for the README and the examples."""
TABLE = Call(function="table", args=("log/file:t.csv",))
COMPARE = Call(function="compare", args=("sweep[*]",), kwargs={"values": ["accuracy", "a|b"]})
RUNS = tuple(Run(report="a", name="sweep", address=f"sweep[lr={v}]", line=1, point={"lr": v}) for v in ("0.1", "1"))


def texts(cells: Sequence[Sequence[Cell]]) -> list[list[str]]:
    return [[cell.text for cell in row] for row in cells]


def kept(shown: Table, *runs: str) -> KeptAnswer:
    return KeptAnswer(value=shown.markdown, runs=runs, cells=shown.cells)


def compared(*columns: Sequence[Json]) -> Table:
    names = ("accuracy", "a|b")
    return comparison(RUNS, dict(zip(names, columns, strict=True)), dict.fromkeys(names, "max"))


def parsed(known: Evidence) -> Evidence:
    read = evidence.parse(known.to_bytes())
    assert read is not None
    return read


# --- format 1 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", FORMAT_1, ids=lambda file: file.stem)
def test_evidence_of_format_1_is_read_and_stays_to_the_byte(file: Path) -> None:
    known = evidence.read(file)
    assert known is not None
    assert known.format == 1
    assert known.to_bytes() == file.read_bytes()
    assert all(answer.cells is None for answer in known.answers.values())


def test_format_1_says_the_same_as_what_has_cells() -> None:
    """Otherwise a report would be written again, or said to differ, for its format alone."""
    known = evidence.read(FORMAT_1[-1])
    assert known is not None
    answers = {key: replace(answer, cells=((Cell(text="x"),),)) for key, answer in known.answers.items()}
    assert replace(known, answers=answers, format=2) == known
    assert replace(known, text="another") != known


def test_what_is_taken_from_format_1_has_no_cells_in_format_3() -> None:
    known = evidence.read(Path(FORMAT_1[0].parent / "quickstart.json"))
    assert known is not None
    new = Evidence(answers={**known.answers, TABLE.key: kept(written(Rows(("a",), (("1",),))), "log")})
    whole = json.loads(new.to_bytes())
    assert whole["format"] == 3
    assert [key for key, answer in whole["answers"].items() if "cells" in answer] == [TABLE.key]
    assert parsed(new).answers == new.answers


def test_tables_of_format_1_are_read_back_from_their_markdown() -> None:
    known = evidence.read(Path(FORMAT_1[0].parent / "quickstart.json"))
    assert known is not None
    tables = {
        (call.function, call.args): format_1.cells(call, known.answers[call.key])
        for call in evidence.calls_of(known)
        if call.function in ("compare", "environment", "table")
    }
    accuracy = [row[1] for row in tables["compare", ("sweep[*]",)]]
    assert accuracy[0] == Cell(text="accuracy")
    assert accuracy[2] == Cell(text="0.9756", address="sweep[learning_rate=0.05]/accuracy")
    told = dict(texts(tables["environment", ("baseline",)]))
    assert (told["Run"], told["Parameters"], told["Device"]) == ("baseline", "learning_rate = 0.05", "CPU")
    assert texts(tables["table", ("methods/file:build/methods.csv",)])[1] == ["naive Bayes", "0.851", "0.805", "0.878"]


LINE = st.text(max_size=12) | st.sampled_from(
    ["$$", ":a:", "--", "x {.a} {{b}}", "==a==", "a^2^", "https://a/?b=_c_&d"]
)


@given(st.lists(st.lists(LINE, min_size=1, max_size=3), min_size=1, max_size=4))
def test_what_tables_say_is_what_their_markdown_shows(rows: list[list[str]]) -> None:
    shown = written(Rows(tuple(rows[0]), tuple(map(tuple, rows[1:]))))
    assert texts(format_1.cells(TABLE, kept(shown))) == texts(shown.cells)


@given(st.lists(LINE, min_size=2, max_size=2), st.lists(st.floats() | st.integers() | LINE, min_size=2, max_size=2))
def test_what_comparisons_say_is_what_their_markdown_shows(first: list[Json], second: list[Json]) -> None:
    shown = compared(first, second)
    read = format_1.cells(COMPARE, kept(shown, *(run.address for run in RUNS)))
    assert [[(cell.text, cell.address) for cell in row] for row in read] == [
        [(cell.text, cell.address) for cell in row] for row in shown.cells
    ]


@given(LINE, LINE)
def test_what_is_code_reads_without_its_marks(first: str, second: str) -> None:
    told = markdown.code(f"a{first}") + ", digest " + markdown.code(f"b{second}c")
    shown = table([[Entry(told)], [Entry(told)]])
    if "``" not in told.text:  # the old reader took two code spans for one where backticks were in the first
        assert texts(format_1.cells(TABLE, kept(shown)))[0] == [told.text]


# --- format 2 --------------------------------------------------------------------------------------------------------


def test_a_comparison_keeps_values_with_their_addresses() -> None:
    shown = compared([0.975555, 0.25], [float("nan"), {"a": [1]}])
    whole = json.loads(Evidence(answers={COMPARE.key: kept(shown)}).to_bytes())
    assert whole["answers"][COMPARE.key]["cells"] == [
        ["lr", "accuracy", "a|b"],
        [
            "0.1",
            {"address": "sweep[lr=0.1]/accuracy", "text": "0.9756", "value": 0.975555},
            {"address": "sweep[lr=0.1]/a|b", "text": "nan", "value": "nan"},
        ],
        [
            "1",
            {"address": "sweep[lr=1]/accuracy", "text": "0.2500", "value": 0.25},
            {"address": "sweep[lr=1]/a|b", "text": "{'a': [1]}", "value": None},
        ],
    ]


def test_a_table_says_its_cells_as_they_are() -> None:
    shown = written(Rows(("a|b", "n"), (("<x>\n*y*", "1"), ("short",))))
    assert texts(shown.cells) == [["a|b", "n"], ["<x> *y*", "1"], ["short", ""]]


def test_the_environment_says_pairs() -> None:
    run = Run(report="a", name="r", address="r", line=1, command=("a|b",), parameters={"x_": "`"}, image="torch:2")
    record = {"machine": {"device": "gpu", "image-digest": "r@sha256:" + "ab" * 32}}
    told = environment(Result(run=run, fingerprint="f", folder=Path(), record=record))
    assert dict(texts(told.cells)) == {
        "Run": "r",
        "Command": "a|b",
        "Parameters": "x_ = `",
        "Image": "torch:2, digest abababababab",
        "Device": "GPU",
    }


def test_the_same_is_written_to_the_same_bytes_and_read_back() -> None:
    shown = compared([1, "half of a pair: \ud800"], [True, None])
    known = Evidence(answers={COMPARE.key: kept(shown, "sweep[lr=0.1]"), TABLE.key: KeptAnswer(value="x")})
    read = parsed(known)
    assert read.format == 3
    assert read.to_bytes() == known.to_bytes() == parsed(read).to_bytes()
    cells = read.answers[COMPARE.key].cells
    assert cells is not None
    assert [cell.value for row in cells for cell in row if cell.address] == [1, True, "half of a pair: ?", None]


def test_secrets_are_no_cells() -> None:
    secret, digits = "Zebra7|Quagga*Okapi", "8675309042"
    tabled = written(Rows(("name", "key"), (("me", secret), ("you", f"x{secret}y"))))
    found = compared([secret, 1.5], [int(digits), float(digits)])
    for made in (tabled, found):
        answer = Answer(value=made.markdown, cells=made.cells)
        clean = redacted(answer, Redactor([secret, digits]))
        assert clean.cells is not None
        said = json.dumps([[[cell.text, cell.address, cell.value] for cell in row] for row in clean.cells])
        assert "Quagga" not in said
        assert digits not in said
        assert said.count('"***"') + said.count('"x***y"') >= 2
        assert len(clean.cells) == 3
    assert redacted(Answer(value="", cells=found.cells), Redactor(["another secret"])).cells == found.cells


# --- what is hostile -------------------------------------------------------------------------------------------------

VALUE = {"text": "1", "address": "a/b", "value": 1}


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(value, id=name)
        for name, value in {
            "no rows": {},
            "a number": 3,
            "text": "| a |",
            "rows of text": ["a"],
            "a cell of nothing": [[None]],
            "a cell that is a number": [[1]],
            "a cell that is a list": [[["a"]]],
            "no text": [[{"address": "a", "value": 1}]],
            "text that is none": [[{**VALUE, "text": 1}]],
            "no address": [[{**VALUE, "address": ""}]],
            "an address that is none": [[{**VALUE, "address": ["a"]}]],
            "no value": [[{"text": "1", "address": "a"}]],
            "a value that is a list": [[{**VALUE, "value": [1]}]],
            "a value that is a mapping": [[{**VALUE, "value": {}}]],
            "a value that is not finite": [[{**VALUE, "value": float("nan")}]],
            "half a character": [["\ud800"]],
            "half a character in an address": [[{**VALUE, "address": "\ud800"}]],
        }.items()
    ],
)
def test_cells_that_we_never_wrote_make_evidence_count_as_absent(cells: object) -> None:
    whole = json.loads(Evidence(answers={TABLE.key: KeptAnswer(value="x")}).to_bytes())
    assert evidence.parse(json.dumps(whole).encode()) is not None
    whole["answers"][TABLE.key]["cells"] = cells
    assert evidence.parse(json.dumps(whole).encode()) is None


@pytest.mark.parametrize("depth", [500, 5_000, 200_000])
def test_cells_of_any_depth_are_survived(depth: int) -> None:
    whole = Evidence(answers={TABLE.key: KeptAnswer(value="x")}).to_bytes()
    deep = whole.replace(b'"value": "x"', b'"value": "x", "cells": ' + b"[" * depth + b"]" * depth)
    assert evidence.parse(deep) is None
    assert evidence.parse(whole.replace(b'"value": "x"', b'"value": "x", "cells": [[' + b"9" * 5000 + b"]]")) is None


@pytest.mark.parametrize("number", [0, 4, -1, True, 1.0, 2.0, "1", "2", None, [], 10**400])
def test_another_format_counts_as_absent(number: object) -> None:
    whole = json.loads(Evidence().to_bytes())
    assert evidence.parse(json.dumps(whole | {"format": number}).encode()) is None


def test_cells_of_an_answer_that_is_no_table_are_carried_and_never_shown() -> None:
    class Side:
        def read(self, path: str) -> bytes | None:
            call = Call(function="text", args=("log",))
            cells = ((Cell(text="1", address="baseline/accuracy", value=1),),)
            known = Evidence(answers={call.key: KeptAnswer(value="said", cells=cells)})
            return known.to_bytes() if path.endswith("evidence.json") else b""

    found = shown(Report(path="a.md", line=1), Side())
    assert (found.values, found.tables, found.texts) == ({}, {}, {"log": "said"})
