"""Commands that outlive gpu-doc, and what is left of a gpu-doc that was killed."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.integration.engines import image
from tests.waiting import PATIENCE, eventually

from .conftest import Project, code, environment, notebook

pytestmark = [pytest.mark.full, pytest.mark.needs("docker")]

CONFIG = """\
defaults:
  image: {image}
reports:
  - path: docs/report.md
    runs:
      {name}: {{command: [python3, train.py], produces: [loss.csv], detach: {detach}, limits: {{time: 5m}}}}
"""

TRAIN = """\
import pathlib, sys, time, uuid

print("began", uuid.uuid4(), flush=True)
while not pathlib.Path("/tmp/end").exists():
    time.sleep(0.05)
pathlib.Path("loss.csv").write_text("epoch,loss\\n1,0.5\\n")
print("\\033[32mended\\033[0m", flush=True)
"""


class Training:
    """A project with one long command, and the container it runs in."""

    def __init__(self, root: Path, *, detach: bool) -> None:
        self.project = Project(root)
        self.name = f"log-{secrets.token_hex(4)}"
        config = CONFIG.format(image=image("bare"), name=self.name, detach=str(detach).lower())
        report = f'<!-- gpu-doc: text("{self.name}") -->\n<!-- gpu-doc: end -->\n'
        report += f'\n<!-- gpu-doc: table("{self.name}/file:loss.csv") -->\n<!-- gpu-doc: end -->\n'
        self.project.write({"gpu-doc.yml": config, "train.py": f"{TRAIN}# {self.name}\n", "docs/report.md": report})

    def start(self) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "gpu_doc", "run"]
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, cwd=self.project.root, env=environment(), stdout=pipe, stderr=pipe, text=True)

    def containers(self) -> list[Any]:
        with closing(docker.from_env()) as client:
            return list(
                client.containers.list(all=True, ignore_removed=True, filters={"label": f"io.gpu-doc.run={self.name}"})
            )

    def terminal(self) -> str:
        (container,) = self.containers()
        return str(container.exec_run(["cat", "/gpu-doc/outcome/terminal.log"]).output.decode())

    def log(self, process: subprocess.Popen[str]) -> str:
        """What a gpu-doc has kept of the terminal so far."""
        found = (self.project.root / ".gpu-doc/scratch").glob(f"{process.pid}-*/terminal.log")
        return "".join(path.read_text() for path in found)

    def end_it(self) -> None:
        (container,) = self.containers()
        container.exec_run(["touch", "/tmp/end"])


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    made = Training(tmp_path / "project", detach=True)
    yield made
    for container in made.containers():
        container.remove(v=True, force=True)


def killed_in_the_middle(training: Training) -> str:
    """Start, and kill gpu-doc once the command has said that it began; what it said."""
    process = training.start()
    assert eventually(lambda: len(training.containers()) == 1 and training.containers()[0].status == "running")
    said = eventually(lambda: "began" in training.terminal() and training.terminal())
    process.kill()
    process.communicate()
    time.sleep(1)
    assert training.containers()[0].status == "running", "it goes on"
    return str(said).strip()


def test_a_detached_command_goes_on_and_is_picked_up_again(training: Training) -> None:
    said = killed_in_the_middle(training)
    process = training.start()
    assert eventually(lambda: said in training.log(process))
    training.end_it()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, out + err
    text = training.project.read("docs/report.md")
    assert f"{said}\nended" in text
    assert "| 1 | 0.5 |" in text
    assert training.containers() == []
    assert "nothing to run" in training.project.gpu_doc("run").stdout


def test_a_command_that_somebody_follows_is_left_to_them(training: Training, tmp_path: Path) -> None:
    first = training.start()
    assert eventually(lambda: training.containers() and training.containers()[0].status == "running")
    # The same checkout once more, with a state of its own: as two runners of one machine have it.
    argv = [sys.executable, "-m", "gpu_doc", "run", "--state-dir", str(tmp_path / "state")]
    second = subprocess.Popen(argv, cwd=training.project.root, env=environment(), stderr=subprocess.DEVNULL)
    assert eventually(lambda: len([each for each in training.containers() if each.status == "running"]) == 2)
    for process in (first, second):
        process.terminate()
    first.communicate()
    second.wait()
    assert training.containers() == []


def test_a_detached_command_makes_the_result_of_nobody_else(training: Training) -> None:
    said = killed_in_the_middle(training)
    (first,) = training.containers()
    # On the same state, but as somebody whose results are kept apart from a person's.
    argv = [sys.executable, "-m", "gpu_doc", "run", "--state-dir", str(training.project.root / ".gpu-doc")]
    process = subprocess.Popen(argv, cwd=training.project.root, env=environment(GITHUB_ACTIONS="true"))
    assert eventually(lambda: len([each for each in training.containers() if each.status == "running"]) == 2)
    (second,) = (each for each in training.containers() if each.id != first.id)
    second.exec_run(["touch", "/tmp/end"])
    assert process.wait(PATIENCE) == 0
    assert said not in training.project.read("docs/report.md")
    assert [each.id for each in training.containers()] == [first.id], "it is still there for whoever began it"


def test_a_detached_command_that_has_ended_meanwhile_is_found(training: Training) -> None:
    said = killed_in_the_middle(training)
    training.end_it()
    assert eventually(lambda: training.containers()[0].status == "exited")
    training.project.gpu_doc("run")
    assert f"{said}\nended" in training.project.read("docs/report.md")
    assert training.containers() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_job_stops_a_detached_command(training: Training, number: signal.Signals) -> None:
    process = training.start()
    assert eventually(lambda: training.containers() and training.containers()[0].status == "running")
    process.send_signal(number)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert training.containers() == []


def test_a_cancelled_job_stops_a_command_that_it_picked_up(training: Training) -> None:
    said = killed_in_the_middle(training)
    process = training.start()
    assert eventually(lambda: said in training.log(process))
    process.terminate()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, out + err
    assert training.containers() == []


def test_a_command_that_is_not_detached_ends_with_us(tmp_path: Path) -> None:
    training = Training(tmp_path / "project", detach=False)
    process = training.start()
    assert eventually(lambda: training.containers() and training.containers()[0].status == "running")
    process.kill()
    process.communicate()
    # It may be gone already: another gpu-doc that starts meanwhile sweeps what the killed one left.
    assert eventually(lambda: all(each.status == "exited" for each in training.containers()))
    training.project.gpu_doc("clean")
    assert training.containers() == []


MIXED = """\
defaults:
  image: {image}
