"""What fails leaves its own reports as they were to the byte; the others are refreshed; nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import PATIENCE, eventually

from .conftest import Project, code, environment, markdown, notebook

MARK = "GPU_DOC_TEST_MARK"


def failing(*cells: object) -> str:
    return notebook(*cells)  # type: ignore[arg-type]  # cells are dictionaries, built by the tests


@pytest.fixture
def two(refreshed: Project) -> Project:
    """Both reports stale: the other one will succeed. It takes a command, for its run is not what is tested."""
    command = "{command: [sh, -c, 'printf \"answer\\n54\\n\" > answer.csv'], produces: [answer.csv]}"
    refreshed.edit("gpu-doc.yml", "{notebook: notebooks/other.ipynb}", command)
    block = '<!-- gpu-doc: table("other/file:answer.csv") -->\n<!-- gpu-doc: end -->\n'
    refreshed.write({"docs/other.md": f"# Other\n\n{block}"})
    return refreshed


def assert_only_the_other_was_refreshed(project: Project, before: dict[str, bytes]) -> None:
    after = project.files()
    assert {name: content for name, content in after.items() if "report" in name} == {
        name: content for name, content in before.items() if "report" in name
    }
    assert "54" in project.read("docs/other.md")
    assert not list(project.root.rglob(".*.gpu-doc")), "no temporary file"
    scratch = project.root / ".gpu-doc/scratch"
    assert not scratch.exists() or not list(scratch.iterdir())


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 1\nraise ValueError('bad shape')", ["ValueError: bad shape", "raise ValueError", "(curve)"]),
        pytest.param("def broken(:", ["SyntaxError"], marks=pytest.mark.full),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", ["memory"]),
        pytest.param("import no_such_module", ["ModuleNotFoundError", "no_such_module"], marks=pytest.mark.full),
        pytest.param("import os; os._exit(3)", ["3"], marks=pytest.mark.full),
        pytest.param(
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            ["SIGSEGV", "native library"],
            marks=pytest.mark.full,
        ),
    ],
)
def test_an_error_in_a_cell_is_shown_with_its_place(two: Project, source: str, said: list[str]) -> None:
    before = two.files()
    two.write({"notebooks/train.ipynb": notebook(code("lr = 1", "parameters"), code("1"), code(source, "curve"))})
    two.write({"templates/report.md.j2": "{{ shot('train/curve') }}"})
    done = two.gpu_doc("run", code=3)
    assert_only_the_other_was_refreshed(two, before)
    for words in [*said, "notebooks/train.ipynb", "cell 3", "docs/report.md stays as it was", ".gpu-doc/failed/"]:
        assert words.lower() in done.stderr.lower(), done.stderr
    assert "Traceback (most recent call last)" not in done.stdout
    assert "gpu_doc/" not in done.stderr, "no traceback of ours"
    [kept] = (two.root / ".gpu-doc/failed").rglob("executed.ipynb")
    json.loads(kept.read_text())


@pytest.mark.parametrize(
    ("limits", "source", "said"),
    [
        pytest.param(
            "{time: 3s}",
            "import time\nwhile True:\n    try:\n        time.sleep(9)\n    except KeyboardInterrupt:\n        pass",
            "time",
            marks=pytest.mark.full,
        ),
        ("{cell-time: 1s}", "import time; time.sleep(60)", "cell-time"),
    ],
)
def test_a_limit_ends_a_run(two: Project, limits: str, source: str, said: str) -> None:
    before = two.files()
    two.write({"notebooks/train.ipynb": notebook(code("lr = 1", "parameters"), code(source, "curve"))})
    two.write({"templates/report.md.j2": "{{ shot('train/curve') }}"})
    two.edit("gpu-doc.yml", "parameters: {lr: 0.5}", f"parameters: {{lr: 0.5}}, limits: {limits}")
    done = two.gpu_doc("run", code=3)
    assert said in done.stderr
    assert_only_the_other_was_refreshed(two, before)


@pytest.mark.parametrize(
    "content", ["{", *(pytest.param(text, marks=pytest.mark.full) for text in ('{"cells": 3}', "", "[]", "\x00\x01"))]
)
def test_a_file_that_is_no_notebook(two: Project, content: str) -> None:
    before = two.files()
    two.write({"notebooks/train.ipynb": content})
    done = two.gpu_doc("run", code=3)
    assert "notebooks/train.ipynb" in done.stderr
    assert_only_the_other_was_refreshed(two, before)
    assert two.gpu_doc("plan").returncode == 0
    two.gpu_doc("check", code=1)


def test_a_notebook_without_code_cells_is_fine(project: Project) -> None:
    project.write({"notebooks/train.ipynb": notebook(markdown("nothing"))})
    project.write({"templates/report.md.j2": "Nothing ran.\n"})
    project.gpu_doc("run")
    assert "Nothing ran." in project.read("docs/report.md")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ('line\n{{ shot("train/curv") }}', ["templates/report.md.j2:2", "curv", "notebooks/train.ipynb", "curve"]),
        ('{{ shot("trian/curve") }}', ["trian", "train"]),
        ("{{ undefined_name }}", ["undefined_name", "templates/report.md.j2:1"]),
        ("\n\n{{ shott('train/curve') }}", ["shott", "shot", "templates/report.md.j2:3"]),
        ("{% if %}", ["templates/report.md.j2:1"]),
        ("{{ 'a' * 10**10 }}", ["templates/report.md.j2"]),
        ("{{ ''.__class__.__mro__ }}", ["templates/report.md.j2"]),
        ("{% include '../gpu-doc.yml' %}", ["templates/report.md.j2"]),
    ],
)
def test_a_template_error_is_found_before_anything_runs(two: Project, template: str, said: list[str]) -> None:
    before = two.files()
    two.edit("gpu-doc.yml", "lr: 0.5", "lr: 0.7")
    two.write({"templates/report.md.j2": template})
    done = two.gpu_doc("run", code=2)
    for words in said:
        assert words in done.stderr, done.stderr
    assert "1 run executed" in done.stdout, "the run of the broken report is not executed"
    assert_only_the_other_was_refreshed(two, before)


def test_a_missing_kernel_names_those_that_are_there(two: Project) -> None:
    before = two.files()
    two.write({"notebooks/train.ipynb": notebook(code("1", "curve"), kernel="julia-1.11")})
    two.write({"templates/report.md.j2": "{{ shot('train/curve') }}"})
    done = two.gpu_doc("run", code=3)
    assert "julia-1.11" in done.stderr
    assert "python3" in done.stderr
    assert_only_the_other_was_refreshed(two, before)


def test_a_healthy_sibling_of_a_failed_run_is_not_run_again(two: Project) -> None:
    two.edit("gpu-doc.yml", "      other: {", "      broken: {command: [sh, broken.sh]}\n      other: {")
    two.write({"broken.sh": "exit 1\n"})
    assert "2 runs executed" in two.gpu_doc("run", code=3).stdout
    assert list(two.stale_runs()) == ["broken"]
    two.write({"broken.sh": "exit 0\n"})
    assert "1 run executed" in two.gpu_doc("run").stdout


def test_a_command_that_fails_shows_its_last_lines(project: Project) -> None:
    project.write(
        {
            "gpu-doc.yml": "reports: [{path: docs/log.md, runs: {log: {command: [python3, fail.py]}}}]\n",
            "docs/log.md": '<!-- gpu-doc: terminal("log") -->\n<!-- gpu-doc: end -->\n',
            "fail.py": "import sys\nprint('almost there')\nsys.exit(4)\n",
        }
    )
    done = project.gpu_doc("run", code=3)
    assert "almost there" in done.stderr
    assert "4" in done.stderr


# --- killed ----------------------------------------------------------------------------------------------------------


def marked_processes(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


@pytest.fixture
def sleeping(refreshed: Project) -> Iterator[tuple[Project, subprocess.Popen[str], str]]:
    """A refresh in the middle of a long cell; `mark` finds every process that came of it."""
    refreshed.write(
        {"notebooks/train.ipynb": notebook(code("open('../started', 'w'); import time; time.sleep(100)", "curve"))}
    )
    refreshed.write({"templates/report.md.j2": "{{ shot('train/curve') }}"})
    mark = str(time.monotonic_ns())
    process = subprocess.Popen(
        [sys.executable, "-m", "gpu_doc", "run"],
        cwd=refreshed.root,
        env=environment(**{MARK: mark}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    started = refreshed.root / "started"
    assert eventually(lambda: started.exists() or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    yield refreshed, process, mark
    for left in marked_processes(mark):
        left.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.full)])
def test_an_interrupt_ends_everything(sleeping: tuple[Project, subprocess.Popen[str], str], number: int) -> None:
    project, process, mark = sleeping
    before = project.files()
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert project.files() == before
    assert marked_processes(mark) == []
    assert not list((project.root / ".gpu-doc/scratch").iterdir())


def test_a_killed_refresh_leaves_no_kernel_and_the_next_one_sweeps(
    sleeping: tuple[Project, subprocess.Popen[str], str],
) -> None:
    project, process, mark = sleeping
    before = project.files()
    process.kill()
    process.communicate()
    assert eventually(lambda: not marked_processes(mark))
    assert project.files() == before
    project.write({"notebooks/train.ipynb": notebook(code("print(1)", "curve"))})
    project.gpu_doc("run")
    assert not list((project.root / ".gpu-doc/scratch").iterdir())


def test_a_full_disk_is_said_and_changes_nothing(two: Project, tmp_path: Path) -> None:
    """State on a file system of 1 MB: a real ENOSPC."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], check=False)
    if mounted.returncode:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing("this machine lacks the right to mount a file system")
    try:
        before = two.files()
        big = "from IPython.display import HTML\nimport random\nHTML('%x' % random.getrandbits(20_000_000))"
        two.write({"notebooks/train.ipynb": notebook(code(big, "curve"))})
        two.write({"templates/report.md.j2": "{{ shot('train/curve') }}"})
        done = two.gpu_doc("run", "docs/report.md", "--state-dir", str(small / "state"), code=5)
        assert "disk is full" in done.stderr
        assert two.files() == before
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_an_interrupt_while_modules_are_imported_ends_quietly() -> None:
    code = (
        "import sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'gpu_doc.cli.main':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from gpu_doc.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_parameter_that_the_notebook_sets_again_is_refused(two: Project) -> None:
    """Else the report would say lr = 0.5 of a number that another lr gave."""
    before = two.files()
    cells = [code("lr = 0.1", "paramters"), code("lr", "accuracy")]
    two.write({"notebooks/train.ipynb": notebook(*cells), "templates/report.md.j2": "{{ value('train/accuracy') }}"})
    done = two.gpu_doc("run", code=2)
    for words in ("`lr` is given to run train", "notebooks/train.ipynb, cell 1", "`paramters`"):
        assert words in done.stderr
    assert_only_the_other_was_refreshed(two, before)


def test_a_notebook_broken_for_several_runs_is_told_once(project: Project) -> None:
    project.edit("gpu-doc.yml", "parameters: {lr: 0.5}", "matrix: {lr: [1, 2, 3]}")
    project.write({"notebooks/train.ipynb": "{", "templates/report.md.j2": "x\n"})
    done = project.gpu_doc("run", code=3)
    assert done.stderr.count("not valid JSON") == 1
    assert done.stderr.count("docs/report.md stays as it was") == 1
    assert str(project.root) not in done.stderr


def test_plan_and_check_say_what_would_fail(two: Project) -> None:
    two.edit("templates/report.md.j2", "train/curve", "train/curv")
    for command, status in (("plan", 0), ("check", 1)):
        [line] = [line for line in two.gpu_doc(command, code=status).stdout.splitlines() if "would fail" in line]
        assert "templates/report.md.j2:5" in line
        assert "no cell tagged `curv` in notebooks/train.ipynb" in line
        assert "Did you mean `curve`?" in line
