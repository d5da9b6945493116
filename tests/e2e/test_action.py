"""The action as GitHub's runner calls it: act runs it, on this machine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.act import Runner
from tests.e2e.conftest import Project

pytestmark = [pytest.mark.xdist_group("act"), pytest.mark.needs("act", "git", "packages")]

CONFIG = """\
reports:
  - path: docs/report.md
    template: report.md.j2
    runs:
      hello: {command: [sh, -c, "printf 'word,count\\nhello,1\\n' > build/rows.csv"], produces: [build/rows.csv]}
"""

WORKFLOW = """\
on: push
jobs:
  refresh:
    runs-on: [self-hosted, gpu]
    steps:
      - uses: actions/checkout@v6
      - uses: org/gpu-doc-action@v1
        id: refresh
        with:
          publish: none
      - run: cp -a . "$KEEP"
"""


@pytest.fixture
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner(tmp_path_factory.mktemp("runner"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A repository with one report, whose run is a command: the cheapest there is."""
    made = Project(tmp_path)
    made.write(
        {
            "gpu-doc.yml": CONFIG,
            "build/.gitignore": "*.csv\n",
            "report.md.j2": '{{ table("hello/file:build/rows.csv") }}\n',
        }
    )
    return committed(made)


def committed(project: Project) -> Project:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for words in (["init", "-qb", "main"], ["add", "--all"], [*identity, "commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=project.root, check=True)
    return project


def test_a_push_refreshes_and_sets_outputs(runner: Runner, project: Project) -> None:
    done = runner.run(project.root, WORKFLOW)
    assert done.code == 0, done.log
    assert "| hello" in (runner.keep / "docs/report.md").read_text()
    outputs = done.outputs("refresh")
    assert outputs["changed"] == "true"
    assert outputs["failed"] == "false"
    assert json.loads(outputs["reports"]) == ["docs/report.md"]
    assert json.loads(outputs["plan"])["reports"][0]["fresh"] is False
