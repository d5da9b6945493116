"""What fails of what may pass is done again."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from gpu_doc.system.retrying import patiently


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


def failing(*errors: Exception) -> Callable[[], str]:
    left = list(errors)

    def act() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return act


def test_it_is_done_once_where_nothing_fails(slept: list[float]) -> None:
    assert patiently(failing(), OSError, pauses=[1, 2]) == "done"
    assert slept == []


def test_it_is_done_again_after_each_pause(slept: list[float]) -> None:
    assert patiently(failing(OSError(), OSError()), OSError, pauses=[1, 2]) == "done"
    assert slept == [1, 2]


def test_the_last_failure_is_raised(slept: list[float]) -> None:
    with pytest.raises(OSError, match="third"):
        patiently(failing(OSError("first"), OSError("second"), OSError("third")), OSError, pauses=[1, 2])
    assert slept == [1, 2]


def test_other_failures_are_raised_at_once(slept: list[float]) -> None:
    with pytest.raises(KeyError):
        patiently(failing(KeyError()), OSError, pauses=[1, 2])
    with pytest.raises(OSError, match="never"):
        patiently(failing(OSError("never")), OSError, pauses=[1, 2], when=lambda error: "never" not in str(error))
    assert slept == []
