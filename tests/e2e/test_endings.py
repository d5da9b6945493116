"""What engines and images fail of ends no refresh: the reports that don't need them are brought up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.engines import Engine, _answers, engine, image, running, wait_until
from tests.integration.registries import Registry
from tests.troubleshooting import listed
from tests.waiting import PATIENCE

from .conftest import Project, code, environment, notebook

pytestmark = [pytest.mark.full, pytest.mark.needs("docker"), pytest.mark.xdist_group("frail engine")]

LOCAL = """\
  - path: docs/local.md
    runs: {local: {notebook: notebooks/local.ipynb}}
"""
FILES = {
    "docs/local.md": '<!-- gpu-doc: value("local/answer") -->\n<!-- gpu-doc: end -->\n',
    "notebooks/local.ipynb": notebook(code("6 * 7", "answer")),
}


def write(project: Project, **runs: str) -> None:
    """A report for each run, and one whose run is local."""
    config = "".join(f"  - {{path: docs/{name}.md, runs: {{{name}: {run}}}}}\n" for name, run in runs.items())
    reports = {f"docs/{name}.md": f'<!-- gpu-doc: text("{name}") -->\n<!-- gpu-doc: end -->\n' for name in runs}
    project.write({"gpu-doc.yml": f"reports:\n{config}{LOCAL}", **FILES, **reports})


def told(err: str) -> list[str]:
    """What is said of each failure, on one line."""
    return [" ".join(each.split()) for each in re.split(r"^Error: ", err, flags=re.MULTILINE)[1:]]


def test_what_an_engine_or_an_image_lacks_is_told_and_the_rest_goes_on(
    tmp_path: Path, private_registry: Registry
) -> None:
    private_registry.push("nopython", "team/image")
    project = Project(tmp_path)
    kernel = image("ipykernel")
    write(
        project,
        missing="{image: gpu-doc-test/missing, pull: never, command: [echo]}",
        refused=f"{{image: {private_registry.address}/team/image, command: [echo]}}",
        offline="{image: '127.0.0.1:9/team/image', command: [echo], retries: {times: 1}}",
        nowhere=f"{{image: '{kernel}', docker-host: 'unix:///nowhere/docker.sock', command: [echo]}}",
        data=f"{{image: '{kernel}', data: [data/rows.csv], command: [echo]}}",
    )
    done = project.gpu_doc("run", code=5)
    said = told(done.stderr)
    for words in (
        "gpu-doc-test/missing is not on the engine, and `pull: never` forbids to pull it",
        "the registry refuses to give the image, or has none of this name",
        "the engine can't reach the registry",
        "no container engine is here: unix:///nowhere/docker.sock",
        "is not here",
    ):
        assert len([each for each in said if words in each]) == 1, done.stderr
    assert [each for each in said if not listed(each)] == []
    assert done.stderr.count("network error; trying again") == 1
    assert "42" in project.read("docs/local.md")


# --- an engine in trouble --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def frail() -> Iterator[Engine]:
    """An engine of these tests' own."""
    with engine() as found:
        found.load("ipykernel")
        yield found


def within(found: Engine, *argv: object) -> list[str]:
    """A command in the namespaces where the engine has its disk."""
    return ["nsenter", "--mount", "--net", f"--target={found.pid}", *map(str, argv)]


@contextmanager
def room(found: Engine, left: int) -> Iterator[None]:
    """Leave an engine's disk so many bytes."""
    data = found.folder / "data"
    shown = subprocess.run(within(found, "df", "--output=used", "-B1", data), capture_output=True, check=True).stdout
    size = int(shown.split()[-1]) + left
    subprocess.run(within(found, "mount", "-o", f"remount,size={size}", data), check=True)
    try:
        yield
    finally:
        subprocess.run(within(found, "mount", "-o", "remount,size=50%", data), check=True)


