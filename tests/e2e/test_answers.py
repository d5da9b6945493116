"""An engine that answers as another one does: nothing it says is a defect, and doctor finds what a run finds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.integration.engines import image
from tests.integration.proxies import RECORDED, proxy, recorded

from .conftest import Project

pytestmark = pytest.mark.needs("docker")

CONFIG = """\
defaults:
  image: {image}
  gpus: {gpus}
reports:
  - path: docs/report.md
    runs:
      says: {{command: [printenv, NVIDIA_VISIBLE_DEVICES]}}
"""
BLOCK = '<!-- gpu-doc: text("says") -->\n<!-- gpu-doc: end -->\n'


def made(root: Path, gpus: str) -> Project:
    project = Project(root / f"gpus-{gpus}")
    project.write({"gpu-doc.yml": CONFIG.format(image=image("bare"), gpus=gpus), "docs/report.md": BLOCK})
    return project


def in_a_line(text: str) -> str:
    return " ".join(text.split())


def wanted(text: str) -> str:
    """Why a GPU can't be had, as a run or doctor says it."""
    found = re.search(r"1 GPU wanted: .*?(?=$| →| Install| Run| Where| Make| Update)", in_a_line(text))
    assert found, text
    return found[0].strip()


def both_agree(root: Path, answers: dict[str, Any], *, remote: bool) -> str:
    """What a run with one GPU and doctor say of an engine; a run that takes what there is does without."""
    with proxy(path=None if remote else root / "engine.sock", answers=answers) as engine:
        environ: Any = {"DOCKER_HOST": engine.host, "GPU_DOC_CHROMIUM": "/none"}
        free = made(root, "auto")
        free.gpu_doc("run", **environ)
        assert "void" in free.read("docs/report.md"), "a run without a GPU gets none, whatever the engine's default is"
        asking = made(root, "1")
        run = asking.gpu_doc("run", code=5, **environ)
        doctor = asking.gpu_doc("doctor", code=5, **environ)
    assert wanted(run.stderr.splitlines()[0]) in in_a_line(doctor.stdout)
    return wanted(run.stderr.splitlines()[0])


def test_docker_28_and_newer_need_no_gpu(tmp_path: Path) -> None:
    assert both_agree(tmp_path, recorded("docker-28.5"), remote=False) == "1 GPU wanted: there is none"


@pytest.mark.full
def test_an_engine_elsewhere_says_why_it_gives_no_gpu(tmp_path: Path) -> None:
    info: dict[str, Any] = {
        "CDISpecDirs": None,
        "SecurityOptions": None,
        "Runtimes": {"runc": {}, "nvidia": None},
        "Warnings": None,
    }
    said = both_agree(tmp_path, recorded("docker-29.7", **info), remote=True)
    assert said == "1 GPU wanted: none is to be had (the engine can't give GPUs to containers)"


@pytest.mark.full
@pytest.mark.parametrize("remote", [False, True], ids=["here", "elsewhere"])
@pytest.mark.parametrize("engine", sorted(path.stem for path in RECORDED.glob("*.json")))
def test_every_engine_is_understood(tmp_path: Path, engine: str, remote: bool) -> None:  # noqa: FBT001 - a table's column
    assert both_agree(tmp_path, recorded(engine), remote=remote)


NOTHING: list[dict[str, Any]] = [{"info": None}, {"info": {}, "version": {"ApiVersion": "1.60"}}]


@pytest.mark.parametrize("answers", NOTHING)
def test_an_engine_that_says_nothing_of_itself_runs_all_the_same(tmp_path: Path, answers: dict[str, Any]) -> None:
    project = made(tmp_path, "auto")
    with proxy(path=tmp_path / "engine.sock", answers=answers) as engine:
        project.gpu_doc("run", DOCKER_HOST=engine.host)
    assert "void" in project.read("docs/report.md")


def test_what_is_no_engine_is_told(tmp_path: Path) -> None:
    project = made(tmp_path, "auto")
    with proxy(path=tmp_path / "engine.sock", answers={"version": ["hello"]}) as engine:
        said = project.gpu_doc("run", code=5, DOCKER_HOST=engine.host).stderr
    assert "does not say which version of Docker's API it speaks" in said
