"""What integration tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.engines import image
from tests.integration.running import Runner, in_containers


@pytest.fixture(params=["local", pytest.param("docker", marks=pytest.mark.needs("docker"))])
def runner(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runner]:
    """Runs on this machine, and in containers: what is promised of one holds for the other."""
    if request.param == "local":
        yield Runner(tmp_path)
    else:
        with in_containers(tmp_path, image("kernel")) as made:
            yield made


@pytest.fixture
def local(tmp_path: Path) -> Runner:
    """Runs on this machine only."""
    return Runner(tmp_path)
