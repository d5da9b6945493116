"""The signals that ask us to end: heeded from the first line on, and held back while something is half done.

Imports nothing that takes time: until a signal is heeded, it ends the process by itself.
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
"""What asks us to end."""

_ENOUGH = 3
"""So many signals end us on the spot: somebody has no patience. Children then end by themselves."""

_SOON = 0.01
"""After so many seconds an interrupt that came while a module was imported is tried again."""

_AGAIN = 0.5
"""Seconds between two looks whether an interrupt was lost: in a finalizer, or in an `except:` of a library."""

_heard: list[int] = []
_told: list[int] = []
"""The signal that interrupted us, once one has."""


def heed() -> None:
    """Have a signal interrupt us. One that was ignored when we started, by nohup or a shell's `&`, is for others."""
    signals.signal(signals.SIGALRM, _interrupt)  # first, since the others set the timer
    for number in SIGNALS:
        if number == signals.SIGTERM or signals.getsignal(number) != signals.SIG_IGN:
            signals.signal(number, _interrupt)


def ignore() -> None:
    """Hear no signals any more: all is done."""
    for number in (*SIGNALS, signals.SIGALRM):
        signals.signal(number, signals.SIG_IGN)


def ending() -> None:
    """Say that an interrupt has done what it should, where none is on its way any more while things are cleared up."""
    signals.signal(signals.SIGALRM, signals.SIG_IGN)


def check() -> None:
    """Interrupt us once more, before something that takes long: libraries have swallowed the first, in `except:`."""
    if _heard:
        _told.append(_heard[0])
        raise KeyboardInterrupt


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupt what goes on. A second signal must not interrupt the clearing up, which has begun then.

    An import goes on to its end first: Python's own code for it may hold the lock that all imports need, or be
    where exceptions are ignored. The interrupt was then lost, and each thread that imported something waited for ever.
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
    """Whether an interrupt is what the clearing up goes on for, perhaps below an error that came up there."""
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
    """Let signals wait until the end of a block. Only the main thread hears them: in others this does nothing."""

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
