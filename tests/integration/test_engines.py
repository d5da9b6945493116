"""The images and engines that other tests rely on are what they say."""

from __future__ import annotations

import docker  # type: ignore[import-untyped]  # ships no types
import pytest
from docker.errors import ContainerError  # type: ignore[import-untyped]
from tests.integration.engines import image

pytestmark = pytest.mark.needs("docker")


def run(name: str, *argv: str, user: str = "1000") -> str:
    """What a program in an image of ours writes, as a user without a name."""
    client = docker.from_env()
    try:
        written: bytes = client.containers.run(
            image(name), list(argv), user=user, network_mode="none", remove=True, stderr=True
        )
        return written.decode()
    finally:
        client.close()


def test_an_image_has_kernels_for_python_and_bash() -> None:
    argv = ["from jupyter_client.kernelspec import find_kernel_specs; print(*find_kernel_specs())"]
    listed = run("kernel", "python", "-c", *argv).split()
    assert {"python3", "bash"} <= set(listed)
    run("kernel", "python", "-c", "import matplotlib, pandas")


def test_an_image_has_python_without_a_kernel() -> None:
    with pytest.raises(ContainerError, match="No module named"):
        run("bare", "python3", "-c", "import ipykernel")


def test_an_image_has_pytorch_for_the_processor() -> None:
    assert "+cpu False" in run(
        "torch", "python", "-c", "import torch; print(torch.__version__, torch.cuda.is_available())"
    )


def test_an_image_is_made_for_root() -> None:
    argv = ["python", "-c", "import ipykernel, sys; print(sys.prefix)"]
    assert run("conda-like", *argv, user="0").startswith("/root/")
    with pytest.raises(docker.errors.APIError, match=r"executable file not found|permission denied"):
        run("conda-like", *argv)


def test_an_image_has_a_shell_and_no_python() -> None:
    assert run("nopython", "/bin/sh", "-c", "command -v python3 python || echo none") == "none\n"


def test_an_image_that_is_there_is_found_again() -> None:
    assert image("kernel") == image("kernel")
