"""What launch_command() prints is pasted into a shell, in a clean checkout, and gives what the run gave."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.engines import image

from .conftest import Project, code, markdown, notebook

pytestmark = [pytest.mark.full, pytest.mark.needs("docker", "git")]

CONFIG = """\
defaults:
  image: IMAGE
  limits: {memory: 512m, cpus: 1, processes: 200}
  env: [FLAVOUR]
  data: [data/]
reports:
  - path: project/docs/report.md
    template: project/report.md.j2
    runs:
      train: {notebook: project/notebooks/train.ipynb, parameters: {lr: 0.5, name: "it's \\"fast\\"\\n"}}
      text: {notebook: project/notebooks/text.md, parameters: {lr: 2}}
      shell: {notebook: project/notebooks/shell.ipynb, kernel: bash, parameters: {word: "a b"}}
      count: {command: [sh, -c, "echo it\\\\'s $((6 * 7)) in $PWD; cat data/rows.csv > left.csv"], produces: [left.csv]}
"""

TEMPLATE = """\
{{ text("train/said") }}

{{ text("text/#2") }}

{{ text("shell/#1") }}

{{ text("count") }}

{% for run in ["train", "text", "shell", "count"] %}
{{ launch_command(run) }}

{{ environment(run) }}
{% endfor %}
"""

SAID = """\
import os, socket
%matplotlib inline
print(lr, repr(name), os.getcwd(), os.environ["FLAVOUR"], os.environ["OMP_NUM_THREADS"])
print(open("../../data/rows.csv").read().split(), len(os.sched_getaffinity(0)) > 0)
try:
    socket.create_connection(("192.0.2.1", 80), 2)
except OSError as error:
    print(type(error).__name__, error.errno)
lr * 2
"""

TEXT = """\
# A notebook in Markdown

```python tags=["parameters"]
lr = 1
```

```python
!echo "from a shell: {lr}"
print('twice \\"\\"\\"', lr * 2)
```
"""


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("launch"))
    train = [
        markdown("# Training"),
        code("lr, name = 0.1, 'x'", "parameters"),
        code(SAID, "said"),
        code("raise SystemExit('not reached')", "skip-execution"),
        code("open('log.txt', 'w').write('trained')"),
    ]
    project.write(
        {
            ".gitignore": ".gpu-doc/\n",
            "gpu-doc.yml": CONFIG.replace("IMAGE", image("kernel")),
            "project/report.md.j2": TEMPLATE,
            "project/notebooks/train.ipynb": notebook(*train),
            "project/notebooks/text.md": TEXT,
            "project/notebooks/shell.ipynb": notebook(code('echo "$word, $((1 + 1))"'), kernel="bash"),
            "data/rows.csv": "1\n2\n",
        }
    )
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=project.root, check=True)
    project.gpu_doc("run", FLAVOUR="vanilla")
    return project


def command(project: Project, number: int) -> str:
    blocks = re.findall(r"^(`{3,})sh\n(.*?)^\1$", project.read("project/docs/report.md"), re.MULTILINE | re.DOTALL)
    return str(blocks[number][1])


def pasted(project: Project, number: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a reader gets who pastes the command in a clone."""
    subprocess.run(["git", "clone", "-q", project.root, folder], check=True)
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "FLAVOUR": "vanilla"}
    return subprocess.run(
        ["sh"], input=command(project, number), cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


def said(project: Project, number: int) -> str:
    """What the report shows of a run's output."""
    shown = re.findall(r"^```text\n(.*?)^```$", project.read("project/docs/report.md"), re.MULTILINE | re.DOTALL)
    return str(shown[number])


def test_a_notebook(refreshed: Project, tmp_path: Path) -> None:
    done = pasted(refreshed, 0, tmp_path / "clone")
    assert done.returncode == 0, done.stderr
    assert said(refreshed, 0).strip() in done.stdout
    assert "0.5 'it\\'s \"fast\"\\n' /workspace/project/notebooks vanilla 1" in done.stdout
    assert "1.0" in done.stdout
    assert done.stderr == ""
    assert (tmp_path / "clone/project/notebooks/log.txt").read_text() == "trained"
    state = subprocess.run(
        ["git", "status", "--short"], cwd=tmp_path / "clone", capture_output=True, text=True, check=True
    )
    assert state.stdout == "?? project/notebooks/log.txt\n", "nothing else is left"


def test_a_notebook_that_only_jupytext_reads(refreshed: Project, tmp_path: Path) -> None:
    done = pasted(refreshed, 1, tmp_path / "clone")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == said(refreshed, 1).splitlines()
    assert "from a shell: 2" in done.stdout


def test_another_kernel(refreshed: Project, tmp_path: Path) -> None:
    done = pasted(refreshed, 2, tmp_path / "clone")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == said(refreshed, 2).strip() == "a b, 2"


def test_a_command(refreshed: Project, tmp_path: Path) -> None:
    done = pasted(refreshed, 3, tmp_path / "clone")
    assert (done.returncode, done.stdout) == (0, "it's 42 in /workspace\n")
    assert said(refreshed, 3).strip() == "it's 42 in /workspace"
    assert (tmp_path / "clone/left.csv").read_text() == "1\n2\n"


def test_a_cell_that_fails_ends_it(refreshed: Project, tmp_path: Path) -> None:
    shutil.copytree(refreshed.root, tmp_path / "copy")
    copy = Project(tmp_path / "copy")
    copy.edit("project/notebooks/train.ipynb", "lr * 2", "1 / 0")
    subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x", "commit", "-qam", "x"], cwd=copy.root, check=True)
    done = pasted(copy, 0, tmp_path / "clone")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "This cell failed:\nimport os, socket" in done.stderr
    assert not (tmp_path / "clone/project/notebooks/log.txt").exists()


def test_it_names_nothing_of_the_machine(refreshed: Project) -> None:
    report = refreshed.read("project/docs/report.md")
    assert str(refreshed.root) not in report
    assert "vanilla" not in "".join(command(refreshed, number) for number in range(4))


def test_the_environment_is_that_of_the_image(refreshed: Project) -> None:
    report = refreshed.read("project/docs/report.md")
    assert f"| Image | `{image('kernel')}`, digest `" in report
    assert re.search(r"\| System \| Linux \w+, Debian GNU/Linux 12 \(bookworm\) \|", report)
    assert re.search(r"\| Packages \| Python 3\.11\.\d+, ipykernel \d", report)


def test_a_limit_that_it_shows_is_shown_anew_without_a_run(refreshed: Project, tmp_path: Path) -> None:
    shutil.copytree(refreshed.root, tmp_path / "copy")
    copy = Project(tmp_path / "copy")
    copy.edit("gpu-doc.yml", "memory: 512m", "memory: 1g")
    plan = copy.plan(FLAVOUR="vanilla")
    assert [run["fresh"] for run in plan["runs"]] == [True] * 4
    assert "what launch_command() says of run train changed" in plan["reports"][0]["reasons"]
    assert "0 runs executed." in copy.gpu_doc("run", FLAVOUR="vanilla").stdout
    assert "--memory 1g --memory-swap 1g" in command(copy, 0)
