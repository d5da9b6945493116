"""Notebooks of other people through the whole program: mended ones give their value, refused ones cost no run."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Project
from tests.malformed import MENDED, REFUSED, NotebookCase

_BLOCK = '# Report\n\n<!-- gpu-doc: value("a/#{number}") -->nothing<!-- gpu-doc: end --> is it.\n'


def configured(project: Project, cases: list[NotebookCase]) -> None:
    """A report for each notebook; the value is what its last cell with an answer gives."""
    lines = ["reports:"]
    for case in cases:
        case.write(project.root)
        number = 2 if case.name in ("no source", "source null", "source empty list") else 1
        project.write({f"{case.file}.md": _BLOCK.replace("{number}", str(number))})
        lines += [f"  - path: {case.file}.md", f"    runs: {{a: {{notebook: '{case.file}'}}}}"]
    project.write({"gpu-doc.yml": "\n".join(lines) + "\n"})


def test_what_is_refused_is_told_with_file_and_remedy_and_nothing_runs(empty: Project) -> None:
    configured(empty, REFUSED)
    empty.gpu_doc("plan")
    empty.gpu_doc("check", code=1)
    done = empty.gpu_doc("run", code=3)
    assert "0 runs executed" in done.stdout
    for case in REFUSED:
        assert f"in {case.file}" in done.stderr
        assert "nothing" in empty.read(f"{case.file}.md")


@pytest.mark.full
def test_what_is_mended_runs_to_its_end_and_changes_no_notebook(empty: Project) -> None:
    configured(empty, MENDED)
    empty.gpu_doc("plan")
    empty.gpu_doc("run")
    for case in MENDED:
        assert "42" in empty.read(f"{case.file}.md"), case.name
        assert (empty.root / case.file).read_bytes() == case.content
    empty.gpu_doc("check")


def test_half_a_character_in_text_loses_no_result(empty: Project) -> None:
    """The worst of them in one run: what a plan sees is what was executed, whatever was mended."""
    names = {"half a character in text", "tags null", "no source", "ids twice and invalid", "outputs odd"}
    configured(empty, [case for case in MENDED if case.name in names])
    empty.gpu_doc("run")
    for case in MENDED:
        if case.name in names:
            assert "42" in empty.read(f"{case.file}.md"), case.name
    empty.gpu_doc("check")
