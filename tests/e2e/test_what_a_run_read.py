"""A run whose processes read more than its source tells: stale when that changes, fresh in a clone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Project

CONFIG = f"""\
reports:
  - path: docs/report.md
    template: report.md.j2
    runs:
      script: {{command: [{sys.executable}, script.py], env: [MODE]}}
"""
SCRIPT = """\
import glob, json, os, subprocess, sys
sys.path.append("lib")
name = "".join(["hel", "per"])
helper = __import__(name)
config = json.load(open("config/x.json"))
more = open("models/b.pt").read() if os.path.exists("models/b.pt") else "none"
shell = subprocess.run("cat notes.txt; git log --oneline", shell=True, capture_output=True, text=True).stdout
open("written.txt", "a").write("more")
print(helper.x, config["x"], more, sorted(glob.glob("data/*.csv")), len(glob.glob("**", recursive=True)) > 0)
print(shell.splitlines()[0], os.environ.get("MODE"))
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A repository whose report was refreshed and committed."""
    project = Project(tmp_path_factory.mktemp("read") / "root")
    project.write(
        {
            "gpu-doc.yml": CONFIG,
            "report.md.j2": '{{ text("script") }}\n',
            "script.py": SCRIPT,
            "lib/helper.py": "x = 1\n",
            "config/x.json": '{"x": 1}',
            "data/a.csv": "1\n",
            "notes.txt": "a note\n",
            "other.txt": "nobody reads it\n",
            ".gitignore": ".gpu-doc/\n*.log\n",
        }
    )
    git(project.root, "init", "-q")
    commit(project.root)
    project.gpu_doc("run")
    commit(project.root)
    return project


def git(folder: Path, *words: str) -> None:
    user = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", *user, "-C", str(folder), *words], check=True, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", ".")
    git(root, "commit", "-qm", "all")


@pytest.fixture
def project(published: Project, tmp_path: Path) -> Project:
    shutil.copytree(published.root, tmp_path / "root", symlinks=True)
    return Project(tmp_path / "root")


def test_what_was_published_is_fresh_here_and_in_a_clone_without_state(published: Project, tmp_path: Path) -> None:
    assert published.plan()["reports"][0]["fresh"]
    git(tmp_path, "clone", "-q", str(published.root), str(tmp_path / "clone"))
    report = Project(tmp_path / "clone").plan()["reports"][0]
    assert report["fresh"], report
    assert report["unchecked"] == ["variables (MODE)"]


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("config/x.json", '{"x": 2}', "config/x.json changed (read by the run)"),
        ("notes.txt", "another\n", "notes.txt changed (read by the run)"),
        ("lib/helper.py", "x = 2\n", "lib/helper.py changed (imported by the run)"),
        ("models/b.pt", "weights", "models/b.pt is new (looked for by the run)"),
        ("data/b.csv", "2\n", "the names in data/ changed (listed by the run)"),
        ("other.txt", "another text\n", ""),
    ],
)
def test_a_change_is_said_in_words(project: Project, path: str, text: str, reason: str) -> None:
    project.write({path: text})
    found = project.stale_runs().get("script", [])
    assert [each for each in found if "models/ " not in each and "in the root" not in each] == (
        [reason] if reason else []
    )


def test_a_result_is_used_again_for_the_inputs_that_it_was_made_from(project: Project) -> None:
    before = project.files()
    project.write({"config/x.json": '{"x": 2}'})
    assert "1 run executed" in project.gpu_doc("run").stdout
    assert "1 2 none" in project.read("docs/report.md")
    project.write({"config/x.json": '{"x": 1}'})
    assert project.stale_runs() == {}, "state has its result"
    assert "0 runs executed" in project.gpu_doc("run").stdout
    assert project.files()["docs/report.md"] == before["docs/report.md"]
    assert project.plan()["reports"][0]["fresh"]


def test_the_same_results_add_what_is_newly_seen_and_change_nothing_else(project: Project) -> None:
    before = project.files()
    project.gpu_doc("run", "--force")
    assert project.files() == before
    project.write({"config/x.json": '{"x": 1, "y": 2}'})
    project.gpu_doc("run")
    after = json.loads(project.files()["docs/report.assets/evidence.json"])
    earlier = json.loads(before["docs/report.assets/evidence.json"])
    assert len(after["runs"]["script"]["inputs"]) == 2
    for evidence in (after, earlier):
        del evidence["runs"]["script"]["inputs"], evidence["checksum"], evidence["runs"]["script"]["checksum"]
    assert after == earlier
    for text in ('{"x": 1}', '{"x": 1, "y": 2}'):
        project.write({"config/x.json": text})
        assert project.stale_runs() == {}


def test_the_value_of_a_variable_counts(project: Project) -> None:
    done = project.gpu_doc("plan", MODE="fast")
    assert "would run: the value of MODE changed (`env`)" in done.stdout
    project.gpu_doc("run", MODE="fast")
    assert "All fresh" in project.gpu_doc("check", MODE="fast").stdout
    inputs = project.evidence()["runs"]["script"]["inputs"]
    assert "env MODE" in inputs[0]["hidden"]
    assert "fast" not in json.dumps(inputs)


def test_explain_lists_the_inputs_and_why_each_is_one(published: Project) -> None:
    said = published.gpu_doc("plan", "--explain", "script").stdout
    for path, why in {
        "script.py": "named by its command",
        "config/x.json": "read by the run on 20",
        "notes.txt": "read by the run on 20",
        "lib/helper.py": "imported by the run on 20",
        "models/b.pt": "looked for in vain by the run on 20",
        "data/": "its names were listed by the run on 20",
        "MODE": "env",
    }.items():
        assert any(line.startswith(f"  {path} ") and why in line for line in said.splitlines()), path
    assert "not established: what it gets over the network" in said
    (entry,) = json.loads(published.gpu_doc("plan", "--explain", "script", "--json").stdout)
    assert [each["why"][:16] for each in entry["inputs"] if each["input"] == "notes.txt"] == ["read by the run "]
    wrong = published.gpu_doc("plan", "--explain", "scrip", code=2)
    assert "Did you mean `script`?" in wrong.stderr


def test_a_file_that_changes_while_a_run_goes_on_is_told_and_the_run_is_stale(project: Project) -> None:
    script = "open('config/x.json').read(); open('go', 'w'); import time; time.sleep(1)"
    watcher = (
        "import os, time\nwhile not os.path.exists('go'): time.sleep(.05)\nopen('config/x.json', 'w').write('other')"
    )
    project.write({"script.py": f"{script}\nprint(1)\n"})
    other = subprocess.Popen([sys.executable, "-c", watcher], cwd=project.root)
    done = project.gpu_doc("run")
    other.wait()
    assert "config/x.json changed while script went on" in done.stderr
    assert project.stale_runs() == {"script": ["config/x.json changed while the run went on"]}
