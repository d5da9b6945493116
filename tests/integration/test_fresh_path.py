"""What `plan` and `check` import where nothing is stale: the heavy packages alone would take five times as long."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "IPython",
    "PIL",
    "asyncio",
    "bleach",
    "bs4",
    "docker",
    "git",
    "ipykernel",
    "jinja2",
    "jupyter_client",
    "jupytext",
}
HEAVY |= {
    "bleach",
    "bs4",
    "github",
    "markdown_it",
    "matplotlib",
    "nbclient",
    "nbconvert",
    "nbformat",
    "papermill",
    "psutil",
    "pyppeteer",
    "pyte",
    "requests",
    "tornado",
    "zmq",
}

CONFIG = """\
reports:
  - path: report.md
    template: report.md.j2
    runs:
      hello: {notebook: hello.ipynb}
      log: {command: [echo, hello]}
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose only report is up to date."""
    root = tmp_path_factory.mktemp("fresh")
    cell: dict[str, object] = {"cell_type": "code", "id": "a", "metadata": {}, "source": "print('hello')"}
    cell |= {"outputs": [], "execution_count": None}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (root / "hello.ipynb").write_text(json.dumps(notebook))
    (root / "report.md.j2").write_text('{{ text("hello/#1") }}\n')
    (root / "gpu-doc.yml").write_text(CONFIG)
    done = gpu_doc(root, "run")
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def gpu_doc(root: Path, *words: str, python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    argv = [sys.executable, *python, "-m", "gpu_doc", *words]
    return subprocess.run(argv, cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=False)


def imports(root: Path, *words: str) -> set[str]:
    """The modules that a command imports."""
    done = gpu_doc(root, *words, python=("-X", "importtime"))
    assert done.returncode == 0, done.stdout
    # https://docs.python.org/3/using/cmdline.html#cmdoption-X: "import time:   self |   cumulative |   name"
    return {line.split("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize("command", ["plan", "check", "run"])
def test_nothing_heavy_is_imported_where_all_is_fresh(fresh: Path, command: str) -> None:
    imported = imports(fresh, command)
    assert "gpu_doc.plan.plan" in imported
    assert {name for name in imported if name.split(".")[0] in HEAVY} == set()
    assert {name for name in imported if name.startswith("gpu_doc.functions.")} == set()


@pytest.fixture
def committed(fresh: Path, tmp_path: Path) -> Path:
    """The same project, as it is on the branch of a repository."""
    work, remote = tmp_path / "work", tmp_path / "remote.git"
    shutil.copytree(fresh, work)
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for words in (
        ["init", "--quiet", "--bare", str(remote)],
        ["init", "--quiet", "--initial-branch=main", str(work)],
        ["-C", str(work), "remote", "add", "origin", str(remote)],
        ["-C", str(work), "add", "."],
        ["-C", str(work), "commit", "--quiet", "--message=All is fresh"],
        ["-C", str(work), "push", "--quiet", "origin", "main"],
        ["-C", str(work), "config", "user.name", "Ada"],
        ["-C", str(work), "config", "user.email", "ada@example.org"],
    ):
        subprocess.run([*git, *words], check=True)
    return work


@pytest.mark.parametrize(
    ("words", "most"), [(["plan"], 72), (["check"], 72), (["run"], 72), (["run", "--publish", "commit"], 79)]
)
def test_few_modules_are_imported_where_all_is_fresh(committed: Path, words: list[str], most: int) -> None:
    # Each takes a third of a millisecond, and each dataclass in it as much again: what only stale reports, mistakes
    # or runners need is imported where they need it. Folders count too.
    ours = {name for name in imports(committed, *words) if name.split(".")[0] == "gpu_doc"}
    assert len(ours) <= most, sorted(ours)


def test_a_plan_imports_those_functions_only_that_a_report_calls(fresh: Path, tmp_path: Path) -> None:
    shutil.copytree(fresh, tmp_path / "clone", ignore=shutil.ignore_patterns(".gpu-doc"))
    (tmp_path / "clone/report.md").write_text("edited")
    done = gpu_doc(tmp_path / "clone", "plan", python=("-v",))
    imported = set(re.findall(r"^import '(gpu_doc\.functions\.\w+)'", done.stderr, re.MULTILINE))
    assert imported == {"gpu_doc.functions.shared", "gpu_doc.functions.text"}
