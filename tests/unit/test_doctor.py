from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from gpu_doc.doctor import doctor
from gpu_doc.doctor.doctor import examine, text
from gpu_doc.doctor.finding import Finding
from gpu_doc.model.configuration import Config, GpuRequirement, Report, Run
from gpu_doc.pictures import fonts


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A machine whose only programs are those that a test puts there, and git; without the driver's library."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "libnvidia-ml.so.1").touch()
    git = next(Path(place, "git") for place in os.environ["PATH"].split(":") if Path(place, "git").exists())
    (programs / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(programs))
    places = {"PATH": str(programs), "LD_LIBRARY_PATH": str(programs), "HOME": str(tmp_path)}
    return {**places, "DOCKER_HOST": f"unix://{tmp_path}/no.sock"}


def program(environ: dict[str, str], name: str, script: str) -> None:
    path = Path(environ["PATH"]) / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def config(root: Path, template: str = "", **run: object) -> Config:
    (root / "a.md.j2").write_text(template)
    runs = (Run(report="a.md", name="r", address="r", line=1, notebook="a.ipynb", **run),)  # type: ignore[arg-type]  # each test gives one key
    return Config(
        path=root / "gpu-doc.yml", root=root, reports=(Report(path="a.md", line=1, template="a.md.j2", runs=runs),)
    )


def found(component: str, findings: list[Finding]) -> Finding:
    return next(finding for finding in findings if finding.component == component)


def test_the_table_puts_remedies_below_what_they_mend() -> None:
    findings = [
        Finding(component="git", state="ok", says="git version 2.39.5"),
        Finding(component="Chromium", state="missing", says="none", remedy="apt-get install chromium"),
    ]
    assert text(findings).splitlines() == [
        "ok       git       git version 2.39.5",
        "missing  Chromium  none",
        "                   → apt-get install chromium",
    ]


def test_the_table_wraps_findings_but_not_remedies() -> None:
    lines = text([Finding(component="git", state="warning", says="word " * 40, remedy="command " * 40)]).splitlines()
    assert max(len(line) for line in lines[:-1]) <= doctor.WIDTH
    assert lines[-1].count("command") == 40


def test_every_component_is_named(environ: dict[str, str], tmp_path: Path) -> None:
    named = {finding.component for finding in examine(config(tmp_path, image="x"), environ, tmp_path)}
    assert named == {"kernel", "Chromium", "fonts", "GPU", "Docker", "disk", "git", "token"}


def test_every_finding_that_is_not_well_has_a_remedy(environ: dict[str, str], tmp_path: Path) -> None:
    findings = examine(config(tmp_path, "{{ shot('r/a') }}", kernel="ir"), environ, tmp_path)
    assert [finding for finding in findings if finding.state != "ok" and not finding.remedy] == []


@pytest.mark.parametrize(("template", "state"), [("{{ shot('r/a') }}", "missing"), ("{{ value('r/a') }}", "warning")])
def test_chromium_is_needed_only_for_pictures(
    environ: dict[str, str], tmp_path: Path, template: str, state: str
) -> None:
    assert found("Chromium", examine(config(tmp_path, template), environ, tmp_path)).state == state


def test_without_a_configuration_nothing_is_needed(environ: dict[str, str], tmp_path: Path) -> None:
    assert not [finding for finding in examine(None, environ, tmp_path) if finding.state == "missing"]


def test_a_kernel_that_is_not_installed_is_missing(environ: dict[str, str], tmp_path: Path) -> None:
    findings = [f for f in examine(config(tmp_path, kernel="ir"), environ, tmp_path) if f.component == "kernel"]
    assert [finding.state for finding in findings] == ["ok", "missing"]
    assert "kernel ir" in findings[1].says
    assert "python3" in findings[1].says


def test_an_active_environment_without_ipykernel_is_passed_over(environ: dict[str, str], tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "theirs"], check=True)
    finding = found("kernel", examine(None, {**environ, "VIRTUAL_ENV": str(tmp_path / "theirs")}, tmp_path))
    assert finding.state == "warning"
    assert sys.executable in finding.says
    assert finding.remedy == f"{tmp_path}/theirs/bin/python -m pip install ipykernel"


def test_our_own_environment_may_be_active(environ: dict[str, str], tmp_path: Path) -> None:
    assert found("kernel", examine(None, {**environ, "VIRTUAL_ENV": sys.prefix}, tmp_path)).state == "ok"


H100 = "0, GPU-5aa1b2c3, NVIDIA H100 80GB HBM3, 81559, 80000, 570.86.15"


