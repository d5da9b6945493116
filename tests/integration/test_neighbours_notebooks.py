"""The notebooks in the source distributions of nbclient, nbconvert and papermill behave as under papermill itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.integration.running import Heard

from gpu_doc.errors import GpuDocError, RunError
from gpu_doc.execution.runs.execute import execute
from gpu_doc.execution.runs.job import Finished, Job, kernel_environment
from gpu_doc.model.configuration import Limits, Run

pytestmark = [pytest.mark.full, pytest.mark.needs("packages")]

# Executes each notebook named on standard input, and prints one line for it: its path, and the exception that ended it.
# papermill refuses a notebook that names no kernel unless it is given one; ours takes python3, as the contract says.
PAPERMILL = """
import json, os, sys
import papermill
from papermill.exceptions import PapermillExecutionError
for line in sys.stdin:
    path, output = json.loads(line)
    ended = ""
    try:
        with open(path) as file:
            kernel = {} if "kernelspec" in json.load(file)["metadata"] else {"kernel_name": "python3"}
        papermill.execute_notebook(path, output, cwd=os.path.dirname(path), progress_bar=False, **kernel)
    except PapermillExecutionError as error:
        ended = error.ename
    except BaseException as error:
        ended = "not executed"
    print(json.dumps([path, ended]), file=sys.__stdout__, flush=True)
"""

SAMPLE = 3
"""Every so many-th notebook is run in `make test-full`, all of them in `make stress`."""

# Some wait for one another, or for ever until they are interrupted: they say nothing about behaviour.
LEFT_OUT = re.compile(r"Parallel Execute|Sleep1s|Interrupt\.ipynb|test_autosave|keyboard_interrupt")


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three source distributions, of the versions that are installed, unpacked."""
    folder = tmp_path_factory.mktemp("sdists")
    names = [f"{name}=={version(name)}" for name in ("nbclient", "nbconvert", "papermill")]
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", *names]
    subprocess.run(download, cwd=folder, check=True, capture_output=True)
    for archive in folder.glob("*.tar.gz"):
        with tarfile.open(archive) as tar:
            # Debian 12's Python 3.11.2 knows no filters, and later ones insist on one.
            if hasattr(tarfile, "data_filter"):
                tar.extractall(folder, filter="data")
            else:
                tar.extractall(folder)
    return folder


def copied(distributions: Path, target: Path, step: int) -> list[Path]:
    """Every step-th notebook with what lies beside it, in a folder that they may write to."""
    shutil.copytree(distributions, target, ignore=shutil.ignore_patterns("*.tar.gz"))
    found = sorted(path for path in target.rglob("*.ipynb") if not LEFT_OUT.search(path.name))
    return found[::step]


def under_papermill(notebooks: list[Path], root: Path) -> dict[str, str]:
    words = "\n".join(json.dumps([str(path), str(root / "executed.ipynb")]) for path in notebooks)
    done = subprocess.run(
        [sys.executable, "-c", PAPERMILL], input=words, capture_output=True, text=True, check=True, timeout=900
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    return {Path(path).relative_to(root).as_posix(): ended for path, ended in lines}


def under_ours(notebooks: list[Path], root: Path, folder: Path) -> Iterator[Finished]:
    environment = kernel_environment(os.environ, [])
    jobs = []
    for number, path in enumerate(notebooks):
        (folder / str(number)).mkdir(parents=True)
        name = path.relative_to(root).as_posix()
        run = Run(report="r.md", name="n", address=str(number), line=1, notebook=name, limits=Limits(time=120))
        jobs.append(
            Job(
                run=run,
                fingerprint=str(number),
                folder=folder / str(number),
                root=root,
                python=Path(sys.executable),
                environment=environment,
            )
        )
    yield from execute(jobs, parallel=2, progress=Heard())


def exception_named(error: GpuDocError | None) -> str:
    """The name of the exception that a cell raised; other failures are one kind."""
    if error is None:
        return ""
    in_cell = isinstance(error, RunError) and re.match(r"(\w+)(:|$)", error.what)
    return in_cell[1] if in_cell else "not executed"


def compare(distributions: Path, tmp_path: Path, step: int) -> None:
    theirs, root = tmp_path / "theirs", tmp_path / "ours"
    peers = under_papermill(copied(distributions, theirs, step), theirs)
    finished = under_ours(copied(distributions, root, step), root, tmp_path / "folders")
    ours = {str(done.job.run.notebook): exception_named(done.error) for done in finished}
    assert ours == peers
    assert "" in ours.values()
    assert {"not executed", "", *ours.values()} != {"not executed", ""}, "some cell raised something"


def test_a_sample_behaves_as_under_papermill(distributions: Path, tmp_path: Path) -> None:
    compare(distributions, tmp_path, SAMPLE)


@pytest.mark.stress
@pytest.mark.timeout(1200)
def test_all_behave_as_under_papermill(distributions: Path, tmp_path: Path) -> None:
    compare(distributions, tmp_path, 1)
