"""Leases between real processes, a real engine's device requests, and a stand-in for the driver's library."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]  # ships no types
import pytest
from tests.integration.engines import Engine
from tests.integration.running import Runner
from tests.waiting import PATIENCE

from gpu_doc.errors import MachineError
from gpu_doc.execution.agent import probe
from gpu_doc.execution.agent.messages import read_probe
from gpu_doc.execution.containers import failures
from gpu_doc.execution.gpus.inventory import Gpu, inventory
from gpu_doc.execution.gpus.leases import Lease, Leases
from gpu_doc.execution.gpus.offer import Offer
from gpu_doc.execution.gpus.requests import device_requests
from gpu_doc.model.configuration import GpuRequirement

GPUS = [Gpu(id=f"GPU-{n}", index=str(n), name="Tesla T4", memory=1, free=1) for n in range(2)]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become other users, or start an engine")
COMPILER = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler is here: apt-get install gcc libc6-dev")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for leases that all users can reach."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o1777)
        yield Path(place, "gpus")


# --- leases ----------------------------------------------------------------------------------------------------------

HOLDER = """
import os, sys, time
from pathlib import Path
from gpu_doc.execution.gpus.inventory import Gpu
from gpu_doc.execution.gpus.leases import Leases

os.setuid(int(sys.argv[2]))
os.umask(0o077)
gpus = [Gpu(id=f"GPU-{n}", index=str(n), name="Tesla T4", memory=1, free=1) for n in range(2)]
leases = Leases(Path(sys.argv[1]))
"""

TWO_RUNS = """
import threading
marks, seen = Path(sys.argv[1]).parent, []

def run():
    for _ in range(20):
        while (lease := leases.try_lease(gpus, 1)) is None:
            time.sleep(0.001)
        with lease:
            mark = marks / lease.devices[0]
            mark.touch(exist_ok=False)  # FileExistsError: two on one
            seen.append(lease.devices[0])
            time.sleep(0.002)
            mark.unlink()

