"""What a run took is drawn, and drawn anew only when a result changed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from .conftest import Project, code, notebook

pytestmark = [pytest.mark.full, pytest.mark.needs("chromium")]

# A busy machine looks at a run seldom: it holds its memory for as many seconds as it is to be seen in.
NOTEBOOK = notebook(
    code("scale = 1", "parameters"),
    code("data = bytearray(b'x') * 60_000_000 * scale\nimport time; time.sleep(scale)"),
    code("6 * 7", "answer"),
    code("from IPython.display import HTML\nimport uuid\nHTML(f'<b id=\"{uuid.uuid4()}\">the same</b>')", "picture"),
)
TEMPLATE = """\
{{ value("run/answer") }}

{{ shot("run/picture") }}

{{ resources("run", caption="What it took", theme="both") }}

{{ environment("run") }}
"""
CONFIG = """\
reports:
  - path: report.md
    template: report.md.j2
    runs:
      run: {notebook: run.ipynb, parameters: {scale: 1}}
"""


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("once"))
    project.write({"gpu-doc.yml": CONFIG, "report.md.j2": TEMPLATE, "run.ipynb": NOTEBOOK})
    said = project.gpu_doc("run").stdout
    assert re.search(r"^1 run executed:\n  run  \d.* s, peak 1\d\d MB$", said, re.MULTILINE), said
    return project


@pytest.fixture
def project(once: Project, tmp_path: Path) -> Project:
    """Refreshed once, state included."""
    shutil.copytree(once.root, tmp_path, dirs_exist_ok=True)
    return Project(tmp_path)


def files(project: Project) -> dict[str, bytes]:
    return {"report.md": project.read("report.md").encode(), **project.files("report.assets")}


def test_a_chart_for_each_theme_and_the_peaks(project: Project) -> None:
    report = project.read("report.md")
    assert re.search(
        r'<img alt="CPU and memory of run run over time" src="report\.assets/run-light-\w+\.png"></picture>', report
    )
    assert re.search(r"^Peak: [\d.]+ CPU cores?, 1\d\d MB memory; ran .* s\.$", report, re.MULTILINE)
    light, dark = (content for name, content in files(project).items() if re.search(r"run-(light|dark)", name))
    assert min(len(light), len(dark)) > 10_000
    assert light != dark


def test_the_same_results_leave_it_as_it_was(project: Project) -> None:
    """The picture of the cell has another source each time, and the same pixels."""
    before = files(project)
    assert "1 run executed" in project.gpu_doc("run", "--force").stdout
    assert files(project) == before


def test_a_new_fingerprint_with_the_same_results_changes_the_evidence_only(project: Project) -> None:
    before = files(project)
    project.edit("gpu-doc.yml", "scale: 1}", "scale: 1}, depends-on: [more.txt]")
    project.write({"more.txt": "x"})
    assert "1 run executed" in project.gpu_doc("run").stdout
    after = files(project)
    assert [name for name in after if after[name] != before.get(name)] == ["report.assets/evidence.json"]


def test_another_result_brings_another_chart(project: Project) -> None:
    before = files(project)
    project.edit("run.ipynb", "6 * 7", "6 * 8")
    project.gpu_doc("run")
    after = files(project)
    changed = {re.sub(r"-\w{8}\.png", ".png", name) for name in after if after[name] != before.get(name)}
    assert changed == {
        "report.md", "report.assets/evidence.json", "report.assets/run-light.png", "report.assets/run-dark.png"
    }  # fmt: skip
    assert "1 run executed" in project.gpu_doc("run", "--force").stdout
    assert files(project) == after


def test_where_nothing_tells_whether_results_are_the_same_it_is_that_of_the_last_run(project: Project) -> None:
    project.write({"report.md.j2": '{{ resources("run") }}\n'})
    project.gpu_doc("run")
    before = files(project)
    project.gpu_doc("run", "--force")
    assert files(project) == before, "the same fingerprint"
    project.edit("gpu-doc.yml", "scale: 1", "scale: 4")
    project.gpu_doc("run")
    assert re.search(r"Peak: .* 3\d\d MB memory", project.read("report.md"))


def test_another_width_draws_it_without_a_run(project: Project) -> None:
    before = files(project)
    project.write({"gpu-doc.yml": CONFIG + "capture: {width: 500}\n"})
    assert "0 runs executed." in project.gpu_doc("run").stdout
    name = next(name for name in before if "run-light" in name)
    assert files(project)[name] != before[name]


def test_a_result_of_before_is_measured_now(project: Project) -> None:
    [kept] = (project.root / ".gpu-doc/runs").glob("*/resources.json")
    kept.unlink()
    project.edit("report.md.j2", "What it took", "Of it")
    project.edit("report.md.j2", 'theme="both"', 'theme="light"')
    done = project.gpu_doc("run")
    assert "report.md needs the result of run" in done.stderr
    assert "1 run executed" in done.stdout


def test_a_command_that_is_over_at_once(empty: Project) -> None:
    empty.write(
        {
            "gpu-doc.yml": "reports:\n  - path: report.md\n    runs:\n      run: {command: ['true']}\n",
            "report.md": '<!-- gpu-doc: resources("run") -->\n<!-- gpu-doc: end -->\n',
        }
    )
    empty.gpu_doc("run")
    assert re.search(r"Ran 0\.\d s, too short to be measured\.|Peak: ", empty.read("report.md"))
