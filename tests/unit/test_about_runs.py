"""What environment() and launch_command() say of a run, from its settings and its record."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.functions import launch_command
from gpu_doc.functions.environment import environment
from gpu_doc.functions.shared.tables import Table
from gpu_doc.model.configuration import DataSource, GpuRequirement, Limits, Run
from gpu_doc.model.results import Result
from gpu_doc.model.values import Json

DIGEST = "registry.example/torch@sha256:" + "0123456789ab" + "c" * 52
GPU = {"id": "GPU-1", "index": "0", "name": "NVIDIA H100 80GB HBM3", "memory": 80 << 30, "free": 80 << 30}
PROBE = {
    "gpus": [GPU, {**GPU, "id": "GPU-2"}],
    "driver": "570.86.15",
    "cuda": "12.8",
    "cudnn": "9.8.0.87",
    "packages": {"torch": "2.13.0", "numpy": "2.4.6"},
    "python": "3.12.1",
    "system": "Linux x86_64",
    "distribution": "Ubuntu 24.04 LTS",
}


def result(folder: Path = Path(), *, machine: Mapping[str, Json] | None = None, **keys: Any) -> Result:
    keys = {"notebook": "notebooks/train.ipynb", "image": "registry.example/torch:2", **keys}
    if "command" in keys:
        keys["notebook"] = None
    run = Run(report="a.md", name="run", address="run", line=1, **keys)
    return Result(run=run, fingerprint="f", folder=folder, record={"machine": machine or {}})


# --- environment() ---------------------------------------------------------------------------------------------------


def rows(told: Table) -> dict[str, str]:
    cells = [line.strip("| ").partition(" | ") for line in told.markdown.splitlines()[2:]]
    return {name: text for name, _, text in cells}


def test_a_run_on_gpus() -> None:
    machine = {"device": "gpu", "image": "registry.example/torch:2", "image-digest": DIGEST, "probe": PROBE}
    told = rows(environment(result(machine=machine, data=(DataSource(path="data", version="3"),), setup="64 px")))
    assert told == {
        "Notebook": "`notebooks/train.ipynb`",
        "Image": "`registry.example/torch:2`, digest `0123456789ab`",
        "Device": "2 × NVIDIA H100 80GB HBM3 (80 GiB)",  # noqa: RUF001 - the sign of multiplication
        "Driver": "570.86.15",
        "CUDA": "12.8",
        "cuDNN": "9.8.0.87",
        "System": "Linux x86_64, Ubuntu 24.04 LTS",
        "Packages": "Python 3.12.1, numpy 2.4.6, torch 2.13.0",
        "Data": "`data` (version 3)",
        "Setup": "64 px",
    }


@pytest.mark.parametrize(
    ("keys", "packages", "device"),
    [
        ({}, {"torch": "2.13.0+cpu"}, "CPU (there was no GPU)"),
        ({}, {"numpy": "2.4.6"}, "CPU"),
        ({"gpus": 1}, {}, "CPU (there was no GPU)"),
        ({"requires": GpuRequirement()}, {}, "CPU (there was no GPU)"),
        ({"gpus": "none"}, {"torch": "2.13.0"}, "CPU"),
    ],
)
def test_a_run_on_the_cpu_of_what_could_use_a_gpu_says_so(
    keys: dict[str, Any], packages: dict[str, str], device: str
) -> None:
    machine = {"device": "cpu", "probe": {**PROBE, "gpus": [], "driver": "", "packages": packages}}
    told = rows(environment(result(machine=machine, **keys)))
    assert told["Device"] == device
    assert "Driver" not in told


def test_a_record_of_before_tells_what_it_knows() -> None:
    machine = {"device": "gpu", "packages": {"python": "3.11.7", "torch": "2.7.0"}, "system": "Linux x86_64"}
    told = rows(environment(result(machine=machine, image=None)))
    assert told["Image"] == "`local`"
    assert told["Device"] == "GPU"
    assert told["Packages"] == "Python 3.11.7, torch 2.7.0"
    assert rows(environment(result(image=None))) == {"Notebook": "`notebooks/train.ipynb`", "Image": "`local`"}


# --- launch_command() ------------------------------------------------------------------------------------------------


def command(*words: str, device: str = "cpu", digest: str = DIGEST, root: Path = Path("/nowhere"), **keys: Any) -> str:
    made = result(machine={"device": device, "image-digest": digest}, command=words or ("true",), **keys)
    return launch_command.command(made, root)


def test_a_command_with_all_that_binds_it() -> None:
    limits = Limits(memory=8 << 30, cpus=2.5, shm=3 << 20, processes=100)
    keys: dict[str, Any] = {
        "limits": limits,
        "env": ("HF_HUB_OFFLINE",),
        "secrets": ("WANDB",),
        "caches": {"HF_HOME": "/srv/hf models", "TORCH_HOME": "/srv/t"},
        "data": (DataSource(path="data/"), DataSource(path="/srv/imagenet", version="2012"), DataSource(path="../up")),
    }
    assert command("python", "train.py", "--name", "it's", **keys) == (
        f"""\
