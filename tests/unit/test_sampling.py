"""Samples of what a run takes: their number stays bounded, and what they say stays true."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_doc.execution.agent.sampling import MOST_SAMPLES, _merged, _Series


def series(seconds: int, **columns: Any) -> _Series:
    """A look a second, as `columns` say for each."""
    made = _Series(1.0)
    for second in range(seconds + 1):
        values = {"cpu": 0.0, "memory": 0, "gpu_memory": None, "gpu": None}
        values.update({name: value(second) for name, value in columns.items()})
        made.add([float(second), *values.values()])
    return made


@pytest.mark.parametrize(("hours", "interval"), [(0.1, 1), (1, 8), (24, 256), (24 * 5, 1024)])
def test_a_run_of_any_length_has_a_bounded_number_of_samples(hours: float, interval: int) -> None:
    long = series(int(hours * 3600))
    assert MOST_SAMPLES / 3 < len(long.samples) < MOST_SAMPLES
    assert long.interval == interval
    assert long.samples[-1][0] == int(hours * 3600)


def test_halving_keeps_the_greatest_size_and_the_mean_use() -> None:
    long = series(10_000, memory=lambda s: 7 if s == 4321 else 1, cpu=lambda s: float(s % 2 * 2))
    assert [memory for _, _, memory, _, _ in long.samples].count(7) == 1
    assert all(cpu == pytest.approx(1, abs=0.2) for _, cpu, _, _, _ in long.samples[1:-1])


def test_a_mean_is_one_over_time() -> None:
    assert _merged([1.0, 4.0, 1, None, None], [5.0, 0.0, 2, 3, 0.5], 0.0) == [5.0, pytest.approx(0.8), 2, 3, 0.5]


@given(st.lists(st.floats(0.2, 50), min_size=1, max_size=3000))
def test_whatever_time_passes_between_looks_order_and_total_hold(pauses: list[float]) -> None:
    made, now, used = _Series(1.0), 0.0, 0.0
    made.add([0.0, 0.0, 0, None, None])
    for pause in pauses:
        now += pause
        used += 2.0 * pause
        made.add([now, 2.0, 0, None, None])
    times = [sample[0] for sample in made.samples]
    assert times == sorted(times)
    assert len(times) < MOST_SAMPLES
    shares = zip(made.samples, [0.0, *times], strict=False)
    assert sum(sample[1] * (sample[0] - start) for sample, start in shares) == pytest.approx(used)
