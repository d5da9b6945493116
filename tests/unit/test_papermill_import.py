"""What a worker imports with papermill, and what it leaves out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

IMPORTED = "from gpu_doc.execution.workers.papermill_import import import_papermill as go; import sys; go(); "


def python(program: str, *path: Path) -> str:
    """What a program prints, in a Python that has imported papermill as a worker does."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    argv = [sys.executable, "-c", IMPORTED + program]
    return subprocess.run(argv, capture_output=True, text=True, check=True, env=environment).stdout


def test_no_client_of_web_storage_is_imported() -> None:
    clients = "{'github', 'requests', 'urllib3', 'jwt'}"
    assert python(f"import papermill.iorw; print(sorted({clients} & sys.modules.keys()))") == "[]\n"


def test_what_was_left_out_can_be_imported_afterwards() -> None:
    assert python("import github, requests; print(bool(github.Github and requests.get))") == "True\n"


def test_a_plugin_that_needs_one_gets_it(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text("from requests import get\nfrom github import Github\n\nclass Handler: pass\n")
    about = tmp_path / "plugin-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[papermill.io]\nplugin:// = plugin:Handler\n")
    assert "plugin.Handler" in python(
        "from papermill.iorw import papermill_io; print(papermill_io.get_handler('plugin://x'))", tmp_path
    )
