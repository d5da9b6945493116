"""Parameters that a notebook would set again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.errors import ConfigError
from gpu_doc.model.configuration import Run
from gpu_doc.report.rehearsal import check_parameters


def check(root: Path, source: str, *tags: str, kernelspec: dict[str, str], **keys: Any) -> None:
    cell = {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source, "outputs": []}
    notebook = {"cells": [cell], "metadata": {"kernelspec": kernelspec}, "nbformat": 4, "nbformat_minor": 5}
    (root / "n.ipynb").write_text(json.dumps(notebook))
    run = Run(report="a.md", name="r", address="r", line=1, notebook="n.ipynb", parameters={"lr": 0.1}, **keys)
    check_parameters(run, root)


PYTHON3 = {"name": "python3", "language": "python"}
OUR_ENV = {"name": "our-env", "language": "python"}


@pytest.mark.parametrize("kernelspec", [{}, PYTHON3, OUR_ENV])
def test_a_parameter_that_the_notebook_sets_again_is_refused(tmp_path: Path, kernelspec: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="`lr` is given to run r, but the notebook sets it again") as caught:
        check(tmp_path, "lr = 1", "log", kernelspec=kernelspec)
    assert (caught.value.where, caught.value.remedy) == ("n.ipynb, cell 1", "Tag that cell `parameters`.")
    with pytest.raises(ConfigError, match="sets it again") as caught:
        check(tmp_path, "lr = 1", "parameter", kernelspec=kernelspec)
    assert "One is tagged `parameter`" in caught.value.remedy


@pytest.mark.parametrize(
    ("source", "tag", "kernelspec"),
    [
        ("lr = 1", "parameters", OUR_ENV),
        ("print(lr)", "log", OUR_ENV),
        ("def f():\n    lr = 1", "log", PYTHON3),
        ("lr = 1", "log", {"name": "ir", "language": "R"}),
        ("lr = 1", "log", {"name": "ir"}),
    ],
)
def test_other_notebooks_are_not(tmp_path: Path, source: str, tag: str, kernelspec: dict[str, str]) -> None:
    check(tmp_path, source, tag, kernelspec=kernelspec)
