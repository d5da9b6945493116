"""Claims of users: a broken one leaves its report as it was, with the line; sentences are mended, and published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Project, code, notebook
from tests.e2e.publishing import REPOSITORY, Runner
from tests.integration.git_server import GitServer, git_server
from tests.workflow_commands import found

__all__ = ["git_server"]

CONFIG = """\
reports:
  - path: report.md
    template: report.md.j2
    runs:
      train: {command: [sh, train.sh], produces: [acc.json, log.csv], depends-on: [accuracy]}
    expect:
      train/file:acc.json: [">= 0.9", ">= last - 0.01"]
      train/file:log.csv: columns == [epoch, loss]
  - path: notes.md
    runs:
      count: {command: [sh, train.sh], produces: [acc.json], depends-on: [accuracy]}
claims:
  README.md:
    - {text: "reaches [92 %] accuracy", value: "train/file:acc.json", mend: true}
    - {text: "more than 0.9 of all", value: "train/file:acc.json", tolerance: 0.1}
"""
README = """\
# Readme

The model **reaches
92 %** accuracy,
more than 0.9 of all.
"""
FILES = {
    "gpu-doc.yml": CONFIG,
    "README.md": README,
    "accuracy": "0.934\n",
    "train.sh": "cp accuracy acc.json\nprintf 'epoch,loss\\n1,2\\n2,1\\n' > log.csv\n",
    "report.md.j2": 'It is {{ value("train/file:acc.json") }}.\n\n{{ expect("train/file:acc.json", "0.9..0.95") }}\n',
    "notes.md": 'It is <!-- gpu-doc: value("count/file:acc.json") -->?<!-- gpu-doc: end -->.\n',
}


@pytest.fixture
def claims(tmp_path: Path) -> Project:
    project = Project(tmp_path / "claims")
    project.write(FILES)
    return project


def test_a_broken_claim_leaves_its_report_and_others_are_written(claims: Project) -> None:
    claims.gpu_doc("run")
    assert claims.read("README.md") == README.replace("92", "93"), "only the number is another one"
    published = claims.read("report.md"), claims.read("README.md"), claims.read("report.assets/evidence.json")
    kept = json.loads(published[2])["claims"]
    assert [(each["where"], each["expected"], each["holds"]) for each in kept] == [
        ("text", "0.9..0.95", True),
        ("configuration", ">= 0.9", True),
        ("configuration", ">= last - 0.01", True),
        ("configuration", "columns == [epoch, loss]", True),
        ("README.md", "reaches [92 %] accuracy", True),
        ("README.md", "more than 0.9 of all", True),
    ]
    assert "All fresh" in claims.gpu_doc("check").stdout
    assert "All fresh" in claims.gpu_doc("run").stdout
    assert "report.md: intact" in claims.gpu_doc("verify").stdout
    assert 'value("train/file:acc.json")' in claims.gpu_doc("why", "report.md:3").stdout

    claims.write({"accuracy": "0.87\n"})
    broken = claims.gpu_doc("run", code=1)
    for said in (
        "train/file:acc.json is 0.87, expected >= 0.9\n  in gpu-doc.yml:7",
        "expected >= last - 0.01 (published last: 0.934)\n  in gpu-doc.yml:7",
        "train/file:acc.json is 0.87, expected 0.9..0.95\n  in report.md.j2:3",
        "report.md stays as it was.",
    ):
        assert said in broken.stderr
    assert published == (claims.read("report.md"), claims.read("README.md"), claims.read("report.assets/evidence.json"))
    assert "0.87" in claims.read("notes.md"), "the other report has no claims"
    again = claims.gpu_doc("run", code=1)
    assert "0 runs executed" in again.stdout
    assert "expected >= 0.9" in again.stderr

    claims.write({"accuracy": "0.9249\n"})
    claims.gpu_doc("run")
    assert "reaches\n92 %** accuracy" in claims.read("README.md"), "one hundredth less is allowed"


def test_check_finds_a_sentence_that_drifted_at_its_line(claims: Project) -> None:
    claims.write({"gpu-doc.yml": CONFIG.replace(", mend: true", "")})
    assert "README.md:4" in claims.gpu_doc("run", code=1).stderr
    assert not (claims.root / "report.md").exists(), "a report with a broken claim is not written"
    claims.write({"README.md": README.replace("92", "93")})
    claims.gpu_doc("run")
    claims.gpu_doc("check")
    moved = "# Readme\n\nMore.\n\n" + README.replace("92", "94").removeprefix("# Readme\n\n")
    claims.write({"README.md": moved})
    checked = claims.gpu_doc("check", code=1, GITHUB_ACTIONS="true")
    (told,) = [command for command in found(checked.stdout + checked.stderr) if command.name == "error"]
    assert (told.properties["file"], told.properties["line"]) == ("README.md", "6")
    assert "“94 %” is written here, and train/file:acc.json is 0.934" in told.data
    assert "README.md:6" in claims.gpu_doc("run", code=1).stderr
    assert "does not hold: README.md:6" in claims.gpu_doc("plan").stdout
    plan = json.loads(claims.gpu_doc("plan", "--json").stdout)["reports"][0]
    assert plan["fresh"]
    wrong = [each for each in plan["claims"] if not each["holds"]]
    assert [(each["file"], each["line"], each["value"]) for each in wrong] == [("README.md", 6, 0.934)]
    claims.write({"README.md": moved.replace("94", "93").replace("reaches", "got to")})
    assert "is not in README.md any more" in claims.gpu_doc("check", code=2).stderr
    assert "is not in README.md any more" in claims.gpu_doc("run", code=2).stderr


def test_a_broken_claim_is_published_with_a_mark_where_that_is_configured(claims: Project) -> None:
    claims.write(
        {"gpu-doc.yml": CONFIG.replace("    expect:", "    on-failure: mark\n    expect:"), "accuracy": "0.87\n"}
    )
    assert "expected >= 0.9" in claims.gpu_doc("run", code=1).stderr
    report = claims.read("report.md")
    assert "\n> **Claim no longer holds:** train/file:acc.json is 0.87, expected &gt;= 0.9\n" in report
    assert "**(claim no longer holds: train/file:acc.json is 0.87, expected 0.9..0.95)**" in report
    checked = claims.gpu_doc("check", code=1)
    assert "report.md.j2:3" in checked.stderr
    assert "stale" not in checked.stdout
    claims.gpu_doc("run", code=1)
    assert claims.read("report.md") == report
    assert "report.md: intact" in claims.gpu_doc("verify").stdout
    claims.write({"accuracy": "0.92\n"})
    claims.gpu_doc("run")
    assert "Claim" not in claims.read("report.md")


def test_a_claim_is_about_what_a_notebook_gives_and_a_stricter_one_runs_nothing(tmp_path: Path) -> None:
    project = Project(tmp_path / "notebook")
    frame = "from IPython.display import HTML\nHTML('<table><thead><tr><th></th><th>a</th></tr></thead><tbody>"
    frame += "<tr><th>0</th><td>1</td></tr></tbody></table><p>1,000 rows × 1 columns</p>')"  # noqa: RUF001 - as pandas does
    config = """\
