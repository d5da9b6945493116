"""A report is fresh only if it would be the same: what its addresses name, what it shows of sources, where it lies."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Project, code, notebook

CONFIG = """\
reports:
  - path: docs/report.md
    template: report.md.j2
    runs:
      t: {notebook: t.ipynb}
"""
TEMPLATE = """\
One is {{ value("t/one") }}, two is {{ value("t/fig-two") }}, three is {{ value("t/#4") }}.

{{ code("t/one") }}

{{ image("t/dot") }}

{{ environment("t") }}
"""
DOT = "from IPython.display import SVG\nSVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')"
CELLS = (code("1", "one"), code("#| label: fig-two\n2"), code(DOT, "dot"), code("3"))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = Project(tmp_path_factory.mktemp("published"))
    project.write({"gpu-doc.yml": CONFIG, "report.md.j2": TEMPLATE, "t.ipynb": notebook(*CELLS)})
    project.gpu_doc("run")
    assert "One is 1, two is 2, three is 3." in project.read("docs/report.md")
    return project.root


@pytest.fixture
def project(published: Path, tmp_path: Path) -> Project:
    shutil.copytree(published, tmp_path / "work")
    return Project(tmp_path / "work")


def without_state(project: Project) -> None:
    shutil.rmtree(project.root / ".gpu-doc")


def swap_tags(project: Project) -> None:
    project.write({"t.ipynb": notebook(code("1"), code("#| label: fig-two\n2"), CELLS[2], code("3", "one"))})


def add_empty_cell(project: Project) -> None:
    project.write({"t.ipynb": notebook(code("# What follows counts."), *CELLS)})


def write_otherwise(project: Project) -> None:
    project.edit("t.ipynb", '"source": "1"', '"source": "1  # the first"')


def rename_notebook(project: Project) -> None:
    (project.root / "t.ipynb").rename(project.root / "renamed.ipynb")
    project.edit("gpu-doc.yml", "t.ipynb", "renamed.ipynb")


@pytest.mark.parametrize(
    ("change", "reason", "shown"),
    [
        (swap_tags, "`one` is now cell #4 of t.ipynb", "One is 3, two is 2, three is 3."),
        (add_empty_cell, "`#4` is now cell #4 of t.ipynb", "One is 1, two is 2, three is"),
        (write_otherwise, "the code of cell #1 of t.ipynb is written otherwise now", "```python\n1  # the first\n```"),
        (rename_notebook, "the notebook of run t is now renamed.ipynb", "| Notebook | `renamed.ipynb` |"),
    ],
)
def test_what_an_address_means_now_is_shown_without_a_run(
    project: Project, change: Callable[[Project], None], reason: str, shown: str
) -> None:
    change(project)
    if change is add_empty_cell:
        project.edit("report.md.j2", 'value("t/#4")', 'text("t/dot")')  # the fourth cell has no value now
        project.edit("report.md.j2", 'text("t/dot")', 'value("t/#5")')
        assert project.stale_reports()["docs/report.md"] == ["report.md.j2 changed", reason]
    else:
        assert project.stale_reports() == {"docs/report.md": [reason]}
    assert project.stale_runs() == {}
    project.gpu_doc("check", code=1)
    assert "executed" not in project.gpu_doc("run").stdout.replace("0 runs executed", "")
    assert shown in project.read("docs/report.md")
    files = project.files()
    assert "All fresh" in project.gpu_doc("run").stdout
    assert project.files() == files


def test_code_is_shown_anew_where_only_evidence_is_left(project: Project) -> None:
    without_state(project)
    write_otherwise(project)
    assert project.stale_runs() == {}
    project.gpu_doc("run")
    assert "1  # the first" in project.read("docs/report.md")
    assert not (project.root / ".gpu-doc/runs").exists()


@pytest.mark.parametrize(
    ("old", "new", "remedy"),
    [('"one"', '"once"', "Did you mean `once`?"), ("fig-two", "fig-too", "Did you mean `fig-too`?")],
)
def test_an_address_that_fits_nothing_any_more_is_told(project: Project, old: str, new: str, remedy: str) -> None:
    project.edit("t.ipynb", old, new)
    [reason] = project.stale_reports()["docs/report.md"]
    assert reason.startswith(f"no cell tagged `{'one' if 'one' in old else 'fig-two'}` in t.ipynb; it has: ")
    before = project.files()
    assert "no cell tagged" in project.gpu_doc("check", code=1).stdout
    done = project.gpu_doc("run", code=2)
    assert remedy in done.stdout + done.stderr
    assert "report.md.j2:" in done.stdout + done.stderr
    assert project.files() == before


@pytest.mark.parametrize("kept", [True, False], ids=["with state", "without state"])
def test_a_moved_report_has_links_to_its_pictures(project: Project, *, kept: bool) -> None:
    if not kept:
        without_state(project)
    (project.root / "docs/report.md").rename(project.root / "docs/moved.md")
    (project.root / "docs/report.assets").rename(project.root / "docs/moved.assets")
    project.edit("gpu-doc.yml", "docs/report.md", "docs/moved.md")
    assert project.stale_reports() == {"docs/moved.md": ["it was docs/report.md before"]}
    assert project.stale_runs() == {}
    project.gpu_doc("run")
    text = project.read("docs/moved.md")
    assert "](moved.assets/" in text
    assert "report.assets" not in text
    assert "All fresh" in project.gpu_doc("check").stdout
    assert (project.root / ".gpu-doc/runs").exists() == kept


def test_evidence_that_knows_no_meanings_stays_as_it_is(project: Project) -> None:
    path = project.root / "docs/report.assets/evidence.json"
    whole = json.loads(path.read_text())
    whole["format"] = 2
    del whole["report"], whole["checksum"]
    for entry in (*whole["runs"].values(), *whole["answers"].values()):
        for key in ("forms", "meaning", "checksum"):
            entry.pop(key, None)
    path.write_text(json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    before = project.files()
    assert "All fresh" in project.gpu_doc("check").stdout
    project.gpu_doc("run", "--force")
    assert project.files() == before


@pytest.mark.needs("chromium")
def test_a_picture_of_code_stays_where_no_result_is_left(project: Project) -> None:
    project.write({"report.md.j2": '{{ shot("t/one", show="cell") }}\n'})
    project.gpu_doc("run")
    [picture] = (project.root / "docs/report.assets").glob("*.png")
    first = picture.read_bytes()
    write_otherwise(project)
    clone = Project(project.root.parent / "clone")
    shutil.copytree(project.root, clone.root, ignore=shutil.ignore_patterns(".gpu-doc"))
    assert "docs/report.md: fresh" in (done := clone.gpu_doc("plan")).stdout
    said = "a picture of code: the code of cell #1 of t.ipynb is written otherwise now, and its result is not in state"
    assert f"not checked here: {said}" in done.stdout
    clone.edit("report.md.j2", "{{", "See {{")
    clone.gpu_doc("run")
    assert (clone.root / "docs/report.assets" / picture.name).read_bytes() == first
    assert said in clone.gpu_doc("plan").stdout
    project.gpu_doc("run")
    assert picture.read_bytes() != first
    assert "All fresh" in project.gpu_doc("run").stdout
