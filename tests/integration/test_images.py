"""Images from a real registry: pulled, kept on the digest in evidence, refused."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.waiting import eventually

from gpu_doc.execution.containers import image_answers, images
from gpu_doc.execution.containers.engine import Engine, connect
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.containers.image_lookup import ImageLookup
from gpu_doc.execution.containers.images import Image, Meter
from gpu_doc.model.configuration import ImageIdentity

pytestmark = pytest.mark.needs("docker", "registry")

# The password `secret` of the user `runner`, by bcrypt.
HTPASSWD = "runner:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with connect(None, os.environ, Path()) as here:
        yield here


@dataclass
class Shop:
    """A registry on loopback, and the images that a test makes for it."""

    engine: Engine
    place: str

    def make(self, name: str, content: bytes) -> str:
        """A tiny image on the engine."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            entry = tarfile.TarInfo("content")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        repository, _, tag = f"{self.place}/{name}".rpartition(":")
        self.engine.client.api.import_image_from_data(packed.getvalue(), repository, tag)
        return f"{repository}:{tag}"

    def push(self, name: str, content: bytes, **options: object) -> Image:
        """An image on the engine and in the registry."""
        reference = self.make(name, content)
        told = self.engine.client.api.push(reference, stream=True, decode=True, **options)
        assert not [event for event in told if "error" in event]
        image = images.find(self.engine, reference)
        assert image
        return image

    def forget(self, image: Image) -> None:
        """Remove an image from the engine, under all of its names."""
        self.engine.client.api.remove_image(image.id, force=True)

    def ensure(
        self, reference: str, *, pull: str = "missing", known: ImageIdentity | None = None
    ) -> tuple[Image, list[str]]:
        said: list[str] = []
        return images.ensure(self.engine, reference, pull=pull, known=known, progress=said.append), said

    def refuse(self, reference: str, *, pull: str = "missing") -> EngineError:
        with pytest.raises(EngineError) as raised:
            self.ensure(reference, pull=pull)
        return raised.value


@contextmanager
def opened(engine: Engine, folder: Path, access: str = "") -> Iterator[Shop]:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    (folder / "registry.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/store}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n{access}\n"
    )
    with (folder / "registry.log").open("w") as log:
        program = str(shutil.which("docker-registry"))
        server = subprocess.Popen([program, "serve", folder / "registry.yml"], stdout=log, stderr=log)
    here = Shop(engine, f"127.0.0.1:{port}")
    try:
        assert eventually(lambda: _answers(port))
        yield here
    finally:
        server.terminate()
        server.wait()
        for image in engine.client.api.images(all=True):
            if any(name.startswith(here.place) for name in (image["RepoTags"] or []) + (image["RepoDigests"] or [])):
                engine.client.api.remove_image(image["Id"], force=True)


@pytest.fixture
def shop(engine: Engine, tmp_path: Path) -> Iterator[Shop]:
    with opened(engine, tmp_path) as here:
        yield here


@pytest.fixture
def private_shop(engine: Engine, tmp_path: Path) -> Iterator[Shop]:
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    with opened(engine, tmp_path, f"auth: {{htpasswd: {{realm: test, path: {tmp_path}/htpasswd}}}}") as here:
        yield here


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_missing_image_is_pulled_and_one_that_is_here_is_not(shop: Shop) -> None:
    pushed = shop.push("x:1", b"one")
    assert pushed.identity.digest.startswith(f"{shop.place}/x@sha256:")
    shop.forget(pushed)
    assert images.find(shop.engine, pushed.reference) is None
    image, said = shop.ensure(pushed.reference)
    assert image == pushed
    assert said == [f"pulling {pushed.reference}"]
    assert shop.ensure(pushed.reference) == (pushed, [])


def test_a_run_stays_on_the_digest_in_evidence_when_the_tag_moves(shop: Shop) -> None:
    old = shop.push("x:1", b"one")
    new = shop.push("x:1", b"two")
    assert not new.identity.same(old.identity)
    assert shop.ensure(old.reference, known=old.identity)[0].identity == old.identity
    shop.forget(old)
    image, said = shop.ensure(old.reference, known=old.identity)
    assert (image.id, image.identity, image.reference) == (old.id, old.identity, old.reference)
    assert said == [f"pulling {old.identity.digest}"]


def test_pulling_always_takes_what_the_tag_means_now(shop: Shop) -> None:
    old = shop.push("x:1", b"one")
    new = shop.push("x:1", b"two")
    shop.forget(new)
    shop.engine.client.api.tag(old.id, f"{shop.place}/x", "1")
    assert shop.ensure(old.reference)[0].id == old.id
    assert shop.ensure(old.reference, pull="always", known=old.identity)[0].identity == new.identity


