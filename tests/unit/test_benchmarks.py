"""The benchmarks go on where one of them breaks; the figures themselves are `make bench`'s."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from benchmarks import __main__ as program
from benchmarks.measure import Bench, BrokenComparisonError, Contender, Row, interleave


def test_a_peer_that_breaks_ends_no_other_comparison(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    row = Row(what="x", ours="1 s", peer="2 s", measured="0.5", target="≤ 1", met=True)

    def breaks(_: Bench) -> list[Row]:
        raise BrokenComparisonError("a port was taken")

    def fails(_: Bench) -> list[Row]:
        raise FileNotFoundError("no such peer")

    monkeypatch.setattr(program, "BENCHMARKS", {"a": breaks, "b": fails, "c": lambda _: [row]})
    bench = Bench(
        python=Path(sys.executable), peers=tmp_path, chromium=tmp_path, scratch=tmp_path, environment={}, rounds=1
    )
    assert program._measured(bench, ["a", "b", "c"]) == ([row], ["a", "b"])


def test_time_and_processor_time_are_compared(tmp_path: Path) -> None:
    def contender(name: str, code: str) -> Contender:
        command = [sys.executable, "-c", code]
        return Contender(name=name, commands=[command], folder=tmp_path, environment={})

    [compared] = interleave(
        contender("ours", "pass"), [contender("peer", "import time; time.sleep(0.3); sum(range(10**7))")], rounds=1
    )
    assert compared.peer.median > 0.3
    assert compared.ratio < 1
    assert compared.processor_row("x", at_most=0.9).met
