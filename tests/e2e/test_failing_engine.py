"""Engines that fail in the middle: whatever happens, gpu-doc comes to an end, and says what it could not do."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import docker  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.integration.engines import image
from tests.integration.proxies import Proxy, proxy
from tests.waiting import PATIENCE, eventually

from .conftest import Project, code, environment, notebook

pytestmark = [pytest.mark.full, pytest.mark.needs("docker")]

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


@pytest.fixture
def between() -> Iterator[Proxy]:
    """What stands before an engine, on a port."""
    with proxy() as found:
        yield found


def meanwhile(process: subprocess.Popen[str], holds: Callable[[], bool]) -> None:
    """Wait until something holds, while a process goes on."""
    assert eventually(lambda: holds() or process.poll() is not None)
    assert process.poll() is None


@contextmanager
def started(project: Project, engine: Proxy) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-m", "gpu_doc", "run", "--jobs", "2"]
    environ = environment(DOCKER_HOST=engine.host)
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=project.root, env=environ, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_after_the_time_limit_all_is_over_though_the_engine_says_nothing(tmp_path: Path, between: Proxy) -> None:
    project = Project(tmp_path)
    cell = notebook(code("import time\ntime.sleep(600)", "a"))
    config = CONFIG.format(image=image("ipykernel"))
    project.write({"wait.ipynb": cell, "gpu-doc.yml": config, "docs/report.md": REPORT})
    with started(project, between) as process:
        meanwhile(process, lambda: sum("/start" in line for line in between.asked) == 2)
        between.silent.set()
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3, said
    assert said.count("stopped after 4.0 s (limits.time)") == 2
    assert f"could not remove what runs left on {between.host}: the engine gave no answer in time" in said
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


# --- an engine that starts nothing in a container that runs ----------------------------------------------------------

DETACHED = """\
defaults:
  image: {image}
reports:
  - path: docs/report.md
    runs:
      train: {{command: [sh, -c, "{script}"], detach: true}}
"""
SCRIPT = "echo began {name}; while ! [ -e /tmp/end ]; do sleep 0.1; done; echo ended"
NO_EXEC = "OCI runtime exec failed: crun: write cgroup.procs: Operation not permitted"


@pytest.fixture
def training(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    config = DETACHED.format(image=image("bare"), script=SCRIPT.format(name=secrets.token_hex(4)))
    block = '<!-- gpu-doc: text("train") -->\n<!-- gpu-doc: end -->\n'
    project.write({"gpu-doc.yml": config, "docs/report.md": block})
    return project


def starts(engine: Proxy) -> int:
    """How often something was to be started in a container that runs."""
    return sum("/exec/" in line and "/start" in line for line in engine.asked)


def test_a_command_that_cannot_be_followed_is_told_after_three_tries(training: Project, between: Proxy) -> None:
    between.refused["/exec/.*/start"] = NO_EXEC
    done = training.gpu_doc("run", code=5, DOCKER_HOST=between.host)
    assert "the engine can start nothing in the run's container" in done.stderr
    assert NO_EXEC in done.stderr
    assert starts(between) == 3
    assert any(line.startswith("DELETE") for line in between.asked), "it is not left waiting for leave to begin"


def test_a_command_that_goes_on_unseen_is_waited_for(training: Project, between: Proxy) -> None:
    with started(training, between) as process, closing(docker.from_env()) as client:
        scratch = training.root / ".gpu-doc/scratch"
        meanwhile(process, lambda: any("began" in log.read_text() for log in scratch.glob("*/terminal.log")))
        between.refused["/exec/.*/start"] = NO_EXEC
        between.cut()
        meanwhile(process, lambda: starts(between) >= 4)
        created = next(line for line in between.asked if "/exec " in line)
        container = client.containers.get(created.split("/containers/")[1].split("/")[0])
        assert container.exec_run(["touch", "/tmp/end"]).exit_code == 0
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert "the engine can't start what shows the command" in said
    assert starts(between) == 4, "the first one, and three that failed"
    assert "ended" in training.read("docs/report.md")