def test_a_digest_that_is_nowhere_any_more_gives_way_with_a_word(shop: Shop) -> None:
    image = shop.push("x:1", b"one")
    lost = ImageIdentity(f"{shop.place}/x@sha256:{'0' * 64}")
    found, said = shop.ensure(image.reference, known=lost)
    assert found == image
    assert said[-1].startswith(f"{lost.digest} can't be had any more (there is no such image)")
    # Of another repository, or where the reference has a digest itself, it says nothing.
    assert shop.ensure(image.reference, known=ImageIdentity(f"other/x@sha256:{'0' * 64}")) == (image, [])
    assert shop.ensure(image.identity.digest, known=lost)[1] == []


def test_an_image_that_was_built_here_is_taken_as_it_is(shop: Shop) -> None:
    reference = shop.make("local:1", b"here")
    for pull in ("missing", "never"):
        image, said = shop.ensure(reference, pull=pull)
        assert image.identity.digest == image.identity.content
        assert said == []
    image, said = shop.ensure(reference, pull="always")
    assert image.identity.digest == image.identity.content
    assert said[-1].startswith(f"{reference} was built here")


def test_one_that_was_pulled_once_and_is_refused_now_is_an_error(shop: Shop) -> None:
    image = shop.push("x:1", b"one")
    shop.engine.client.api.tag(image.id, f"{shop.place}/x", "2")
    assert shop.refuse(f"{shop.place}/x:2", pull="always").cause == "image"


def test_never_means_never(shop: Shop) -> None:
    image = shop.push("x:1", b"one")
    shop.forget(image)
    error = shop.refuse(image.reference, pull="never")
    assert error.cause == "image"
    assert f"docker pull {image.reference}" in error.remedy


@pytest.mark.parametrize(
    ("reference", "cause"),
    [("{place}/x:none", "image"), ("{place}/none:1", "image"), ("127.0.0.1:1/x:1", "network"), ("X", "image")],
)
def test_why_there_is_no_image(shop: Shop, reference: str, cause: str) -> None:
    shop.push("x:1", b"one")
    error = shop.refuse(reference.format(place=shop.place))
    assert error.cause == cause
    assert error.where == reference.format(place=shop.place)
    assert error.remedy


def test_a_private_registry_takes_the_runners_own_login(
    private_shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = private_shop
    configuration = tmp_path / "docker/config.json"
    configuration.parent.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(configuration.parent))
    pushed = shop.push("x:1", b"one", auth_config={"username": "runner", "password": "secret"})
    shop.forget(pushed)

    def ensure() -> Image:
        with connect(None, os.environ, tmp_path) as engine:  # the SDK reads its configuration when it connects
            return images.ensure(engine, pushed.reference, pull="missing", known=None, progress=print)

    with pytest.raises(EngineError) as raised:
        ensure()
    assert raised.value.cause == "refused"
    assert "docker login" in raised.value.remedy

    login = base64.b64encode(b"runner:secret").decode()
    configuration.write_text(json.dumps({"auths": {shop.place: {"auth": login}}}))
    assert ensure() == pushed
    shop.forget(pushed)

    helper = tmp_path / "docker-credential-test"
    helper.write_text(
        f'#!/bin/sh\necho \'{{"ServerURL": "{shop.place}", "Username": "runner", "Secret": "secret"}}\'\n'
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    configuration.write_text(json.dumps({"credHelpers": {shop.place: "test"}}))
    assert ensure() == pushed

    shop.forget(pushed)
    configuration.write_text(json.dumps({"credsStore": "none-such"}))
    with pytest.raises(EngineError, match="keeps docker's logins"):
        ensure()


def test_a_lookup_sees_what_a_run_would_take_and_quickly(shop: Shop) -> None:
    old = shop.push("x:1", b"one")
    new = shop.push("x:1", b"two")
    image_lookup = ImageLookup(os.environ)
    begin = time.process_time()
    seen = image_lookup.identity(old.reference, docker_host=None, pull="missing", known=old.identity)
    assert time.process_time() - begin < 0.1
    assert seen == shop.ensure(old.reference, known=old.identity)[0].identity == old.identity
    assert image_lookup.identity(old.reference, docker_host=None, pull="always", known=old.identity) == new.identity
    assert image_lookup.moved(old.reference, docker_host=None, known=old.identity)


@pytest.fixture
def hear() -> Callable[..., str]:
    meter = Meter()

    def take(layer: str, status: str, current: int = 0, total: int = 0) -> str:
        size = {"current": current, "total": total} if total else {}
        meter.take(image_answers.pulled({"id": layer, "status": status, "progressDetail": size}))
        return str(meter)

    return take


def test_a_pull_is_told_in_layers_and_megabytes(hear: Callable[..., str]) -> None:
    hear("1.0", "Pulling from team/x")
    hear("a", "Already exists")
    hear("b", "Pulling fs layer")
    assert hear("c", "Pulling fs layer") == "1 of 3 layers"
    assert hear("b", "Downloading", 5_000_000, 20_000_000) == "1 of 3 layers, 5 of 20 MB and more"
    hear("c", "Downloading", 1_000_000, 3_000_000_000)
    assert hear("b", "Extracting", 1, 20_000_000) == "1 of 3 layers, 21 of 3020 MB"
    assert hear("b", "Pull complete") == "2 of 3 layers, 21 of 3020 MB"
