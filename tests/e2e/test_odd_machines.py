"""What is odd about a machine or a shell is told in a sentence, or does no harm; it is never a defect of ours."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.users import PlainUser

from .conftest import Project, code, environment, notebook

FILES = {
    "gpu-doc.yml": "reports:\n  - {path: docs/a.md, runs: {a: {notebook: a.ipynb}}}\n",
    "a.ipynb": notebook(code("print('é')", "it")),
    "docs/a.md": '<!-- gpu-doc: text("a/it") -->\n<!-- gpu-doc: end -->\n',
}
NOWHERE = "/nonexistent"


@pytest.fixture
def odd(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write(FILES)
    return project


def run(
    project: Project,
    *words: str,
    before: Callable[[], None] = lambda: None,
    without: str = "",
    program: tuple[str, ...] = (),
    **environ: str,
) -> tuple[int, str]:
    machine = {name: value for name, value in environment(**environ).items() if name != without}
    done = subprocess.run(
        [*program, sys.executable, "-m", "gpu_doc", *words],
        cwd=project.root,
        env=machine,
        capture_output=True,
        check=False,
        preexec_fn=before,
    )
    said = done.stderr.decode("utf-8", "replace")
    assert done.returncode != 70, said
    assert "Traceback" not in said
    return done.returncode, said


def closing(*descriptors: int) -> Callable[[], None]:
    def close() -> None:
        for each in descriptors:
            os.close(each)

    return close


def few_files(number: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))


@pytest.mark.parametrize("descriptors", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_streams_do_no_harm(odd: Project, descriptors: tuple[int, ...]) -> None:
    assert run(odd, "plan", before=closing(*descriptors))[0] == 0


@pytest.mark.full
def test_a_run_needs_no_streams_no_home_no_locale_and_no_terminal(odd: Project) -> None:
    assert run(odd, "run", before=closing(0, 1, 2))[0] == 0
    assert run(odd, "run", "--force", without="HOME", LC_ALL="C", TMPDIR=NOWHERE)[0] == 0
    assert run(odd, "run", "--force", HOME=NOWHERE, LC_ALL="POSIX", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")[0] == 0
    assert run(odd, "run", "--force", program=("nohup",), PATH=os.environ["PATH"])[0] == 0
    assert "é" in odd.read("docs/a.md")


@pytest.mark.parametrize("number", [8, 12])
def test_too_few_open_files_are_told(odd: Project, number: int) -> None:
    status, said = run(odd, "run", before=few_files(number))
    assert (status, "Too many open files" in said) == (5, True)
    assert odd.read("docs/a.md") == FILES["docs/a.md"]


@pytest.mark.needs("root")
def test_a_folder_that_may_not_be_read_is_told(odd: Project, plain_user: PlainUser) -> None:
    odd.root.chmod(0o700)
    program = tuple(map(str, plain_user.prefix))
    status, said = run(odd, "plan", program=program, PYTHONDONTWRITEBYTECODE="1")
    assert (status, "this user may not do that" in said) == (5, True)


@pytest.fixture
def read_only(odd: Project) -> Iterator[Project]:
    if subprocess.run(["mount", "--bind", odd.root, odd.root], check=False).returncode:
        pytest.skip("this machine lacks the right to mount a file system")
    subprocess.run(["mount", "-o", "remount,ro,bind", odd.root], check=True)
    yield odd
    subprocess.run(["umount", odd.root], check=True)


def test_a_read_only_checkout_is_told(read_only: Project) -> None:
    assert run(read_only, "plan")[0] == 0
    status, said = run(read_only, "run")
    assert (status, "Read-only file system" in said) == (5, True)
