"""Does something again after a pause, where it failed of what may pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


def patiently(
    act: Callable[[], T], failure: type[E], *, pauses: Iterable[float], when: Callable[[E], bool] = lambda _: True
) -> T:
    """Do it, and once more after each of `pauses`, in seconds, while it fails so and `when` says that this may pass.

    Raises what it raised at last.
    """
    for pause in pauses:
        try:
            return act()
        except failure as error:
            if not when(error):
                raise
        time.sleep(pause)
    return act()
