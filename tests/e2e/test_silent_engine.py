"""An engine that stops to answer: whatever happens, gpu-doc comes to an end, and says what it could not do."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.integration.engines import image
from tests.integration.proxies import Proxy, proxy

from .conftest import Project, code, environment, notebook

pytestmark = pytest.mark.needs("docker")

CONFIG = """\
defaults:
  image: {image}
  limits: {{time: 4s}}
reports:
  - path: docs/report.md
    runs:
      command: {{command: [sleep, "600"]}}
      kernel: {{notebook: wait.ipynb}}
"""
REPORT = """\
<!-- gpu-doc: text("command") -->
<!-- gpu-doc: end -->
<!-- gpu-doc: text("kernel/a") -->
<!-- gpu-doc: end -->
"""
PATIENCE = 60
"""Seconds, of which a busy machine may need many; ten minutes for each call were seen."""


@pytest.fixture
def silenced() -> Iterator[Proxy]:
    """An engine on a port, all of whose traffic can be swallowed."""
    with proxy() as found:
        yield found


def started(project: Project, engine: Proxy) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "gpu_doc", "run", "--jobs", "2"]
    environ = environment(DOCKER_HOST=engine.host)
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, cwd=project.root, env=environ, stdout=pipe, stderr=pipe, text=True)


def test_after_the_time_limit_all_is_over_though_the_engine_says_nothing(tmp_path: Path, silenced: Proxy) -> None:
    project = Project(tmp_path)
    cell = notebook(code("import time\ntime.sleep(600)", "a"))
    config = CONFIG.format(image=image("ipykernel"))
    project.write({"wait.ipynb": cell, "gpu-doc.yml": config, "docs/report.md": REPORT})
    with started(project, silenced) as process:
        end = time.monotonic() + PATIENCE
        while sum("/start" in line for line in silenced.asked) < 2:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.05)
        silenced.silent.set()
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3, said
    assert said.count("stopped after 4.0 s (limits.time)") == 2
    assert f"could not remove what runs left on {silenced.host}: the engine gave no answer in time" in said
    assert "`gpu-doc clean` does it later" in said
    assert "removed" in project.gpu_doc("clean").stdout
    with closing(docker.from_env()) as client:
        left = [
            each.id
            for name in ("command", "kernel")
            for each in client.containers.list(
                all=True, ignore_removed=True, filters={"label": f"io.gpu-doc.run={name}"}
            )
            if not Path(each.labels["io.gpu-doc.lock"]).exists()
        ]
    assert left == []
