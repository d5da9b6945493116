"""How often a refresh asks: each template is rehearsed once, each call bound once, and answered once."""

from __future__ import annotations

import os
import pstats
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.waiting import eventually

ROOM = Path(__file__).resolve().parents[2] / "entrypoint" / "gpu_doc"

CONFIG = """\
reports:
  - path: report.md
    template: report.md.j2
    runs:
      first: {command: [echo, one]}
      second: {command: [echo, two]}
"""
CALLS = ('text("first")', 'text("first", lines=":1")', 'text("second")', 'environment("second")')


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that was never refreshed."""
    (tmp_path / "gpu-doc.yml").write_text(CONFIG)
    _write(tmp_path, CALLS)
    return tmp_path


def _write(root: Path, calls: tuple[str, ...]) -> None:
    """A template with these calls, the first of them twice."""
    (root / "report.md.j2").write_text("".join(f"{{{{ {call} }}}}\n\n" for call in (*calls, calls[0])))


def counted(root: Path, *words: str) -> Counter[str]:
    """How often each function of ours was called in the parent, by its place: `room/file.py:name`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    argv = [sys.executable, "-m", "cProfile", "-o", str(root / "profile"), "-m", "gpu_doc", *words]
    done = subprocess.run(argv, cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert "Error" not in done.stderr, done.stderr  # cProfile ends with 0 whatever we end with
    found = Counter[str]()
    for (file, _, name), (_, calls, *_) in pstats.Stats(str(root / "profile")).stats.items():  # type: ignore[attr-defined]
        if Path(file).is_relative_to(ROOM):
            found[f"{Path(file).relative_to(ROOM).as_posix()}:{name}"] += calls
    return found


def asked(found: Counter[str]) -> dict[str, int]:
    answered = (count for name, count in found.items() if name.startswith("functions/") and name.endswith(":_answer"))
    return {
        "planned": found["plan/planner.py:plan"],
        "rehearsed": found["report/report.py:rehearse"],
        "bound": found["functions/shared/calls.py:bind"],
        "parsed": found["functions/shared/address.py:parse"],
        "answered": sum(answered),
        "executed": found["refresh/scheduler.py:_take"],
    }


def once(calls: int, *, answered: int, executed: int) -> dict[str, int]:
    """What a refresh asks of a stale report with so many different calls."""
    return {
        "planned": 1,
        "rehearsed": 1,
        "bound": calls,
        "parsed": calls,
        "answered": answered,
        "executed": executed,
    }


def test_a_new_report_asks_once(project: Path) -> None:
    assert asked(counted(project, "run")) == once(len(CALLS), answered=len(CALLS), executed=2)
    nothing = dict.fromkeys(once(0, answered=0, executed=0), 0) | {"planned": 1}
    assert asked(counted(project, "run")) == nothing


@pytest.mark.needs("chromium")
def test_pictures_that_are_taken_early_are_asked_for_once(project: Path) -> None:
    calls = ('terminal("first")', 'terminal("second")', *CALLS)
    _write(project, calls)
    found = counted(project, "run", "--jobs", "1")
    assert found["functions/terminal.py:_answer"] == 2
    assert asked(found) == once(len(calls), answered=len(calls), executed=2)


@pytest.mark.full
def test_new_results_in_place_of_published_ones_are_asked_for_once(project: Path) -> None:
    counted(project, "run")
    (project / "gpu-doc.yml").write_text(CONFIG.replace("two", "three"))
    # What environment() tells of the run as it was published is asked for anew, since its results are others now.
    assert asked(counted(project, "run")) == once(len(CALLS), answered=2, executed=1)


def test_a_stale_report_without_state_asks_once(project: Path) -> None:
    counted(project, "run")
    shutil.rmtree(project / ".gpu-doc")
    _write(project, CALLS[::-1])
    assert asked(counted(project, "plan")) == once(len(CALLS), answered=0, executed=0)
    assert asked(counted(project, "run")) == once(len(CALLS), answered=0, executed=0)


def test_blocks_that_lost_a_result_ask_once(project: Path) -> None:
    (project / "gpu-doc.yml").write_text(CONFIG.replace("    template: report.md.j2\n", ""))
    blocks = [f"<!-- gpu-doc: {call} -->\n<!-- gpu-doc: end -->\n" for call in CALLS]
    (project / "report.md").write_text("\n".join(blocks))
    counted(project, "run")
    shutil.rmtree(project / ".gpu-doc")
    (project / "gpu-doc.yml").write_text((project / "gpu-doc.yml").read_text().replace("one", "another"))
    # Of the second run, evidence tells all; whether it does, was judged by the calls that evidence names.
    assert asked(counted(project, "run")) == once(len(CALLS), answered=2, executed=1)


def test_a_file_that_runs_share_is_hashed_once(project: Path) -> None:
    (project / "data").mkdir()
    (project / "data/numbers.csv").write_text("1,2\r\n")
    shared = "{data: [data/], depends-on: [data/*.csv], command:"
    (project / "gpu-doc.yml").write_text(CONFIG.replace("{command:", shared))
    assert counted(project, "plan")["record/contents.py:_hash"] == 1


@pytest.mark.full
def test_a_call_that_needs_a_lost_result_asks_once(project: Path) -> None:
    counted(project, "run")
    shutil.rmtree(project / ".gpu-doc")
    calls = (*CALLS, 'text("second", lines="-1:")')
    _write(project, calls)
    assert asked(counted(project, "run")) == once(len(calls), answered=2, executed=1)


def test_who_waits_for_another_refresh_plans_anew(project: Path) -> None:
    go = project.with_name("go")  # outside of the checkout: what a run looks for in it is an input
    script = f"echo > {project}/begun; while [ ! -e {go} ]; do sleep 0.1; done; echo one"
    waits = f"{{command: [sh, -c, '{script}']}}"
    (project / "gpu-doc.yml").write_text(CONFIG.replace("{command: [echo, one]}", waits))
    argv = [sys.executable, "-m", "gpu_doc", "run"]
    with (
        (project / "said").open("w+") as said,
        subprocess.Popen(argv, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as first,
    ):
        assert eventually((project / "begun").exists)
        with subprocess.Popen(argv, cwd=project, stdout=subprocess.PIPE, stderr=said, text=True) as second:
            assert eventually(lambda: f"waiting for process {first.pid}" in (project / "said").read_text())
            go.touch()
            assert "2 runs executed" in str(first.communicate()[0])
            assert "All fresh: 1 report, nothing to run." in str(second.communicate()[0]), (
                project / "said"
            ).read_text()
