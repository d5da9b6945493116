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


PRINTS = "the most that is kept of what a cell prints (limits.output)"


def shown(size: int) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"image/png": "x" * size}}


def displayed(outputs: Outputs, cell: list[Any], size: int) -> bool:
    """Whether a picture of this size is kept."""
    picture = shown(size - len("output_type") - len("display_data") - len("data") - len("image/png"))
    if kept := outputs.accepts("display_data", picture, cell):
        cell.append(picture)
    return kept


def test_a_cell_past_its_limit_is_marked_once_and_takes_nothing_from_others() -> None:
    outputs, first, second = Outputs(LEAST + 100), list[Any](), list[Any]()
    outputs.write(first, "stdout", "x" * 500)
    for _ in range(2):
        outputs.write(first, "stdout", "more")
    outputs.write(second, "stdout", "of another cell")
    value, text = ({"data": {"text/plain": "x" * n}} for n in (9, 20_000))
    assert displayed(outputs, first, 900)
    assert outputs.accepts("execute_result", value, first)
    assert not outputs.accepts("execute_result", text, second)
    outputs.close()
    marker = f"… output cut at {LEAST + 100} bytes, {PRINTS}\n"
    assert first[0]["text"] == "x" * 100 + "\n" + marker
    assert [o["text"] for o in second] == ["of another cell", marker]
    assert outputs.mark_of(first) == Mark(0, "cell prints")


def test_a_run_may_print_five_times_what_a_cell_may() -> None:
    outputs, cells = Outputs(LEAST + 100), [list[Any]() for _ in range(7)]
    for cell in cells:
        outputs.write(cell, "stdout", "x" * 90)
    assert [outputs.mark_of(cell) for cell in cells] == [None] * 5 + [Mark(0, "run prints"), Mark(0, "run prints")]
    outputs.close()
    assert cells[-1][0]["text"] == (
        "… output cut at 1.5 kB, the most that is kept of what a run prints (5 times limits.output)\n"
    )


def test_pictures_have_limits_of_their_own_and_small_ones_still_fit_when_a_large_one_does_not() -> None:
    outputs, cells = Outputs(1000), [list[Any]() for _ in range(4)]
    outputs.write(cells[0], "stdout", "x" * 5000)
    kept = [displayed(outputs, cell, size) for cell, size in zip(cells, (9_000, 9_000, 9_000, 1_000), strict=True)]
    assert kept == [True, True, False, True]
    assert [outputs.mark_of(cell) for cell in cells[1:]] == [None, Mark(0, "run displays"), None]
    cell = list[Any]()
    assert not displayed(Outputs(1000), cell, 10_001)
    assert displayed(Outputs(1000), cell, 10_000)


def test_after_what_a_cell_lacks_it_keeps_nothing_since_outputs_are_numbered() -> None:
    outputs, cell = Outputs(1000), list[Any]()
    assert [displayed(outputs, cell, size) for size in (500, 20_000, 500)] == [True, False, False]
    assert outputs.mark_of(cell) == Mark(1, "cell displays")


def test_what_an_output_widget_holds_counts_for_the_cell_that_adds_to_it() -> None:
    outputs, cell = Outputs(1000), list[Any]()
    assert outputs.accepts_in_widget("stream", {"text": "x" * 900}, cell)
    assert not outputs.accepts_in_widget("stream", {"text": "x" * 900}, cell)
    assert outputs.cut_in_widget == "cell prints"
    assert outputs.mark_of(cell) == Mark(0, "cell prints")


def test_errors_are_kept_past_the_limit_but_not_endlessly() -> None:
    outputs = Outputs(10)
    error: dict[str, Any] = {"ename": "E", "evalue": "v" * 10**6, "traceback": ["t" * 10**6, "never"]}
    cell = list[Any]()
    assert outputs.accepts("error", error, cell)
    assert outputs.mark_of(cell) == Mark(0, "traceback")
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
    assert outputs.mark_of(cell) is None


def test_an_update_counts_what_it_adds_and_leaves_nothing_old_to_be_shown() -> None:
    outputs, cell, other = Outputs(100), list[Any](), list[Any]()
    for _ in range(100):
        assert outputs.accepts_update((cell, 0, 0))
    assert outputs.mark_of(cell) is None
    outputs.write(other, "stdout", "x" * 500)
    other += [shown(1), shown(1)]
    assert not outputs.accepts_update((cell, 0, 2_000), (other, 2, 0))
    assert outputs.mark_of(cell) == Mark(0, "cell displays")
    assert outputs.mark_of(other) == Mark(0, "cell prints"), "what was cut first stays"


def test_what_is_cleared_is_cut_no_more_and_makes_room() -> None:
    outputs, cell = Outputs(LEAST + 10), list[Any]()
    outputs.write(cell, "stdout", "x" * 100)
    outputs.close()
    outputs.release(cell)
    cell.clear()
    assert outputs.mark_of(cell) is None
    outputs.write(cell, "stdout", "this fits")
    assert outputs.mark_of(cell) is None
    outputs.write(cell, "stdout", ", and this is lost")
    assert outputs.mark_of(cell) == Mark(0, "cell prints")
    assert "".join(cell[0]["text"]).startswith("this fits,\n… output cut at")
