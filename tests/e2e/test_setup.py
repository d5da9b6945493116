"""`make` in a fresh clone, whose folder has a space in its name."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from .conftest import time_of_children

TOP = Path(__file__).parents[2]
GIVEN_BY_MAKE = ("ARGS", "PYTHON", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
"""What `make test` hands to us would change what a `make` of ours does."""

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("set-up"), pytest.mark.needs("git", "make", "chromium")]


def environment(**changes: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in GIVEN_BY_MAKE} | changes


def call(clone: Path, *argv: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, cwd=clone, env=environment(**changes), capture_output=True, text=True, timeout=280, check=False
    )


def set_up(clone: Path, *argv: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return call(clone, "scripts/set-up", *argv, **changes)


def copy_of_the_work_tree(target: Path) -> Path:
    """What a clone would hold, were everything committed."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP,
        capture_output=True,
        check=True,
    )
    for name in filter(None, os.fsdecode(listing.stdout).split("\0")):
        if (TOP / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, target / name)
    subprocess.run(["git", "init", "--quiet"], cwd=target, check=True)
    subprocess.run(["git", "add", "--all"], cwd=target, check=True)
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, "commit", "--quiet", "-m", "all"], cwd=target, check=True)
    return target


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that nothing has been set up in; tests leave it so."""
    return copy_of_the_work_tree(tmp_path_factory.mktemp("bare") / "fresh clone")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which `make demo` has set up what it needs."""
    clone = copy_of_the_work_tree(tmp_path_factory.mktemp("ready") / "fresh clone")
    done = set_up(clone, "examples", "chromium")
    assert done.returncode == 0, done.stderr
    return clone


