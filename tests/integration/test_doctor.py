from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]  # ships no types
import pytest
from tests.e2e.conftest import notebook
from tests.integration.engines import Engine, image
from tests.integration.registries import Registry

from gpu_doc.config.load import load
from gpu_doc.doctor.doctor import examine
from gpu_doc.doctor.finding import Finding
from gpu_doc.pictures.chromium import sandbox_closed


def chromium(environ: dict[str, str], cwd: Path) -> Finding:
    return next(finding for finding in examine(None, environ, cwd) if finding.component == "Chromium")


@pytest.mark.needs("chromium")
def test_chromium_is_started_and_its_sandbox_accounted_for(tmp_path: Path) -> None:
    finding = chromium(dict(os.environ), tmp_path)
    assert finding.state == "ok"
    assert re.search(r"\d+\.\d+\.\d+\.\d+ at /\S+ starts", finding.says)
    assert ("--no-sandbox" in finding.says) == sandbox_closed()


def test_a_chromium_that_does_not_start_is_no_chromium(tmp_path: Path) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho 'error while loading shared libraries: libnss3.so' >&2\nexit 127\n")
    broken.chmod(0o755)
    finding = chromium({**os.environ, "GPU_DOC_CHROMIUM": str(broken)}, tmp_path)
    assert finding.state == "warning"
    assert "libnss3.so" in finding.says
    assert finding.remedy


# --- containers ------------------------------------------------------------------------------------------------------


def found(root: Path, runs: Mapping[str, str], environ: Mapping[str, str] | None = None) -> list[Finding]:
    """What is found of runs, each a line of YAML, in components that concern containers."""
    lines = "".join(
        f"      {name}: {{{'' if 'notebook' in keys else 'notebook: a.ipynb, '}{keys}}}\n"
        for name, keys in runs.items()
    )
    for name in ("a.ipynb", "a.md"):
        (root / name).touch()
    (root / "bash.ipynb").write_text(notebook(kernel="bash"))
    (root / "gpu-doc.yml").write_text(f"reports:\n  - path: a.md\n    runs:\n{lines}", "utf-8")
    # Without a browser, which takes its time and is not asked for.
    variables = {**os.environ, "GPU_DOC_CHROMIUM": "/none", **(environ or {})}
    findings = examine(load(root / "gpu-doc.yml"), variables, root)
    mine = ("Docker", "limits", "image", "GPU")
    return [each for each in findings if each.component in mine and each.says != "none here; no local run asks for one"]


def about(findings: list[Finding], words: str) -> Finding:
    (finding,) = (each for each in findings if words in each.says)
    return finding


def left(client: Any) -> int:
    """Containers that were not removed when their examination ended; those of other tests go on meanwhile."""
    found = client.containers.list(all=True, filters={"label": "io.gpu-doc.kind=probe"}, ignore_removed=True)
    return sum(not Path(each.labels["io.gpu-doc.lock"]).exists() for each in found)


@pytest.mark.needs("docker")
def test_images_are_started_as_runs_would_start_them(tmp_path: Path) -> None:
    names = {name: image(name) for name in ("ipykernel", "bare", "conda-like", "nopython")}
    findings = found(
        tmp_path,
        {
            "well": f"image: '{names['ipykernel']}'",
            "other": f"image: '{names['ipykernel']}', kernel: ir",
            "own": f"image: '{names['ipykernel']}', notebook: bash.ipynb",
            "bare": f"image: '{names['bare']}'",
            "conda": f"image: '{names['conda-like']}'",
            "conda-root": f"image: '{names['conda-like']}', user: image",
            "none": f"image: '{names['nopython']}'",
        },
    )
    images = [each for each in findings if each.component == "image"]
    assert [each.state for each in images] == ["ok", *["missing"] * 4, "ok", "missing"]
    assert re.search(r"[0-9.]+ MB, sha256:[0-9a-f]{12}; Python 3\.\d+\.\d+ with ipykernel \d", images[0].says)
    assert "no kernel named `ir`" in images[1].says
    assert "no kernel named `bash`" in images[2].says
    assert "RUN python3 -m pip install ipykernel" in images[3].remedy
    assert "bootstrap: true" in images[3].remedy
    assert "user: image" in images[4].remedy
    assert "no Python" in images[6].says
    with closing(docker.from_env()) as client:
        assert about(findings, "unix://").says.startswith(f"engine {client.version()['Version']} at unix://")
        assert left(client) == 0


