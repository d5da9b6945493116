from __future__ import annotations

import ast
from pathlib import Path

import pytest

from gpu_doc.execution.agent import probe

INSIDE = Path(probe.__file__).parent


@pytest.mark.parametrize("script", sorted(INSIDE.glob("*.py")), ids=lambda path: path.name)
def test_what_runs_in_users_images_is_written_for_old_pythons(script: Path) -> None:
    ast.parse(script.read_text("utf-8"), feature_version=(3, 8))


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a Python's packages, and no GPU."""
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    return tmp_path


def distribution(packages: Path, name: str) -> None:
    (packages / f"{name}.dist-info").mkdir()


def torch(packages: Path, cuda: str) -> None:
    distribution(packages, "torch-2.7.0")
    (packages / "torch").mkdir()
    (packages / "torch/version.py").write_text(f"__version__ = '2.7.0'\ncuda: Optional[str] = {cuda}\n")


def test_frameworks_are_known_by_their_versions(packages: Path) -> None:
    for name in ("torch-2.7.0+cu128", "numpy-2.1.0", "cupy_cuda12x-13.4.1", "scikit_learn-1.6.1", "six-1.17.0"):
        distribution(packages, name)
    (packages / "pandas-2.2.3-py3.11.egg-info").touch()
    assert probe.probe({})["packages"] == {
        "cupy-cuda12x": "13.4.1",
        "numpy": "2.1.0",
        "pandas": "2.2.3",
        "scikit-learn": "1.6.1",
        "torch": "2.7.0+cu128",
    }


def test_cuda_is_what_pytorch_was_built_with(packages: Path) -> None:
    torch(packages, "'12.8'")
    distribution(packages, "nvidia_cudnn_cu12-9.7.1.26")
    found = probe.probe({"CUDA_VERSION": "12.1.0", "NV_CUDNN_VERSION": "8.9.0"})
    assert (found["cuda"], found["cudnn"]) == ("12.8", "9.7.1.26")


def test_cuda_of_the_image_is_told_where_no_package_brings_one(packages: Path) -> None:
    torch(packages, "None")
    found = probe.probe({"CUDA_VERSION": "12.1.0", "NV_CUDNN_VERSION": "8.9.0"})
    assert (found["cuda"], found["cudnn"]) == ("12.1.0", "8.9.0")
    assert (probe.probe({})["cuda"], probe.probe({})["cudnn"]) == ("", "")


def test_cuda_comes_in_packages_of_nvidia_too(packages: Path) -> None:
    distribution(packages, "nvidia_cuda_runtime_cu12-12.8.90")
    assert probe.probe({})["cuda"] == "12.8.90"
