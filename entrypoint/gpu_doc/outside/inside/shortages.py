"""Which of its limits a container has run into, as the system counts it.

https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.events, pids.events), and for version 1 cgroup-v1/memory.html
and cgroup-v1/pids.html. Runs in the Python of the user's image: nothing but the standard library of Python 3.8.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_COUNTS = {
    "out_of_memory": ("oom_kill", "memory.events", "memory/memory.oom_control"),
    "out_of_processes": ("max", "pids.events", "pids/pids.events"),
}
"""The key that counts, and the files of version 2 and 1 that have it."""


def shortages(cgroups: Path = _CGROUPS, own: Path = _OWN) -> dict[str, bool]:
    """Say of each limit whether the container has run into it; what the system doesn't tell is left out.

    `out_of_memory`: one of its processes was killed for want of memory; `out_of_processes`: one could not be started.
    """
    group = cgroups / _group(own)
    found = {
        name: _count(key, (group / second, cgroups / second, cgroups / first))
        for name, (key, second, first) in _COUNTS.items()
    }
    return {name: count > 0 for name, count in found.items() if count is not None}


def _group(own: Path) -> str:
    """Where the container's own group of version 2 stands below the mount: at its top, unless it sees the host's."""
    with suppress(OSError, UnicodeDecodeError):
        for line in own.read_text().splitlines():
            number, _, path = line.partition("::")
            if number == "0" and ".." not in path.split("/"):
                return path.strip("/")
    return ""


def _count(key: str, places: tuple[Path, ...]) -> int | None:
    for place in places:
        with suppress(OSError, ValueError, KeyError):
            return int(dict(line.split() for line in place.read_text().splitlines())[key])
    return None
