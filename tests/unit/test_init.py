"""`gpu-doc init` writes a working example, and never overwrites."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import jinja2
import jsonschema  # type: ignore[import-untyped]  # ships no type information
import nbformat
import pytest

from gpu_doc.config import load
from gpu_doc.config.yaml12 import parse, plain
from gpu_doc.errors import UsageError
from gpu_doc.init import Initialised, init

WORKFLOW = ".github/workflows/push.yml"
TO_COPY = Path(__file__).parents[2] / "workflows/push.yml"
FILES = (WORKFLOW, ".gpu-doc.schema.json", "gpu-doc.yml", "notebooks/example.ipynb", "templates/example.md.j2")


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_in_an_empty_folder_it_writes_a_configuration_that_works(tmp_path: Path) -> None:
    assert init(tmp_path) == Initialised(written=FILES, kept=())
    assert set(contents(tmp_path)) == set(FILES)
    (report,) = load(tmp_path / "gpu-doc.yml").reports
    assert (report.path, report.template) == ("docs/example.md", "templates/example.md.j2")
    assert [run.notebook for run in report.runs] == ["notebooks/example.ipynb"]


def test_its_files_are_what_they_claim(tmp_path: Path) -> None:
    init(tmp_path)
    notebook = nbformat.read(tmp_path / "notebooks/example.ipynb", as_version=4)
    nbformat.validate(notebook)
    tags = [tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])]
    assert len(tags) == len(set(tags))
    template = (tmp_path / "templates/example.md.j2").read_text(encoding="utf-8")
    calls = jinja2.Environment(autoescape=True).parse(template).find_all(jinja2.nodes.Call)
    addresses = [arg.value for call in calls for arg in call.args if isinstance(arg, jinja2.nodes.Const)]
    assert addresses
    assert all(address in {"baseline", *(f"baseline/{tag}" for tag in tags)} for address in addresses)


def test_editors_find_its_schema(tmp_path: Path) -> None:
    init(tmp_path)
    text = (tmp_path / "gpu-doc.yml").read_text(encoding="utf-8")
    first = text.splitlines()[0]
    start = "# yaml-language-server: $schema="
    assert first.startswith(start)
    schema = json.loads((tmp_path / first.removeprefix(start)).read_text(encoding="utf-8"))
    tree = parse(text, [])
    assert tree
    jsonschema.validate(plain(tree), schema)


def test_all_files_have_unix_line_endings_and_may_be_read_by_others(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        init(tmp_path)
    finally:
        os.umask(before)
    for name, content in contents(tmp_path).items():
        assert b"\r" not in content
        assert content.endswith(b"\n")
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o644


def test_a_second_call_changes_nothing(tmp_path: Path) -> None:
    init(tmp_path)
    before = contents(tmp_path)
    assert init(tmp_path) == Initialised(written=(), kept=FILES)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", FILES)
def test_what_is_there_stays(tmp_path: Path, name: str) -> None:
    init(tmp_path)
    changed = (tmp_path / name).read_bytes() + b"\n"
    (tmp_path / name).write_bytes(changed)
    assert init(tmp_path).kept == FILES
    assert (tmp_path / name).read_bytes() == changed


def test_what_was_deleted_comes_back(tmp_path: Path) -> None:
    init(tmp_path)
    (tmp_path / ".gpu-doc.schema.json").unlink()
    (tmp_path / "templates/example.md.j2").unlink()
    assert init(tmp_path).written == (".gpu-doc.schema.json", "templates/example.md.j2")


@pytest.mark.parametrize("place", ["gpu-doc.yml", ".github/gpu-doc.yml"])
def test_beside_a_configuration_that_names_other_files_only_the_workflow_is_written(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("reports: []\n")
    assert init(tmp_path) == Initialised(written=(WORKFLOW,), kept=(place,))
    assert set(contents(tmp_path)) == {place, WORKFLOW}


def test_where_a_workflow_of_another_name_serves_a_configuration_no_second_one_is_written(tmp_path: Path) -> None:
    (tmp_path / "gpu-doc.yml").write_text("reports: []\n")
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".github/workflows/docs.yaml").write_text("steps: [{uses: org/gpu-doc-action@v1}]\n")
    assert init(tmp_path) == Initialised(written=(), kept=(".github/workflows/docs.yaml", "gpu-doc.yml"))


def test_the_workflow_is_the_one_to_copy_so_that_copying_it_makes_no_second_one(tmp_path: Path) -> None:
    init(tmp_path)
    assert (tmp_path / WORKFLOW).read_bytes() == TO_COPY.read_bytes()
    assert [path.name for path in (tmp_path / WORKFLOW).parent.iterdir()] == [TO_COPY.name]


def test_where_it_was_copied_before_no_second_one_is_written(tmp_path: Path) -> None:
    (tmp_path / WORKFLOW).parent.mkdir(parents=True)
    (tmp_path / WORKFLOW).with_name("reports.yml").write_bytes(TO_COPY.read_bytes())
    assert ".github/workflows/reports.yml" in init(tmp_path).kept
    assert not (tmp_path / WORKFLOW).exists()


def test_a_workflow_of_that_name_for_something_else_stays_and_ours_has_another(tmp_path: Path) -> None:
    (tmp_path / WORKFLOW).parent.mkdir(parents=True)
    (tmp_path / WORKFLOW).write_text("on: push\n")
    assert ".github/workflows/gpu-doc.yml" in init(tmp_path).written
    assert (tmp_path / WORKFLOW).read_text() == "on: push\n"
    assert init(tmp_path).written == ()


def test_in_a_folder_of_a_repository_the_workflow_lies_at_its_top_and_works_in_that_folder(tmp_path: Path) -> None:
    folder = tmp_path / "docs & more/paper"
    folder.mkdir(parents=True)
    done = init(folder, work_tree=tmp_path)
    assert f"../../{WORKFLOW}" in done.written
    tree = parse((tmp_path / WORKFLOW).read_text("utf-8"), [])
    assert tree
    assert plain(tree)["jobs"]["refresh"]["with"]["working-directory"] == "docs & more/paper"
    assert not (folder / ".github").exists()


def test_a_link_that_leads_nowhere_is_kept(tmp_path: Path) -> None:
    (tmp_path / "gpu-doc.yml").symlink_to("elsewhere.yml")
    assert "gpu-doc.yml" in init(tmp_path).kept
    assert not (tmp_path / "elsewhere.yml").exists()


def test_where_a_folder_cannot_be_made_it_says_so_and_leaves_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "notebooks").write_text("a file")
    with pytest.raises(UsageError, match=r"cannot write notebooks/example\.ipynb: notebooks is not a folder"):
        init(tmp_path)
    assert set(contents(tmp_path)) == {"notebooks"}


def test_without_hard_links_it_works_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")  # what FAT says

    monkeypatch.setattr(os, "link", refuse)
    assert init(tmp_path) == Initialised(written=FILES, kept=())
    assert set(contents(tmp_path)) == set(FILES)
