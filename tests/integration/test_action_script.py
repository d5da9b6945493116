"""Which packages scripts/action takes: all of them only where something may be executed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gpu_doc.action import inputs, messages

TOP = Path(__file__).parents[2]


@pytest.fixture
def action(tmp_path: Path) -> Path:
    """The script alone; where it would set itself up, it says for which packages."""
    for name in ("entrypoint/gpu_doc", "templates", "docs", "scripts/lib", "requirements"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("docs/a.md", "requirements/run.txt", "requirements/plan.txt", "action.yml"):
        (tmp_path / name).touch()
    (tmp_path / "scripts/lib/tool_cache.sh").write_text('echo "$set_name"; exit 0\n')
    shutil.copy2(TOP / "scripts/action", tmp_path / "scripts/action")
    return tmp_path / "scripts/action"


def packages(action: Path, word: str, only_fresh: str = "") -> str:
    variables = {"PATH": "/usr/bin:/bin", "RUNNER_TEMP": str(action.parent), "INPUT_ONLY_FRESH": only_fresh}
    done = subprocess.run([action, word], env=variables, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_what_executes_nothing_takes_a_part_of_the_packages(action: Path) -> None:
    taken = {word: packages(action, word) for word in (*inputs.COMMANDS, *messages.COMMANDS)}
    assert taken.pop("run") == "run"
    assert set(taken.values()) == {"plan"}


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "yes", "on", "1", " true\n", "false", "No", "off", "0", " "])
def test_only_fresh_is_read_as_the_program_reads_it(action: Path, text: str) -> None:
    executes_nothing = "--only-fresh" in inputs.run({"INPUT_ONLY_FRESH": text})
    assert packages(action, "run", text) == ("plan" if executes_nothing else "run")
