"""Where in the repository a message belongs: files, lines, and the lines of cells in notebooks of every format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_doc.action.placement import cell_lines, place
from gpu_doc.console.workflow_commands import Location

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
    ("where", "expected"),
    [
        ("docs/a.md", Location("project/docs/a.md")),
        ("docs/a.md:12", Location("project/docs/a.md", 12)),
        ("docs/a.md:12:5: an unknown key", Location("project/docs/a.md", 12)),
        ("docs/a: 1, cell 2.md", Location("project/docs/a: 1, cell 2.md")),
        ("no/such.md:12", None),
        ("../../outside.md", None),
        ("docs", None),
        ("", None),
        ("python train.py " + "x" * 5000, None),
        ("https://example.org:80", None),
    ],
)
def test_paths_are_from_the_repositorys_top(tmp_path: Path, where: str, expected: Location | None) -> None:
    root = tmp_path / "repository/project"
    (root / "docs").mkdir(parents=True)
    for name in ("a.md", "a: 1, cell 2.md"):
        (root / "docs" / name).write_text("text")
    (tmp_path / "outside.md").write_text("text")
    assert place(where, 0, bases=[root], top=root.parent) == expected


def test_an_absolute_path_and_one_from_another_folder_are_found(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.md").write_text("text")
    bases = [tmp_path, tmp_path / "docs"]
    assert place(f"{tmp_path}/docs/a.md:3", 0, bases=bases, top=tmp_path) == Location("docs/a.md", 3)
    assert place("a.md:3", 0, bases=bases, top=tmp_path) == Location("docs/a.md", 3)


def test_a_cell_is_named_as_errors_do() -> None:
    path = NOTEBOOKS / "run-error-in-third-cell.ipynb"
    line = line_of(path, "check((2, 3))")
    found = place(f"{path.name}, cell 3 (loss-curve)", 6, bases=[NOTEBOOKS], top=NOTEBOOKS.parents[1])
    assert found == Location(f"tests/notebooks/{path.name}", line, line)
    assert place(f"{path.name}, cell 99", 6, bases=[NOTEBOOKS], top=NOTEBOOKS) == Location(path.name)
