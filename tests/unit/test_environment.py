from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

from gpu_doc.system.python_environment import PythonEnvironment, active_environment, own_environment, with_programs_of


def test_versions_agree_with_importlib_metadata() -> None:
    found = own_environment().versions(["yaml", "PIL", "sklearn", "numpy", "papermill", "dateutil", "jupyter_client"])
    names = ["jupyter-client", "numpy", "papermill", "pillow", "python-dateutil", "pyyaml", "scikit-learn"]
    assert found == {name: metadata.version(name) for name in names}


def test_a_missing_package_stands_under_its_import_name() -> None:
    assert own_environment().versions(["no_such_package"]) == {"no_such_package": None}


def test_a_module_without_metadata_has_no_known_version(tmp_path: Path) -> None:
    (tmp_path / "byhand.py").write_text("")
    environment = PythonEnvironment(Path(sys.executable), "3.11.0", (str(tmp_path),))
    assert environment.package_version("byhand") == ("byhand", "unknown")


def test_a_distribution_with_another_name_is_found_by_what_it_installed(tmp_path: Path) -> None:
    (tmp_path / "strange").mkdir()
    (tmp_path / "some_dist-1.5.dist-info").mkdir()
    (tmp_path / "some_dist-1.5.dist-info/RECORD").write_text("strange/__init__.py,sha256=x,1\n")
    environment = PythonEnvironment(Path(sys.executable), "3.11.0", (str(tmp_path),))
    assert environment.package_version("strange") == ("some-dist", "1.5")


def test_an_active_environment_without_ipykernel_is_not_used(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    assert active_environment({"VIRTUAL_ENV": str(tmp_path / "bare")}) == own_environment()


def test_an_active_environment_with_ipykernel_is_used(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "theirs")], check=True)
    python = tmp_path / "theirs/bin/python"
    [packages] = (tmp_path / "theirs/lib").glob("python3*/site-packages")
    (packages / "ipykernel").mkdir()
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX", "pythonLocation"):
        found = active_environment({variable: str(tmp_path / "theirs")})
        assert found.executable == python
        assert str(packages) in found.search_path


def test_programs_are_those_of_the_chosen_environment() -> None:
    ours = str(Path(sys.executable).parent)
    assert with_programs_of(own_environment(), {"PATH": "/usr/bin"})["PATH"] == f"{ours}:/usr/bin"
    active = {"PATH": "/theirs/bin", "VIRTUAL_ENV": "/theirs"}
    assert with_programs_of(own_environment(), active) == active, "an active one without ipykernel keeps its programs"
    theirs = PythonEnvironment(Path("/theirs/bin/python"), "3.12.0", ())
    assert with_programs_of(theirs, {"VIRTUAL_ENV": "/theirs", "PATH": "/x"})["PATH"] == "/theirs/bin:/x"