@pytest.mark.needs("docker")
def test_bootstrap_makes_up_for_a_missing_ipykernel(tmp_path: Path) -> None:
    finding = about(found(tmp_path, {"bare": f"image: '{image('bare')}', bootstrap: true"}), "bare")
    assert (finding.state, "(bootstrap)" in finding.says) == ("ok", True)


def test_an_image_that_is_not_here_is_asked_for_and_not_pulled(tmp_path: Path, registry: Registry) -> None:
    digest = registry.push("nopython", "team/small", "1").rpartition("@")[2]
    here, absent = f"{registry.address}/team/small:1", f"{registry.address}/team/none:1"
    never = f"image: '{registry.address}/team/other:1', pull: never"
    findings = found(tmp_path, {"a": f"image: '{here}'", "b": f"image: '{absent}'", "c": never})
    assert about(findings, here).state == "warning"
    assert digest[:19] in about(findings, here).says
    assert f"docker pull {here}" in about(findings, here).remedy
    assert about(findings, absent).state == "missing"
    assert about(findings, "pull: never").state == "missing"
    with closing(docker.from_env()) as client:
        assert client.images.list(here) == []


@pytest.mark.needs("docker")
def test_limits_that_the_machine_does_not_have_are_told_once(tmp_path: Path) -> None:
    keys = f"image: '{image('ipykernel')}', limits: {{cpus: 4000, memory: 900t}}"
    findings = found(tmp_path, {"a": keys, "b": keys})
    limits = [each for each in findings if each.component == "limits"]
    assert [(each.state, each.says.split(":")[0]) for each in limits] == [("warning", "a")] * 2
    assert about(findings, "ipykernel").state == "ok", "it is started within what the machine has"


@pytest.mark.needs("docker", "root")
def test_what_has_to_be_copied_is_told_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(5_000_000))
    (tmp_path / "data").mkdir()
    (tmp_path / "data/rows").write_bytes(bytes(7_000_000))
    finding = about(found(tmp_path, {"a": f"image: '{image('ipykernel')}', data: [data]"}), "unix://")
    assert finding.state == "ok"
    assert "the checkout (about 5 MB) is copied" in finding.says
    assert "runs as root" in finding.says


def test_an_engine_that_sees_nothing_gets_the_data_too(tmp_path: Path, far_engine: Engine) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/rows").write_bytes(bytes(7_000_000))
    keys = f"image: '{far_engine.load('ipykernel')}', data: [data]"
    finding = about(found(tmp_path, {"a": keys}, {"DOCKER_HOST": far_engine.host}), "unix://")
    assert "the checkout and data (about 7 MB) are copied" in finding.says
    assert "does not see our files" in finding.says


def test_a_rootless_engine_without_control_groups_holds_no_limits(tmp_path: Path, rootless_engine: Engine) -> None:
    keys = f"image: '{rootless_engine.load('ipykernel')}', limits: {{memory: 1g}}"
    findings = found(tmp_path, {"a": keys}, {"DOCKER_HOST": rootless_engine.host})
    assert "rootless" in about(findings, "unix://").says
    assert about(findings, "can't hold memory").state == "warning"


@pytest.mark.needs("docker")
def test_a_gpu_that_the_engine_cannot_give_is_missing(tmp_path: Path) -> None:
    keys = f"image: '{image('ipykernel')}', requires: {{gpu: {{count: 1}}}}"
    (finding,) = (each for each in found(tmp_path, {"a": keys}) if each.component == "GPU")
    assert finding.state == "missing"
    assert finding.remedy


def test_gpus_are_counted_in_a_container(tmp_path: Path, gpu_engine: Engine) -> None:
    runs = {f"run{count}": f"image: '{gpu_engine.load('ipykernel')}', gpus: {count}" for count in (2, 3)}
    findings = found(tmp_path, runs, {"DOCKER_HOST": gpu_engine.host, "NVIDIA_VISIBLE_DEVICES": "0,1"})
    (finding,) = (each for each in findings if each.component == "GPU" and "a.md" in each.says)
    assert (finding.state, finding.says.split(":")[1]) == ("missing", " run3")
