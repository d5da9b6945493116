"""Tells which limits a run has reached, from the counts of its control group.

https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.events, pids.events), and for version 1 cgroup-v1/memory.html
and cgroup-v1/pids.html. Runs in the Python of the user's image: only the standard library of Python 3.8.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from gpu_doc.execution.agent.outcomes import Shortages

_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_COUNTS = {
    "out_of_memory": ("oom_kill", "memory.events", "memory", "memory.oom_control"),
    "out_of_processes": ("max", "pids.events", "pids", "pids.events"),
}
"""The key of the count, its file in version 2, and its controller and file in version 1."""


def shortages(cgroups: Path = _CGROUPS, own: Path = _OWN) -> Shortages:
    """Return for each limit whether the container has reached it, if the system tells."""
    found = {name: _count(name, cgroups, own) for name in _COUNTS}
    return Shortages(**{name: count > 0 for name, count in found.items() if count is not None})


def out_of_memory_kills(cgroups: Path = _CGROUPS, own: Path = _OWN) -> int:
    """Return how many processes of our own group the system killed because memory ran out; 0 if it doesn't say.

    Those of other groups don't count, such as other people's containers on the same machine.
    """
    return _count("out_of_memory", cgroups, own) or 0


def _count(name: str, cgroups: Path, own: Path) -> int | None:
    key, second, controller, first = _COUNTS[name]
    places = (
        cgroups / _group(own, "") / second,
        cgroups / second,
        # If a container doesn't see the host's groups, its own is at the top.
        cgroups / controller / _group(own, controller) / first,
        cgroups / controller / first,
    )
    for place in places:
        with suppress(OSError, ValueError, KeyError):
            return int(dict(line.split() for line in place.read_text().splitlines())[key])
    return None


def _group(own: Path, controller: str) -> str:
    """Return our group's path below the mount of a controller of version 1, or of version 2 (empty)."""
    with suppress(OSError, UnicodeDecodeError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(",") and ".." not in path.split("/"):
                return path.strip("/")
    return ""
