"""A terminal's log within its limit."""

from __future__ import annotations

import random

import pytest

from gpu_doc.execution.agent import pseudo_terminal
from gpu_doc.execution.agent.pseudo_terminal import Bounded

LINES = b"".join(b"line %d\r\n" % number for number in range(20_000))


def kept(data: bytes, limit: int, size: int) -> tuple[bytes, int]:
    found: list[bytes] = []
    bounded = Bounded(found.append, limit)
    for begin in range(0, len(data), size):
        bounded.write(data[begin : begin + size])
    bounded.close()
    return b"".join(found), bounded.left_out


@pytest.mark.parametrize("size", [1, 7, 65536, 10**9])
@pytest.mark.parametrize("limit", [len(LINES), len(LINES) + 1, 10**8])
def test_what_is_within_the_limit_is_whole(size: int, limit: int) -> None:
    assert kept(LINES, limit, size) == (LINES, 0)


@pytest.mark.parametrize("size", [7, 65536, 10**9])
@pytest.mark.parametrize("limit", [len(LINES) - 1, 10_000, 100])
@pytest.mark.parametrize("end", [1_000_000, 500])
def test_of_more_beginning_and_end_are_kept_in_whole_lines(
    size: int, limit: int, end: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pseudo_terminal, "LONGEST_END", end)
    log, left_out = kept(LINES, limit, size)
    before, _, after = log.partition("\r\n\x1b[0m… output cut at ".encode())
    told, _, after = after.partition(b"left out\r\n")
    assert LINES.startswith(before)
    assert LINES.endswith(after)
    assert after.startswith(b"line ")
    assert len(before) + len(after) <= limit
    assert len(before) + len(after) + left_out == len(LINES)
    assert f"{left_out / 1e6:.3g} MB" in told.decode()
    if size > 100:
        assert before.endswith((b"\n", b"\r"))


def test_one_line_without_end_is_cut_where_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pseudo_terminal, "LONGEST_END", 1000)
    log, left_out = kept(random.Random(1).randbytes(100_000).replace(b"\n", b"x").replace(b"\r", b"x"), 10_000, 4096)
    assert left_out == 90_000
    assert len(log) < 10_100


def test_memory_is_bounded() -> None:
    bounded = Bounded(lambda _: None, 10_000_000)
    for _ in range(1000):
        bounded.write(b"x" * 65536)
        assert len(bounded._end) <= 3 * pseudo_terminal.LONGEST_END + 65536
