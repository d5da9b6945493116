"""Which changes of a run's code make it stale: a table of what formatters, editors and people do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.configuration import Run
from gpu_doc.python_form import form
from gpu_doc.record import differences, fingerprint, forms
from gpu_doc.record.contents import Contents
from gpu_doc.record.fingerprint import Fingerprint, Machine
from gpu_doc.record.inputs import Inputs
from gpu_doc.record.judging import NOT_COMPARABLE, Hashes
from gpu_doc.system.python_environment import PythonEnvironment

MACHINE = Machine(
    environment=PythonEnvironment(Path("/usr/bin/python3"), "3.11.2", ()), gpu=False, tracked=lambda _: frozenset()
)
RUN = Run(report="a.md", name="r", address="r", line=1, notebook="n.ipynb")
SCRIPT = replace(RUN, notebook=None, command=("python", "-u", "tool.py", "--with=words.py"))

Cells = list[dict[str, Any]]


def code(source: str, *tags: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source, "outputs": [], **more}


def notebook(cells: Cells, **metadata: Any) -> str:
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


CELLS = [
    code("lr = 0.1", "parameters"),
    code("import helper\n%run other.ipynb\nx = helper.f( lr )", "work"),
    code("%%bash\n#| label: shell\nls -l"),
    code("%%time\ny = [x,\n  1]"),
    code("x"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "n.ipynb").write_text(notebook(CELLS))
    (tmp_path / "other.ipynb").write_text(notebook([code("z = 1", execution_count=None)]))
    (tmp_path / "helper.py").write_text('"""Helps."""\n\n\ndef f(x):\n    # twice\n    return x * 2\n')
    (tmp_path / "tool.py").write_text("import helper\nprint( helper.f(1) )\n")
    (tmp_path / "words.py").write_text("a = 'words'\n")
    return tmp_path


def of(run: Run, root: Path) -> Fingerprint:
    return fingerprint.of(run, root=root, machine=MACHINE, contents=Contents())


def reasons(
    root: Path, change: Callable[[Path], object], run: Run = RUN, *, shown: Iterable[str] = (), version: int = 0
) -> tuple[list[str], list[str]]:
    """Why a run that was executed before a change is stale after it, and what can't be checked."""
    before = of(run, root)
    kept = forms.of_run(run, root, before.source, lambda value: value, shown)
    if version:
        kept["version"] = version
    change(root)
    here = of(run, root)
    known, alike, unchecked = forms.as_before(run, root, (before, kept), here, lambda value: value)
    verdict = differences.compare(known, alike, cell_name=lambda number: f"#{number}")
    assert verdict.now == (alike if verdict.reasons else before)
    return list(verdict.reasons), list(unchecked)


