"""Which of its limits a container has run into, as the system counts it.

https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.events, pids.events), and for version 1 cgroup-v1/memory.html
and cgroup-v1/pids.html. Runs in the Python of the user's image: nothing but the standard library of Python 3.8.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_COUNTS = {
    "out_of_memory": ("oom_kill", ("memory.events", "memory/memory.oom_control")),
    "out_of_processes": ("max", ("pids.events", "pids/pids.events")),
}


def shortages() -> dict[str, bool]:
    """Say of each limit whether the container has run into it; what the system doesn't tell is left out.

    `out_of_memory`: one of its processes was killed for want of memory; `out_of_processes`: one could not be started.
    """
    found = {name: _count(key, places) for name, (key, places) in _COUNTS.items()}
    return {name: count > 0 for name, count in found.items() if count is not None}


def _count(key: str, places: tuple[str, ...]) -> int | None:
    for place in places:
        with suppress(OSError, ValueError, KeyError):
            lines = (_CGROUPS / place).read_text().splitlines()
            return int(dict(line.split() for line in lines)[key])
    return None
