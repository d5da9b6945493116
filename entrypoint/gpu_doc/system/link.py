"""A child's end of the line to its parent (see process.py): events out, messages in, and nothing else on it."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
"""prctl(2): the signal that a process gets when its parent ends; having orphans that descend from it as children."""

_prctl = getattr(ctypes.CDLL(None), "prctl", None)


class Link:
    """Standard input and output of this process, kept apart from anything that prints."""

    def __init__(self) -> None:
        self._events = os.fdopen(os.dup(1), "wb")
        self._lock = threading.Lock()
        # Sent by a run to its parent; what we start gets it all the same, which it would not if we ignored it.
        signal.signal(signal.SIGINT, lambda *_: None)
        # From here on a stray print lands with standard error, which our parent keeps in a file.
        os.dup2(2, 1)
        self.messages = os.dup(0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)

    def send(self, event: str, **facts: Any) -> None:
        """Send one event. Where the parent is gone there is nobody to tell, and its end is noticed elsewhere."""
        line = json.dumps({"event": event, **facts}).encode() + b"\n"
        with self._lock:
            try:
                self._events.write(line)
                self._events.flush()
            except BrokenPipeError:
                sys.stderr.write("the parent is gone\n")


def die_with_parent() -> None:
    """Ask the system to kill this process when its parent ends (Linux only; elsewhere the parent's sweep remains)."""
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of what descends from this process and loses its own, daemons say (Linux only)."""
    if _prctl is not None:
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