threads = [threading.Thread(target=run) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(seen), *sorted(set(seen)))
"""

HOLDS = """
lease = leases.try_lease(gpus, 1)
print(*lease.devices, flush=True)
time.sleep(60)
"""


def start(script: str, folder: Path, user: int = os.getuid()) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", HOLDER + script, str(folder), str(user)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_four_runs_of_two_processes_never_share_a_gpu(folder: Path) -> None:
    children = [start(TWO_RUNS, folder) for _ in range(2)]
    said = [child.communicate(timeout=PATIENCE) for child in children]
    assert said == [("40 GPU-0 GPU-1\n", "")] * 2


@pytest.mark.parametrize("user", [os.getuid(), pytest.param(65534, marks=AS_ROOT)])
def test_a_killed_holder_lets_go(folder: Path, user: int) -> None:
    leases = Leases(folder)
    with start(HOLDS, folder, user) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "GPU-0\n"
        with leases.try_lease(GPUS, 1) or pytest.fail("one is free") as lease:
            assert lease.devices == ("GPU-1",)
            assert leases.try_lease(GPUS, 1) is None
            assert leases.try_lease(GPUS, 0) is not None
        assert leases.try_lease(GPUS, 2) is None
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with leases.try_lease(GPUS, 2) or pytest.fail("both are free") as lease:
        assert lease.devices == ("GPU-0", "GPU-1")


@AS_ROOT
def test_users_lease_from_each_other_whatever_their_umask(folder: Path) -> None:
    for user in (65534, 1000, 0):
        with start(HOLDS, folder, user) as holder:
            assert holder.stdout
            assert holder.stdout.readline() == "GPU-0\n"
            holder.kill()


def test_containers_keep_theirs_when_their_gpu_doc_is_dead(folder: Path) -> None:
    leases = Leases(folder, lambda: frozenset({"GPU-0"}))
    with leases.try_lease(GPUS, 1) or pytest.fail("one is free") as lease:
        assert lease.devices == ("GPU-1",)
    assert leases.try_lease(GPUS, 2) is None


def test_a_lock_on_a_file_that_was_removed_is_none(folder: Path) -> None:
    leases = Leases(folder)
    with leases.try_lease(GPUS, 2) or pytest.fail("both are free"):
        pass
    leased: list[Lease | None] = []
    with (folder / "gate").open() as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        waiting = threading.Thread(target=lambda: leased.append(leases.try_lease(GPUS, 1)))
        waiting.start()
        time.sleep(0.1)
        (folder / "gate").unlink()
    waiting.join()
    assert (folder / "gate").exists()
    assert leased[0]
    leased[0].close()


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    folder.symlink_to(tmp_path)
    with pytest.raises(MachineError, match="no folder, or a link"):
        Leases(folder).try_lease(GPUS, 1)
    folder.unlink()
    folder.mkdir()
    (folder / "GPU-0").symlink_to(tmp_path / "file")
    with pytest.raises(MachineError, match="GPUs can't be leased"):
        Leases(folder).try_lease(GPUS, 1)
    assert not list(tmp_path.iterdir())


# --- an engine -------------------------------------------------------------------------------------------------------

SHOWS = """
#include <stdio.h>
#include <stdlib.h>
int main(void) { printf("%s", getenv("NVIDIA_VISIBLE_DEVICES")); return 0; }
"""


def compiled(source: str, target: Path, *options: str) -> Path:
    subprocess.run(["cc", *options, "-x", "c", "-", "-o", str(target)], input=source.encode(), check=True)
    return target


@pytest.fixture(scope="module")
def engine(gpu_engine: Engine) -> Iterator[Any]:
    """An engine that finds NVIDIA's hook, which does nothing: the engine's own part can be seen."""
    with closing(gpu_engine.client()) as client:
        yield client


@pytest.fixture(scope="module")
def shows(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image that says which devices it was given, and by itself asks for all, as NVIDIA's images do."""
    program = compiled(SHOWS, tmp_path_factory.mktemp("image") / "shows", "-static")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.add(program, "shows")
    changes = ["ENV NVIDIA_VISIBLE_DEVICES=all", 'ENTRYPOINT ["/shows"]']
    engine.images.client.api.import_image_from_data(content.getvalue(), repository="shows", changes=changes)
    return "shows"


def gpu(id_: str) -> Gpu:
    return Gpu(id=id_, index="0", name="", memory=0, free=0)


@AS_ROOT
@COMPILER
@pytest.mark.needs("docker")
@pytest.mark.xdist_group("gpu engine")
def test_leased_devices_reach_the_container(engine: Any, shows: str) -> None:
    asked = device_requests([gpu("GPU-0"), gpu("GPU-1")], "auto", Offer())
    given = {"Image": shows, "HostConfig": {"DeviceRequests": asked, "NetworkMode": "none"}}
    container = engine.api.create_container_from_config(given)
    engine.api.start(container)
    assert engine.api.wait(container)["StatusCode"] == 0
    assert engine.api.logs(container) == b"GPU-0,GPU-1"
    engine.api.remove_container(container)


@AS_ROOT
@COMPILER
@pytest.mark.needs("docker")
@pytest.mark.xdist_group("gpu engine")
def test_an_engine_without_a_driver_says_so(engine: Any, shows: str) -> None:
    asked = device_requests([gpu("GPU-0")], "cdi", Offer(cdi=True))  # which this engine only pretends to know
    container = engine.api.create_container_from_config({"Image": shows, "HostConfig": {"DeviceRequests": asked}})
    with pytest.raises(docker.errors.APIError) as caught:
        engine.api.start(container)
    engine.api.remove_container(container)
    error = failures.refusal(caught.value.explanation)
    assert error.what == "the engine can't give GPUs to containers"
    assert "NVIDIA Container Toolkit" in error.remedy


# --- the driver's library --------------------------------------------------------------------------------------------

