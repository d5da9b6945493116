"""What is left out of a terminal's log is never seen on it."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gpu_doc.execution.agent import overwriting
from gpu_doc.execution.agent.overwriting import Overwriting
from gpu_doc.text.terminal import read_screen

WORDS = [b"a", b"loss 0.5", b"  ", "█▌".encode(), "é".encode(), "宽".encode(), b"x" * 99, b"x" * 101, b"y" * 500]
MOVES = [b"\r", b"\r", b"\r", b"\r\n", b"\n", b"\r\r\n", b"\b", b"\t", b"\x1b[A", b"\x1b[K", b"\xff"]
COLOURS = [b"\x1b[31m", b"\x1b[0m", b"\x1b[1;42m", b"\x1b[m"]


def passed(pieces: list[bytes]) -> bytes:
    found: list[bytes] = []
    writer = Overwriting(found.append)
    for piece in pieces:
        writer.write(piece)
    writer.close()
    return b"".join(found)


@settings(max_examples=300, deadline=None)
@given(some.lists(some.sampled_from([*WORDS, *MOVES, *MOVES, *COLOURS]), max_size=30), some.integers(1, 40))
def test_the_screen_is_the_same(pieces: list[bytes], size: int) -> None:
    data = b"".join(pieces)
    chunks = [data[begin : begin + size] for begin in range(0, len(data), size)]
    with patch.object(overwriting, "_LONGEST", 400):  # a terminal takes long for lines that are longer
        assert read_screen(passed(chunks)) == read_screen(data)


@pytest.mark.parametrize("size", [1, 10, 65536])
def test_a_progress_bar_is_one_line(size: int) -> None:
    data = b"begin\r\n"
    for epoch in range(3):
        states = (f"epoch {epoch}: {done:3}%|{'█' * (done // 10):10}| {done}/100" for done in range(101))
        data += b"\r".join(state.encode() for state in ("", *states)) + b"\r\n"
    log = passed([data[begin : begin + size] for begin in range(0, len(data), size)])
    lines = [f"epoch {epoch}: 100%|{'█' * 10}| 100/100" for epoch in range(3)]
    assert [line.rpartition("\r")[2] for line in log.decode().split("\r\n")] == ["begin", *lines, ""]
    assert len(log) < 2 * len("\r\n".join(lines).encode())


def test_what_is_longer_stays_where_a_shorter_one_follows() -> None:
    assert passed([b"long text\rshort\rlonger\n"]) == b"long text\rlonger\n"


def test_lines_pass_at_once_and_what_is_held_has_an_end() -> None:
    found: list[bytes] = []
    writer = Overwriting(found.append)
    writer.write(b"one\r\ntwo")
    assert b"".join(found) == b"one\r\n"
    writer.write(b"x" * 5000)
    assert b"".join(found) == b"one\r\ntwo" + b"x" * 5000
    for number in range(10_000):
        writer.write(b"%d\r" % (number % 1000))
    assert len(writer._shown) < 100
