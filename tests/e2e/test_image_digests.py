"""Which image a run takes, and when that makes it stale."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.integration.registries import Registry

from .conftest import Project

pytestmark = [pytest.mark.full, pytest.mark.needs("docker")]

CONFIG = """\
reports:
  - path: docs/report.md
    runs:
      log: {{image: "{image}", command: [sh, -c, "command -v bash_kernel jupyter; echo done"]}}
"""


@pytest.fixture
def tagged(tmp_path: Path, registry: Registry) -> tuple[Project, str, str]:
    """A project whose image is a tag in a registry; the digest that it has at first."""
    digest = registry.push("bare", "team/image")
    reference = f"{registry.address}/team/image"
    project = Project(tmp_path / "project")
    report = '<!-- gpu-doc: text("log") -->\n<!-- gpu-doc: end -->\n'
    project.write({"gpu-doc.yml": CONFIG.format(image=reference), "docs/report.md": report})
    return project, reference, digest


def digest_in_evidence(project: Project) -> str:
    return str(project.evidence()["runs"]["log"]["machine"]["image-digest"])


def forget(*references: str) -> None:
    with closing(docker.from_env()) as client:
        for reference in references:
            client.images.remove(reference, noprune=True)


def test_a_push_stays_on_the_digest_in_evidence_and_nightly_moves_it(
    tagged: tuple[Project, str, str], registry: Registry
) -> None:
    project, reference, first = tagged
    done = project.gpu_doc("run")
    assert f"pulling {reference}" in done.stderr
    assert digest_in_evidence(project) == first
    second = registry.push("ipykernel", "team/image")
    assert second != first
    assert "nothing to run" in project.gpu_doc("run").stdout

    project.gpu_doc("run", "--force")
    assert digest_in_evidence(project) == first, "the tag has moved, and the run stays where it was"
    forget(first)
    project.gpu_doc("run", "--force")
    assert digest_in_evidence(project) == first, "it is pulled by its digest"

    moved = project.gpu_doc("run", "--pull", "always")
    assert digest_in_evidence(project) == second
    assert "1 run executed" in moved.stdout
    assert "nothing to run" in project.gpu_doc("run", "--pull", "always").stdout
    assert "nothing to run" in project.gpu_doc("run").stdout


def test_a_rebuilt_image_is_seen_in_the_plan_once_it_is_here(
    tagged: tuple[Project, str, str], registry: Registry
) -> None:
    project, reference, first = tagged
    project.edit("gpu-doc.yml", 'image: "', 'pull: always, image: "')
    project.gpu_doc("run")
    second = registry.push("ipykernel", "team/image")
    with closing(docker.from_env()) as client:
        client.images.pull(reference)
    (reason,) = project.stale_runs()["log"]
    short = [digest.rpartition(":")[2][:12] for digest in (first, second)]
    assert reason == f"image digest changed ({short[0]} → {short[1]})"


def test_who_rebuilt_an_image_here_is_told_that_runs_stay_on_theirs(
    tagged: tuple[Project, str, str], registry: Registry
) -> None:
    project, reference, first = tagged
    project.gpu_doc("run")
    registry.push("ipykernel", "team/image")
    with closing(docker.from_env()) as client:
        client.images.pull(reference)
    word = f"{reference} now points to a newer image; runs keep theirs until `--pull always`"
    assert word in project.gpu_doc("run").stderr
    assert word in project.gpu_doc("plan", "--json").stderr
    assert digest_in_evidence(project) == first


def test_where_no_engine_is_the_digest_is_not_judged(tagged: tuple[Project, str, str]) -> None:
    project, _, _ = tagged
    project.gpu_doc("run")
    nowhere: Any = {"DOCKER_HOST": f"unix://{project.root}/no.sock"}
    plan = project.gpu_doc("plan", **nowhere)
    assert "not checked here: image digest" in plan.stdout
    assert project.gpu_doc("check", **nowhere).returncode == 0
    done = project.gpu_doc("run", "--force", code=5, **nowhere)
    assert "no container engine is here" in done.stderr
    assert "docs/report.md stays as it was" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_executor_is_never_replaced_by_itself(tagged: tuple[Project, str, str]) -> None:
    project, reference, _ = tagged
    project.gpu_doc("run")
    project.edit("gpu-doc.yml", reference, "local-only/nowhere:1")
    assert project.stale_runs()["log"] == [f"image {reference} → local-only/nowhere:1"]
    done = project.gpu_doc("run", "--pull", "never", code=5)
    assert "the image local-only/nowhere:1 is not on the engine" in done.stderr
    done = project.gpu_doc("run", "--executor", "local")
    assert project.evidence()["runs"]["log"]["source"]["image"] == "local"
