"""What every workflow of ours keeps to, where the linters have no rule for it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.config.yaml12 import parse, plain

TOP = Path(__file__).parents[2]
TO_COPY = sorted((TOP / "workflows").glob("*.yml"))
WORKFLOWS = [*sorted((TOP / ".github/workflows").glob("*.yml")), *TO_COPY]
OURS = re.compile(r"org/gpu-doc-action(?:/[\w./-]+)?@v1")
OF_THIS_COMMIT = re.compile(r"\$/\.github/workflows/[\w-]+\.yml")
PINNED = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def content(path: Path) -> dict[str, Any]:
    tree = parse(path.read_text("utf-8"), [])
    assert tree
    found: dict[str, Any] = plain(tree)
    return found


def steps(job: dict[str, Any], action: str) -> Iterator[dict[str, Any]]:
    return (step for step in job.get("steps", []) if step.get("uses", "").startswith(action))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.relative_to(TOP).as_posix())
def test_a_workflow_asks_for_little_ends_in_time_and_runs_what_it_names(path: Path) -> None:
    text, workflow = path.read_text("utf-8"), content(path)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"]
        assert "timeout-minutes" in job or "uses" in job
        assert all(step["with"]["persist-credentials"] is False for step in steps(job, "actions/checkout@"))
    for used in re.findall(r"^ *(?:- )?uses: (.*)$", text, re.MULTILINE):
        assert any(form.fullmatch(used) for form in (OURS, OF_THIS_COMMIT, PINNED)), used
    assert "secrets: inherit" not in text


@pytest.mark.parametrize("path", TO_COPY, ids=lambda path: path.name)
def test_a_workflow_to_copy_says_so_in_its_first_line(path: Path) -> None:
    assert ".github/workflows/" in path.read_text("utf-8").splitlines()[0]


def test_the_workflows_to_copy_start_with_one_runner_that_everybody_has() -> None:
    lines = [re.findall(r"^ +runs-on: .*$", path.read_text("utf-8"), re.MULTILINE) for path in TO_COPY]
    assert {len(each) for each in lines} == {1}
    assert all(each[0].lstrip().startswith("runs-on: ubuntu-latest") for each in lines)


def job_of(name: str, job: str) -> dict[str, Any]:
    found: dict[str, Any] = content(TOP / ".github/workflows" / name)["jobs"][job]
    return found


def test_what_notebooks_import_is_installed_in_the_same_way_everywhere() -> None:
    jobs = [job_of("refresh.yml", "refresh"), job_of("nightly.yml", "refresh"), job_of("preview.yml", "preview")]
    names = ("Install what notebooks import", "Set up")
    found = [[step for step in job["steps"] if step["name"] in names] for job in jobs]
    assert len(found[0]) == 2
    assert found[0] == found[1] == found[2]
    inputs = [content(TOP / ".github/workflows" / name)["on"]["workflow_call"]["inputs"] for name in CALLED]
    assert all(each["setup"] == inputs[0]["setup"] for each in inputs)
    assert all(each["requirements"] == inputs[0]["requirements"] for each in inputs)


CALLED = ("refresh.yml", "nightly.yml", "preview.yml")


def test_where_a_pull_requests_code_runs_nothing_may_be_written_and_the_other_way_round() -> None:
    for name in ("plan", "preview"):
        assert job_of("preview.yml", name)["permissions"] == {"contents": "read"}
    comment = job_of("preview.yml", "comment")
    assert comment["permissions"] == {"pull-requests": "write"}
    assert [step["uses"] for step in comment["steps"]] == ["org/gpu-doc-action/comment@v1"]


def test_where_nothing_is_stale_nothing_is_executed() -> None:
    [step] = steps(job_of("refresh.yml", "update-pull-request"), "org/gpu-doc-action@")
    assert step["with"]["only-fresh"] is True


@pytest.mark.parametrize(("name", "job"), [("preview.yml", "plan"), ("refresh.yml", "plan"), ("nightly.yml", "issue")])
def test_a_refusal_says_why_and_fails_the_job(name: str, job: str) -> None:
    first = job_of(name, job)["steps"][0]
    assert first["name"].startswith("Refuse")
    environ = {**os.environ, "EVENT": "pull_request_target"}
    # As a runner starts it: https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax, `shell`.
    argv = ["bash", "-e", "-c", first["run"]]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"::error title=Refused::[^\n]*pull.requests?[^\n]*\n", done.stdout)


@pytest.mark.parametrize(
    ("name", "job"), [("refresh.yml", "refresh"), ("refresh.yml", "update-pull-request"), ("nightly.yml", "refresh")]
)
def test_nothing_is_cancelled_while_it_publishes(name: str, job: str) -> None:
    concurrency = job_of(name, job)["concurrency"]
    assert concurrency["cancel-in-progress"] is False
    for part in ("github.workflow", "github.ref", "inputs.working-directory", "inputs.config", "inputs.reports"):
        assert part in concurrency["group"]
    if name == "refresh.yml":
        assert concurrency == job_of(name, "refresh")["concurrency"]
