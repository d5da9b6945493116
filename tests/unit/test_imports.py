from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_doc.record.imports import follow, follow_files, read_names


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))


def test_local_modules_are_followed_to_the_end_and_packages_are_named(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "notebooks/helper.py": "import numpy as np\nfrom deeper import thing\n",
            "notebooks/deeper.py": "import json\nthing = 1\n",
            "notebooks/unused.py": "",
        },
    )
    found = follow(["import helper\n", "import pandas.io"], folder=tmp_path / "notebooks", root=tmp_path)
    assert sorted(found.modules) == ["notebooks/deeper.py", "notebooks/helper.py"]
    assert found.packages == {"numpy", "pandas"}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import pkg.sub", {"pkg/__init__.py", "pkg/sub.py"}),
        ("from pkg import sub", {"pkg/__init__.py", "pkg/sub.py"}),
        ("from pkg.sub import name", {"pkg/__init__.py", "pkg/sub.py"}),
        ("from pkg import relative", {"pkg/__init__.py", "pkg/relative.py", "pkg/sub.py"}),
        ("from space import inner", {"space/inner.py"}),
        ("import importlib; importlib.import_module('single')", {"single.py"}),
        ("%run single.py", {"single.py"}),
        ("%matplotlib inline\nimport single", {"single.py"}),
        ("!pip list\nif True:\n    %time import single\nimport single", {"single.py"}),
        ("%%time\nimport single", {"single.py"}),
        ("%%bash\nimport single", set()),
        ("import sys\nsys.path.append('lib')\nimport inlib", {"lib/inlib.py"}),
        ("import single\nthis is ( no python", {"single.py"}),
        ("def late():\n    from single import name", {"single.py"}),
        ("import insrc", {"src/insrc.py"}),
    ],
)
def test_ways_to_import_a_local_module(tmp_path: Path, statement: str, expected: set[str]) -> None:
    write(
        tmp_path,
        {
            "pkg/__init__.py": "",
            "pkg/sub.py": "name = 1",
            "pkg/relative.py": "from . import sub",
            "space/inner.py": "",
            "single.py": "",
            "lib/inlib.py": "",
            "src/insrc.py": "",
        },
    )
    assert set(follow([statement], folder=tmp_path, root=tmp_path).modules) == expected


def test_modules_that_import_each_other_are_found_once(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "import b", "b.py": "import a"})
    assert set(follow_files([tmp_path / "a.py"], root=tmp_path).modules) == {"a.py", "b.py"}


def test_what_lies_outside_root_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, {"outside.py": "", "root/inside.py": ""})
    code = "import sys; sys.path.append('..')\nimport outside, inside"
    assert set(follow([code], folder=tmp_path / "root", root=tmp_path / "root").modules) == {"inside.py"}


@given(st.text())
def test_any_text_is_read_without_failing(code: str) -> None:
    read_names(code)