def test_a_full_disk_of_the_engine_is_told(tmp_path: Path, frail: Engine) -> None:
    project = Project(tmp_path)
    reference = image("ipykernel")
    write(project, full=f"{{image: '{reference}', command: [dd, if=/dev/zero, of=/tmp/large, bs=1M, count=90]}}")
    with room(frail, 30_000_000):
        done = project.gpu_doc("run", code=3, DOCKER_HOST=frail.host)
    (said,) = told(done.stderr)
    assert "the command ended with status 1" in said
    assert "No space left on device" in said
    assert "The engine's disk is full" in said
    assert "42" in project.read("docs/local.md")
    with room(frail, 0):
        (said,) = told(project.gpu_doc("run", code=5, DOCKER_HOST=frail.host).stderr)
    assert said.startswith("the engine's disk is full")
    assert listed(said)


@contextmanager
def refreshing(project: Project, found: Engine) -> Iterator[subprocess.Popen[bytes]]:
    """A refresh in the middle of a command and a notebook in containers."""
    reference = image("ipykernel")
    write(
        project,
        long=f"{{image: '{reference}', command: [sh, -c, 'echo begun; sleep 60']}}",
        train=f"{{image: '{reference}', notebook: notebooks/train.ipynb}}",
    )
    project.write({"notebooks/train.ipynb": notebook(code("print('begun')\nimport time\ntime.sleep(60)"))})
    project.write({"docs/train.md": '<!-- gpu-doc: text("train/#1") -->\n<!-- gpu-doc: end -->\n'})
    log = project.root / "log"
    with log.open("wb") as file:
        argv = [sys.executable, "-m", "gpu_doc", "run", "--jobs", "2"]
        refresh = subprocess.Popen(argv, cwd=project.root, env=environment(DOCKER_HOST=found.host), stderr=file)
    try:
        wait_until(lambda: _works(found), "the refresh", refresh, log)
        yield refresh
    finally:
        refresh.kill()
        refresh.wait()


def _works(found: Engine) -> bool:
    with closing(found.client()) as client:
        processes = "".join(
            str(each.top(ps_args="-wweo pid,args")["Processes"]) for each in client.containers.list(ignore_removed=True)
        )
    return "sleep 60" in processes and "ipykernel" in processes


@contextmanager
def down(found: Engine) -> Iterator[Callable[[], Any]]:
    """Stop an engine; gives what starts it again as `systemctl start docker` would."""
    process = psutil.Process(found.pid)
    argv = process.cmdline()
    with running(within(found, "sleep", "600"), found.folder / "holder") as holder:
        process.terminate()
        process.wait(PATIENCE)
        place = ["nsenter", "--mount", "--net", f"--target={holder.pid}"]
        yield lambda: running([*place, *argv], found.folder / "log-again")


def test_an_engine_that_is_restarted_in_the_middle_is_told(tmp_path: Path, frail: Engine) -> None:
    project = Project(tmp_path)
    with refreshing(project, frail) as refresh, down(frail) as start:
        assert refresh.wait(PATIENCE) == 5
        said = told(project.read("log"))
        assert len(said) == 2
        assert all(each.startswith("the engine went away: it was stopped, or restarted") for each in said)
        assert all(map(listed, said))
        assert "42" in project.read("docs/local.md")
        (told_now,) = told(project.gpu_doc("run", "docs/long.md", code=5, DOCKER_HOST=frail.host).stderr)
        assert listed(told_now)
        with start() as process:
            wait_until(lambda: _answers(frail), "dockerd", process, frail.folder / "log-again")
            project.edit("gpu-doc.yml", "sleep 60", "sleep 0")
            project.edit("notebooks/train.ipynb", "sleep(60)", "sleep(0)")
            assert "2 runs executed" in project.gpu_doc("run", DOCKER_HOST=frail.host).stdout
            with closing(frail.client()) as client:
                assert client.containers.list(all=True) == []
                assert client.volumes.list() == []