def cell(number: int, before: str, after: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        cells = json.loads((root / "n.ipynb").read_text())["cells"]
        assert before in cells[number - 1]["source"]
        cells[number - 1]["source"] = cells[number - 1]["source"].replace(before, after)
        (root / "n.ipynb").write_text(notebook(cells))

    return change


def file(name: str, before: str, after: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        text = (root / name).read_bytes().decode()
        assert before in text
        (root / name).write_bytes(text.replace(before, after).encode())

    return change


def cells(place: int, *new: dict[str, Any]) -> Callable[[Path], object]:
    return lambda root: (root / "n.ipynb").write_text(notebook([*CELLS[:place], *new, *CELLS[place:]]))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(cell(2, "x = helper.f( lr )", "x = helper.f(lr)  # doubled"), id="a comment and blanks in a cell"),
        pytest.param(cell(2, "import helper\n", "#| label: fig-a\nimport helper\n"), id="a label"),
        pytest.param(cell(3, "label: shell", "label: bash"), id="the label of a shell's cell"),
        pytest.param(cell(3, "ls -l", "ls -l\n\n"), id="blank lines at the end of a shell's cell"),
        pytest.param(cell(4, "[x,\n  1]", "[\n    x,\n    1,\n]"), id="a cell that is timed, formatted"),
        pytest.param(cell(1, "lr = 0.1", "lr: float = 0.1".replace(": float", "")), id="nothing"),
        pytest.param(cells(5, code("")), id="an empty cell at the end"),
        pytest.param(cells(2, code("  \n")), id="an empty cell in the middle"),
        pytest.param(cells(0, code("# What follows trains.")), id="a cell with a comment only"),
        pytest.param(file("helper.py", "    # twice\n", ""), id="a comment of a module"),
        pytest.param(file("helper.py", "    ", "\t"), id="tabs in a module"),
        pytest.param(file("helper.py", "x * 2", "(x * 2)"), id="parentheses in a module"),
        pytest.param(file("helper.py", "\n", "\r\n"), id="CRLF"),
        pytest.param(file("helper.py", '"""Helps', '\ufeff"""Helps'), id="a byte order mark"),
        pytest.param(file("helper.py", "x * 2\n", "x * 2"), id="no newline at the end"),
        pytest.param(file("other.ipynb", "z = 1", "z=1 # one"), id="a comment in a notebook that %run runs"),
        pytest.param(
            file(
                "other.ipynb",
                '"execution_count": null',
                '"outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}]',
            ),
            id="an output of a notebook that %run runs",
        ),
        pytest.param(
            lambda root: (root / "n.ipynb").write_text(
                json.dumps(
                    {
                        "cells": [
                            {
                                **each,
                                "id": f"c{n}",
                                "execution_count": n,
                                "source": each["source"].splitlines(keepends=True),
                            }
                            for n, each in enumerate(CELLS)
                        ],
                        "metadata": {"vscode": {"a": 1}, "language_info": {"name": "python", "version": "3.99"}},
                        "nbformat": 4,
                        "nbformat_minor": 5,
                    },
                    indent=2,
                )
                + "\n\n"
            ),
            id="what Jupyter and VS Code write: ids, counts, metadata, lists of lines",
        ),
    ],
)
def test_what_changes_nothing_makes_nothing_stale(root: Path, change: Callable[[Path], object]) -> None:
    assert reasons(root, change) == ([], [])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (cell(2, "helper.f( lr )", "helper.f( lr, 1 )"), "code cell #2 changed"),
        (cell(2, "%run other.ipynb", "%run  other.ipynb"), "code cell #2 changed"),
        (cell(3, "ls -l", "ls -a"), "code cell #3 changed"),
        (cell(4, "%%time", "%%timeit"), "code cell #4 changed"),
        (cell(5, "x", "x;"), "code cell #5 changed"),
        (cell(1, "lr = 0.1", "lr = (0.1"), "code cell #1 changed"),
        (cells(5, code("x = 3")), "code changed from cell #6 on (5 → 6 code cells)"),
        (cells(1, code("#", "parameters")), "code changed from cell #2 on (5 → 6 code cells)"),
        (file("helper.py", "Helps", "Helps "), "helper.py changed"),
        (file("helper.py", "x * 2", "x * 3"), "helper.py changed"),
        (file("helper.py", "def f", "# coding: latin-1\ndef f"), ""),
        (file("other.ipynb", "z = 1", "z = 2"), "other.ipynb changed"),
    ],
)
def test_what_changes_something_makes_a_run_stale(root: Path, change: Callable[[Path], object], said: str) -> None:
    found, unchecked = reasons(root, change)
    assert (found, unchecked) == ([said] if said else [], [])


def test_an_empty_cell_does_not_hide_which_cell_changed(root: Path) -> None:
    def change(root: Path) -> None:
        new = [code("# words"), *CELLS[:4], code("x + 1")]
        (root / "n.ipynb").write_text(notebook(new))

    assert reasons(root, change)[0] == ["code cell #6 changed"]


def test_a_reason_leaves_out_what_was_only_written_otherwise(root: Path) -> None:
    def change(root: Path) -> None:
        cell(2, "helper.f( lr )", "helper.f(lr)")(root)
        cell(5, "x", "x + 1")(root)
        file("helper.py", "# twice", "# two times")(root)

    assert reasons(root, change)[0] == ["code cell #5 changed"]


@pytest.mark.parametrize(
    ("before", "after", "stale"),
    [("helper.f(1) ", "helper.f(1)", []), ("helper.f(1)", "helper.f(2)", ["tool.py changed"])],
)
def test_a_command_counts_the_script_that_python_runs_by_what_it_does(
    root: Path, before: str, after: str, stale: list[str]
) -> None:
    assert reasons(root, file("tool.py", before, after), SCRIPT) == (stale, [])


