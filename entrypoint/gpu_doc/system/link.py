"""A child's connection to its parent (see process.py): it sends events and receives messages, nothing else."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
"""prctl(2): set the signal that a process gets when its parent ends; become the parent of orphaned descendants."""

_prctl = getattr(ctypes.CDLL(None), "prctl", None)


class Link:
    """Standard input and output of this process, protected from everything that prints."""

    def __init__(self) -> None:
        self._events = os.fdopen(os.dup(1), "wb")
        self._lock = threading.Lock()
        # A run may send SIGINT to its parent. A handler, unlike SIG_IGN, is not inherited by what we start.
        signal.signal(signal.SIGINT, lambda *_: None)
        # From here on, what anything prints goes to standard error, which our parent keeps in a file.
        os.dup2(2, 1)
        self.messages = os.dup(0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)

    def send(self, event: bytes) -> None:
        """Send one event. Does nothing if the parent is gone; that is noticed elsewhere."""
        with self._lock:
            try:
                self._events.write(event + b"\n")
                self._events.flush()
            except BrokenPipeError:
                sys.stderr.write("the parent is gone\n")


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends. On other systems, only the parent's sweep can kill it."""
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs, such as daemons (Linux only)."""
    if _prctl is not None:
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