@pytest.mark.parametrize(
    ("requirement", "state"),
    [
        (GpuRequirement(count=1), "ok"),
        (GpuRequirement(count=2), "missing"),
        (GpuRequirement(memory=40 << 30), "ok"),
        (GpuRequirement(memory=100 << 30), "missing"),
        (GpuRequirement(model="h100"), "ok"),
        (GpuRequirement(model="A100"), "missing"),
    ],
)
def test_a_required_gpu(environ: dict[str, str], tmp_path: Path, requirement: GpuRequirement, state: str) -> None:
    program(environ, "nvidia-smi", f"echo '{H100}'")
    finding = found("GPU", examine(config(tmp_path, requires=requirement), environ, tmp_path))
    assert finding.state == state
    assert "H100 80GB HBM3, 79.6 GiB" in finding.says


def test_a_gpu_that_a_run_names_must_be_here(environ: dict[str, str], tmp_path: Path) -> None:
    program(environ, "nvidia-smi", f"echo '{H100}'")
    finding = found("GPU", examine(config(tmp_path, gpus=(3,)), environ, tmp_path))
    assert (finding.state, finding.says) == ("missing", "a.md: r: there is no GPU `3` here")


def test_a_gpu_is_missing_where_the_driver_fails(environ: dict[str, str], tmp_path: Path) -> None:
    program(
        environ, "nvidia-smi", 'echo "NVIDIA-SMI has failed because it couldn\'t communicate with the driver"; exit 9'
    )
    assert found("GPU", examine(config(tmp_path, requires=GpuRequirement()), environ, tmp_path)).state == "missing"
    finding = found("GPU", examine(None, environ, tmp_path))
    assert finding.state == "warning"
    assert "couldn't communicate" in finding.says


def test_docker_is_not_needed_where_no_run_has_an_image(environ: dict[str, str], tmp_path: Path) -> None:
    finding = found("Docker", examine(config(tmp_path), environ, tmp_path))
    assert finding.state == "ok"
    assert "not needed, since no run has an image" in finding.says


def test_an_engine_that_a_run_needs_must_answer(environ: dict[str, str], tmp_path: Path) -> None:
    findings = examine(config(tmp_path, image="x"), environ, tmp_path)
    assert found("Docker", findings).state == "missing"
    assert "no.sock" in found("Docker", findings).says
    other = config(tmp_path, image="x", docker_host=f"unix://{tmp_path}/other.sock")
    assert "other.sock" in found("Docker", examine(other, environ, tmp_path)).says


def test_what_runs_in_containers_need_is_not_looked_for_here(environ: dict[str, str], tmp_path: Path) -> None:
    findings = examine(config(tmp_path, image="x", kernel="ir", requires=GpuRequirement()), environ, tmp_path)
    assert {each.component for each in findings if each.state == "missing"} == {"Docker"}


def test_fonts_that_are_missing_are_named(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found("fonts", examine(None, environ, tmp_path)).state == "ok"
    monkeypatch.setattr(fonts, "find_spec", lambda name: None if name.endswith("cjk") else find_spec(name))
    finding = found("fonts", examine(None, environ, tmp_path))
    assert finding.state == "warning"
    assert "Chinese, Japanese or Korean" in finding.says
    assert finding.remedy == "pip install 'gpu-doc[cjk]'"
    monkeypatch.setattr(fonts, "find_spec", lambda _: None)
    assert found("fonts", examine(None, environ, tmp_path)).state == "missing"


@pytest.mark.needs("git")
def test_git_says_what_kind_of_clone_it_is(environ: dict[str, str], tmp_path: Path) -> None:
    repository, shallow = tmp_path / "whole", tmp_path / "shallow"
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    assert "in no repository" in found("git", examine(None, environ, tmp_path)).says
    for command in (
        ["init", "--quiet", str(repository)],
        ["-C", str(repository), *identity, "commit", "--quiet", "--allow-empty", "-m", "one"],
        ["clone", "--quiet", "--depth", "1", f"file://{repository}", str(shallow)],
    ):
        subprocess.run(["git", *command], check=True)
    assert found("git", examine(None, environ, repository)).says.endswith("in a repository")
    assert found("git", examine(None, environ, shallow)).says.endswith("in a shallow clone")


def test_a_token_is_never_shown(environ: dict[str, str], tmp_path: Path) -> None:
    findings = examine(None, {**environ, "GH_TOKEN": "ghp_secret"}, tmp_path)
    assert found("token", findings).says.startswith("GH_TOKEN is set")
    assert "ghp_secret" not in text(findings)


def test_publishing_from_a_workflow_wants_a_token(environ: dict[str, str], tmp_path: Path) -> None:
    inside = {**environ, "GITHUB_ACTIONS": "true"}
    assert found("token", examine(config(tmp_path), inside, tmp_path)).state == "warning"
    assert found("token", examine(config(tmp_path), environ, tmp_path)).state == "ok"
