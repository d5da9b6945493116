"""Engines of several versions, for tests of what must be the same with each.

    python -m tests.integration.each_engine NAME

starts one until it is interrupted, and prints where it listens.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import docker  # type: ignore[import-untyped]  # ships no types
import pytest
from tests.components import leave_out
from tests.integration.engines import Engine, engine, podman_engine
from tests.integration.forward import forwarded
from tests.integration.newer_api import newer
from tests.integration.registries import Registry
from tests.integration.unpacked import CannotFetchError, unpacked

NAMES = {
    "docker-20.10": "docker-20.10",
    "docker-26.1": "docker-26.1",
    "docker-28.5": "docker-28.5",
    "docker-28.5-containerd": "docker-28.5",
    "docker-29": "docker-28.5",
    "podman-4.3": "podman-4.3",
    "podman-5.4": "podman-5.4",
    "podman-5.8": "podman-5.8",
}
"""Engines, and their packages. The one with `containerd` keeps images as Docker 29 does, for which it stands in."""
TRIED = ("docker-20.10", "docker-26.1", "docker-28.5-containerd", "docker-29", "podman-4.3", "podman-5.4")
"""Those that `make test-full` tries. The others can be started by hand: each takes half a minute."""


@contextmanager
def started(name: str) -> Iterator[Engine]:
    """An engine of NAMES. Raises CannotFetchError where its packages are not to be had."""
    usr = unpacked(NAMES[name]).usr
    if name.startswith("podman"):
        starting = podman_engine(usr)
    elif name in ("docker-28.5-containerd", "docker-29"):
        starting = engine("--feature", "containerd-snapshotter=true", usr=usr)
    else:
        starting = engine(usr=usr)
    with starting as found:
        if name != "docker-29":
            yield found
            return
        front = found.folder / "29"
        front.mkdir()
        with newer(found.folder / "docker.sock", front / "docker.sock"):
            yield Engine(front, found.pid)


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    # One process, and so one engine at a time: what they give is compared.
    for item in items:
        if "each_engine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("each engine"))


@pytest.fixture(scope="session", params=TRIED)
def each_engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """One engine after the other, each with all tests that use it."""
    with engine_of(request.param) as found:
        yield found


@contextmanager
def engine_of(name: str) -> Iterator[Engine]:
    """An engine of NAMES for a test, which is left out where its packages are not to be had."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(started(name))
        except CannotFetchError as error:
            leave_out(f"no engine {name}: {error}")
            raise
        yield found


@contextmanager
def reached(registry: Registry, found: Engine) -> Iterator[str]:
    """The address by which an engine reaches a registry: `127.0.0.1:5000`, the same one for each engine."""
    with forwarded(found.pid, int(registry.address.rpartition(":")[2])) as address:
        yield address


def save(references: Sequence[str], archive: Path) -> None:
    """Write images of this machine's engine into an archive, those that share layers each once."""
    with closing(docker.from_env(timeout=300)) as client, archive.open("wb") as file:
        api = client.api
        answer = api.get(f"{api.base_url}/v{api.api_version}/images/get", params={"names": references}, stream=True)
        answer.raise_for_status()
        for block in answer.iter_content(1 << 20):
            file.write(block)


def load(archive: Path, found: Engine) -> None:
    """Bring images to an engine."""
    with closing(found.client()) as client, archive.open("rb") as file:
        for answer in client.api.load_image(file):
            assert "error" not in answer, answer


if __name__ == "__main__":
    with started(sys.argv[1]) as shown:
        sys.stdout.write(f"DOCKER_HOST={shown.host}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
