"""The action's step, called as a runner calls it: its set-up, and what a job's variables and folders do to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.act import KEPT, commit, our_action
from tests.e2e.conftest import Project, code, notebook, time_of_children

pytestmark = [pytest.mark.xdist_group("act"), pytest.mark.needs("git", "packages")]

CONFIG = """\
reports:
  - path: docs/report.md
    template: report.md.j2
    runs:
      where: {notebook: where.ipynb}
publish: {mode: none}
"""
TEMPLATE = '{{ text("where/program") }}\n{{ text("where/mine") }}\n'
NOTEBOOK = notebook(
    code("import sys\nprint(sys.prefix)", "program"),
    code("import mine\nprint(mine.WORD)", "mine"),
)


@dataclass(frozen=True)
class Job:
    """A job's folders and variables, around the steps that use the action."""

    folder: Path
    variables: Mapping[str, str]

    @property
    def outputs(self) -> str:
        """What the step left for the runner."""
        return (self.folder / "output").read_text("utf-8")

    def step(
        self, workspace: Path, word: str = "run", *, action: Path | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(word),
            cwd=workspace,
            env=self.environment(action, **more),
            capture_output=True,
            text=True,
            check=False,
        )

    def argv(self, word: str) -> Sequence[str]:
        return ["/bin/sh", "-e", "-c", f'exec "$GITHUB_ACTION_PATH/scripts/action" {word}']

    def environment(self, action: Path | None, **more: str) -> dict[str, str]:
        (self.folder / "output").write_text("")
        return {**self.variables, "GITHUB_ACTION_PATH": str(action or our_action()), "INPUT_PUBLISH": "none", **more}


def job(folder: Path, **variables: str) -> Job:
    for name in ("home", "temp dir"):
        (folder / name).mkdir(parents=True)
    index = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_"))}
    usual = {
        **index,
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "LANG": "C.UTF-8",
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(folder / "output"),
        "RUNNER_TEMP": str(folder / "temp dir"),
        "RUNNER_TOOL_CACHE": str(KEPT / "tool_cache"),
    }
    return Job(folder, {**usual, **variables})


