"""Notebooks as they are written: their code cells, what names them, and files that are none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.errors import NotebookFileError, ReportError
from gpu_doc.notebooks.cells import executed_cells, find_cell, kernel_name, source_cells

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def code(source: str | list[str], *tags: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source, "outputs": [], **more}


def written(folder: Path, *cells: dict[str, Any], **metadata: Any) -> Path:
    path = folder / "train.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_code_cells_are_counted_and_named(tmp_path: Path) -> None:
    markdown = {"cell_type": "markdown", "metadata": {"tags": ["loss-curve"]}, "source": "# T"}
    path = written(
        tmp_path,
        markdown,
        code("lr = 1", "parameters", id="a1"),
        code("lr = 2", "injected-parameters", id="b2"),
        code(["#| label: 'fig-loss'\n", "plot()"], "loss-curve", "other", id="c3"),
        kernelspec={"name": "ir", "language": "R"},
    )
    first, injected, plot = source_cells(path)
    assert (first.number, injected.number, plot.number) == (1, 0, 2)
    assert plot.names == ("#2", "loss-curve", "other", "fig-loss", "c3")
    assert plot.source == "#| label: 'fig-loss'\nplot()"
    assert (plot.name, first.name, plot.language) == ("loss-curve", "parameters", "r")
    assert kernel_name(path) == "ir"


@pytest.mark.parametrize("name", ["#2", "loss-curve", "fig-loss", "c3"])
def test_a_cell_is_named_by_number_tag_label_and_id(tmp_path: Path, name: str) -> None:
    cells = source_cells(
        written(tmp_path, code("1"), code("#| label: fig-loss\nplot()", "loss-curve", "loss-curve", id="c3"))
    )
    assert find_cell(cells, name, "train.ipynb").number == 2


def test_a_missing_tag_is_said_with_those_there_are(tmp_path: Path) -> None:
    cells = source_cells(written(tmp_path, code("", "parameters"), code("", "loss-curve"), code("", "table")))
    with pytest.raises(ReportError) as caught:
        find_cell(cells, "loss-curv", "notebooks/train.ipynb")
    assert caught.value.what == "no cell tagged `loss-curv` in notebooks/train.ipynb; it has: loss-curve, table"
    assert caught.value.remedy == "Did you mean `loss-curve`?"
    with pytest.raises(ReportError, match=r"no cell #4 in train\.ipynb; it has 3 code cells"):
        find_cell(cells, "#4", "train.ipynb")


def test_a_notebook_without_tags_proposes_numbers(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="none of its cells has a tag") as caught:
        find_cell(source_cells(written(tmp_path, code(""), code(""))), "x", "a.ipynb")
    assert "#1 to #2" in caught.value.remedy


def test_a_name_that_fits_two_cells_is_an_error_where_it_is_used(tmp_path: Path) -> None:
    cells = source_cells(written(tmp_path, code("", "x"), code("", "y"), code("#| label: x")))
    assert find_cell(cells, "y", "a.ipynb").number == 2
    with pytest.raises(ReportError, match=r"`x` fits 2 cells of a\.ipynb: #1, #3"):
        find_cell(cells, "x", "a.ipynb")


@pytest.mark.parametrize(
    ("source", "language"), [("%%bash\nls", "bash"), ("%%R -i x\n1", "r"), ("%%time\nx", "python"), ("x", "python")]
)
def test_cell_magics_change_the_language(tmp_path: Path, source: str, language: str) -> None:
    assert source_cells(written(tmp_path, code(source)))[0].language == language


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("#| label: a-b\nx", "a-b"),
        ("\n#| echo: false\n#| label:  a\nx", "a"),
        ("%%bash\n#| label: a", "a"),
        ("x = 1\n#| label: a", ""),
        ("# label: a", ""),
        ('//| label: "a"', "a"),
    ],
)
def test_labels_stand_at_the_head(tmp_path: Path, source: str, label: str) -> None:
    assert source_cells(written(tmp_path, code(source)))[0].label == label


def test_outputs_of_an_executed_notebook(tmp_path: Path) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "x"}
    path = written(tmp_path, code("", "injected-parameters"), code("1", "a", outputs=[output]))
    assert [(cell.number, cell.outputs) for cell in executed_cells(path)] == [(0, ()), (1, (output,))]


def test_nbformat_3(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "heading", "source": "T"},
        {"cell_type": "code", "input": ["a\n", "b"], "language": "python"},
    ]
    (tmp_path / "old.ipynb").write_text(json.dumps({"worksheets": [{"cells": cells}], "nbformat": 3}))
    assert [cell.source for cell in source_cells(tmp_path / "old.ipynb")] == ["a\nb"]


@pytest.mark.parametrize("name", ["cell-tags-in-percent-script.py", "cell-tags-in-markdown.md", "cell-tags-in-myst.md"])
def test_scripts_and_markdown_are_notebooks(name: str) -> None:
    cells = source_cells(NOTEBOOKS / name)
    assert [(cell.number, cell.tags, cell.id) for cell in cells] == [(1, ("parameters",), ""), (2, ("loss",), "")]
    assert cells[1].source.endswith("print(lr)")
    assert kernel_name(NOTEBOOKS / name) == "python3"


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (b"", 1, "empty"),
        (b" \n", 1, "empty"),
        (b'{"cells": [\n  {"a": }\n]}', 2, "not valid JSON"),
        (b'{"cells": [', 1, "not valid JSON"),
        (b'{"cells": [\n<<<<<<< HEAD\n', 2, "merge conflict"),
        (b'{\n"cells": ["\xff"]}', 2, "not UTF-8"),
        (b"[]", 1, "not a notebook"),
        (b'{"a": 1}', 1, "not a notebook"),
        (b"[" * 100_000, 1, "not valid JSON"),
    ],
)
def test_files_that_are_no_notebooks(tmp_path: Path, content: bytes, line: int, what: str) -> None:
    path = tmp_path / "bad.ipynb"
    path.write_bytes(content)
    with pytest.raises(NotebookFileError, match=what) as caught:
        source_cells(path)
    assert caught.value.where == f"{path}:{line}"
    assert caught.value.remedy


def test_a_notebook_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotebookFileError, match="cannot be read"):
        source_cells(tmp_path / "none.ipynb")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    source_cells(written(tmp_path, code("old")))
    assert source_cells(written(tmp_path, code("newer")))[0].source == "newer"


def test_a_notebook_without_code_is_fine(tmp_path: Path) -> None:
    assert source_cells(written(tmp_path)) == []


def test_reading_notebooks_imports_nothing_heavy() -> None:
    program = "import sys, gpu_doc.notebooks.cells, gpu_doc.text.in_place; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"nbformat", "jupytext", "jinja2", "bs4", "asyncio", "subprocess"} & set(loaded)
