"""What a run says on GitHub's runner: groups, annotations beside the failing line, and no word of anybody else's."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.act import Runner, commit
from tests.e2e.conftest import Project, code, notebook
from tests.workflow_commands import Found, found

HOSTILE = """\
import os, sys
for line in (
    "::error file=x::hostile", "  ::add-path::/hostile", "##[add-path]/hostile", "text ##[endgroup]", "\\r::echo::on",
    "\\x1b[0m::set-env name=PATH::/hostile", "\\u2028::stop-commands::x", "\\ufeff::add-path::/hostile",
    "::endgroup::", "x" * 5000 + "::error::y", "%0A::error::z",
):
    print(line)
os.write(1, b"\\xff\\xfe\\n::add-path::/hostile\\n")
print("::error::of standard error", file=sys.stderr)
"""

FAILING = """\
def check(shape):
    if shape:
        raise ValueError("bad shape\\n::add-path::/hostile\\n##[endgroup]")

check(shape)
"""

SCRIPT = """\
# %% [markdown]
# # A script

# %% tags=["parameters"]
shape = 1

# %%
numbers = [1]

numbers[shape]
"""

CONFIG = """\
reports:
  - path: docs/report.md
    template: templates/report.md.j2
    runs:
      train: {notebook: "notebooks/tr,ain: 50%.ipynb", parameters: {lr: "a\\n::add-path::/hostile"}}
  - path: docs/script.md
    template: templates/script.md.j2
    runs:
      script: {notebook: notebooks/script.py}
  - path: docs/fine.md
    template: templates/fine.md.j2
    runs:
      fine: {command: [sh, -c, "printf 'step 1\\\\n::error::hostile\\\\n##[endgroup]\\\\n'; sleep 0.1"]}
  - path: docs/broken.md
    template: templates/broken.md.j2
    runs:
      fine: {command: [sh, -c, "printf 'step 1\\\\n::error::hostile\\\\n##[endgroup]\\\\n'; sleep 0.1"]}
"""


def failing_project(top: Path) -> Project:
    """A project below the repository's top, with much that fails, and names and words that mean harm."""
    (top / ".git").mkdir()
    project = Project(top / "docs project")
    source = [line + "\n" for line in FAILING.splitlines()]
    cells = [code("lr = 1", "parameters"), code(HOSTILE, "work ::error::x"), code("shape = 1"), code("", "curve")]
    cells[3]["source"] = source
    project.write(
        {
            "gpu-doc.yml": CONFIG,
            "notebooks/tr,ain: 50%.ipynb": notebook(*cells),
            "notebooks/script.py": SCRIPT,
            "templates/report.md.j2": '{{ text("train/curve") }}',
            "templates/script.md.j2": '{{ text("script/#2") }}',
            "templates/fine.md.j2": "fine\n",
            "templates/broken.md.j2": 'first\n\n{{ text("fine/none") }}\n',
        }
    )
    return project


def line_of(path: Path, words: str) -> int:
    [found] = [number for number, line in enumerate(path.read_text("utf-8").splitlines(), 1) if words in line]
    return found


@pytest.fixture
def failing(tmp_path: Path) -> Project:
    return failing_project(tmp_path)


@pytest.fixture(scope="module")
def refresh(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, subprocess.CompletedProcess[str]]:
    project = failing_project(tmp_path_factory.mktemp("repository"))
    return project, project.gpu_doc("run", code=2, GITHUB_ACTIONS="true")


def on_runner(project: Project, *words: str, code: int) -> list[Found]:
    """What a runner makes of all that is printed, in this order."""
    done = project.gpu_doc(*words, code=code, GITHUB_ACTIONS="true")
    assert found(done.stdout) == []
    return found(done.stderr)


@pytest.mark.xdist_group("ci-log")
def test_failures_stand_beside_their_lines_and_nothing_else_is_a_command(
    refresh: tuple[Project, subprocess.CompletedProcess[str]],
) -> None:
    failing, done = refresh
    commands = found(done.stderr)
    assert found(done.stdout) == []
    assert {command.name for command in commands} == {"group", "endgroup", "error"}
    assert found("\n".join(command.data for command in commands)) == [], "the runner writes data into the log"

    errors = {command.properties["file"]: command for command in commands if command.name == "error"}
    assert len([command for command in commands if command.name == "error"]) == 3
    ipynb = errors["docs project/notebooks/tr,ain: 50%.ipynb"]
    line = str(line_of(failing.root / "notebooks/tr,ain: 50%.ipynb", "raise ValueError"))
    assert (ipynb.properties["line"], ipynb.properties["endLine"]) == (line, line)
    assert ipynb.properties["title"] == "notebooks/tr,ain: 50%.ipynb, cell 4 (curve)"
    assert ipynb.data.startswith("ValueError: bad shape")
    script = errors["docs project/notebooks/script.py"]
    assert script.properties["line"] == str(line_of(failing.root / "notebooks/script.py", "numbers[shape]"))
    template = errors["docs project/templates/broken.md.j2"]
    assert template.properties["line"] == "3"


