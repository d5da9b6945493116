"""Waiting for what others do, without a clock in what is shown: it comes, and a busy machine takes its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")

PATIENCE = 120.0
"""Seconds after which what has not come never will. Only a test that fails takes so long."""


def eventually(condition: Callable[[], Seen], patience: float = PATIENCE) -> Seen:
    """Ask until the answer is true, and return it; after `patience` seconds the last one, whatever it is."""
    end = time.monotonic() + patience
    while not (seen := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return seen
