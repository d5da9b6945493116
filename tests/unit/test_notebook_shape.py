"""Notebooks of other people: what Jupyter opens and can only be meant in one way is mended, all else refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.malformed import MENDED, REFUSED, NotebookCase

from gpu_doc.errors import Exit, NotebookFileError
from gpu_doc.notebooks.cells import kernel_name, source_cells
from gpu_doc.notebooks.file import read
from gpu_doc.notebooks.shape import with_valid_ids


@pytest.mark.parametrize("case", MENDED, ids=str)
def test_what_can_only_be_meant_in_one_way_is_taken_so(tmp_path: Path, case: NotebookCase) -> None:
    path = case.write(tmp_path)
    assert [cell.source for cell in source_cells(path) if "42" in cell.source] == ["6 * 7  # 42"]
    assert kernel_name(path) in ("", "python3")
    whole = with_valid_ids(read(path, path.name))
    nbformat.validate(json.loads(json.dumps(whole).encode()), relax_add_props=False)
    json.dumps(whole, ensure_ascii=False).encode()


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_cannot_be_told_is_refused_with_its_place(tmp_path: Path, case: NotebookCase) -> None:
    path = case.write(tmp_path)
    with pytest.raises(NotebookFileError, match=case.said) as caught:
        kernel_name(path)
    assert re.fullmatch(re.escape(str(path)) + r"(:\d+)?", caught.value.where)
    assert caught.value.remedy
    assert caught.value.exit_code == Exit.RUN_FAILED


def one(folder: Path, cell: dict[str, Any], **more: Any) -> Path:
    path = folder / "a.ipynb"
    first = {"cell_type": "markdown", "metadata": {}, "source": "# T"}
    path.write_text(json.dumps({"cells": [first, cell], "metadata": {}, "nbformat": 4} | more, indent=1))
    return path


@pytest.mark.parametrize(
    ("tags", "taken"),
    [
        (None, ()),
        ("loss", ("loss",)),
        (["a", None, "a", " b ", ""], ("a", "b")),
        ([1, 2.5, True], ("1", "2.5", "true")),
        (["\ud83d", "x\ud800"], ("\ufffd", "x\ufffd")),
    ],
)
def test_tags_are_texts(tmp_path: Path, tags: Any, taken: tuple[str, ...]) -> None:
    cell = {"cell_type": "code", "metadata": {"tags": tags}, "source": "1"}
    assert source_cells(one(tmp_path, cell))[0].tags == taken


def test_a_refusal_says_the_line_of_the_cell_and_its_number_as_jupyter_counts(tmp_path: Path) -> None:
    path = one(tmp_path, {"cell_type": "code", "source": 5})
    with pytest.raises(NotebookFileError) as caught:
        source_cells(path)
    assert caught.value.what == "cell 2 (text cells count too) has 5 where the text of its source belongs"
    assert caught.value.where == f"{path}:8"
    assert path.read_text().splitlines()[7].strip() == "{"


def test_a_character_that_lines_divide_is_whole(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "source": ["x = '\ud83d", "\ude00'"]}
    assert source_cells(one(tmp_path, cell))[0].source == "x = '\U0001f600'"


def test_an_id_that_stands_twice_is_one_in_addresses_and_two_where_it_runs(tmp_path: Path) -> None:
    cells = [{"cell_type": "code", "id": "cell-2", "source": str(n), "metadata": {}} for n in range(3)]
    path = one(tmp_path, cells[0], cells=cells)
    assert [cell.id for cell in source_cells(path)] == ["cell-2"] * 3
    ids = [cell["id"] for cell in with_valid_ids(read(path, "a"))["cells"]]
    assert ids[0] == "cell-2"
    assert len(set(ids)) == 3


def test_old_formats_give_the_cells_that_jupyter_makes_of_them(tmp_path: Path) -> None:
    path = tmp_path / "old.ipynb"
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["T"], "metadata": {}},
        {"cell_type": "code", "input": ["a\n", "b"], "language": "python", "metadata": {}, "outputs": []},
        {"cell_type": "html", "source": "<b>", "metadata": {}},
    ]
    old = {"worksheets": [{"cells": cells}, {"cells": cells[:1]}], "nbformat": 3, "nbformat_minor": 0, "metadata": {}}
    path.write_text(json.dumps(old))
    theirs = nbformat.read(path, as_version=4)
    ours = read(path, "old.ipynb")
    assert [(c["cell_type"], c["source"]) for c in ours["cells"]] == [(c.cell_type, c.source) for c in theirs.cells]


@pytest.mark.parametrize("language", ["R", "julia"])
def test_a_notebook_in_another_language_without_a_kernel_is_not_run_as_python(tmp_path: Path, language: str) -> None:
    cell = {"cell_type": "code", "source": "1"}
    with pytest.raises(NotebookFileError, match=f"is in {language.lower()}, but names no kernel"):
        kernel_name(one(tmp_path, cell, metadata={"language_info": {"name": language}}))
    assert kernel_name(one(tmp_path, cell, metadata={"kernelspec": {"name": "ir", "language": "R"}})) == "ir"
    assert kernel_name(one(tmp_path, cell, metadata={"language_info": {"name": "python"}})) == ""


# --- anything, anywhere ----------------------------------------------------------------------------------------------

_TEXTS = st.text(st.characters(exclude_categories=()), max_size=5)
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS | st.sampled_from(["code", "python3", "tags"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each part of a JSON value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [way, *(place for key in keys for place in places(value[key], (*way, key)))]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_stands_anywhere_a_notebook_is_whole_or_refused(data: st.DataObject) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": ["a"]}
    code = {"cell_type": "code", "id": "a", "metadata": {"tags": ["x"]}, "source": ["1"], "outputs": [output]}
    text = {"cell_type": "markdown", "metadata": {}, "source": "# T", "attachments": {"a.png": {"image/png": ""}}}
    spec = {"kernelspec": {"name": "python3", "display_name": "x"}, "language_info": {"name": "python"}}
    whole: Any = {"cells": [text, code], "metadata": spec, "nbformat": 4, "nbformat_minor": 5}
    *way, last = data.draw(st.sampled_from(places(whole)[1:]))
    part = whole
    for key in way:
        part = part[key]
    part[last] = data.draw(_ANYTHING)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.ipynb"
        path.write_text(json.dumps(whole))
        try:
            read_back = with_valid_ids(read(path, "a.ipynb"))
            kernel_name(path)
            source_cells(path)
        except NotebookFileError:
            return
    nbformat.validate(json.loads(json.dumps(read_back, ensure_ascii=False).encode()), relax_add_props=False)
