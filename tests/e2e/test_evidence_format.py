"""Reports whose evidence an earlier version wrote: fresh, left as they are, and in the new format once they change."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from .conftest import Project, code, notebook

CONFIG = """\
reports:
  - path: docs/report.md
    template: report.md.j2
    runs:
      sweep: {notebook: sweep.ipynb, matrix: {x: [1, 2]}}
      log: {command: [sh, make.sh], produces: [t.csv]}
"""
TEMPLATE = """\
# Report

{{ compare("sweep[*]", values=["y"]) }}

{{ table("log/file:t.csv") }}

{{ environment("log") }}
"""
# Another value at each run, in a digit that the table doesn't show.
SWEEP = notebook(code("x = 0", "parameters"), code("import time\nx / 3 + time.time_ns() % 1000 * 1e-12", "y"))
EVIDENCE = "docs/report.assets/evidence.json"


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = Project(tmp_path_factory.mktemp("made"))
    script = "printf 'step,loss\\n1,0.5\\n' > t.csv\n"
    project.write({"gpu-doc.yml": CONFIG, "report.md.j2": TEMPLATE, "sweep.ipynb": SWEEP, "make.sh": script})
    project.gpu_doc("run")
    return project.root


@pytest.fixture
def made(made_once: Path, tmp_path: Path) -> Project:
    shutil.copytree(made_once, tmp_path, dirs_exist_ok=True)
    return Project(tmp_path)


def as_format_1(project: Project) -> None:
    """Write evidence as the version before cells did."""
    whole = project.evidence() | {"format": 1}
    for answer in whole["answers"].values():
        answer.pop("cells", None)
    for part in (whole, *whole["answers"].values(), *whole["runs"].values()):
        del part["checksum"]
    project.write({EVIDENCE: json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"})


def cells(project: Project) -> dict[str, Any]:
    """By function."""
    answers = project.evidence()["answers"].items()
    return {json.loads(key)[0]: answer.get("cells") for key, answer in answers}


def test_a_refresh_writes_what_tables_say_and_keeps_it(made: Project) -> None:
    assert made.evidence()["format"] == 3
    known = cells(made)
    assert known["table"] == [["step", "loss"], ["1", "0.5"]]
    assert dict(known["environment"])["Command"] == "sh make.sh"
    [head, first, second] = known["compare"]
    assert (head, first[0], second[0]) == (["x", "y"], "1", "2")
    assert (first[1]["address"], first[1]["text"]) == ("sweep[x=1]/y", "0.3333")
    assert first[1]["value"] == pytest.approx(1 / 3, abs=1e-8)
    shutil.rmtree(made.root / ".gpu-doc")
    made.edit("report.md.j2", "# Report", "# Another")
    assert "0 runs executed" in made.gpu_doc("run").stdout
    assert cells(made) == known


def test_a_report_of_format_1_is_fresh_and_stays_to_the_byte(made: Project) -> None:
    as_format_1(made)
    before = made.files()
    assert (made.stale_runs(), made.stale_reports()) == ({}, {})
    assert "All fresh" in made.gpu_doc("check").stdout
    assert "All fresh" in made.gpu_doc("run").stdout
    assert "3 runs executed" in made.gpu_doc("run", "--force").stdout
    changed = {path for path, content in made.files().items() if content != before[path]}
    assert changed <= {"docs/report.assets/evidence.json"}, "only what the runs were now seen to read is new"


def test_what_is_taken_from_format_1_runs_nothing(made: Project) -> None:
    as_format_1(made)
    shutil.rmtree(made.root / ".gpu-doc")
    made.edit("report.md.j2", "# Report", "# Another")
    assert "0 runs executed" in made.gpu_doc("run").stdout
    assert made.evidence()["format"] == 3
    assert cells(made) == {"compare": None, "table": None, "environment": None}
    assert (made.stale_runs(), made.stale_reports()) == ({}, {})
    made.edit("make.sh", "0.5", "0.25")
    assert "1 run executed" in made.gpu_doc("run").stdout
    known = cells(made)
    assert known.pop("table") == [["step", "loss"], ["1", "0.25"]]
    assert known.pop("environment")[0] == ["Run", "log"]
    assert known == {"compare": None}


def test_digits_that_no_table_shows_change_nothing(made: Project) -> None:
    compared = cells(made)["compare"]
    made.edit("make.sh", "0.5", "0.25")
    assert "3 runs executed" in made.gpu_doc("run", "--force").stdout
    assert cells(made)["table"] == [["step", "loss"], ["1", "0.25"]]
    assert cells(made)["compare"] == compared, "its runs gave the same, so evidence speaks of the ones before"


@pytest.mark.needs("chromium")
@pytest.mark.full
def test_the_words_beside_a_picture_stay_as_long_as_the_picture(tmp_path: Path) -> None:
    """Another version may have other alternative texts: `--force` with the same results changes not a byte."""
    project = Project(tmp_path)
    config = "reports:\n  - {path: docs/report.md, template: t.j2, runs: {a: {notebook: n.ipynb}}}\n"
    cells = notebook(code("print('first')", "said"))
    project.write({"gpu-doc.yml": config, "t.j2": '{{ shot("a/said") }}\n', "n.ipynb": cells})
    project.gpu_doc("run")
    report = (tmp_path / "docs/report.md").read_text()
    assert "![Text: first](" in report
    earlier = report.replace("![Text: first](", "![Output of cell said in run a](")
    evidence = project.evidence()
    evidence["text"] = hashlib.sha256(earlier.encode()).hexdigest()
    (answer,) = evidence["answers"].values()
    answer["value"] = answer["value"].replace("Text: first", "Output of cell said in run a")
    for part in (evidence, answer):
        del part["checksum"]
    project.write({"docs/report.md": earlier, EVIDENCE: json.dumps(evidence, indent=1, ensure_ascii=False) + "\n"})
    project.gpu_doc("run", "--force")
    assert (tmp_path / "docs/report.md").read_text() == earlier
    project.write({"n.ipynb": notebook(code("print('second')", "said"))})
    project.gpu_doc("run")
    assert "![Text: second](" in (tmp_path / "docs/report.md").read_text()