@pytest.mark.parametrize(
    "run", [SCRIPT, replace(SCRIPT, command=("wc", "words.py")), replace(SCRIPT, command=("./words.py",))]
)
def test_a_file_that_a_command_is_given_counts_by_its_bytes(root: Path, run: Run) -> None:
    stale = [] if run.command == ("./words.py",) else ["words.py changed"]
    assert reasons(root, file("words.py", "a = ", "a  = "), run)[0] == stale


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("import inspect; inspect.getsource(helper)", 2),
        ("import linecache", 2),
        ("import traceback", 2),
        ("Out[1]", 5),
        ("_1 + 1", 5),
        ("helper.f??", 5),
        ("%history", 5),
        ("torch.jit.script(f)", 5),
        ("logging.basicConfig(format='%(lineno)d')", 5),
    ],
)
def test_code_that_reads_itself_counts_by_its_bytes(root: Path, word: str, number: int) -> None:
    cell(number, "x", f"{word}\nx")(root)
    assert reasons(root, cell(1, "lr = 0.1", "lr = 0.1  # slow"))[0] == ["code cell #1 changed"]
    assert reasons(root, file("helper.py", "# twice", "# two times"))[0] == ["helper.py changed"]


@pytest.mark.parametrize(
    "shown",
    [
        "Traceback (most recent call last):",
        "\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[1]\x1b[39m\x1b[32m, line 5\x1b[39m",
        "/w/helper.py:5: UserWarning: x",
        '  File "/w/helper.py", line 5, in f',
        "/tmp/ipykernel_41/123.py",
    ],
)
def test_code_whose_lines_a_run_showed_counts_by_its_bytes(root: Path, shown: str) -> None:
    change = file("helper.py", "# twice", "# two times")
    assert reasons(root, change, shown=["epoch 1", shown])[0] == ["helper.py changed"]


def test_other_output_says_nothing_of_lines(root: Path) -> None:
    shown = ["epoch 1: loss 0.5", "In 5 minutes", "a line of text", "see helper.py"]
    assert reasons(root, file("helper.py", "# twice", "# two times"), shown=shown)[0] == []


def test_forms_of_another_version_are_not_checked(root: Path) -> None:
    change = file("helper.py", "# twice", "# two times")
    assert reasons(root, change, version=form.VERSION + 1) == ([], [forms.UNCHECKED])


def test_without_forms_code_counts_by_its_bytes(root: Path) -> None:
    before = of(RUN, root)
    file("helper.py", "# twice", "# two times")(root)
    here = of(RUN, root)
    assert forms.as_before(RUN, root, (before, {}), here, lambda value: value) == (before, here, ())


def test_a_secret_in_a_cell_is_in_no_form(root: Path) -> None:
    cell(1, "lr = 0.1", "lr = 'hunter2'")(root)
    before = of(RUN, root)
    assert forms.of_run(RUN, root, before.source, lambda value: value.replace("hunter2", "***"), ()) == {}


def test_code_that_was_saved_meanwhile_has_no_form(root: Path) -> None:
    before = of(RUN, root)
    file("helper.py", "x * 2", "x * 3")(root)
    kept = forms.of_run(RUN, root, before.source, lambda value: value, ())
    assert set(kept["modules"]) == {"other.ipynb"}
    cell(1, "lr = 0.1", "lr = 0.2")(root)
    assert forms.of_run(RUN, root, before.source, lambda value: value, ()) == {}


def test_a_source_that_was_seen_to_be_imported_counts_by_its_form(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    before = Contents().hash_source(path)
    path.write_text("x=1 # one\r\n")
    assert Hashes(LineEnds()).of_source(str(path), before) == before
    content, _, kept = before.partition(".")
    assert Hashes(LineEnds()).of_source(str(path), content) != content
    assert Hashes(LineEnds()).of_source(str(path), f"{content}.99:{kept}") == NOT_COMPARABLE
    path.write_text("x = 2\n")
    assert Hashes(LineEnds()).of_source(str(path), before) != before
    path.unlink()
    assert Hashes(LineEnds()).of_source(str(path), before) is None


def test_where_code_may_see_its_text_no_source_has_a_form() -> None:
    inputs = Inputs(code={"a.py": "12.1:34"}, hidden={"code b.py": "56.1:78", "file c.csv": "9.0"})
    assert inputs.by_bytes() == Inputs(code={"a.py": "12"}, hidden={"code b.py": "56", "file c.csv": "9.0"})


def test_the_form_of_an_imported_source_is_of_its_version() -> None:
    one, other = forms.of_source("a.py", b"x = 1"), forms.of_source("a.py", b"x=1 # one\r\n")
    assert one == other != forms.of_source("a.py", b"x = 2")
    assert forms.is_comparable(one)
    assert not forms.is_comparable(f"{form.VERSION + 1}:0123456789abcdef")
    assert forms.of_source("a.csv", b"x = 1") == forms.of_source("a.py", b"x = (") == ""
