"""Where in the repository a message belongs: files, lines, and the lines of cells in notebooks of every format."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_doc.action.placement import place
from gpu_doc.console.console import Console
from gpu_doc.console.workflow_commands import FileLines
from gpu_doc.errors import ConfigError, ContainerError, GpuDocError, RunError
from gpu_doc.model.location import Location, Problem
from gpu_doc.notebooks.cell_lines import cell_lines

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def line_of(path: Path, words: str) -> int:
    """The only line with these words in it."""
    [found] = [number for number, line in enumerate(path.read_text("utf-8").splitlines(), 1) if words in line]
    return found


@pytest.mark.parametrize("file", ["run-error-in-third-cell.ipynb"])
def test_a_cell_of_a_notebook_is_found_in_its_json(file: str) -> None:
    path = NOTEBOOKS / file
    first, last = line_of(path, "def check(shape)"), line_of(path, "check((2, 3))")
    assert cell_lines(path, 3) == (first, last)
    assert cell_lines(path, 3, 3) == (line_of(path, "raise ValueError"), line_of(path, "raise ValueError"))
    assert cell_lines(path, 3, 99) == (first, last)
    assert cell_lines(path, 1) == (line_of(path, "rate = 0.1"),) * 2


@pytest.mark.parametrize("file", ["cell-tags-in-percent-script.py", "run-light-script.py", "run-percent-script.py"])
def test_a_cell_of_a_script_is_found_in_it(file: str) -> None:
    from gpu_doc.notebooks.cells import source_cells

    path = NOTEBOOKS / file
    lines = path.read_text("utf-8").splitlines()
    for cell in source_cells(path):
        first, last = cell_lines(path, cell.number)
        assert "\n".join(lines[first - 1 : last]) == cell.source


@pytest.mark.parametrize("file", ["cell-tags-in-markdown.md", "cell-tags-in-myst.md", "run-markdown.md"])
def test_a_cell_of_markdown_is_found_in_it(file: str) -> None:
    from gpu_doc.notebooks.cells import source_cells

    path = NOTEBOOKS / file
    lines = path.read_text("utf-8").splitlines()
    cells = source_cells(path)
    assert cells
    for cell in cells:
        first, last = cell_lines(path, cell.number)
        assert "\n".join(lines[first - 1 : last]) == cell.source


def test_a_magic_that_a_script_comments_out_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("# %%\nx = 1\n\n# %%\n# %matplotlib inline\n# !ls\ny = x\n")
    assert cell_lines(tmp_path / "a.py", 2) == (5, 7)
    assert cell_lines(tmp_path / "a.py", 2, 3) == (7, 7)


def test_of_equal_cells_each_has_its_own_place(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("# %%\nx = 1\n\n# %%\nx = 1\n\n# %%\nx = 1\n")
    assert [cell_lines(tmp_path / "a.py", number)[0] for number in (1, 2, 3)] == [2, 5, 8]


def test_the_cell_that_papermill_left_has_no_number(tmp_path: Path) -> None:
    injected = {"cell_type": "code", "metadata": {"tags": ["injected-parameters"]}, "source": ["lr = 2"]}
    own = {"cell_type": "code", "metadata": {}, "source": "a = 1\nb = 2"}
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": [injected, own], "nbformat": 4}, indent=1))
    assert cell_lines(path, 1) == (line_of(path, "a = 1"),) * 2
    assert cell_lines(path, 1, 2) == (line_of(path, "b = 2"),) * 2, "one string is one line of JSON"


def test_a_notebook_of_format_3_is_read_too() -> None:
    path = NOTEBOOKS / "run-format-3.ipynb"
    first, last = cell_lines(path, 1)
    assert 0 < first <= last
    assert '"input"' not in path.read_text("utf-8").splitlines()[first - 1] or first == last


@given(
    sources=st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=4), max_size=4),
    indent=st.sampled_from([None, 0, 1, 4]),
    ascii_only=st.booleans(),
)
def test_whatever_is_written_its_line_is_found(
    tmp_path_factory: pytest.TempPathFactory, sources: list[list[str]], indent: int | None, *, ascii_only: bool
) -> None:
    cells = [
        {
            "metadata": {"x": [{}, [], "}"]},
            "source": [f"{n}.{m} {line}\n" for m, line in enumerate(lines)],
            "outputs": [],
        }
        | {"cell_type": "code"}
        for n, lines in enumerate(sources)
    ]
    path = tmp_path_factory.mktemp("any") / "a.ipynb"
    path.write_text(json.dumps({"metadata": {}, "cells": cells}, indent=indent, ensure_ascii=ascii_only), "utf-8")
    text = path.read_text("utf-8").split("\n")
    for number, lines in enumerate(sources):
        first, last = cell_lines(path, number + 1)
        if lines:
            assert f'"{number}.0 ' in text[first - 1]
            assert f'"{number}.{len(lines) - 1} ' in text[last - 1]
        else:
            assert (first, last) == (0, 0)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"cells": 3}', '{"cells": [{}]}', '{"cells": ["x"]}', "null", "\xff"]
)
def test_a_file_that_is_no_notebook_has_no_lines(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.ipynb").write_bytes(content.encode("latin-1"))
    assert cell_lines(tmp_path / "a.ipynb", 1) == (0, 0)
    assert cell_lines(tmp_path / "none.py", 1) == (0, 0)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (Location("docs/a.md"), FileLines("project/docs/a.md")),
        (Location("docs/a.md", 12), FileLines("project/docs/a.md", 12)),
        (Location("docs/a.md", 12, 5), FileLines("project/docs/a.md", 12)),
        (Location("docs/a: 1, cell 2.md"), FileLines("project/docs/a: 1, cell 2.md")),
        (Location("docs/a.md", cell_name="injected parameters"), FileLines("project/docs/a.md")),
        (Location("docs/a.md:12"), None),
        (Location("no/such.md", 12), None),
        (Location("../../outside.md"), None),
        (Location("docs"), None),
        (Location(""), None),
        (Location("x" * 5000), None),
        (Location("a\0b"), None),
    ],
)
def test_paths_are_from_the_repositorys_top(tmp_path: Path, location: Location, expected: FileLines | None) -> None:
    root = tmp_path / "repository/project"
    (root / "docs").mkdir(parents=True)
    for name in ("a.md", "a: 1, cell 2.md"):
        (root / "docs" / name).write_text("text")
    (tmp_path / "outside.md").write_text("text")
    assert place(location, bases=[root], top=root.parent) == expected


def test_an_absolute_path_and_one_from_another_folder_are_found(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.md").write_text("text")
    bases = [tmp_path, tmp_path / "docs"]
    assert place(Location(f"{tmp_path}/docs/a.md", 3), bases=bases, top=tmp_path) == FileLines("docs/a.md", 3)
    assert place(Location("a.md", 3), bases=bases, top=tmp_path) == FileLines("docs/a.md", 3)


def test_a_line_of_a_cell_is_a_line_of_the_file() -> None:
    path = NOTEBOOKS / "run-error-in-third-cell.ipynb"
    line = line_of(path, "check((2, 3))")
    found = place(Location(path.name, 6, cell=3, cell_name="loss-curve"), bases=[NOTEBOOKS], top=NOTEBOOKS.parents[1])
    assert found == FileLines(f"tests/notebooks/{path.name}", line, line)
    assert place(Location(path.name, 6, cell=99), bases=[NOTEBOOKS], top=NOTEBOOKS) == FileLines(path.name)


WORDS = "other.ipynb:3:1: oops"


@pytest.mark.parametrize(
    ("error", "properties"),
    [
        (RunError(WORDS, details=WORDS, remedy=WORDS, where=Location("n.py", cell=1)), "file=n.py,line=2,endLine=2,"),
        (
            RunError("no", where=Location("n.py", cell=1, cell_name="x), cell 2 (y")),
            "file=n.py,line=2,endLine=2,",
        ),
        (ConfigError("no", details=WORDS, where=Location("gpu-doc.yml", 1)), "file=gpu-doc.yml,line=1,endLine=1,"),
        (
            ConfigError("no", problems=[Problem(Location("gpu-doc.yml", 1, 1), WORDS)]),
            "file=gpu-doc.yml,line=1,endLine=1,",
        ),
        (RunError("the command failed", where=WORDS), ""),
        (RunError("the command failed", where="n.py, cell 2"), ""),
        (ContainerError("no such image", where="other.ipynb:3"), ""),
    ],
)
def test_no_text_moves_an_annotation(tmp_path: Path, error: GpuDocError, properties: str) -> None:
    """An image's tag, a command, a cell's tag and what a cell raised may all look like a place."""
    (tmp_path / "gpu-doc.yml").write_text("a: 1")
    (tmp_path / "n.py").write_text("# %%\nx = 1\n\n# %%\ny = 2\n")
    (tmp_path / "other.ipynb").write_text("a\nb\nc\nd\n")
    err = io.StringIO()

    def locate(location: Location) -> FileLines | None:
        return place(location, bases=[tmp_path], top=tmp_path)

    console = Console(io.StringIO(), err, interactive=False, colour=False, ci=True, locate=locate)
    console.error(error)
    (told,) = [line for line in err.getvalue().splitlines() if line.startswith("::")]
    assert told.startswith(f"::error {properties}title=")
