"""What a pull request, a machine or another process may put in our way: no traceback, no lie, nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Project, code, environment, notebook

EVIDENCE = "docs/report.assets/evidence.json"
Change = Callable[[dict[str, Any]], object]


def shell(project: Project, command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A line of shell in which `gpu-doc` stands for the program."""
    program = f'gpu-doc() {{ {sys.executable} -m gpu_doc "$@"; }}\nset -o pipefail\n'
    return subprocess.run(
        ["bash", "-c", program + command],
        cwd=project.root,
        env=environment(**environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- evidence --------------------------------------------------------------------------------------------------------

FILE = {"sha256": "x", "made-from": "y"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda e: e["files"].update({"a\0b": FILE}), marks=pytest.mark.full, id="a name that is none"),
        pytest.param(lambda e: e["files"].update({"../../gpu-doc.yml": FILE}), id="a name outside"),
        pytest.param(
            lambda e: e["files"].update({"evidence.json": FILE}), marks=pytest.mark.full, id="evidence of itself"
        ),
        pytest.param(lambda e: e["sources"].update({"/dev/zero": "x"}), id="a source without end"),
        pytest.param(lambda e: e["settings"].update(runs=[1]), id="settings"),
        pytest.param(lambda e: e["runs"]["train"]["source"].update(code=3), marks=pytest.mark.full, id="code"),
        pytest.param(lambda e: e["runs"]["train"]["source"].update(parameters="abc"), id="parameters"),
        pytest.param(
            lambda e: e["runs"]["train"]["machine"].update(packages=[1]), marks=pytest.mark.full, id="packages"
        ),
        pytest.param(
            lambda e: e["answers"].update({"no call": {"value": 1, "runs": [], "assets": []}}),
            marks=pytest.mark.full,
            id="a call",
        ),
        pytest.param(
            lambda e: [a.update(assets=[[1]]) for a in e["answers"].values()], marks=pytest.mark.full, id="assets"
        ),
        pytest.param(
            lambda e: [a.update(value={"a": [1]}) for a in e["answers"].values()], marks=pytest.mark.full, id="values"
        ),
        pytest.param(
            lambda e: [a.update(value="\ud800") for a in e["answers"].values()],
            marks=pytest.mark.full,
            id="half a character",
        ),
    ],
)
def test_evidence_that_we_never_wrote_counts_as_absent(refreshed: Project, change: Change) -> None:
    before = refreshed.files()
    whole = refreshed.evidence()
    change(whole)
    refreshed.write({EVIDENCE: json.dumps(whole)})
    assert refreshed.stale_reports() == {"docs/report.md": ["has no evidence yet"]}
    assert "0 runs executed" in refreshed.gpu_doc("run").stdout
    assert refreshed.files() == before


def test_evidence_of_a_run_that_the_report_does_not_have_is_no_reason_to_fail(refreshed: Project) -> None:
    whole = refreshed.evidence()
    whole["answers"]['["shot", ["nobody/x"], {}]'] = {"value": "", "runs": [], "assets": []}
    refreshed.write({EVIDENCE: json.dumps(whole), "docs/report.md": "edited"})
    shutil.rmtree(refreshed.root / ".gpu-doc")
    assert refreshed.stale_reports() == {"docs/report.md": ["docs/report.md was edited by hand"]}


def test_what_a_person_put_beside_the_pictures_is_never_removed(refreshed: Project) -> None:
    whole = refreshed.evidence()
    whole["files"]["logo.png"] = FILE
    refreshed.write({EVIDENCE: json.dumps(whole), "docs/report.assets/logo.png": "a person's"})
    refreshed.gpu_doc("run")
    assert refreshed.read("docs/report.assets/logo.png") == "a person's"


def test_pictures_that_git_lfs_left_as_pointers_are_what_evidence_says(refreshed: Project) -> None:
    [(name, kept)] = refreshed.evidence()["files"].items()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{kept['sha256']}\nsize 1234\n"
    refreshed.write({f"docs/report.assets/{name}": pointer})
    assert refreshed.stale_reports() == {}
    refreshed.edit("templates/report.md.j2", "# Report", "# Another")
    before = refreshed.evidence()["files"]
    refreshed.gpu_doc("run")
    assert refreshed.evidence()["files"] == before
    assert refreshed.read(f"docs/report.assets/{name}") == pointer


# --- a person's own --------------------------------------------------------------------------------------------------


def test_a_file_that_a_template_would_overwrite_is_kept(refreshed: Project) -> None:
    (refreshed.root / EVIDENCE).unlink()
    refreshed.write({"docs/report.md": "years of work\n"})
    done = refreshed.gpu_doc("run")
    assert "docs/report.md:1" in done.stderr
    [kept] = (refreshed.root / ".gpu-doc/edited").rglob("report.md")
    assert kept.read_text() == "years of work\n"