@pytest.mark.xdist_group("ci-log")
def test_groups_are_whole_and_failures_stand_outside(
    refresh: tuple[Project, subprocess.CompletedProcess[str]],
) -> None:
    log = refresh[1].stderr
    groups = re.findall(r"^::group::(.*)\n((?:(?!::group::).*\n)*?)::endgroup::$", log, re.MULTILINE)
    assert len(groups) == sum(command.name == "group" for command in found(log))
    titles = [re.sub(r"\d.*", "", title) for title, _ in groups]
    assert titles[0] == "Plan: reports to refresh: "
    assert sorted(titles[1:]) == ["fine: done after ", "script: failed after ", "train: failed after "]
    told = {title.partition(":")[0]: lines.splitlines() for title, lines in groups}
    assert "  train: never run, as far as evidence and state tell" in told["Plan"]
    assert [line for line in told["train"] if line.startswith("cell ")][3].startswith("cell 4/4 curve")
    assert "  | ::error::of standard error" in told["train"]
    assert "  | step 1" in told["fine"]
    assert max(len(line) for line in log.splitlines() if not line.startswith("::error")) <= 300
    outside = re.sub(r"^::group::(.*\n)*?::endgroup::$", "", log, flags=re.MULTILINE)
    assert outside.count("::error ") == 3
    assert "  | ----> 3         raise ValueError" in outside


def test_each_problem_of_the_configuration_has_its_line(failing: Project) -> None:
    failing.edit("gpu-doc.yml", "reports:", "repots: 1\nreports:")
    failing.edit("gpu-doc.yml", "templates/fine", "/templates/fine")
    problems = on_runner(failing, "check", code=2)
    assert [problem.properties["line"] for problem in problems] == [
        "1",
        str(line_of(failing.root / "gpu-doc.yml", "/templates/fine")),
    ]
    assert {problem.properties["file"] for problem in problems} == {"docs project/gpu-doc.yml"}
    assert "did you mean `reports`" in problems[0].data.lower()


def test_check_annotates_what_is_stale_or_edited(refreshed: Project) -> None:
    refreshed.edit("notebooks/other.ipynb", "6 * 7", "6 * 9")
    refreshed.edit("docs/report.md", "# Report", "# My report")
    report, other = on_runner(refreshed, "check", code=1)
    assert (report.properties["file"], report.properties["line"]) == ("docs/report.md", "3")
    assert other.properties["file"] == "docs/other.md"
    assert "code" in other.data


def test_the_command_line_cannot_command_the_runner_either(refreshed: Project) -> None:
    hostile = "--x\n::add-path::/hostile"
    assert on_runner(refreshed, "check", hostile, code=2) == []
    [error] = on_runner(refreshed, "check", "docs/none.md\n::add-path::/hostile", code=2)
    assert error.name == "error"


@pytest.mark.xdist_group("act")
@pytest.mark.needs("act", "git", "packages")
def test_a_runner_finds_the_annotations_and_no_other_command(
    failing: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (failing.root.parent / ".git").rmdir()
    commit(failing.root.parent)
    workflow = """\
on: push
jobs:
  refresh:
    runs-on: [self-hosted]
    steps:
      - uses: actions/checkout@v6
      - uses: org/gpu-doc-action@v1
        id: refresh
        continue-on-error: true
        with: {publish: none, working-directory: docs project}
      - run: echo "path $PATH"
        id: after
"""
    done = Runner(tmp_path_factory.mktemp("runner")).run(failing.root.parent, workflow)
    files = sorted(annotation.file for annotation in done.annotations)
    names = ("notebooks/script.py", "notebooks/tr,ain: 50%.ipynb", "templates/broken.md.j2")
    assert files == [f"docs project/{name}" for name in names], done.log
    assert "hostile" not in done.said("after")
    assert "::group::" not in done.said("refresh")
