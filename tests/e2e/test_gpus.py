"""GPUs in containers: with a stand-in for NVIDIA's hook an engine takes requests, and shows what was asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.components import leave_out
from tests.integration.engines import Engine, engine
from tests.integration.unpacked import CannotFetchError, unpacked
from tests.waiting import PATIENCE

from .conftest import Project, environment

pytestmark = [pytest.mark.full, pytest.mark.needs("docker"), pytest.mark.xdist_group("gpu engine")]

CONFIG = """\
defaults:
  image: {image}
  gpus: {gpus}
reports:
  - path: docs/report.md
    runs:
"""

HOLD = """\
import os, time
began = time.time()
time.sleep({seconds})
print(os.environ["NVIDIA_VISIBLE_DEVICES"], began, time.time())
"""


def made(
    root: Path, image: str, names: Sequence[str], *, gpus: str = "1", more: str = "", seconds: float = 1
) -> Project:
    project = Project(root)
    runs = "".join(f"      {name}: {{command: [python3, hold.py, {name}]{more}}}\n" for name in names)
    blocks = "".join(f'<!-- gpu-doc: text("{name}") -->\n<!-- gpu-doc: end -->\n' for name in names)
    config = CONFIG.format(image=image, gpus=gpus) + runs
    project.write({"gpu-doc.yml": config, "hold.py": HOLD.format(seconds=seconds), "docs/report.md": blocks})
    return project


def spans(project: Project) -> list[tuple[str, float, float]]:
    """Device, begin and end of each run."""
    lines = [
        line.split() for line in project.read("docs/report.md").splitlines() if line[:1].isdigit() or line[:4] == "void"
    ]
    return [(device, float(began), float(ended)) for device, began, ended in lines]


def test_two_processes_never_give_one_device_to_two_runs(tmp_path: Path, gpu_engine: Engine) -> None:
    image = gpu_engine.load("bare")
    projects = [made(tmp_path / name, image, [f"{name}1", f"{name}2", f"{name}3"]) for name in "ab"]
    environ = environment(DOCKER_HOST=gpu_engine.host, NVIDIA_VISIBLE_DEVICES="0,1")
    argv = [sys.executable, "-m", "gpu_doc", "run", "--jobs", "3"]
    running = [subprocess.Popen(argv, cwd=project.root, env=environ, stderr=subprocess.PIPE) for project in projects]
    for process in running:
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err.decode()
    found = [span for project in projects for span in spans(project)]
    assert {device for device, _, _ in found} == {"0", "1"}
    assert len(found) == 6
    for device in "01":
        mine = sorted((began, ended) for each, began, ended in found if each == device)
        assert all(earlier[1] < later[0] for earlier, later in pairwise(mine)), mine
    both = sorted((began, ended, device) for device, began, ended in found)
    assert any(a[1] > b[0] for a, b in pairwise(both)), "two devices are used side by side"


def test_runs_on_the_cpu_go_beside_those_that_wait(tmp_path: Path, gpu_engine: Engine) -> None:
    project = made(tmp_path, gpu_engine.load("bare"), ["first", "second"], gpus="1", seconds=2)
    project.edit("gpu-doc.yml", "    runs:\n", "    runs:\n      cpu: {command: [python3, hold.py, cpu], gpus: none}\n")
    project.edit(
        "docs/report.md",
        '<!-- gpu-doc: text("first") -->',
        '<!-- gpu-doc: text("cpu") -->\n<!-- gpu-doc: end -->\n<!-- gpu-doc: text("first") -->',
    )
    done = project.gpu_doc("run", "--jobs", "3", DOCKER_HOST=gpu_engine.host, NVIDIA_VISIBLE_DEVICES="0")
    found = {device: (began, ended) for device, began, ended in reversed(spans(project))}
    assert set(found) == {"void", "0"}, "one on the processor gets none, though its engine's default were to give all"
    assert found["void"][0] < found["0"][1], "it began before the first one ended"
    assert "waits for 1 GPU" in done.stderr


def test_a_run_that_requires_a_gpu_never_begins_without(tmp_path: Path, gpu_engine: Engine) -> None:
    image = gpu_engine.load("bare")
    project = made(tmp_path, image, ["train"], more=", requires: {gpu: {count: 1, memory: 16g}}")
    host: Any = {"DOCKER_HOST": gpu_engine.host}
    none = project.gpu_doc("run", code=5, **host)
    assert "1 GPU with 16 GiB wanted: there is none" in none.stderr
    # The runner says that there is one, and in the container there is no driver.
    blind = project.gpu_doc("run", code=5, NVIDIA_VISIBLE_DEVICES="0", **host)
    assert "no NVIDIA driver is to be seen there" in blind.stderr
    assert "docs/report.md stays as it was" in blind.stderr
    with_one = made(tmp_path, image, ["train"])
    with_one.gpu_doc("run", NVIDIA_VISIBLE_DEVICES="0", **host)
    assert with_one.read("docs/report.md").splitlines()[2].startswith("0 ")


@pytest.mark.needs("docker")
def test_an_engine_without_the_toolkit_says_so(tmp_path: Path, remapped_engine: Engine) -> None:
    project = made(tmp_path, remapped_engine.load("bare"), ["train"])
    done = project.gpu_doc("run", code=5, DOCKER_HOST=remapped_engine.host, NVIDIA_VISIBLE_DEVICES="0")
    assert "the engine can't give GPUs to containers" in done.stderr
    assert "nvidia-ctk runtime configure" in done.stderr
    with closing(remapped_engine.client()) as client:
        assert client.containers.list(all=True) == []


CDI = """\
cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices:
- {name: "0", containerEdits: {env: [GIVEN=first]}}
- {name: "1", containerEdits: {env: [GIVEN=second]}}
containerEdits: {env: [NVIDIA_VISIBLE_DEVICES=1]}
"""


@pytest.mark.full
@pytest.mark.parametrize("driver", ["auto", "cdi"])
def test_gpus_come_by_cdi_under_the_names_that_the_engine_lists(tmp_path: Path, driver: str) -> None:
    (tmp_path / "cdi").mkdir()
    (tmp_path / "cdi/nvidia.yaml").write_text(CDI)
    try:
        usr = unpacked("docker-28.5").usr
    except CannotFetchError as error:
        leave_out(f"no Docker 28.5: {error}")
        raise
    with engine(f"--cdi-spec-dir={tmp_path}/cdi", usr=usr) as found:
        project = made(tmp_path / "project", found.load("bare"), ["given"], more=f", gpu-driver: {driver}")
        project.write({"hold.py": "import os; print(os.environ['GIVEN'])\n"})
        project.gpu_doc("run", DOCKER_HOST=found.host, NVIDIA_VISIBLE_DEVICES="1")
        assert "second" in project.read("docs/report.md")
