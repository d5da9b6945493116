"""Which keys of a run make another result, and so another fingerprint."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.model.configuration import DataSource, Limits, Retries, Run
from gpu_doc.record import fingerprint
from gpu_doc.record.contents import Contents
from gpu_doc.record.fingerprint import Machine
from gpu_doc.system.python_environment import PythonEnvironment

MACHINE = Machine(
    environment=PythonEnvironment(Path("/usr/bin/python3"), "3.11.2", ()),
    gpu=False,
    tracked=lambda _: frozenset(),
)
RUN = Run(report="docs/a.md", name="r", address="r", line=1, notebook="notebooks/n.ipynb")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    cell = {"cell_type": "code", "metadata": {}, "source": "1", "outputs": []}
    notebook = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    for name in ("notebooks/n.ipynb", "other/n.ipynb", "rates.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(notebook if name.endswith(".ipynb") else "1\n")
    return tmp_path


def source(run: Run, root: Path) -> dict[str, Any]:
    return dict(fingerprint.of(run, root=root, machine=MACHINE, contents=Contents(MACHINE.line_ends)).source)


@pytest.mark.parametrize(
    ("keys", "part"),
    [
        ({"parameters": {"lr": 0.1}}, "parameters"),
        ({"produces": ("loss.png",)}, "produces"),
        ({"depends_on": ("*.csv",)}, "files"),
        ({"data": (DataSource(path="rates.csv", version="1"),)}, "data"),
        ({"image": "team/image:v1"}, "image"),
        ({"kernel": "ir"}, "kernel"),
        ({"cwd": "root"}, "cwd"),
        ({"limits": Limits(output=1000)}, "limits.output"),
        ({"notebook": "other/n.ipynb"}, "cwd"),
        ({"notebook": None, "command": ("true",)}, "command"),
    ],
)
def test_what_makes_another_result_makes_another_fingerprint(root: Path, keys: dict[str, Any], part: str) -> None:
    before, now = source(RUN, root), source(replace(RUN, **keys), root)
    assert before.get(part) != now[part]
    if "command" not in keys:
        assert {name for name in now if before.get(name) != now[name]} == {part}


def test_the_order_of_what_a_run_leaves_is_nothing(root: Path) -> None:
    one, other = (replace(RUN, produces=names) for names in (("a", "b"), ("b", "a")))
    assert source(one, root) == source(other, root)
    assert source(one, root) != source(replace(RUN, produces=("a",)), root)


@pytest.mark.parametrize(
    "keys",
    [
        {"name": "s", "address": "s", "line": 2},
        {"limits": Limits(time=1)},
        {"retries": Retries(times=1)},
        {"env": ("A",), "secrets": ("B",), "caches": {"C": "/c"}},
        {"setup": "words", "network": "bridge", "user": "image"},
    ],
)
def test_what_makes_no_other_result_makes_no_other_fingerprint(root: Path, keys: dict[str, Any]) -> None:
    assert source(RUN, root) == source(replace(RUN, **keys), root)


@pytest.mark.parametrize(
    ("kernelspec", "is_followed"),
    [
        ({}, True),
        ({"name": "python3"}, True),
        ({"name": "our-env", "language": "python"}, True),  # Jupyter names a kernel after its environment
        ({"name": "our-env"}, False),
        ({"name": "ir", "language": "R"}, False),
    ],
)
def test_local_modules_count_where_the_notebook_is_in_python(
    root: Path, kernelspec: dict[str, str], *, is_followed: bool
) -> None:
    cell = {"cell_type": "code", "metadata": {}, "source": "import helper", "outputs": []}
    notebook = {"cells": [cell], "metadata": {"kernelspec": kernelspec}, "nbformat": 4, "nbformat_minor": 5}
    (root / "notebooks/n.ipynb").write_text(json.dumps(notebook))
    (root / "notebooks/helper.py").write_text("x = 1\n")
    assert list(source(RUN, root).get("modules", {})) == ["notebooks/helper.py"] * is_followed