@pytest.fixture
def warm(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A job on a runner that has run the action before."""
    return job(tmp_path_factory.mktemp("job") / "a job")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "a project")
    made.write({"gpu-doc.yml": CONFIG, "report.md.j2": TEMPLATE, "where.ipynb": NOTEBOOK})
    commit(made.root)
    return made


# --- the job's environment is the notebooks' -------------------------------------------------------------------------


def test_the_job_s_python_and_its_variables_are_the_notebooks(warm: Job, project: Project, tmp_path: Path) -> None:
    """A PYTHONPATH that would break us is what the kernel gets, and an active environment is what it runs in."""
    theirs = tmp_path / "their modules"
    theirs.mkdir()
    (theirs / "mine.py").write_text("WORD = 'theirs'\n")
    for name in ("papermill", "yaml", "gpu_doc"):
        (theirs / f"{name}.py").write_text("raise SystemExit('taken for ours')\n")
    bent: dict[str, Any] = {
        "PYTHONPATH": str(theirs),
        "PYTHONSAFEPATH": "1",
        "PYTHONWARNINGS": "error",
    }
    done = warm.step(project.root, VIRTUAL_ENV=sys.prefix, **bent)
    assert done.returncode == 0, done.stderr
    report = project.read("docs/report.md")
    assert f"\n{sys.prefix}\n" in report
    assert "\ntheirs\n" in report


def test_a_hostile_checkout_is_not_where_programs_come_from(warm: Job, project: Project, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    fakes = ("python3", "python", "git", "sha256sum", "sed", "sort", "find", "cat", "touch", "uv", "pip", "env", "id")
    project.write({name: f"#!/bin/sh\necho {name} >>'{touched}'\nexit 1\n" for name in fakes})
    for name in fakes:
        (project.root / name).chmod(0o755)
    project.write({name: f"open({str(touched)!r}, 'a')" for name in ("sitecustomize.py", "json.py", "gpu_doc.py")})
    bent: dict[str, Any] = {
        "PATH": ".::bin",
        "PYTHONPATH": ".",
        "PYTHONHOME": str(tmp_path),
        "PYTHONSTARTUP": "json.py",
        "CDPATH": "/",
    }
    done = warm.step(project.root, "plan", **bent)
    assert done.returncode == 0, done.stderr
    assert "stale" in done.stdout
    assert not touched.exists(), touched.read_text()


# --- outputs and failures --------------------------------------------------------------------------------------------

EMPTY = ("commit-sha", "pull-request-number", "pull-request-url", "pull-request-operation", "preview-path", "changes")


def test_outputs_are_set_before_anything_can_fail(warm: Job, project: Project) -> None:
    done = warm.step(project.root, INPUT_WORKING_DIRECTORY="nowhere")
    assert done.returncode == 2
    assert "working-directory `nowhere`" in done.stderr
    assert warm.outputs.splitlines()[:3] == ["changed=false", "reports=", "failed=true"]
    assert set(EMPTY) < {line.removesuffix("=") for line in warm.outputs.splitlines()}


@pytest.mark.full
def test_a_set_up_that_fails_says_so_and_sets_outputs(tmp_path: Path, project: Project) -> None:
    action = tmp_path / "action"
    shutil.copytree(our_action(), action)
    (action / "requirements/run.txt").write_text(f"gpu-doc-has-no-such-package==0 --hash=sha256:{'0' * 64}\n")
    cold = job(tmp_path / "job", RUNNER_TOOL_CACHE=str(tmp_path / "tools"))
    done = cold.step(project.root, action=action)
    assert done.returncode == 5, done.stderr
    assert "::error title=gpu-doc could not be set up::" in done.stdout
    assert "What to do: " in done.stderr
    assert "failed=true\n" in cold.outputs
    assert not list((tmp_path / "tools/gpu-doc").glob("*/ready"))


# --- set-up ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A job whose tool cache can't be written to: set up anew, in a folder with spaces."""
    folder = tmp_path_factory.mktemp("cold") / "a job"
    folder.mkdir()
    (folder / "no folder").touch()
    return job(folder / "0", RUNNER_TOOL_CACHE=str(folder / "no folder"))


@pytest.mark.stress
def test_two_jobs_at_once_set_up_once(cold: Job, tmp_path: Path) -> None:
    action = tmp_path / "the action's folder"
    shutil.copytree(our_action(), action)
    argv, environ = cold.argv("plan"), cold.environment(action)
    both = [subprocess.Popen(argv, cwd=tmp_path, env=environ, stdout=-1, stderr=-1, text=True) for _ in range(2)]
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [2, 2], said
    assert all("no gpu-doc.yml here" in err for _, err in said)
    assert sum("installing requirements/plan.txt" in err for _, err in said) == 1
    assert all("::warning title=gpu-doc is set up for each job::" in out for out, _ in said)

    again = cold.step(tmp_path, "plan", action=action)
    assert again.returncode == 2
    assert "::" not in again.stdout
    assert "set-up:" not in again.stderr
    [program] = (cold.folder / "temp dir/gpu-doc").glob("*/program-*")
    assert list(program.glob("gpu_doc/__pycache__/cli.*.pyc"))


@pytest.mark.full
def test_what_runs_nothing_takes_a_part_of_the_packages(cold: Job, project: Project) -> None:
    project.write({"second.py": "# %%\nprint(1)\n", "second.md.j2": '{{ text("second/#1") }}\n'})
    more = "  - {path: docs/second.md, template: second.md.j2, runs: {second: {notebook: second.py}}}\npublish:"
    project.edit("gpu-doc.yml", "publish:", more)
    commit(project.root)
    done = cold.step(project.root, "plan")
    assert done.returncode == 0, done.stderr
    done = cold.step(project.root, INPUT_ONLY_FRESH="true")
    assert done.returncode == 0, done.stderr
    assert "nothing runs here" in done.stderr
    [environment] = (cold.folder / "temp dir/gpu-doc").glob("*/lib/python*/site-packages")
    there = {path.name for path in environment.iterdir()}
    assert {"git", "jinja2", "github", "jupytext"} <= there
    assert there.isdisjoint({"papermill", "docker", "nbconvert", "pyppeteer", "ipykernel"})


@pytest.mark.full
def test_half_a_program_does_not_count_and_an_old_one_goes(cold: Job, tmp_path: Path) -> None:
    cold.step(tmp_path, "plan")
    [program] = (cold.folder / "temp dir/gpu-doc").glob("*/program-*")
    (program / "ready").unlink()
    (program / "gpu_doc/cli/main.py").unlink()
    shutil.rmtree(program / "gpu_doc/__pycache__")
    others = [program.parent / "program-old", program.parents[1] / "3.10.0-old", program.parent / "program-used"]
    for other in others:
        other.mkdir()
    month_ago = time.time() - 32 * 24 * 3600
    for other in others[:2]:
        os.utime(other, (month_ago, month_ago))
    done = cold.step(tmp_path, "plan")
    assert "no gpu-doc.yml here" in done.stderr
    assert "keeping the program" in done.stderr
    assert [other.exists() for other in others] == [False, False, True]


def test_warm_it_costs_little(warm: Job, tmp_path: Path) -> None:
    times = []
    for _ in range(5):
        before = time_of_children()
        assert warm.step(tmp_path, "plan").returncode == 2
        times.append(time_of_children() - before)
    assert min(times) < 1


# --- Chromium --------------------------------------------------------------------------------------------------------


def test_chromium_is_installed_with_a_sudo_that_asks_nothing(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    log = tmp_path / "log"
    scripts = {
        "id": "echo 1000",
        "sudo": f'[ "$1" = -n ] || exit 1; shift; echo "sudo $*" >>"{log}"; [ "$1" = true ] || exec "$@"',
        "apt-get": f'echo "apt-get $*" >>"{log}"',
        "apt-cache": "echo '  Candidate: 156.0'",
    }
    for name, script in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    environ = {"PATH": f"{programs}:/usr/bin:/bin"}
    installer = [str(our_action() / "scripts/install-chromium")]
    done = subprocess.run(installer, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    installed = [line for line in log.read_text().splitlines() if line.startswith("apt-get -q install")]
    assert installed == [installed[0]]
    assert installed[0].endswith(" chromium")

    (programs / "sudo").write_text("#!/bin/sh\nexit 1\n")
    refused = subprocess.run(installer, env=environ, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "root or sudo without a password" in refused.stderr
