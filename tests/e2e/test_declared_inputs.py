"""`inputs: declared`: a container sees what its run declares, and is told what it lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.engines import image

from .conftest import Project, code, notebook

CONFIG = """\
reports:
  - path: docs/report.md
    template: report.md.j2
    inputs: declared
    image: {image}
    runs:
      script: {{command: [python3, script.py], depends-on: [data/a.csv], produces: [out/x.txt]}}
{more}
"""
SCRIPT = """\
import os, helper
open("out/x.txt", "w").write("1")
seen = [os.path.join(place, name) for place, _, names in os.walk(".") for name in names]
print(sorted(name for name in seen if "__pycache__" not in name), helper.x)
"""


def project(root: Path, more: str = "") -> Project:
    made = Project(root)
    made.write(
        {
            "gpu-doc.yml": CONFIG.format(image=image("ipykernel"), more=more),
            "report.md.j2": '{{ text("script") }}\n',
            "script.py": SCRIPT,
            "helper.py": "x = 7\n",
            "data/a.csv": "1\n",
            "data/b.csv": "2\n",
            "config/x.json": "{}",
            "out/.gitkeep": "",
            "notebooks/n.ipynb": notebook(code("print(open('../config/x.json').read())", "read")),
        }
    )
    return made


@pytest.mark.needs("docker")
def test_a_run_sees_what_it_declares_and_nothing_else(tmp_path: Path) -> None:
    made = project(tmp_path / "root")
    made.gpu_doc("run")
    assert "['./data/a.csv', './helper.py', './out/x.txt', './script.py'] 7" in made.read("docs/report.md")
    assert made.plan()["reports"][0]["fresh"]
    assert not (made.root / "out/x.txt").exists()
    made.write({"config/x.json": "{1}", "data/b.csv": "3"})
    assert made.plan()["reports"][0]["fresh"]
    made.write({"data/a.csv": "2"})
    assert made.stale_runs() == {"script": ["data/a.csv changed"]}


@pytest.mark.needs("docker")
def test_a_read_that_is_not_declared_fails_and_says_what_to_add(tmp_path: Path) -> None:
    made = project(tmp_path / "root", "      note: {notebook: notebooks/n.ipynb}")
    made.write({"script.py": "open('config/x.json')\n"})
    done = made.gpu_doc("run", code=3)
    said = "config/x.json exists in the checkout, but is no input of this run: add `depends-on: [config/x.json]`"
    assert done.stderr.count(said) == 2, done.stderr


def test_a_local_run_can_declare_nothing(tmp_path: Path) -> None:
    made = Project(tmp_path)
    made.write(
        {"gpu-doc.yml": "reports: [{path: r.md, runs: {n: {command: ['true'], inputs: declared}}}]\n", "r.md": ""}
    )
    done = made.gpu_doc("run", code=2)
    assert "the run n has `inputs: declared`, and no container" in done.stderr
    assert "in gpu-doc.yml:1" in done.stderr
