"""Streams joined and folded, and no more than the limit."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_doc.notebooks.outputs import LEAST, Mark, Outputs, Stream


def streamed(*texts: str) -> str:
    stream = Stream({})
    for text in texts:
        stream.write(text)
    stream.close()
    return str(stream.output["text"])


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (["a\n", "b\n"], "a\nb\n"),
        (["one", "\rtwo"], "two"),
        (["longer", "\rab"], "abnger"),
        (["longer", "\rab", "XY", "\n", "next"], "abXYer\nnext"),
        (["10%\r", "20%\r", "30%\n"], "30%\n"),
        (["50%\r"], "50%"),
        (["windows\r\n", "next\r", "\n"], "windows\nnext\n"),
        (["ab\bc"], "ac"),
        (["\x1b[31mred\x1b[0m\r\x1b[32mok\x1b[0m"], "\x1b[32mok\x1b[0m"),
        (["done\n", "1\r2\r3"], "done\n3"),
    ],
)
def test_a_stream_is_what_a_person_saw(texts: list[str], shown: str) -> None:
    assert streamed(*texts) == shown


@given(st.lists(st.text(st.sampled_from("ab\n\r\b"), max_size=6), max_size=8))
def test_how_text_was_cut_into_messages_does_not_matter(texts: list[str]) -> None:
    assert streamed(*texts) == streamed("".join(texts))


@given(st.lists(st.text(st.characters(exclude_characters="\r\b"), max_size=6), max_size=8))
def test_text_without_control_characters_stays(texts: list[str]) -> None:
    assert streamed(*texts) == "".join(texts)


@given(st.lists(st.text(st.sampled_from("ab\n\r\bß"), max_size=6), max_size=8))
def test_the_size_that_is_counted_is_the_size_that_is_there(texts: list[str]) -> None:
    stream = Stream({})
    size = sum(stream.write(text) for text in texts)
    stream.close()
    assert size == len(stream.output["text"].encode())


def test_a_long_line_in_many_messages_takes_linear_time() -> None:
    began = time.process_time()
    assert len(streamed(*["."] * 200_000)) == 200_000
    assert time.process_time() - began < 5


def test_streams_join_only_their_own_kind_and_only_at_the_end() -> None:
    outputs, cell = Outputs(10_000), list[Any]()
    outputs.write(cell, "stdout", "a")
    outputs.write(cell, "stdout", "b\n")
    outputs.write(cell, "stderr", "c")
    outputs.write(cell, "stdout", "d")
    outputs.close()
    assert [(o["name"], o["text"]) for o in cell] == [("stdout", "ab\n"), ("stderr", "c"), ("stdout", "d")]


def test_past_the_limit_a_marker_stands_once_in_each_cell() -> None:
    outputs, first, second = Outputs(LEAST + 100), list[Any](), list[Any]()
    outputs.write(first, "stdout", "x" * 500)
    for cell in (first, first, second, second):
        outputs.write(cell, "stdout", "more")
    picture, value, text = (
        {"data": {kind: "x" * n}} for kind, n in (("image/png", 900), ("text/plain", 9), ("text/plain", 20_000))
    )
    assert outputs.accepts("display_data", picture, second)
    assert outputs.accepts("execute_result", value, second)
    assert not outputs.accepts("execute_result", text, second)
    outputs.close()
    marker = f"… output cut at {LEAST + 100} bytes (limits.output)\n"
    assert [o["text"] for o in first] == ["x" * 100 + "\n" + marker]
    assert [o["text"] for o in second] == [marker]


def test_errors_are_kept_past_the_limit_but_not_endlessly() -> None:
    outputs = Outputs(10)
    error: dict[str, Any] = {"ename": "E", "evalue": "v" * 10**6, "traceback": ["t" * 10**6, "never"]}
    assert outputs.accepts("error", error, [])
    assert len(error["evalue"]) == 200_000
    assert [len(line) for line in error["traceback"]] == [200_000, len("… traceback cut")]


def test_an_animation_costs_one_frame() -> None:
    outputs, cell = Outputs(5_000), list[Any]()
    for _ in range(100):
        picture = {"output_type": "display_data", "data": {"image/png": "x" * 2_000}}
        assert outputs.accepts("display_data", picture, cell)
        cell.append(picture)
        outputs.release(cell)
        cell.clear()
    assert not outputs.displayed.cut


def test_an_update_counts_what_it_adds() -> None:
    outputs, cell = Outputs(100), list[Any]()
    for _ in range(100):
        assert outputs.accepts_update("x" * 500, "y" * 500, [cell])
    assert outputs.mark_of(cell) is None
    assert not outputs.accepts_update("", "y" * 2_000, [cell])
    assert outputs.mark_of(cell) == Mark(0, displayed=True)


def test_a_cell_says_what_was_left_out_and_after_which_output() -> None:
    outputs, whole, printing, displaying = Outputs(LEAST * 3), list[Any](), list[Any](), list[Any]()
    outputs.write(whole, "stdout", "all of it")
    for _ in range(2):
        outputs.write(printing, "stderr", "first")
        outputs.write(printing, "stdout", "x" * LEAST)
    for _ in range(2):
        picture = {"output_type": "display_data", "data": {"image/png": "x" * LEAST * 20}}
        if outputs.accepts("display_data", picture, displaying):
            displaying.append(picture)
    assert [outputs.mark_of(cell) for cell in (whole, printing, displaying)] == [
        None,
        Mark(1, displayed=False),
        Mark(1, displayed=True),
    ]
    assert displaying[-1]["text"] == [f"… output cut at {LEAST * 30 / 1000:g} kB (10 times limits.output)\n"]


def test_what_is_cleared_is_cut_no_more_and_what_comes_then_is_marked_anew() -> None:
    outputs, cell = Outputs(LEAST + 10), list[Any]()
    outputs.write(cell, "stdout", "x" * 100)
    outputs.release(cell)
    cell.clear()
    assert outputs.mark_of(cell) is None
    outputs.write(cell, "stdout", "and this is lost")
    assert outputs.mark_of(cell) == Mark(0, displayed=False)
    assert "output cut at" in cell[0]["text"][0]
