"""What makes nothing stale, of a run that is watched: formatters, comments, outputs of what `%run` runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Project, code, notebook

CONFIG = """\
reports:
  - path: report.md
    template: report.md.j2
    runs:
      t: {notebook: t.ipynb}
      c: {command: [python, main.py]}
"""
CELLS = (
    code("import importlib\nimport helper\n%run other.ipynb\n%run script.py"),
    code("importlib.import_module('late' + 'r').f(helper.f(z)) + s", "value"),
)
HELPER = '"""Helps."""\n\n\ndef f(x):\n    # as it is\n    return x\n'


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = Project(tmp_path_factory.mktemp("published"))
    project.write(
        {
            "gpu-doc.yml": CONFIG,
            "report.md.j2": '{{ value("t/value") }}\n\n{{ text("c") }}\n',
            "t.ipynb": notebook(*CELLS),
            "other.ipynb": notebook(code("z = 1")),
            "script.py": "s = 1\n",
            "helper.py": HELPER,
            "later.py": HELPER,
            "main.py": "import importlib\nprint(importlib.import_module('late' + 'r').f(1))\n",
        }
    )
    project.gpu_doc("run")
    return project.root


@pytest.fixture
def project(published: Path, tmp_path: Path) -> Project:
    shutil.copytree(published, tmp_path / "work")
    return Project(tmp_path / "work")


def crlf(project: Project, name: str) -> None:
    (project.root / name).write_bytes(project.read(name).replace("\n", "\r\n").encode())


def output(project: Project) -> None:
    whole = json.loads(project.read("other.ipynb"))
    whole["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "1"}]
    whole["cells"][0]["execution_count"] = 3
    project.write({"other.ipynb": json.dumps(whole)})


def test_what_changes_nothing_makes_nothing_stale(project: Project) -> None:
    changes: list[Callable[[], None]] = [
        lambda: project.edit("helper.py", "as it is", "unchanged"),
        lambda: project.edit("later.py", "    # as it is\n", "\n"),
        lambda: crlf(project, "later.py"),
        lambda: project.edit("main.py", "f(1))", "f(1))  # one"),
        lambda: project.edit("script.py", "s = 1", "s=1"),
        lambda: output(project),
    ]
    for change in changes:
        change()
        plan = project.plan()
        assert [run["reasons"] for run in plan["runs"]] == [[], []]
        assert [report["reasons"] for report in plan["reports"]] == [[]]
    before = project.files()
    assert "All fresh" in project.gpu_doc("run").stdout
    assert project.files() == before


def test_what_changes_something_makes_it_stale(project: Project) -> None:
    project.edit("later.py", "Helps", "Helps all")
    assert project.stale_runs() == {name: ["later.py changed (imported by the run)"] for name in ("t", "c")}
    project.edit("other.ipynb", "z = 1", "z = 2")
    project.edit("script.py", "s = 1", "s = 2")
    assert project.stale_runs()["t"] == ["other.ipynb changed", "script.py changed"]


def test_another_name_of_the_same_python_makes_nothing_stale(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "jupyter/kernels/mine"
    folder.mkdir(parents=True)
    argv = ["python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Mine", "language": "python"}))
    project.edit("t.ipynb", '"name": "python3"', '"name": "mine"')
    installed = str(tmp_path / "jupyter")
    assert "All fresh" in project.gpu_doc("check", JUPYTER_PATH=installed).stdout
    assert "kernel python3 → mine" in project.gpu_doc("check", code=1).stdout
    (folder / "kernel.json").write_text(json.dumps({"argv": ["R"], "display_name": "Mine", "language": "R"}))
    assert "kernel python3 → mine" in project.gpu_doc("check", code=1, JUPYTER_PATH=installed).stdout