def test_a_picture_that_a_person_drew_on_is_kept(refreshed: Project) -> None:
    before = refreshed.files()
    [name] = refreshed.evidence()["files"]
    refreshed.write({f"docs/report.assets/{name}": "with an arrow"})
    assert f"{name} was changed by hand" in refreshed.gpu_doc("run").stderr
    assert refreshed.files() == before
    [kept] = (refreshed.root / ".gpu-doc/edited").rglob("*.png")
    assert kept.read_text() == "with an arrow"


def test_a_kill_between_two_renames_is_mended_and_no_person_accused(refreshed: Project) -> None:
    """Evidence comes last, so what a kill leaves is everything new with evidence of before."""
    evidence = refreshed.read(EVIDENCE)
    refreshed.edit("gpu-doc.yml", "lr: 0.5", "lr: 0.6")
    refreshed.gpu_doc("run")
    whole = refreshed.files()
    refreshed.write({EVIDENCE: evidence})
    done = refreshed.gpu_doc("run")
    assert "0 runs executed" in done.stdout
    assert "by hand" not in done.stderr
    assert refreshed.files() == whole


def test_a_notebook_saved_while_its_run_waited_is_not_taken_for_the_planned_one(refreshed: Project) -> None:
    """One job at a time: the first run saves the notebook of the second."""
    before = refreshed.files()
    saves = (
        "from pathlib import Path\nother = Path('other.ipynb')\n"
        "other.write_text(other.read_text().replace('6 * 8', '6 * 9'))"
    )
    refreshed.write({"notebooks/train.ipynb": notebook(code(saves, "curve")), "templates/report.md.j2": "saved\n"})
    refreshed.edit("notebooks/other.ipynb", "6 * 7", "6 * 8")
    done = refreshed.gpu_doc("run", "--jobs", "1", code=3)
    assert "saved while its run waited" in done.stderr
    assert refreshed.files()["docs/other.md"] == before["docs/other.md"]
    assert list(refreshed.stale_runs()) == ["other"]


# --- freshness -------------------------------------------------------------------------------------------------------


def git(project: Project, *words: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *words], cwd=project.root, check=True, capture_output=True)


def test_adding_data_to_git_makes_nothing_stale(refreshed: Project) -> None:
    git(refreshed, "init", "-q")
    assert refreshed.stale_runs() == {}
    git(refreshed, "add", "-A")
    assert refreshed.stale_runs() == {}


def test_a_report_refreshed_before_makes_no_checkout_dirty(refreshed: Project) -> None:
    git(refreshed, "init", "-q")
    git(refreshed, "add", "-A")
    git(refreshed, "commit", "-qm", "x")
    refreshed.write({"docs/report.md": "as another refresh would leave it"})
    shutil.rmtree(refreshed.root / "docs/other.assets")
    refreshed.gpu_doc("run", "docs/other.md", "--force")
    assert refreshed.evidence("docs/other")["runs"]["other"]["made"]["commit"]


def test_evidence_of_a_gpu_stays_unjudged_here_and_is_not_claimed_by_a_run_on_the_cpu(refreshed: Project) -> None:
    whole = refreshed.evidence("docs/other")
    whole["runs"]["other"]["machine"]["device"] = "gpu"
    del whole["runs"]["other"]["checksum"]
    refreshed.write({"docs/other.assets/evidence.json": json.dumps(whole)})
    shutil.rmtree(refreshed.root / ".gpu-doc")
    [other] = [run for run in refreshed.plan()["runs"] if run["run"] == "other"]
    assert (other["fresh"], other["unchecked"]) == (True, ["GPU"])
    refreshed.gpu_doc("run", "docs/other.md", "--force")
    assert refreshed.evidence("docs/other")["runs"]["other"]["machine"]["device"] == "cpu"


def test_one_new_point_of_a_comparison_names_the_others_that_it_needs(refreshed: Project) -> None:
    points = "matrix: {x: [1, 2]}"
    config = (
        "reports: [{path: docs/other.md, runs: {sweep: {notebook: notebooks/sweep.ipynb, "
        f"{points}}}, same: {{notebook: notebooks/sweep.ipynb, parameters: {{x: 1}}}}}}}}]\n"
    )
    block = '<!-- gpu-doc: compare("sweep[*]", values=["y"]) -->\n<!-- gpu-doc: end -->\n'
    cells = notebook(code("x = 0", "parameters"), code("x * 2", "y"))
    refreshed.write({"gpu-doc.yml": config, "docs/other.md": block, "notebooks/sweep.ipynb": cells})
    assert "2 runs executed" in refreshed.gpu_doc("run").stdout, "a point that equals a plain run is that run"
    shutil.rmtree(refreshed.root / ".gpu-doc")
    assert refreshed.stale_runs() == {}
    refreshed.edit("gpu-doc.yml", "[1, 2]", "[1, 3]")
    assert list(refreshed.stale_runs()) == ["sweep[x=1]", "sweep[x=3]"]


