"""The lowest versions that pyproject.toml allows of what it depends on: all that talks to the outside, with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from gpu_doc.execution.containers import address
from tests.components import find_uv
from tests.integration.engines import image
from tests.integration.git_server import GitServer, git_server
from tests.standin.fixtures import github_api
from tests.standin.server import StandIn

from .conftest import Project, code, environment, markdown, notebook
from .publishing import REPOSITORY, make

__all__ = ["git_server", "github_api"]
pytestmark = [pytest.mark.full, pytest.mark.needs("packages"), pytest.mark.xdist_group("floors")]

TOP = Path(__file__).parents[2]

# Every module of ours is imported; what is imported within functions, by name.
IMPORTS = """
import importlib, pkgutil
import gpu_doc
for module in pkgutil.walk_packages(gpu_doc.__path__, "gpu_doc."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
for name in ("bleach", "bs4", "docker", "git", "github", "jinja2", "jupytext", "markdown_it", "nbconvert", "papermill",
             "PIL.Image", "psutil", "pyppeteer.connection", "pyte", "wcwidth", "websockets.legacy.client"):
    importlib.import_module(name)
"""

VERSIONS = """
import json, sys
from importlib.metadata import requires, version
from packaging.requirements import Requirement
needed = [line for line in requires("gpu-doc") if "extra ==" not in line]
json.dump({line: version(Requirement(line).name) for line in needed}, sys.stdout)
"""


@pytest.fixture(scope="module")
def floors(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of an environment with the lowest versions of what we ask for, and else the newest."""
    folder = tmp_path_factory.mktemp("floors")
    uv, python = find_uv(), str(folder / "bin/python")
    assert uv
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    constraints = folder / "constraints.txt"
    constraints.write_text("ipython<9.11\n")  # what is newer asks for psutil 7
    install = [uv, "pip", "install", "--quiet", "--python", python, "--constraint", str(constraints)]
    subprocess.run([*install, "--resolution", "lowest-direct", str(TOP)], check=True)
    return python


def called(python: str, root: Path, *words: str, **environ: str) -> str:
    argv = [python, "-m", "gpu_doc", *words]
    done = subprocess.run(argv, cwd=root, env=environment(**environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_floor_is_a_version_that_can_be_installed_beside_the_others(floors: str) -> None:
    there: dict[str, str] = json.loads(subprocess.run([floors, "-c", VERSIONS], check=True, capture_output=True).stdout)
    declared = {line: min(Version(each.version) for each in Requirement(line).specifier) for line in there}
    assert {line: Version(version) for line, version in there.items()} == declared
    subprocess.run([floors, "-c", IMPORTS], check=True)


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


@pytest.mark.needs("chromium", "git")
def test_a_refresh_with_pictures(floors: str, tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.write(
        {
            "gpu-doc.yml": CONFIG,
            "report.md.j2": TEMPLATE,
            "book.ipynb": notebook(markdown("# T"), code("lr = 1", "parameters"), code("lr"), code(SHOWN, "shown")),
            "text.md": "# Text\n\n```python\n6 * 7\n```\n",
        }
    )
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]):
        subprocess.run(["git", *words], cwd=project.root, check=True)
    called(floors, project.root, "run")
    text = project.read("docs/report.md")
    assert "It reached 50 %; the text says 42." in text
    assert text.count(".png)") == 3
    called(floors, project.root, "check")
    called(floors, project.root, "preview", "--out", str(tmp_path / "preview"))
    assert "data:image/png" in (tmp_path / "preview/index.html").read_text("utf-8")


IN_CONTAINERS = """\
defaults: {{image: '{image}'}}
reports:
  - path: docs/report.md
    runs:
      book: {{notebook: book.ipynb, parameters: {{lr: 0.5}}, produces: [out.csv]}}
      log: {{command: [python3, -c, "print('from a terminal')"]}}
"""

IN_PLACE = """\
<!-- gpu-doc: value("book/#2") --><!-- gpu-doc: end -->
<!-- gpu-doc: table("book/file:out.csv") -->
<!-- gpu-doc: end -->
<!-- gpu-doc: text("log") -->
<!-- gpu-doc: end -->
"""


@pytest.mark.needs("docker")
def test_runs_in_containers_of_the_engine_that_a_docker_context_names(floors: str, tmp_path: Path) -> None:
    engine = address.find(None, os.environ).socket
    assert engine
    (tmp_path / "engine.sock").symlink_to(engine)
    here = f"unix://{tmp_path}/engine.sock"
    project, docker = Project(tmp_path / "project"), Project(tmp_path / "docker")
    meta = {"Name": "here", "Metadata": {}, "Endpoints": {"docker": {"Host": here}}}
    docker.write({f"contexts/meta/{sha256(b'here').hexdigest()}/meta.json": json.dumps(meta)})
    docker.write({"config.json": json.dumps({"currentContext": "here"})})
    cells = [code("lr = 1", "parameters"), code("open('out.csv', 'w').write('a,b\\n1,2\\n')\nlr + 1")]
    project.write(
        {
            "gpu-doc.yml": IN_CONTAINERS.format(image=image("ipykernel")),
            "book.ipynb": notebook(*cells),
            "docs/report.md": IN_PLACE,
        }
    )
    environ = {"DOCKER_CONFIG": str(docker.root), "DOCKER_HOST": "", "DOCKER_CONTEXT": ""}
    assert here in called(floors, project.root, "doctor", **environ)
    called(floors, project.root, "run", **environ)
    text = project.read("docs/report.md")
    assert "\n1.5\n" in text
    assert "| 1 | 2 |" in text
    assert "from a terminal" in text
    assert "nothing to run" in called(floors, project.root, "run", **environ)
    called(floors, project.root, "clean", **environ)


@pytest.mark.needs("git", "node")
def test_a_pull_request_that_is_opened_and_updated(
    floors: str, git_server: GitServer, github_api: StandIn, tmp_path: Path
) -> None:
    runner = make(git_server, tmp_path, api_url=github_api.address, python=floors)
    runner.refresh("pull-request")
    git_server.seed(REPOSITORY, {"rate.txt": "0.2\n"})
    runner.refresh("pull-request")
    [opened] = github_api.repository(REPOSITORY).pull_requests
    assert opened.state == "open"
    assert "0.2" in git_server.show(REPOSITORY, "docs/report.md", opened.head).decode()
    git_server.seed(REPOSITORY, {"rate.txt": "0.3\n"})
    runner.refresh("commit")
    assert "0.3" in git_server.show(REPOSITORY, "docs/report.md").decode()
