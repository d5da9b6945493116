"""Tries something again after a pause, if its failure may be temporary."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


def patiently(
    act: Callable[[], T], failure: type[E], *, pauses: Iterable[float], when: Callable[[E], bool] = lambda _: True
) -> T:
    """Call it, and again after each of `pauses` (seconds), while it fails and `when` says that this may pass.

    Raises the last failure.
    """
    for pause in pauses:
        try:
            return act()
        except failure as error:
            if not when(error):
                raise
        time.sleep(pause)
    return act()
