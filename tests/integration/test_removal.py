"""A container goes with all that came with it, though its engine refuses at first, and forgets volumes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError, NotFound  # type: ignore[import-untyped]  # ships no types
from tests.integration.engines import image

from gpu_doc.execution.containers.engine import Engine, connect, sentences
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.containers.removal import remove_container

pytestmark = pytest.mark.needs("docker")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with connect(None, os.environ, Path()) as here:
        yield here


@pytest.fixture
def made(engine: Engine) -> Iterator[str]:
    """A volume that we made."""
    api = engine.client.api
    name = api.create_volume()["Name"]
    yield name
    with suppress(NotFound):
        api.remove_volume(name)


def container(engine: Engine, volumes: Sequence[str]) -> tuple[str, set[str]]:
    """One with a volume of its own, and with those given; its id, and the names of all."""
    api = engine.client.api
    mounts: list[dict[str, str]] = [{"Type": "volume", "Target": "/own"}]
    mounts += [{"Type": "volume", "Source": name, "Target": f"/given/{name}"} for name in volumes]
    config = {"Image": image("nopython"), "Cmd": ["true"], "HostConfig": {"NetworkMode": "none", "Mounts": mounts}}
    made: str = api.create_container_from_config(config)["Id"]
    return made, {mount["Name"] for mount in api.inspect_container(made)["Mounts"]}


def names(engine: Engine) -> set[str]:
    return {each["Name"] for each in engine.client.api.volumes()["Volumes"]}


def test_volumes_go_that_the_engine_forgets_and_those_kept_stay(engine: Engine, made: str) -> None:
    which, volumes = container(engine, [made])
    assert len(volumes) == 2
    # Not asked to, Docker keeps all volumes, as Podman 4.3 does now and then when it is asked to.
    remove_container(engine, which, kept=[made], with_volumes=False)
    assert volumes & names(engine) == {made}


def test_a_volume_that_another_container_uses_stays(engine: Engine, made: str) -> None:
    first, _ = container(engine, [made])
    second, volumes = container(engine, [made])
    remove_container(engine, first)
    assert volumes <= names(engine)
    remove_container(engine, second)
    assert not volumes & names(engine)


class Busy:
    """The engine, which refuses to remove a container as often as asked to."""

    def __init__(self, engine: Engine, refusals: int) -> None:
        self._engine = engine
        self.refusals = refusals

    @contextmanager
    def tidying(self, where: str = "") -> Iterator[Any]:
        with self._engine.tidying(where) as api, sentences(where), closing(Refusing(api, self)) as refusing:
            yield refusing


class Refusing:
    def __init__(self, api: Any, engine: Busy) -> None:
        self._api = api
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    def remove_container(self, container: str, **options: Any) -> None:
        self._engine.refusals -= 1
        if self._engine.refusals >= 0:
            raise APIError(f"cannot remove container {container}: container state improper: stopped")
        self._api.remove_container(container, **options)

    def close(self) -> None:
        """The client is closed by who made it."""


def test_an_engine_that_refuses_while_a_container_ends_is_asked_again(engine: Engine) -> None:
    which, volumes = container(engine, [])
    remove_container(Busy(engine, refusals=3), which)  # type: ignore[arg-type]  # has what is needed of an engine
    assert not volumes & names(engine)
    with pytest.raises(NotFound):
        engine.client.api.inspect_container(which)


def test_what_is_not_there_is_said_at_once(engine: Engine) -> None:
    with pytest.raises(EngineError, match="not there any more"):
        remove_container(engine, "no-such-container")
