"""The action as GitHub's runner calls it: act runs it, on this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.act import CHECKOUT, Runner, commit
from tests.e2e.conftest import Project
from tests.integration.git_server import WRITER, GitServer, git

pytestmark = [pytest.mark.xdist_group("act"), pytest.mark.needs("act", "git", "packages")]

CONFIG = """\
publish: {mode: none}
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
    commit(made.root)
    return made


STEP = """\
on: push
jobs:
  refresh:
    runs-on: [self-hosted, gpu]
    steps:
      - uses: actions/checkout@v6
      - uses: org/gpu-doc-action@v1
        id: refresh
        with: %s
      - if: always()
        run: cp -a . "$KEEP"; echo "$PATH" > "$KEEP/path"
"""


def with_inputs(**inputs: str) -> str:
    return STEP % json.dumps({name.replace("_", "-"): value for name, value in inputs.items()})


def test_a_push_refreshes_and_sets_outputs(runner: Runner, project: Project) -> None:
    done = runner.run(project.root, WORKFLOW)
    assert done.code == 0, done.log
    assert "| hello" in (runner.keep / "docs/report.md").read_text()
    outputs = done.outputs("refresh")
    assert outputs["changed"] == "true"
    assert outputs["failed"] == "false"
    assert json.loads(outputs["reports"]) == ["docs/report.md"]
    assert json.loads(outputs["plan"])["reports"][0]["fresh"] is False


TEXT = "$(touch made) `touch made`; touch made\n' touch made \" \\ ${HOME} %0A::set-output name=changed::hacked"


def test_inputs_are_text_and_nothing_else(runner: Runner, project: Project) -> None:
    """Each is refused for what it is, or passed on as it is; no shell ever reads one."""
    done = runner.run(project.root, with_inputs(publish=TEXT, jobs=TEXT, branch=TEXT, config=TEXT, labels=TEXT))
    assert done.jobs == {"refresh": "failure"}
    assert not (runner.keep / "made").exists()
    [annotation] = [each for each in done.annotations if each.level == "error"]
    assert "inputs can't be understood" in annotation.message
    outputs = done.outputs("refresh")
    assert (outputs["changed"], outputs["failed"], outputs["plan"]) == ("false", "true", "")

    accepted = runner.run(project.root, with_inputs(publish="none", reports="--force", state_dir=TEXT))
    assert "no report `--force` is configured" in accepted.log


HOSTILE = (
    "::set-output name=changed::hacked",
    "::add-path::/hacked",
    "  ::error::hacked",
    "##[error]hacked",
    "::add-mask::e",
    "::stop-commands::x",
)


def test_what_a_run_prints_commands_nothing(runner: Runner, project: Project) -> None:
    project.edit("gpu-doc.yml", "printf 'word,count\\nhello,1\\n' > build/rows.csv", "sh print.sh")
    project.write({"print.sh": "\n".join(f"echo '{line}'" for line in HOSTILE) + "\nexit 3\n"})
    commit(project.root)
    done = runner.run(project.root, with_inputs(publish="none"))
    assert done.jobs == {"refresh": "failure"}
    assert done.outputs("refresh")["changed"] == "false"
    assert done.outputs("refresh")["failed"] == "true"
    assert [each for each in done.annotations if each.message == "hacked"] == []
    assert "hacked" in done.said("refresh")  # shown it is, as text
    assert "/hacked" not in runner.keep.joinpath("path").read_text()


PLANNED = """\
on: push
jobs:
  plan:
    runs-on: ubuntu-latest
    outputs:
      stale: ${{ steps.plan.outputs.stale }}
    steps:
      - uses: actions/checkout@v6
      - uses: org/gpu-doc-action/plan@v1
        id: plan
        with: {working-directory: sub folder}
  refresh:
    needs: plan
    if: needs.plan.outputs.stale == 'true'
    runs-on: [self-hosted, gpu]
    steps:
      - uses: actions/checkout@v6
      - uses: org/gpu-doc-action@v1
        id: refresh
        with: {working-directory: sub folder, publish: none}
      - run: cp -a . "$KEEP"
"""


def test_a_plan_decides_whether_a_refresh_starts(runner: Runner, project: Project) -> None:
    """In a subfolder, with a space in its name."""
    inner = Project(project.root / "sub folder")
    inner.write({name: project.read(name) for name in ("gpu-doc.yml", "report.md.j2", "build/.gitignore")})
    (project.root / "gpu-doc.yml").unlink()
    commit(project.root)
    stale = runner.run(project.root, PLANNED)
    assert stale.code == 0, stale.log
    assert stale.outputs("plan:plan")["stale"] == "true"
    assert json.loads(stale.outputs("refresh:refresh")["reports"]) == ["docs/report.md"]

    shutil.copytree(runner.keep / "sub folder/docs", inner.root / "docs")
    commit(project.root)
    fresh = runner.run(project.root, PLANNED)
    assert fresh.outputs("plan:plan")["stale"] == "false"
    assert set(fresh.jobs) == {"plan"}


COMMITTING = """\
on: push
jobs:
  refresh:
    runs-on: [self-hosted, gpu]
    steps:
      - uses: actions/checkout@v6
        with: {persist-credentials: false}
      - uses: org/gpu-doc-action@v1
        id: refresh
        with: {publish: commit}
      - run: cp -a . "$KEEP"
"""


def test_a_checkout_without_credentials_is_enough(runner: Runner, project: Project, git_server: GitServer) -> None:
    """The token of the job pushes, and stays out of the checkout and of the log."""
    git_server.create("octo/docs")
    git(project.root, "push", "-q", str(git_server.path("octo/docs")), "main")
    settings: dict[str, Any] = {
        "remote": git_server.url("octo/docs"),
        "secrets": {"GITHUB_TOKEN": WRITER},
        "actions": {"actions/checkout@v6": CHECKOUT},
    }
    done = runner.run(project.root, COMMITTING, **settings)
    assert done.code == 0, done.log
    assert done.outputs("refresh")["commit-sha"] == git_server.tip("octo/docs")
    assert "| hello" in git_server.show("octo/docs", "docs/report.md").decode()
    assert WRITER not in done.log
    assert WRITER not in (runner.keep / ".git/config").read_text()
