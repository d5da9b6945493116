"""Tells on which kind of file system a file is.

Runs in the Python of the user's image too: only the standard library of Python 3.8.
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
"""File systems that hold no real files: the Linux kernel makes up their content."""


def file_systems() -> dict[int, str]:
    """Return the kind of each mounted file system, by its device (`st_dev`); empty if the system doesn't say."""
    found = {}
    with suppress(OSError), open("/proc/self/mountinfo", "rb") as mounts:  # noqa: PTH123 - as in the modules beside it
        for line in mounts:
            # proc(5): `36 35 98:0 /root /point options fields - kind source options`
            words = line.split()
            major, _, minor = words[2].partition(b":")
            found[os.makedev(int(major), int(minor))] = words[words.index(b"-") + 1].decode("ascii", "replace")
    return found
