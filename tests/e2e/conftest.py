"""A small project, driven through the command line as a user drives it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CONFIG = """\
reports:
  - path: docs/report.md
    template: templates/report.md.j2
    runs:
      train: {notebook: notebooks/train.ipynb, parameters: {lr: 0.5}, data: [data/rows.csv]}
  - path: docs/other.md
    runs:
      other: {notebook: notebooks/other.ipynb}
"""

TEMPLATE = """\
# Report

It reached {{ value("train/accuracy")|percent }}.

{{ shot("train/curve", caption="The curve") }}

{{ text("train/log") }}
"""

IN_PLACE = """\
# Other

The answer is <!-- gpu-doc: value("other/answer") -->nothing yet<!-- gpu-doc: end -->, a person wrote.
"""


def code(source: str, *tags: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": tags[0] if tags else f"cell-{abs(hash(source))}",
        "metadata": {"tags": list(tags)} if tags else {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def markdown(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": "text", "metadata": {}, "source": source}


def notebook(*cells: dict[str, Any], kernel: str = "python3") -> str:
    spec = {"name": kernel, "display_name": kernel}
    whole = {"cells": list(cells), "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1) + "\n"


# A curve drawn as SVG: a picture without the second that importing Matplotlib takes.
CURVE = """\
from IPython.display import SVG
line = f'<path d="M5 75 L{lr * 300} 10" stroke="black"/>'
SVG(f'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="80">{line}</svg>')
"""

TRAIN = notebook(
    markdown("# Training"),
    code("lr = 0.1", "parameters"),
    code("import helper\nrows = open('../data/rows.csv').read().split()\naccuracy = helper.score(lr)", "work"),
    code("print('lr', lr, 'rows', len(rows))", "log"),
    code(CURVE, "curve"),
    code("accuracy", "accuracy"),
)


@dataclass(frozen=True)
class Project:
    root: Path

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")

    def edit(self, name: str, before: str, after: str) -> None:
        path = self.root / name
        text = path.read_text("utf-8")
        assert before in text
        path.write_text(text.replace(before, after), "utf-8")

    def read(self, name: str) -> str:
        return (self.root / name).read_text("utf-8")

    def gpu_doc(self, *words: str, code: int | None = 0, **environ: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "gpu_doc", *words]
        done = subprocess.run(
            argv, cwd=self.root, env=environment(**environ), capture_output=True, text=True, timeout=120, check=False
        )
        if code is not None:
            assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def plan(self, **variables: str) -> dict[str, Any]:
        return dict(json.loads(self.gpu_doc("plan", "--json", code=0, **variables).stdout))

    def stale_runs(self) -> dict[str, list[str]]:
        return {run["run"]: run["reasons"] for run in self.plan()["runs"] if not run["fresh"]}

    def stale_reports(self) -> dict[str, list[str]]:
        return {report["path"]: report["reasons"] for report in self.plan()["reports"] if not report["fresh"]}

    def evidence(self, report: str = "docs/report") -> dict[str, Any]:
        return dict(json.loads(self.read(f"{report}.assets/evidence.json")))

    def files(self, folder: str = "docs") -> dict[str, bytes]:
        """Every file below a folder with its bytes."""
        place = self.root / folder
        return {p.relative_to(self.root).as_posix(): p.read_bytes() for p in sorted(place.rglob("*")) if p.is_file()}


def environment(**more: str) -> dict[str, str]:
    """Ours, less what a developer's shell may say about other environments."""
    drop = ("VIRTUAL_ENV", "CONDA_PREFIX", "pythonLocation", "GITHUB_ACTIONS")
    return {name: value for name, value in os.environ.items() if name not in drop} | more


def time_of_children() -> float:
    """Processor time of all child processes that have ended, in seconds: a busy machine adds nothing to it."""
    times = os.times()
    return times.children_user + times.children_system


@pytest.fixture
def empty(tmp_path: Path) -> Project:
    """A folder without anything in it."""
    return Project(tmp_path)


def small_project(root: Path) -> Project:
    project = Project(root)
    project.write(
        {
            "gpu-doc.yml": CONFIG,
            "templates/report.md.j2": TEMPLATE,
            "docs/other.md": IN_PLACE,
            "notebooks/train.ipynb": TRAIN,
            "notebooks/other.ipynb": notebook(code("6 * 7", "answer")),
            "notebooks/helper.py": "def score(lr):\n    return 0.9 + lr / 100\n",
            "data/rows.csv": "1\n2\n3\n",
        }
    )
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two reports: one from a template, with a local module and a data file, one refreshed in place."""
    return small_project(tmp_path)


@pytest.fixture(scope="session")
def refreshed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project, refreshed by the first of pytest's processes that asks for it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    made = folder / "refreshed once"
    with (folder / "refreshed once.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            project = small_project(tmp_path_factory.mktemp("refreshing"))
            project.gpu_doc("run")
            project.root.rename(made)
    return made


@pytest.fixture
def refreshed(refreshed_once: Path, tmp_path: Path) -> Project:
    """The same, refreshed once; a copy, state included."""
    shutil.copytree(refreshed_once, tmp_path, dirs_exist_ok=True)
    return Project(tmp_path)