def test_modules_count_below_a_link_and_behind_m(refreshed: Project) -> None:
    link = refreshed.root / "link"
    link.symlink_to(refreshed.root)
    plan = json.loads(refreshed.gpu_doc("plan", "--json", "--config", str(link / "gpu-doc.yml")).stdout)
    assert all(run["fresh"] for run in plan["runs"])
    config = "reports: [{path: docs/other.md, runs: {log: {command: [python3, -m, tool, --file=conf.txt]}}}]\n"
    block = '<!-- gpu-doc: text("log") -->\n<!-- gpu-doc: end -->\n'
    refreshed.write({"gpu-doc.yml": config, "docs/other.md": block, "tool/__init__.py": "", "conf.txt": "1"})
    refreshed.write({"tool/__main__.py": "print(1)\n"})
    refreshed.gpu_doc("run")
    refreshed.write({"tool/__main__.py": "print(2)\n", "conf.txt": "2"})
    assert refreshed.stale_runs() == {"log": ["conf.txt changed", "tool/__main__.py changed"]}


@pytest.mark.parametrize(
    "source",
    [
        f"import importlib; importlib.import_module('{'x' * 300}')",
        "import sys; sys.path.insert(0, '\\0')",
        "%run loop.py",
    ],
)
def test_any_name_in_code_can_be_planned(refreshed: Project, source: str) -> None:
    (refreshed.root / "notebooks/loop.py").symlink_to("loop.py")
    refreshed.write({"notebooks/train.ipynb": notebook(code(source, "curve"))})
    assert list(refreshed.stale_runs()) == ["train"]


@pytest.mark.parametrize("key", ["depends-on: ['src/**.py']", f"data: [{'a' * 300}]", "data: ['a\\0b']"])
def test_any_declared_path_can_be_planned(refreshed: Project, key: str) -> None:
    refreshed.edit("gpu-doc.yml", "data: [data/rows.csv]", key.replace("'", '"'))
    assert list(refreshed.stale_runs()) == ["train"]


def test_data_is_followed_through_links_once(refreshed: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "part").write_text("1")
    (refreshed.root / "data/linked").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(refreshed.root / "data")
    refreshed.edit("gpu-doc.yml", "[data/rows.csv]", "[data/]")
    refreshed.gpu_doc("run", "docs/report.md")
    assert refreshed.stale_runs() == {}
    (elsewhere / "part").write_text("2")
    assert refreshed.stale_runs() == {"train": ["data/ changed"]}


# --- the machine ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("gpu-doc check | head -c0", 1),
        ("gpu-doc check >&-", 1),
        ("gpu-doc plan >&- 2>&-", 0),
        ("gpu-doc plan >/dev/full", 5),
        ("gpu-doc --help >&-", 0),
        ("LC_ALL=C PYTHONIOENCODING=ascii gpu-doc plan", 0),
        ("mkdir gone; cd gone; rmdir ../gone; gpu-doc plan", 2),
        ("git init -q; PATH=; gpu-doc plan", 0),
        (f"env -i {sys.executable} -m gpu_doc check", 1),
    ],
)
def test_the_exit_code_is_the_same_whoever_reads_along(refreshed: Project, command: str, status: int) -> None:
    refreshed.edit("gpu-doc.yml", "lr: 0.5", "lr: 0.6")
    done = shell(refreshed, command)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("spelling", ["./docs/report.md", "docs/../docs/report.md", "{root}/docs/report.md"])
def test_a_report_is_known_by_any_spelling_of_its_path(refreshed: Project, spelling: str) -> None:
    name = spelling.format(root=refreshed.root)
    assert json.loads(refreshed.gpu_doc("plan", "--json", name).stdout)["reports"][0]["path"] == "docs/report.md"


def test_a_result_that_lost_what_it_produced_is_made_again(refreshed: Project) -> None:
    config = "reports: [{path: docs/other.md, runs: {log: {command: [bash, make.sh], produces: [a.svg]}}}]\n"
    refreshed.write({"make.sh": "echo '<svg/>' | tee a.svg\n"})
    block = '<!-- gpu-doc: text("log") -->\n<!-- gpu-doc: end -->\n'
    refreshed.write({"gpu-doc.yml": config, "docs/other.md": block})
    refreshed.gpu_doc("run")
    for produced in (refreshed.root / ".gpu-doc/runs").glob("*/produced"):
        shutil.rmtree(produced)
    refreshed.write({"docs/other.md": block.replace('text("log")', 'image("log/file:a.svg")')})
    assert "1 run executed" in refreshed.gpu_doc("run").stdout
    assert "a-svg" in refreshed.read("docs/other.md")


def test_a_read_only_checkout_can_be_planned_and_checked(refreshed: Project) -> None:
    """Root may write anywhere, so a mount that nobody can write to."""
    place = refreshed.root / "docs"
    if subprocess.run(
        ["mount", "--bind", "-o", "ro", str(refreshed.root), str(refreshed.root)], check=False
    ).returncode:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing("this machine lacks the right to mount a file system")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(refreshed.root)], check=True)
        assert "All fresh" in refreshed.gpu_doc("check").stdout
        assert "All fresh" in refreshed.gpu_doc("run").stdout
        done = refreshed.gpu_doc("run", "--force", code=5)
        assert "cannot write" in done.stderr
        assert Path(place, "report.md").exists()
    finally:
        subprocess.run(["umount", str(refreshed.root)], check=True)
