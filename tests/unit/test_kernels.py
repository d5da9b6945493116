"""Which names of kernels are the run's own Python, so that another name makes nothing stale."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.model.configuration import Run
from gpu_doc.record.kernels import is_own_python, with_same_kernel

RUN = Run(report="a.md", name="r", address="r", line=1, notebook="n.ipynb")
ARGV = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("venv", "other"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin/python3").symlink_to("/usr/bin/env")
        (tmp_path / name / "bin/python").symlink_to("python3")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    return tmp_path / "venv/bin/python3"


def install(python: Path, argv: list[str], **more: Any) -> None:
    folder = python.parents[2] / "jupyter/kernels/mine"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "language": "python"} | more))


@pytest.mark.parametrize("interpreter", ["venv/bin/python3", "venv/bin/python", "venv/bin/../bin/python", "python3"])
def test_a_kernelspec_of_the_same_python_is_no_other_kernel(python: Path, interpreter: str) -> None:
    path = str(python.parents[2] / interpreter) if "/" in interpreter else interpreter
    install(python, [path, "-Xfrozen_modules=off", *ARGV], display_name="Mine")
    assert is_own_python("mine", python)
    for before, now in (("python3", "mine"), ("mine", "python3"), ("mine", "")):
        assert with_same_kernel(RUN, before, now, python).kernel == before


@pytest.mark.parametrize(
    ("argv", "more"),
    [
        (["other/bin/python3", *ARGV], {}),
        (["venv/bin/python3", "-m", "xeus", "-f", "{connection_file}"], {}),
        (["venv/bin/python3", "-O", *ARGV], {}),
        (["venv/bin/python3", *ARGV], {"env": {"SEED": "1"}}),
        (["venv/bin/python3", *ARGV], {"metadata": {"kernel_provisioner": {"provisioner_name": "slurm"}}}),
        ([], {}),
    ],
)
def test_any_other_kernelspec_is_another_kernel(python: Path, argv: list[str], more: dict[str, Any]) -> None:
    install(python, [str(python.parents[2] / argv[0]), *argv[1:]] if argv else [], **more)
    assert not is_own_python("mine", python)
    assert with_same_kernel(RUN, "python3", "mine", python) == RUN


def test_what_is_not_installed_or_in_a_container_is_another_kernel(python: Path) -> None:
    assert not is_own_python("mine", python)
    assert not is_own_python("../mine", python)
    install(python, ["python3", *ARGV])
    assert is_own_python("mine", python)
    in_container = replace(RUN, image="torch:2")
    assert with_same_kernel(in_container, "python3", "mine", python) == in_container
