"""Which kind of file system something lies on.

Runs in the Python of the user's image too: nothing but the standard library of Python 3.8.
"""

from __future__ import annotations

import os
from contextlib import suppress

SYSTEM = frozenset(
    (
        *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs"),
        *("fusectl", "mqueue", "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs"),
    )
)
"""File systems that hold no files, but what the kernel tells."""


def file_systems() -> dict[int, str]:
    """The kind of each file system that is mounted, by its device (`st_dev`); empty where the system doesn't say."""
    found = {}
    with suppress(OSError), open("/proc/self/mountinfo", "rb") as mounts:  # noqa: PTH123 - in the way of its neighbours
        for line in mounts:
            # proc(5): `36 35 98:0 /root /point options fields - kind source options`
            words = line.split()
            major, _, minor = words[2].partition(b":")
            found[os.makedev(int(major), int(minor))] = words[words.index(b"-") + 1].decode("ascii", "replace")
    return found
