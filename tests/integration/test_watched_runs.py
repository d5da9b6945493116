"""What real runs looked at is known at their end: kernels and commands, here and in containers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.engines import image
from tests.integration.running import Runner, executed, in_containers

from gpu_doc.model.configuration import DataSource

CELLS = """
import os, helper
!cat data.txt
%run script.py
open(OUTSIDE).read()
os.listdir("sub")
open("made.txt", "w").write("x")
os.path.exists("config.json")
from IPython.display import HTML, Markdown
Markdown("Loss 0.1"), HTML("<b>bold</b>")
print([name for name in os.environ if name in ("LD_PRELOAD", "GPU_DOC_WATCH")])
"""


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of data outside the checkout, which a container may read too."""
    path = tmp_path_factory.mktemp("outside") / "numbers.csv"
    path.write_text("1\n")
    path.chmod(0o644)
    for folder in list(path.parents)[:3]:
        folder.chmod(0o755)
    return path


def written(runner: Runner, outside: Path) -> None:
    files = {"helper.py": "VALUE = 1\n", "script.py": "import json\n", "data.txt": "hello\n", "sub/a.csv": "1\n"}
    for name, text in files.items():
        path = runner.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    source = CELLS.replace("OUTSIDE", repr(str(outside)))
    cell: dict[str, object] = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "source": source}
    cell["execution_count"] = None
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    (runner.root / "read.ipynb").write_text(json.dumps(notebook))


def test_what_runs_looked_at(runner: Runner, outside: Path) -> None:
    written(runner, outside)
    data = (DataSource(path=str(outside.parent)),)
    script = f"cat data.txt '{outside}'; ls sub; env -i cat helper.py; env"
    jobs = [
        runner.job("notebook", notebook="read.ipynb", data=data),
        runner.job("command", command=("sh", "-c", script), data=data),
    ]
    ended = runner.run(jobs)
    assert [each.error for each in ended.values()] == [None, None]
    notebook, command = ended["notebook"].observed, ended["command"].observed
    assert (notebook.unobserved, command.unobserved) == ("", "")
    assert notebook.read == {"data.txt", str(outside)}
    assert notebook.imported == {"helper.py", "script.py"}
    assert notebook.listed == {"sub"}
    assert notebook.written == {"made.txt"}
    assert {"config.json", "helper/__init__.py"} <= notebook.missing
    assert not any("Loss" in path or "bold" in path for path in notebook.missing), "what is displayed is no path"
    assert command.read == {"data.txt", "helper.py", str(outside)}
    assert command.listed == {"sub"}
    assert not command.written
    assert "".join(executed(ended["notebook"])["cells"][0]["outputs"][0]["text"]) == "hello\n[]\n"
    shown = (ended["command"].job.folder / "terminal.log").read_text()
    assert "PATH=" in shown
    assert "LD_PRELOAD" not in shown
    assert not [name for each in ended.values() for name in each.job.folder.glob("watched*")]


@pytest.fixture
def containers(tmp_path: Path) -> Iterator[Runner]:
    with in_containers(tmp_path, image("bare")) as made:
        yield made


@pytest.mark.full
@pytest.mark.needs("docker")
def test_what_a_detached_command_looked_at(containers: Runner, outside: Path) -> None:
    written(containers, outside)
    ended = containers.one("detached", command=("sh", "-c", "cat data.txt; cat config.json"), detach=True)
    assert "data.txt" in ended.observed.read
    assert "config.json" in ended.observed.missing
    assert ended.observed.unobserved == ""