@pytest.fixture
def path_without(tmp_path: Path) -> Path:
    """A folder to be PATH: the usual programs, but neither Python nor uv."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in (
        "sh",
        "cat",
        "sha256sum",
        "readlink",
        "dirname",
        "sed",
        "flock",
        "id",
        "rm",
        "mkdir",
        "mktemp",
        "tail",
    ):
        (programs / name).symlink_to(str(shutil.which(name)))
    return programs


def test_make_alone_lists_every_target(bare: Path) -> None:
    listing = call(bare, "make").stdout
    makefile = (bare / "Makefile").read_text("utf-8")
    targets = makefile.partition(".PHONY: ")[2].partition("\n")[0].split()
    assert {"demo", "test", "test-full", "unit"} <= set(targets)
    for target in targets:
        assert f"\n  {target} " in listing


@pytest.mark.needs("packages")
def test_a_fresh_clone_gets_the_program(ready: Path) -> None:
    done = call(ready, ".venv/bin/gpu-doc", "--help")
    assert done.returncode == 0, done.stderr
    assert call(ready, ".venv/bin/python", "-c", "import matplotlib, pandas, PIL, sklearn").returncode == 0
    assert call(ready, "git", "status", "--porcelain").stdout == ""


@pytest.mark.needs("packages")
def test_packages_are_compiled_on_installation(ready: Path) -> None:
    packages = next((ready / ".venv/lib").glob("python3.*")) / "site-packages"
    assert list((packages / "papermill/__pycache__").glob("*.pyc"))
    assert list((ready / "entrypoint/gpu_doc/__pycache__").glob("*.pyc"))


@pytest.mark.needs("packages")
@pytest.mark.parametrize("wanted", [("examples", "chromium"), ("examples",), ("run",)])
def test_a_second_call_does_nothing_at_once(ready: Path, wanted: Sequence[str]) -> None:
    times = []
    for _ in range(5):
        before = time_of_children()
        done = set_up(ready, *wanted)
        times.append(time_of_children() - before)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert min(times) < 0.1


@pytest.mark.needs("packages")
def test_another_lock_updates_the_environment_in_place(ready: Path) -> None:
    kept = ready / ".venv/kept"
    kept.touch()
    with (ready / "pyproject.toml").open("a") as file:
        file.write("\n")
    done = set_up(ready, "run")
    assert done.returncode == 0, done.stderr
    assert "installing requirements/examples.txt" in done.stderr  # an environment never shrinks
    assert kept.exists()
    assert set_up(ready, "examples").stderr == ""


@pytest.mark.needs("packages")
def test_an_interrupted_set_up_is_begun_anew(ready: Path) -> None:
    with (ready / "pyproject.toml").open("a") as file:
        file.write("\n")
    first = subprocess.Popen(
        ["scripts/set-up", "examples"],
        cwd=ready,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with first:
        assert first.stderr
        assert "installing" in first.stderr.readline()
        os.killpg(first.pid, signal.SIGKILL)
    done = set_up(ready, "examples", "chromium")
    assert done.returncode == 0, done.stderr
    assert "making .venv" in done.stderr
    assert set_up(ready, "examples", "chromium").stderr == ""


def test_a_machine_without_python_is_told_what_to_do(bare: Path, path_without: Path) -> None:
    done = set_up(bare, "run", PATH=str(path_without))
    assert done.returncode == 5
    assert "gpu-doc needs Python 3.10 or newer" in done.stderr
    assert "apt-get install python3" in done.stderr


def test_a_python_that_is_too_old_does_not_count(bare: Path, path_without: Path) -> None:
    old = path_without / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")  # what the question for the version ends with
    old.chmod(0o755)
    assert set_up(bare, "run", PATH=str(path_without)).returncode == 5


@pytest.fixture
def python() -> str:
    """The Python that our own environment was made from."""
    return call(TOP, sys.executable, "-c", "import sys; print(sys._base_executable)").stdout.strip()


@pytest.mark.needs("packages")
def test_uv_is_fetched_where_it_is_not(bare: Path, path_without: Path, python: str) -> None:
    try:
        done = set_up(bare, "run", PATH=str(path_without), PYTHON=python)
        assert done.returncode == 0, done.stderr
        assert "fetching uv" in done.stderr
        assert "no uv to be had" not in done.stderr
        assert call(bare, ".venv/bin/gpu-doc", "--help").returncode == 0
    finally:
        shutil.rmtree(bare / ".venv", ignore_errors=True)


@pytest.mark.stress  # a minute, where uv takes seconds
@pytest.mark.needs("packages")
def test_pip_is_the_last_resort(bare: Path, path_without: Path, python: str) -> None:
    lock = bare / "requirements/uv.txt"
    locked = lock.read_text("utf-8")
    lock.write_text("uv==0\n")
    try:
        done = set_up(bare, "run", PATH=str(path_without), PYTHON=python)
        assert done.returncode == 0, done.stderr
        assert "no uv to be had" in done.stderr
        assert call(bare, ".venv/bin/gpu-doc", "--help").returncode == 0
    finally:
        lock.write_text(locked)
        shutil.rmtree(bare / ".venv", ignore_errors=True)


@pytest.mark.needs("packages")
def test_a_chromium_that_is_named_is_never_replaced(ready: Path, tmp_path: Path) -> None:
    done = set_up(ready, "examples", "chromium", GPU_DOC_CHROMIUM=str(tmp_path / "none"))
    assert done.returncode == 5
    assert f"GPU_DOC_CHROMIUM names {tmp_path}/none" in done.stderr
    assert "What to do: " in done.stderr


@pytest.mark.needs("packages")
def test_a_machine_without_docker_is_set_up_all_the_same(ready: Path, path_without: Path) -> None:
    done = set_up(ready, "examples", "docker", PATH=str(path_without))
    assert done.returncode == 0, done.stderr
    assert "without Docker, and without the tests that need it: install it" in done.stderr


@pytest.mark.needs("packages", "docker", "root")
def test_an_engine_is_started_and_outlives_the_set_up(ready: Path) -> None:
    other_machine = "mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib/docker"
    set_up = "scripts/set-up examples docker"
    namespaces = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    script = f"cd {shlex.quote(str(ready))} && {other_machine} && {set_up} && docker version && {set_up}"
    done = call(ready, *namespaces, "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    assert "Server:" in done.stdout
    assert done.stderr.count("starting dockerd") == 1


@pytest.mark.needs("packages")
def test_a_wheel_carries_what_the_program_reads(ready: Path, tmp_path: Path) -> None:
    built = call(ready, ".venv/bin/hatchling", "build", "--target", "wheel", "--directory", str(tmp_path))
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(tmp_path.glob("gpu_doc-*.whl"))) as wheel:
        names = set(wheel.namelist())
    files = [
        path for folder in ("fonts", "templates", "workflows") for path in (TOP / folder).rglob("*") if path.is_file()
    ]
    assert {f"gpu_doc/{path.relative_to(TOP).as_posix()}" for path in files} <= names
    assert {"gpu_doc/cli/main.py", "gpu_doc/docs/troubleshooting.md", "gpu_doc/docs/reference.md"} <= names


@pytest.mark.needs("packages", "cjk-fonts")
def test_the_demo_runs_everything_once(ready: Path) -> None:
    before = call(ready, "git", "status", "--porcelain").stdout
    first = call(ready, "make", "demo")
    assert first.returncode == 0, first.stderr
    report = ready / "demo/docs/report.md"
    assert "docs/report.md" in first.stdout
    text = report.read_text("utf-8")
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert len(pictures) >= 5
    assert [name for name in pictures if is_blank(report.parent / name)] == []
    for published in ready.glob("demo/docs/**/*"):
        assert published.is_dir() or os.fsencode(ready) not in published.read_bytes(), published

    second = call(ready, "make", "demo")
    assert second.returncode == 0, second.stderr
    assert "fresh" in second.stdout
    assert report.read_text("utf-8") == text
    assert call(ready, "git", "status", "--porcelain").stdout == before


def is_blank(picture: Path) -> bool:
    with Image.open(picture) as image:
        return len(image.convert("L").getcolors() or ()) < 2
