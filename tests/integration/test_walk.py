"""The walk of a parameter, as docs/design.md describes it, in a real refresh."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Project, environment, refreshed_once

__all__ = ["refreshed_once"]

ROOT = Path(__file__).parents[2]
DESIGN = (ROOT / "docs/design.md").read_text("utf-8")
IN_THE_WORKER = ("execution/workers/papermill_notebook.py", "execution/workers/notebook_execution.py")
"""They run in another process."""


@pytest.fixture(scope="module")
def seen(refreshed_once: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a refresh with another parameter did."""
    folder = tmp_path_factory.mktemp("walk")
    shutil.copytree(refreshed_once, folder, dirs_exist_ok=True)
    refreshed = Project(folder)
    refreshed.edit("gpu-doc.yml", "lr: 0.5", "lr: 0.1")
    refreshed.write({"templates/report.md.j2": 'It reached {{ value("train/accuracy") }}.\n'})
    argv = [sys.executable, "-m", "tests.integration.walk", "run"]
    done = subprocess.run(
        argv, cwd=refreshed.root, env=environment(PYTHONPATH=str(ROOT)), capture_output=True, text=True, check=True
    )
    assert "1 run executed" in done.stdout
    assert "It reached 0.901." in refreshed.read("docs/report.md"), "0.9 + 0.1 / 100"
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_a_parameter_crosses_each_room_once_and_never_returns(seen: dict[str, Any]) -> None:
    rooms = [Path(user.partition(":")[0]).parent.as_posix() for user in seen["users"]]
    crossed = [room for room, before in zip(rooms, ["", *rooms], strict=False) if room != before]
    assert crossed == ["config", "record", "report", "execution/runs"], "\n".join(seen["users"])


def test_the_walk_in_the_design_is_the_walk_of_a_refresh(seen: dict[str, Any]) -> None:
    [walk] = re.findall(r"^## The walk of a parameter\n(.*?)^## ", DESIGN, re.MULTILINE | re.DOTALL)
    told = [(path, name) for path, name in re.findall(r"`([\w/]+\.py): ([\w.]+)`", walk) if path not in IN_THE_WORKER]
    assert len(told) > 8
    found = []
    for path, name in told:
        asked = f"{path}: {name}"
        entered = (n for n, each in enumerate(seen["entered"]) if each == asked or each.startswith(f"{asked}."))
        found.append(next(entered, -1))
    assert -1 not in found, [each for each, n in zip(told, found, strict=True) if n < 0]
    assert found == sorted(found), [each for _, each in sorted(zip(found, told, strict=True))]
