"""Engines of several versions, for tests of what must be the same with each.

    python -m tests.integration.each_engine NAME

starts one until it is interrupted, and prints where it listens.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.engines import Engine, engine, podman_engine
from tests.integration.unpacked import unpacked

NAMES = {
    "docker-20.10": "docker-20.10",
    "docker-26.1": "docker-26.1",
    "docker-28.5": "docker-28.5",
    "docker-28.5-containerd": "docker-28.5",
    "podman-4.3": "podman-4.3",
    "podman-5.4": "podman-5.4",
    "podman-5.8": "podman-5.8",
}
"""Engines, and their packages. The one with `containerd` keeps images as Docker 29 does."""


@contextmanager
def started(name: str) -> Iterator[Engine]:
    """An engine of NAMES. Raises CannotFetchError where its packages are not to be had."""
    usr = unpacked(NAMES[name]).usr
    if name.startswith("podman"):
        starting = podman_engine(usr)
    elif name.endswith("containerd"):
        starting = engine("--feature", "containerd-snapshotter=true", usr=usr)
    else:
        starting = engine(usr=usr)
    with starting as found:
        yield found


if __name__ == "__main__":
    with started(sys.argv[1]) as shown:
        sys.stdout.write(f"DOCKER_HOST={shown.host}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