reports:
  - path: notes.md
    runs:
      train: {notebook: train.ipynb}
    expect: {train/accuracy: ">= 0.9", train/frame: 1000 x 1, train/name: /^H100/}
"""
    project.write(
        {
            "gpu-doc.yml": config,
            "train.ipynb": notebook(code("0.9312", "accuracy"), code(frame, "frame"), code("'H100 PCIe'", "name")),
            "notes.md": 'It is <!-- gpu-doc: expect("train/accuracy", "0.93 ± 0.01") --><!-- gpu-doc: end -->good.\n',
        }
    )
    project.gpu_doc("run")
    assert "--><!--" in project.read("notes.md"), "a claim that holds says nothing"
    project.write({"gpu-doc.yml": config.replace(">= 0.9", ">= 0.94")})
    (project.root / ".gpu-doc").rename(tmp_path / "away")
    assert "the claim `train/accuracy >= 0.94` is new" in project.gpu_doc("check", code=1).stdout
    broken = project.gpu_doc("run", code=1)
    assert "train/accuracy is 0.9312, expected >= 0.94\n  in gpu-doc.yml:5" in broken.stderr
    assert "0 runs executed" in broken.stdout
    project.write({"gpu-doc.yml": config.replace("train/name", "train/nmae").replace(">= 0.9", "=> 0.9")})
    assert "did you mean `>= 0.9`?" in project.gpu_doc("run", code=2).stderr


@pytest.mark.full
@pytest.mark.needs("git")
def test_a_mended_sentence_is_committed_and_nothing_else_of_its_file(tmp_path: Path, git_server: GitServer) -> None:
    git_server.create(REPOSITORY)
    git_server.seed(REPOSITORY, FILES)
    runner = Runner(git_server, tmp_path)
    job = runner.checkout()
    (job / "README.md").write_text(README + "\nA person's own work, not committed.\n")
    runner.run(job, "--publish", "commit")
    assert "93 %" in (job / "README.md").read_text()
    assert git_server.show(REPOSITORY, "README.md").decode() == README.replace("92", "93")
    assert b"0.934" in git_server.show(REPOSITORY, "report.md")
    tip = git_server.tip(REPOSITORY)
    runner.refresh("commit")
    assert git_server.tip(REPOSITORY) == tip
    git_server.seed(REPOSITORY, {"accuracy": "0.87\n"})
    runner.refresh("commit", code=1)
    assert git_server.show(REPOSITORY, "README.md").decode() == README.replace("92", "93"), "the claim is broken"
    assert b"0.87" in git_server.show(REPOSITORY, "notes.md"), "the report without claims is published"
    assert b"0.934" in git_server.show(REPOSITORY, "report.md")
