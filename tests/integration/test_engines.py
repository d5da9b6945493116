"""The images and engines that other tests rely on are what they say."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]  # ships no types
import pytest
from tests.integration.engines import Engine, Remote, image

pytestmark = pytest.mark.needs("docker")


@pytest.fixture
def here() -> Iterator[Any]:
    """The engine of this machine."""
    with closing(docker.from_env()) as client:
        yield client


def run(client: Any, reference: str, *argv: str, **options: Any) -> str:
    """What a program in a container writes, as a user without a name if nothing else is said."""
    container = client.containers.create(reference, list(argv), **{"user": "1000", "network_mode": "none", **options})
    try:
        container.start()
        container.wait()
        written: bytes = container.logs()
        return written.decode()
    finally:
        container.remove(force=True, v=True)


def test_an_image_has_kernels_for_python_and_bash(here: Any) -> None:
    program = "import matplotlib, pandas\nfrom jupyter_client.kernelspec import find_kernel_specs as f; print(*f())"
    assert {"python3", "bash"} <= set(run(here, image("kernel"), "python", "-c", program).split())


def test_an_image_has_python_without_a_kernel(here: Any) -> None:
    assert "No module named 'ipykernel'" in run(here, image("bare"), "python3", "-c", "import ipykernel")


def test_an_image_has_pytorch_for_the_processor(here: Any) -> None:
    program = "import torch; print(torch.__version__, torch.cuda.is_available())"
    assert run(here, image("torch"), "python", "-c", program).endswith("+cpu False\n")


def test_an_image_is_made_for_root(here: Any) -> None:
    argv = [image("conda-like"), "python", "-c", "import ipykernel, sys; print(sys.prefix)"]
    assert run(here, *argv, user="0") == "/root/conda\n"
    with pytest.raises(docker.errors.APIError, match=r"executable file not found|permission denied"):
        run(here, *argv)


def test_an_image_has_a_shell_and_no_python(here: Any) -> None:
    assert run(here, image("nopython"), "sh", "-c", "command -v python3 python || echo none") == "none\n"


def test_an_image_that_is_there_is_found_again() -> None:
    assert image("kernel") == image("kernel")


def seen(engine: Engine, folder: Path) -> str:
    with closing(engine.client()) as client:
        mount = {str(folder): {"bind": "/seen", "mode": "ro"}}
        return run(client, engine.load("ipykernel"), "ls", "/seen", volumes=mount)


def test_an_engine_remaps_users(remapped_engine: Engine) -> None:
    with closing(remapped_engine.client()) as client:
        assert "name=userns" in client.info()["SecurityOptions"]
        inside, outside, _ = run(client, remapped_engine.load("ipykernel"), "cat", "/proc/self/uid_map").split()
    assert inside == "0"
    assert outside != "0"


def test_an_engine_takes_requests_for_gpus(gpu_engine: Engine) -> None:
    request = docker.types.DeviceRequest(device_ids=["0", "1"], capabilities=[["gpu"]])
    with closing(gpu_engine.client()) as client:
        reference = gpu_engine.load("ipykernel")
        assert "NVIDIA_VISIBLE_DEVICES=0,1\n" in run(client, reference, "env", device_requests=[request])


def test_an_engine_beside_ours_sees_our_files(gpu_engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "ours").touch()
    tmp_path.chmod(0o755)
    assert seen(gpu_engine, tmp_path) == "ours\n"


def test_an_engine_sees_none_of_our_files(far_engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "ours").touch()
    assert seen(far_engine, tmp_path) == ""
    assert seen(far_engine, Path.home()) == ""


def test_an_engine_is_reached_over_ssh(ssh_engine: Remote) -> None:
    argv = ["ssh", "far-machine", "docker", "info", "--format", "{{.ID}}"]
    found = subprocess.run(argv, env=dict(ssh_engine.environment), capture_output=True, text=True, check=True).stdout
    with closing(ssh_engine.engine.client()) as client:
        assert found.strip() == client.info()["ID"]
