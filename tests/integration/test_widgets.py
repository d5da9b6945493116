"""Widgets of the packages that people use, in a real kernel, as they are at the end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.pictures import exhibit, new_camera, taken
from tests.integration.running import Runner

from gpu_doc.functions.shared.plaintext import output_text
from gpu_doc.notebooks.cells import shown_cells
from gpu_doc.notebooks.noise import without_noise
from gpu_doc.redaction import Redactor
from gpu_doc.widgets.outputs import unfolded

SECRET = "sup3r-s3cret"
CELLS = {
    "bar": "from tqdm.notebook import tqdm\nfor i in tqdm(range(3), desc='training'): print(i)",
    "left": "for i in tqdm(range(2)):\n    for j in tqdm(range(3), leave=False): pass",
    "stopped": "try:\n    for i in tqdm(range(10)): assert i != 4\nexcept AssertionError: pass",
    "held": "import ipywidgets as w\nout = w.Output()\ndisplay(out)\nwith out: print('one'); display(w.Label('two'))",
    "cleared": "from IPython.display import clear_output\nwith out:\n    clear_output(); print('three')",
    "form": "w.VBox([w.IntSlider(7, description='epochs'), w.Text('<a>'), w.Checkbox(True, description='on')])",
    "secret": "import os\nw.HTML(os.environ['TOKEN'])",
    "closed": "gone = w.Label('gone'); display(gone); gone.close()",
}


def notebook() -> str:
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": name, "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for name, source in CELLS.items()
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, ...]]:
    """What the cells of a notebook with widgets show, by their ids."""
    runner = Runner(tmp_path_factory.mktemp("widgets"))
    runner.root.mkdir()
    (runner.root / "n.ipynb").write_text(notebook())
    job = runner.job("n", notebook="n.ipynb", secrets=("TOKEN",))
    environment = {**runner.environment, "TOKEN": SECRET}
    finished = runner.run([replace(job, redactor=Redactor([SECRET]), environment=environment)])["n"]
    assert finished.error is None
    path: Path = finished.job.folder / "executed.ipynb"
    assert SECRET not in path.read_text("utf-8")
    return {cell.id: without_noise(unfolded(cell.outputs)) for cell in shown_cells(path)}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bar", "training: 100%|██████████| 3/3\n0\n1\n2"),
        ("left", "100%|██████████| 2/2"),
        ("stopped", " 40%|████      | 4/10"),
        ("held", "three"),
        ("form", "epochs 7\n<a>\non yes"),
        ("secret", "***"),
        ("closed", ""),
    ],
)
def test_text_is_that_of_the_last_state(outputs: dict[str, tuple[Any, ...]], name: str, text: str) -> None:
    assert output_text(outputs[name]) == text


@pytest.mark.needs("chromium")
def test_they_are_pictured(outputs: dict[str, tuple[Any, ...]]) -> None:
    names = ("bar", "left", "stopped", "held", "form")
    with new_camera() as camera:
        bar, left, stopped, held, form = taken(camera, *(exhibit(*outputs[name]) for name in names))
    assert bar.width > 400
    assert bar.height > left.height, "the bar, and what was printed"
    assert left.height < 60, "one bar, since the others were closed"
    assert stopped.png != left.png
    assert held.width < 100
    assert form.height > 90
