"""Handles the signals that ask us to end: from the first line on, and delayed while something must not be interrupted.

Imports nothing that takes time: until the handlers are set, a signal ends the process at once.
"""

from __future__ import annotations

import _signal as signals  # type: ignore[import-not-found]  # has no stub; `signal` takes longer to import
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

SIGNALS: tuple[int, ...] = (signals.SIGINT, signals.SIGTERM, signals.SIGHUP)
"""The signals that ask us to end."""

_ENOUGH = 3
"""So many signals end us at once. Children then end by themselves."""

_SOON = 0.01
"""Seconds after which an interrupt that came during an import is tried again."""

_AGAIN = 0.5
"""Seconds between two checks whether an interrupt was lost, in a finalizer or in an `except:` of a library."""

_heard: list[int] = []
_told: list[int] = []
"""The signal that interrupted us, once one has."""


def heed() -> None:
    """Let signals interrupt us. One that was ignored when we started, by nohup or a shell's `&`, stays ignored."""
    signals.signal(signals.SIGALRM, _interrupt)  # first, since the others set the timer
    for number in SIGNALS:
        if number == signals.SIGTERM or signals.getsignal(number) != signals.SIG_IGN:
            signals.signal(number, _interrupt)


def ignore() -> None:
    """Ignore all signals from now on: the work is done."""
    for number in (*SIGNALS, signals.SIGALRM):
        signals.signal(number, signals.SIG_IGN)


def ending() -> None:
    """Stop checking whether the interrupt was lost: it was handled, and the clean-up must not be interrupted."""
    signals.signal(signals.SIGALRM, signals.SIG_IGN)


def check() -> None:
    """Raise the interrupt again, before something that takes long: a library may have caught the first in `except:`."""
    if _heard:
        _told.append(_heard[0])
        raise KeyboardInterrupt


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupt the program. A second signal must not interrupt the clean-up, which has begun then.

    An import is finished first: Python's import code may hold the lock that all imports need, or ignore exceptions.
    Interrupts were lost there, and every thread that imported something waited for ever.
    """
    if number != signals.SIGALRM:
        _heard.append(number)
    if len(_heard) >= _ENOUGH:
        os._exit(130)
    if not _heard or (_told and number != signals.SIGALRM):
        return
    if _imports(frame):
        signals.setitimer(signals.ITIMER_REAL, _SOON)
        return
    signals.setitimer(signals.ITIMER_REAL, _AGAIN)
    if _told and _is_on_its_way():
        return
    _told.append(number)
    raise KeyboardInterrupt


def _is_on_its_way() -> bool:
    """Return whether an interrupt is being handled, perhaps as the cause of a later error."""
    error = sys.exc_info()[1]
    while error:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False


def _imports(frame: FrameType | None) -> bool:
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


class held_back:  # noqa: N801 - a context manager, named as one
    """Delay signals until the end of a block. Only the main thread gets them: in others this does nothing."""

    def __enter__(self) -> None:
        self._waiting: list[int] = []
        self._before: dict[int, Callable[[int, object], None]] = {}
        try:
            for number in (*SIGNALS, signals.SIGALRM):
                self._before[number] = signals.signal(number, lambda number, _frame: self._waiting.append(number))
        except ValueError:
            return  # not the main thread

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signals.signal(number, handler)
        for late in self._waiting[:1]:
            signals.raise_signal(late)
