"""The lowest versions that pyproject.toml allows of what it depends on: a small project through all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.components import find_uv

from .conftest import Project, code, environment, markdown, notebook

TOP = Path(__file__).parents[2]

# Every module of ours is imported; what is imported within functions, by name.
IMPORTS = """
import importlib, json, pkgutil, sys
from importlib.metadata import requires, version
import gpu_doc
from packaging.requirements import Requirement
for module in pkgutil.walk_packages(gpu_doc.__path__, "gpu_doc."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
for name in ("bleach", "bs4", "docker", "git", "github", "jinja2", "jupytext", "markdown_it", "nbconvert", "papermill",
             "PIL.Image", "psutil", "pyppeteer.connection", "pyte", "wcwidth", "websockets.legacy.client"):
    importlib.import_module(name)
import docker
docker.from_env(environment={}, version="1.41", use_context=False).close()  # nothing is asked yet
import github
github.Github(base_url="https://localhost", retry=None, seconds_between_requests=None, lazy=True).close()
needed = [line for line in requires("gpu-doc") if "extra ==" not in line]
json.dump([[line, version(Requirement(line).name)] for line in needed], sys.stdout)
"""

CONFIG = """\
reports:
  - path: docs/report.md
    template: report.md.j2
    runs:
      book: {notebook: book.ipynb, parameters: {lr: 0.5}}
      text: {notebook: text.md}
      log: {command: [sh, -c, 'printf "10%%\\r100%%\\n"; echo done']}
"""

TEMPLATE = """\
It reached {{ value("book/#2")|percent }}; the text says {{ value("text/#1") }}.

{{ shot("book/shown") }}

{{ table("book/shown", output=2) }}

{{ terminal("log") }}

{{ text("log") }}

{{ resources("book") }}

{{ environment("book") }}
"""

SHOWN = """\
from IPython.display import HTML, Markdown, display
display(Markdown("**bold**"), HTML("<table><tr><th>a</th></tr><tr><td>1</td></tr></table>"))
"""


@pytest.mark.full
@pytest.mark.needs("packages", "chromium", "git")
def test_a_refresh_works_with_the_lowest_versions_that_are_allowed(tmp_path: Path) -> None:
    uv, python = find_uv(), tmp_path / "floors/bin/python"
    assert uv
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "floors")], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", str(python), "--resolution", "lowest-direct", str(TOP)]
    subprocess.run(install, check=True, timeout=280)
    there = json.loads(subprocess.run([python, "-c", IMPORTS], check=True, capture_output=True, text=True).stdout)
    lowest = {line for line, version in there if f">={version}" in line or f">={version.removesuffix('.0')}" in line}
    assert len(lowest) > len(there) * 3 / 4, "these are not the lowest versions"
    assert all(Requirement(line).specifier.contains(version) for line, version in there)
    project = Project(tmp_path / "project")
    project.write(
        {
            "gpu-doc.yml": CONFIG,
            "report.md.j2": TEMPLATE,
            "book.ipynb": notebook(markdown("# T"), code("lr = 1", "parameters"), code("lr"), code(SHOWN, "shown")),
            "text.md": "# Text\n\n```python\n6 * 7\n```\n",
        }
    )

    def called(*words: str) -> str:
        argv = [str(python), "-m", "gpu_doc", *words]
        done = subprocess.run(
            argv, cwd=project.root, env=environment(), capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]):
        subprocess.run(["git", *words], cwd=project.root, check=True)
    called("run")
    text = project.read("docs/report.md")
    assert "It reached 50 %; the text says 42." in text
    assert text.count(".png)") == 3
    called("check")
    called("preview", "--out", str(tmp_path / "preview"))
    assert "data:image/png" in (tmp_path / "preview/index.html").read_text("utf-8")