# Two GPUs, the second split into parts (MIG) of which one was made. https://docs.nvidia.com/deploy/nvml-api/
LIBRARY = """
#include <stdio.h>
#include <string.h>
typedef unsigned int u;
static int put(char *out, const char *text) { strcpy(out, text); return 0; }
int nvmlInit_v2(void) { return INIT; }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { return code == 9 ? "Driver Not Loaded" : "Not Found"; }
int nvmlSystemGetDriverVersion(char *out, u size) { return put(out, "570.86.15"); }
int nvmlSystemGetCudaDriverVersion_v2(int *out) { *out = 12080; return 0; }
int nvmlDeviceGetCount_v2(u *out) { *out = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(u index, void **out) { *out = (void *)(0x700000000000 + index); return 0; }
int nvmlDeviceGetMigMode(void *device, u *current, u *pending) {
    if (device == (void *)0x700000000000) return 3;
    *current = *pending = 1; return 0;
}
int nvmlDeviceGetMaxMigDeviceCount(void *device, u *out) { *out = 7; return 0; }
int nvmlDeviceGetMigDeviceHandleByIndex(void *device, u index, void **out) {
    *out = (void *)0x700000000009; return index == 2 ? 0 : 6;
}
int nvmlDeviceGetName(void *device, char *out, u size) {
    return put(out, device == (void *)0x700000000009 ? "NVIDIA A100-SXM4-40GB MIG 3g.20gb" : "NVIDIA A100-SXM4-40GB");
}
int nvmlDeviceGetUUID(void *device, char *out, u size) {
    return put(out, device == (void *)0x700000000009 ? "MIG-c6d4f1ef" : "GPU-4cf8db2d");
}
int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *out) {
    if (device == (void *)0x700000000009) { out[0] = 20ULL << 30; out[1] = 19ULL << 30; }
    else { out[0] = 40ULL << 30; out[1] = 39ULL << 30; }
    return 0;
}
"""


def library(tmp_path: Path, *, status: int = 0) -> dict[str, str]:
    compiled(LIBRARY, tmp_path / "libnvidia-ml.so.1", "-shared", "-fPIC", f"-DINIT={status}")
    return {"PATH": str(tmp_path), "LD_LIBRARY_PATH": str(tmp_path)}


@COMPILER
def test_the_drivers_library_tells_of_gpus_and_their_parts(tmp_path: Path) -> None:
    found = inventory(library(tmp_path))
    assert found.gpus == (
        Gpu(id="GPU-4cf8db2d", index="0", name="NVIDIA A100-SXM4-40GB", memory=40 << 30, free=39 << 30),
        Gpu(id="MIG-c6d4f1ef", index="1:2", name="NVIDIA A100-SXM4-40GB MIG 3g.20gb", memory=20 << 30, free=19 << 30),
    )
    assert (found.driver, found.problem) == ("570.86.15", "")


@COMPILER
def test_a_library_without_its_driver_says_so(tmp_path: Path) -> None:
    found = inventory(library(tmp_path, status=9))
    assert (found.gpus, found.problem) == ((), "Driver Not Loaded")


@COMPILER
def test_the_probe_is_a_program_for_any_python(tmp_path: Path) -> None:
    environment = {**os.environ, **library(tmp_path), "CUDA_VISIBLE_DEVICES": "MIG-c6"}
    done = subprocess.run([sys.executable, probe.__file__], env=environment, capture_output=True, text=True, check=True)
    facts = read_probe(done.stdout.encode()).facts
    assert [gpu["id"] for gpu in facts["gpus"]] == ["MIG-c6d4f1ef"]
    assert facts["cuda-driver"] == "12.8"
    assert facts["system"].startswith("Linux ")
    assert "ipykernel" in facts["packages"]


@pytest.mark.parametrize("printed", ["hello", '["CommandStarted", {}]', '["Probe", {"facts": {"gpus": "none"}}]'])
def test_a_python_that_prints_something_else_is_named(tmp_path: Path, printed: str) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho '{printed}'\n")
    python.chmod(0o755)
    run = {"command": ("true",), "gpus": "none", "requires": GpuRequirement(count=0)}
    done = Runner(tmp_path).one("a", python=str(python), **run)
    assert isinstance(done.error, MachineError)
    assert done.error.what.startswith("its GPUs and driver could not be found out: ")
    assert done.error.remedy.startswith(f"Try: {python} ")