reports:
  - path: docs/report.md
    runs:
      nb-{mark}: {{notebook: notebooks/a.ipynb, produces: [out.txt]}}
      log-{mark}: {{command: [python3, -c, "import time; time.sleep(1)"]}}
"""


def moments() -> list[float]:
    """From the first import to past the end of a refresh that takes some three seconds."""
    return [0.1, 0.5, 0.8, 1.0, 1.2, 1.5, 1.9, 2.3, 2.8, 3.4]


def test_whenever_it_is_killed_clean_leaves_nothing(tmp_path: Path) -> None:
    project, mark = Project(tmp_path), secrets.token_hex(4)
    report = f'<!-- gpu-doc: value("nb-{mark}/answer") --><!-- gpu-doc: end -->\n'
    cells = notebook(code("import time; time.sleep(0.5); open('out.txt', 'w').write('x')"), code("42", "answer"))
    files = {
        "gpu-doc.yml": MIXED.format(image=image("ipykernel"), mark=mark),
        "notebooks/a.ipynb": cells,
        "docs/report.md": report,
    }
    project.write(files)
    for seconds in moments():
        argv = [sys.executable, "-m", "gpu_doc", "run", "--force"]
        process = subprocess.Popen(argv, cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.kill()
        process.wait()
        project.gpu_doc("clean")
        assert left(mark) == [], f"killed after {seconds} s"
        assert {name: project.read(name) for name in files if name != "docs/report.md"} == {
            name: text for name, text in files.items() if name != "docs/report.md"
        }
        assert not list((tmp_path / ".gpu-doc").glob("scratch/*"))
        written = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
        assert written <= {"gpu-doc.yml", "notebooks", "docs", ".gpu-doc"}


def left(mark: str) -> list[str]:
    with closing(docker.from_env()) as client:
        things = client.containers.list(all=True, ignore_removed=True) + client.volumes.list()
        labels = [(each.id, getattr(each, "labels", None) or each.attrs.get("Labels") or {}) for each in things]
    return [name for name, marks in labels if mark in marks.get("io.gpu-doc.run", "")]
