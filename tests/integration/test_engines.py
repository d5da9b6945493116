"""The images and engines that other tests rely on are what they say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]  # ships no types
import pytest
from tests.integration.engines import Engine, Remote, image
from tests.integration.registries import PASSWORD, USER, Registry, started
from tests.integration.users import PlainUser

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


@pytest.mark.full
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


def test_an_engine_is_rootless(rootless_engine: Engine, plain_user: PlainUser) -> None:
    with closing(rootless_engine.client()) as client:
        assert "name=rootless" in client.info()["SecurityOptions"]
        mount = {str(plain_user.folder): {"bind": "/seen", "mode": "rw"}}
        run(client, rootless_engine.load("ipykernel"), "touch", "/seen/file", user="0", volumes=mount)
    assert (plain_user.folder / "file").stat().st_uid == plain_user.uid


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


def test_a_registry_gives_what_was_pushed(here: Any, registry: Registry) -> None:
    pushed = registry.push("nopython", "team/small", "1")
    with pytest.raises(docker.errors.ImageNotFound):
        here.images.get(f"{registry.address}/team/small:1")
    pulled = here.images.pull(f"{registry.address}/team/small", "1")
    assert pulled.attrs["RepoDigests"] == [pushed]


def test_a_registry_asks_for_a_login(here: Any, private_registry: Registry, tmp_path: Path) -> None:
    pushed = private_registry.push("nopython", "team/small")
    with pytest.raises(docker.errors.APIError, match="no basic auth credentials"):
        here.images.pull(pushed)
    here.images.pull(pushed, auth_config={"username": USER, "password": PASSWORD})

    login = private_registry.write_login(tmp_path)
    subprocess.run(["docker", f"--config={login}", "pull", "--quiet", pushed], check=True)


def test_a_registry_leaves_nothing_in_the_engine(here: Any, tmp_path: Path) -> None:
    with started(tmp_path, private=False) as gone:
        here.images.pull(gone.push("nopython", "team/small"))
    left = [name for found in here.images.list() for name in [*found.tags, *found.attrs["RepoDigests"]]]
    assert [name for name in left if name.startswith(gone.address)] == []


def test_a_plain_user_is_not_root_and_may_use_the_engine(plain_user: PlainUser) -> None:
    asked = plain_user.call("docker", "version", "--format", "{{.Server.Version}}")
    assert asked.returncode == 0, asked.stderr
    program = (
        "import getpass, os, sys, pathlib; print(os.getuid(), getpass.getuser(), pathlib.Path.home(), sys.base_prefix)"
    )
    expected = f"{plain_user.uid} {plain_user.name} {plain_user.home} {sys.base_prefix}\n"
    assert plain_user.call(sys.executable, "-c", program).stdout == expected
    assert plain_user.call("touch", plain_user.folder / "own").returncode == 0
    assert (plain_user.folder / "own").stat().st_uid == plain_user.uid != 0


@pytest.mark.needs("root")
def test_a_plain_user_cannot_write_where_root_writes(plain_user: PlainUser, tmp_path: Path) -> None:
    for folder in (tmp_path, Path(__file__).parent, Path(sys.prefix)):
        refused = plain_user.call("touch", folder / "file")
        assert "Permission denied" in refused.stderr


def test_a_plain_user_runs_the_program(plain_user: PlainUser) -> None:
    done = plain_user.call(sys.executable, "-m", "gpu_doc", "check")
    assert "Traceback" not in done.stderr
    assert done.returncode == 2, done.stderr  # there is no gpu-doc.yml
