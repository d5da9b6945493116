"""A registry on this machine's loopback, which engines take without a certificate."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import docker  # type: ignore[import-untyped]  # ships no types
import pytest
from tests.components import require
from tests.integration.engines import free_port, image, running, wait_until

USER, PASSWORD = "gpu-doc", "a password for tests"
HTPASSWD = f"{USER}:$2b$04$abcdefghijklmnopqrstuuU9tuCsSfvqLb3ZvMivaBDcGya0m8DpG\n"
"""The password above through bcrypt, the only form that the registry reads; 4 rounds, to be quick."""


@dataclass(frozen=True)
class Registry:
    """A registry that is empty at first. What engines got from it goes when it goes."""

    address: str
    """`127.0.0.1:PORT`: how references begin."""
    private: bool
    """It asks for USER and PASSWORD."""
    process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Let it answer no more."""
        assert self.process
        self.process.terminate()
        self.process.wait()

    def push(self, name: str, repository: str, tag: str = "latest") -> str:
        """Put a test image (or another reference of this machine's engine) there; returns the digest reference.

        `ADDRESS/REPOSITORY@sha256:…`. This machine's engine then no longer knows it by a name of the registry.
        """
        reference = f"{self.address}/{repository}"
        with closing(docker.from_env(timeout=120)) as client:
            source = client.images.get(name if ":" in name else image(name))
            source.tag(reference, tag)
            login = {"username": USER, "password": PASSWORD} if self.private else None
            for answer in client.api.push(reference, tag, stream=True, decode=True, auth_config=login):
                assert "error" not in answer, answer
            client.images.remove(f"{reference}:{tag}", noprune=True)
            digest: str = client.images.get_registry_data(f"{reference}:{tag}", auth_config=login).id
        return f"{reference}@{digest}"

    def write_login(self, folder: Path) -> Path:
        """Write a `config.json` as `docker login` leaves it. Give its folder to a program as DOCKER_CONFIG."""
        word = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {self.address: {"auth": word}}}), "utf-8")
        return folder


@contextmanager
def started(folder: Path, *, private: bool) -> Iterator[Registry]:
    """A registry that keeps its files in `folder` while it runs."""
    require("docker", "registry")
    found = Registry(f"127.0.0.1:{free_port()}", private)
    settings = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": found.address},
        "auth": {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}} if private else {},
    }
    (folder / "htpasswd").write_text(HTPASSWD)
    (folder / "config.yml").write_text(json.dumps(settings), "utf-8")  # YAML holds JSON
    log = folder / "log"
    argv = [str(shutil.which("docker-registry")), "serve", str(folder / "config.yml")]
    try:
        with running(argv, log) as process:
            wait_until(lambda: _answers(found.address), "docker-registry", process, log)
            yield replace(found, process=process)
    finally:
        _forget(found.address)
        shutil.rmtree(folder / "data", ignore_errors=True)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/v2/", timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        with closing(error):
            return error.code == 401
    except OSError:
        return False


def _forget(address: str) -> None:
    """Remove the names that this machine's engine has from it; images with other names stay."""
    with closing(docker.from_env(timeout=120)) as client:
        for found in client.images.list():
            for name in [*found.tags, *found.attrs["RepoDigests"]]:
                if name.startswith(f"{address}/"):
                    with suppress(docker.errors.ImageNotFound):
                        client.images.remove(name, noprune=True)


@pytest.fixture
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry for everybody."""
    with started(tmp_path_factory.mktemp("registry"), private=False) as found:
        yield found


@pytest.fixture
def private_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with basic authentication."""
    with started(tmp_path_factory.mktemp("registry"), private=True) as found:
        yield found
