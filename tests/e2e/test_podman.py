"""Podman's service in the place of Docker's engine: the same refreshes, over the same API."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.components import require
from tests.integration.engines import Engine, podman_engine
from tests.integration.users import PlainUser

from .conftest import Project
from .test_containers import Containers

# They are collected here once more, and get the fixture below.
from .test_containers import (
    test_a_refresh_is_the_same_wherever_the_engine_is as test_a_refresh_is_the_same_with_podman,  # noqa: F401
)
from .test_containers import (
    test_from_inside_a_notebook_there_is_nothing_to_see_and_nothing_to_break as test_from_inside_with_podman,  # noqa: F401
)
from .test_gpus import made

pytestmark = [pytest.mark.full, pytest.mark.needs("docker", "podman", "root"), pytest.mark.xdist_group("podman")]

LEAST = 4
"""The first that speaks Docker's API 1.41."""


@pytest.fixture(scope="module")
def podman() -> Iterator[Engine]:
    """Podman's service, which every user may use."""
    require("docker", "podman", "root")
    said = subprocess.run(["podman", "--version"], capture_output=True, text=True, check=True).stdout
    if int(re.findall(r"\d+", said)[0]) < LEAST:
        pytest.skip(f"gpu-doc needs Podman {LEAST}, here is {said.strip()}")
    with podman_engine() as found:
        yield found


@pytest.fixture(params=["overlaid"])
def containers(
    request: pytest.FixtureRequest, podman: Engine, plain_user: PlainUser, tmp_path: Path
) -> Iterator[Containers]:
    environ = {"DOCKER_HOST": podman.host}
    user = plain_user if request.param == "overlaid" else None
    project = Project((plain_user.folder if user else tmp_path) / "project")
    made = Containers(project, podman.client, podman.load("ipykernel"), user=user, environ=environ)
    yield made
    assert made.left() == []


def test_podman_4_gives_no_gpus_and_says_so(podman: Engine, tmp_path: Path) -> None:
    project = made(tmp_path, podman.load("bare"), ["train"])
    environ: Any = {"DOCKER_HOST": podman.host, "NVIDIA_VISIBLE_DEVICES": "0", "GPU_DOC_CHROMIUM": "/none"}
    said = "this Podman is too old to give GPUs to what speaks Docker's API with it"
    assert said in project.gpu_doc("run", code=5, **environ).stderr
    assert said in " ".join(project.gpu_doc("doctor", code=5, **environ).stdout.split())
