"""ipykernel put into images that lack it, by a real pip."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.integration.engines import image

from gpu_doc.execution.containers import images
from gpu_doc.execution.containers.bootstrap import LINE, bootstrapped
from gpu_doc.execution.containers.engine import Engine, connect
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.containers.images import Image
from gpu_doc.execution.containers.sweep import Owner, labels

pytestmark = [pytest.mark.full, pytest.mark.needs("docker", "packages")]

LABELS = labels(Owner(name=f"test-bootstrap-{os.getpid()}:0", boot="", namespace=""), Path("/nowhere"), "build")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with connect(None, os.environ, Path()) as here:
        yield here


def changed(engine: Engine, base: str, command: str, changes: list[str]) -> Iterator[Image]:
    """A copy of an image, after a command and with other settings; everything made from it goes with it."""
    api = engine.client.api
    container = api.create_container(image(base), ["/bin/sh", "-c", command], network_disabled=True)["Id"]
    try:
        api.start(container)
        assert api.wait(container)["StatusCode"] == 0
        made = api.commit(container, changes=changes)["Id"]
    finally:
        api.remove_container(container, v=True)
    found = images.find(engine, made)
    assert found
    try:
        yield found
    finally:
        for child in api.images(all=True):
            if child["ParentId"] == made:
                api.remove_image(child["Id"], force=True)
        if images.find(engine, made):  # it goes with the last of them
            api.remove_image(made, force=True)


@pytest.fixture(scope="module")
def bare(engine: Engine) -> Iterator[Image]:
    """A Python without pip but Debian's for virtual environments; and all that an image can set."""
    settings = ["USER 1234", "WORKDIR /srv", 'ENTRYPOINT ["/bin/false"]', 'CMD ["x"]', "ENV TEAM=ours", "LABEL a=b"]
    yield from changed(engine, "bare", "true", settings)


@pytest.fixture
def pipless(engine: Engine) -> Iterator[Image]:
    yield from changed(engine, "bare", "rm -rf /usr/lib/python3*/ensurepip", [])


def run(engine: Engine, made: Image, code: str, *, user: str = "4321") -> str:
    written: bytes = engine.client.containers.run(
        made.id, ["-c", code], entrypoint="python3", user=user, network_mode="none", remove=True
    )
    return written.decode().strip()


def ours(engine: Engine) -> list[str]:
    wanted = {"label": [f"{name}={value}" for name, value in LABELS.items() if name.endswith("owner")]}
    volumes = engine.client.api.volumes(filters=wanted)["Volumes"] or []
    containers = engine.client.api.containers(all=True, filters=wanted)
    return [each["Id"] for each in containers] + [each["Name"] for each in volumes]


def build(engine: Engine, base: Image, environ: Mapping[str, str] = os.environ) -> tuple[Image, list[str]]:
    said: list[str] = []
    return bootstrapped(engine, base, environ=environ, labels=LABELS, progress=said.append), said


def test_an_image_gets_a_kernel_once_and_keeps_all_else(engine: Engine, bare: Image) -> None:
    # Two at once, as two processes would; the index's address holds a password.
    environ = {**os.environ, "PIP_EXTRA_INDEX_URL": "http://team:hushed@127.0.0.1:1/simple", "PIP_RETRIES": "0"}
    with ThreadPoolExecutor(2) as both:
        (first, said), (second, waited) = both.map(lambda _: build(engine, bare, environ), range(2))
    assert said + waited == [f"installing ipykernel into a copy of {bare.reference}, once"]
    assert first == second
    assert build(engine, bare) == (first, [])
    assert (first.reference, first.identity, first.user) == (bare.reference, bare.identity, "1234")
    assert "1" <= run(engine, first, "import ipykernel; print(ipykernel.__version__)") < "99"
    assert run(engine, first, "import os; print(*os.listdir('/gpu-doc'), *os.listdir('/tmp'))") == ""

    def settings(of: Image) -> dict[str, Any]:
        config = engine.client.api.inspect_image(of.id)["Config"]
        mine = {name: value for name, value in config["Labels"].items() if value}
        return {**{key: config[key] for key in ("User", "WorkingDir", "Entrypoint", "Cmd", "Env")}, "Labels": mine}

    assert settings(first) == settings(bare)
    assert "hushed" not in str(engine.client.api.inspect_image(first.id)) + str(engine.client.api.history(first.id))
    assert ours(engine) == []


@pytest.mark.parametrize("base", ["pipless", "nopython"])
def test_an_image_that_can_not_be_completed_says_which_line_it_needs(
    engine: Engine, base: str, request: pytest.FixtureRequest
) -> None:
    if base == "nopython":
        given = images.find(engine, image(base))
        words, remedy = "the image has no Python", "Name one that has"
    else:
        given = request.getfixturevalue(base)
        words, remedy = "no pip", LINE
    assert given
    with pytest.raises(EngineError, match=words) as raised:
        build(engine, given)
    assert remedy in raised.value.remedy
    assert raised.value.where == given.reference
    assert ours(engine) == []


@pytest.fixture
def own(engine: Engine) -> Iterator[Image]:
    """An image of this test's own: another test may have put ipykernel into the one that all share."""
    name = f"gpu-doc-test/own:{secrets.token_hex(4)}"
    container = engine.client.containers.create(image("bare"), "true")
    repository, _, tag = name.partition(":")
    container.commit(repository, tag, changes=[f"LABEL mark={tag}"])
    container.remove()
    given = images.find(engine, name)
    assert given
    yield given
    engine.client.images.remove(name)


def test_an_index_that_can_not_be_reached_is_want_of_network(engine: Engine, own: Image) -> None:
    environ = {"PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_RETRIES": "1", "HOME": "/nowhere"}
    with pytest.raises(EngineError, match="pip could not install") as raised:
        build(engine, own, environ)
    assert raised.value.cause == "network"
    assert LINE in raised.value.remedy
    assert "127.0.0.1" in raised.value.details
