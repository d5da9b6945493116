"""A refresh that was killed, on what the next calls of gpu-doc say and do."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults import hooked

from .conftest import Project, code, environment, notebook, small_project

EVIDENCE = "docs/report.assets/evidence.json"


def killed_while_writing(project: Project, when: int | str, tmp_path: Path) -> bool:
    """Run until the n-th step that changes a file, or a file gets a name, and be killed; whether it came so far."""
    hook = hooked(when, project.root, tmp_path / "hook")
    return project.gpu_doc("run", code=None, **hook).returncode == -signal.SIGKILL


def half_written(project: Project, tmp_path: Path) -> None:
    """Kill a refresh when one of two files of docs/report.md has its new name."""
    project.edit("templates/report.md.j2", "# Report", "# Another")
    before = project.files()
    assert killed_while_writing(project, "evidence.json", tmp_path)
    assert "Another" in project.read("docs/report.md")
    assert project.files()[EVIDENCE] == before[EVIDENCE]


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


def test_what_a_kill_left_half_written_is_told_and_finished(refreshed: Project, place: Path) -> None:
    half_written(refreshed, place)
    said = "an interrupted refresh left it half written; `gpu-doc run` finishes it"
    assert refreshed.stale_reports() == {"docs/report.md": [said]}
    before = refreshed.files()
    done = refreshed.gpu_doc("check", code=1)
    assert f"docs/report.md: {said}" in done.stdout
    assert "by hand" not in done.stdout
    assert refreshed.files() == before

    done = refreshed.gpu_doc("run")
    assert "docs/report.md: cleared up after an interrupted refresh" in done.stderr
    assert "docs/report.md: 2 files changed" in done.stdout
    assert "0 runs executed" in done.stdout
    assert "by hand" not in done.stderr
    refreshed.gpu_doc("check")
    assert not [name for name in refreshed.files() if ".gpu-doc" in name]


@pytest.mark.full
def test_clean_finishes_it_too_and_git_never_sees_it(refreshed: Project, place: Path) -> None:
    subprocess.run(["git", "-C", refreshed.root, "init", "--quiet"], check=True)
    subprocess.run(["git", "-C", refreshed.root, "add", "."], check=True)
    half_written(refreshed, place)
    seen = subprocess.run(
        ["git", "-C", refreshed.root, "status", "--porcelain", "--untracked-files=all"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert ".gpu-doc" not in seen
    assert "cleared up after an interrupted refresh of docs/report.md" in refreshed.gpu_doc("clean").stdout
    refreshed.gpu_doc("check")


@pytest.mark.full
def test_a_kill_at_any_step_of_a_refresh_leaves_old_or_new_reports(refreshed_once: Path, tmp_path: Path) -> None:
    """Two reports, a picture, evidence, state: everything below the project but the kernels' own files."""
    for nth in range(1, 400, 5):
        root = tmp_path / f"p{nth}"
        shutil.copytree(refreshed_once, root)
        project = Project(root)
        project.edit("templates/report.md.j2", "# Report", "# Another")
        project.edit("docs/other.md", "The answer is", "The number is")
        project.edit("gpu-doc.yml", "lr: 0.5", "lr: 0.6")
        old = parts(project)
        came = killed_while_writing(project, nth, tmp_path)
        now = parts(project)
        said = project.gpu_doc("check", code=None).stdout
        project.gpu_doc("run")
        new = parts(project)
        for report, files in now.items():
            assert files in (old[report], new[report]) or f"{report}: an interrupted refresh left it half" in said
        project.gpu_doc("check")
        assert not leftovers(root)
        shutil.rmtree(root)
        if not came:
            break
    assert nth > 40


def parts(project: Project) -> dict[str, dict[str, bytes]]:
    """The files of each report, less those that are being prepared."""
    files = {name: content for name, content in project.files().items() if "/.gpu-doc/" not in name}
    return {
        f"docs/{report}.md": {name: content for name, content in files.items() if name.startswith(f"docs/{report}.")}
        for report in ("report", "other")
    }


def leftovers(root: Path) -> list[str]:
    state = root / ".gpu-doc"
    return sorted(map(str, (*state.glob("scratch/*"), *state.rglob(".*gpu-doc"), *(root / "docs").rglob("*gpu-doc*"))))


@pytest.mark.stress
def test_500_kills_leave_the_old_or_the_new(tmp_path: Path) -> None:
    """At random moments, kernels and Chromium included."""
    kills = int(os.environ.get("GPU_DOC_KILLS", "500"))
    project, temporary = small_project(tmp_path / "project"), tmp_path / "tmp"
    temporary.mkdir()
    project.gpu_doc("run", TMPDIR=str(temporary))
    began = time.monotonic()
    project.gpu_doc("run", "--force", TMPDIR=str(temporary))
    longest = time.monotonic() - began
    dice, counted = random.Random(7), {"old": 0, "new": 0, "half, and told": 0}
    for number in range(kills):
        project.write({"gpu-doc.yml": re.sub(r"lr: [\d.]+", f"lr: {number + 2}.5", project.read("gpu-doc.yml"))})
        project.write({"notebooks/other.ipynb": notebook(code(f"6 * 7 + {number}", "answer"))})
        old = parts(project)
        refresh = subprocess.Popen(
            [sys.executable, "-m", "gpu_doc", "run"],
            cwd=project.root,
            env=environment(TMPDIR=str(temporary)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(dice.uniform(0, longest * 1.1))
        refresh.kill()
        refresh.wait()
        now = parts(project)
        said = project.gpu_doc("check", code=None).stdout
        project.gpu_doc("run", TMPDIR=str(temporary))
        new = parts(project)
        for report, files in now.items():
            told = f"{report}: an interrupted refresh left it half" in said
            assert files in (old[report], new[report]) or told
            counted["old" if files == old[report] else "new" if files == new[report] else "half, and told"] += 1
        project.gpu_doc("check")
        assert not leftovers(project.root)
        assert not list(temporary.iterdir())
    sys.stderr.write(f"reports after {kills} kills: {counted}\n")
