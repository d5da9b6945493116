"""The files of a release, built from this working tree."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from scripts.release import ReleaseError, build

from gpu_doc import __version__

TOP = Path(__file__).parents[2]
SHIPPED = (
    "entrypoint/",
    "fonts/",
    "templates/",
    "workflows/",
    "docs/",
    "README.md",
    "LICENSE",
    "pyproject.toml",
    ".gitignore",
    "PKG-INFO",
)


def test_what_is_built_works_elsewhere_and_holds_nothing_else(tmp_path: Path) -> None:
    source, wheel = build(TOP, tmp_path / "dist")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert [name for name in sorted(names) if not name.startswith(SHIPPED) or "__pycache__" in name] == []
    with zipfile.ZipFile(wheel) as archive_of_wheel:
        archive_of_wheel.extractall(tmp_path / "installed")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    project = tmp_path / "project"
    project.mkdir()
    for words, said in ((["--version"], f"gpu-doc {__version__}"), (["init"], "gpu-doc.yml")):
        argv = [sys.executable, "-m", "gpu_doc", *words]
        done = subprocess.run(argv, cwd=project, env=environ, capture_output=True, text=True, check=True)
        assert said in done.stdout + done.stderr
    assert list((project / ".github/workflows").glob("*.yml"))


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gpu_doc-0.0.1.tar.gz").touch()
    with pytest.raises(ReleaseError, match=r"other files than expected: .*gpu_doc-0\.0\.1\.tar\.gz"):
        build(TOP, tmp_path)