docker run --rm --init \\
  --memory 8g --memory-swap 8g --cpus 2.5 --shm-size 3m --pids-limit 100 \\
  --network none --cap-drop ALL --security-opt no-new-privileges \\
  --user "$(id -u):$(id -g)" --env HOME=/tmp --env USER=runner \\
  --env OMP_NUM_THREADS=3 --env HF_HUB_OFFLINE --env WANDB --env 'HF_HOME=/srv/hf models' --env TORCH_HOME=/srv/t \\
  --volume "$PWD":/workspace --workdir /workspace \\
  --mount type=bind,source="$PWD"/data,target=/workspace/data,readonly \\
  --mount type=bind,source=/srv/imagenet,target=/srv/imagenet,readonly \\
  --mount type=bind,source="$PWD"/../up,target=/up,readonly \\
  --mount 'type=bind,source=/srv/hf models,target=/srv/hf models' \\
  --mount type=bind,source=/srv/t,target=/srv/t \\
  --entrypoint '' {DIGEST} \\
  python train.py --name 'it'"'"'s'"""
    )


@pytest.mark.parametrize(
    ("keys", "option"),
    [
        ({"gpus": "auto"}, "--gpus 1"),
        ({"gpus": 2}, "--gpus 2"),
        ({"gpus": "all"}, "--gpus all"),
        ({"gpus": (0, "GPU-1")}, "--gpus '\"device=0,GPU-1\"'"),
        ({"gpus": "auto", "gpu_driver": "cdi"}, "--device nvidia.com/gpu=0"),
        ({"gpus": 2, "gpu_driver": "cdi"}, "--device nvidia.com/gpu=0 --device nvidia.com/gpu=1"),
        ({"gpus": "all", "gpu_driver": "cdi"}, "--device nvidia.com/gpu=all"),
        ({"gpus": (1,), "gpu_driver": "cdi"}, "--device nvidia.com/gpu=1"),
    ],
)
def test_gpus_are_asked_for_where_the_run_had_some(keys: dict[str, Any], option: str) -> None:
    assert f"  {option} \\\n" in command(device="gpu", **keys)
    assert "gpu" not in command(device="cpu", **keys)
    assert "gpu" not in command(device="gpu", **{**keys, "gpus": "none"})


def test_an_image_that_no_repository_knows_goes_by_its_name() -> None:
    assert "--entrypoint '' registry.example/torch:2 \\\n" in command(digest="sha256:" + "0" * 64)
    assert "--entrypoint '' registry.example/torch:2 \\\n" in command(digest="")


def test_the_images_own_user() -> None:
    assert "--user" not in command(user="image")
    assert "HOME" not in command(user="image")


def test_a_project_below_the_repositorys_top(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "a project").mkdir()
    told = command(root=tmp_path / "a project", data=(DataSource(path="../data"),))
    assert "--volume \"$PWD\":/workspace --workdir '/workspace/a project'" in told
    assert 'source="$PWD"/data,target=/workspace/data,readonly' in told


def test_a_notebooks_image_gets_ipykernel_where_the_runs_did(tmp_path: Path) -> None:
    cells = [{"cell_type": "code", "metadata": {"tags": ["injected-parameters"]}, "source": "lr = 1\n", "outputs": []}]
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/train.ipynb").write_text(text)
    (tmp_path / "executed.ipynb").write_text(text)
    made = result(tmp_path, machine={"device": "cpu", "image-digest": DIGEST}, bootstrap=True)
    told = launch_command.command(made, tmp_path)
    assert told.startswith(
        f"docker build --tag torch-with-ipykernel - <<'END'\nFROM {DIGEST}\nUSER root\n"
        "RUN PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install ipykernel\nEND\ndocker run --rm -i --init \\\n"
    )
    assert "--entrypoint '' torch-with-ipykernel \\\n  python3 - <<'END'\n" in told
    assert 'cells[0] = """lr = 1\n"""' in told, "parameters that an earlier papermill left are replaced"


@pytest.mark.parametrize(
    "text", ["x", 'a = "b"', 'ends with "', '"""', "\\", "a\\n'''\"\"\"", "%%bash\necho $HOME\nEND", "é\r\n"]
)
def test_any_cell_can_be_written_down(text: str) -> None:
    literal = launch_command._literal(text)
    assert eval(literal) == text
    whole = launch_command._here_document(f"import sys; sys.stdout.buffer.write({literal}.encode())")
    done = subprocess.run(["sh"], input=f"python3 - {whole}\n".encode(), capture_output=True, check=True)
    assert done.stdout.decode() == text
