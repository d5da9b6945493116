"""The workflows that users copy, as GitHub's runner runs them: act, a git server, and the stand-in for GitHub's API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.components import NODE_MODULES
from tests.e2e.act import CHECKOUT, TOP, Run, Runner
from tests.e2e.conftest import code, notebook
from tests.e2e.publishing import REPOSITORY, make
from tests.e2e.publishing import Runner as Job
from tests.integration.git_server import WRITER, GitServer, git, git_server
from tests.integration.registries import Registry
from tests.standin.fixtures import github_api
from tests.standin.server import StandIn
from tests.standin.state import Account, Issue, PullRequest

__all__ = ["git_server", "github_api"]
pytestmark = [pytest.mark.full, pytest.mark.xdist_group("act"), pytest.mark.needs("act", "git", "node", "packages")]

ACTIONS = {
    "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1": CHECKOUT,
    "actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f": CHECKOUT.parent / "upload-artifact",
}
SETUP_PYTHON_SHA = "5fda3b95a4ea91299a34e894583c3862153e4b97"
SETUP_PYTHON = """\
name: Set up Python
description: Stands in for actions/setup-python; pip is there, and installs nothing.
inputs: {python-version: {description: Which one.}}
runs:
  using: composite
  steps:
    - shell: sh
      run: |
        mkdir "$RUNNER_TEMP/python" && echo "$RUNNER_TEMP/python" >> "$GITHUB_PATH"
        printf '#!/bin/sh\\n[ "$*" = "install -r requirements.txt" ]\\n' > "$RUNNER_TEMP/python/pip"
        chmod +x "$RUNNER_TEMP/python/pip"
"""


@dataclass
class Repository:
    """A user's repository with our workflows in it, and what GitHub does with it."""

    server: GitServer
    api: StandIn
    runner: Runner
    folder: Path

    def push(self, files: Mapping[str, str | bytes], branch: str = "main") -> str:
        return self.server.seed(REPOSITORY, dict(files), branch=branch)

    def run(
        self,
        workflow: str,
        event: str,
        payload: Mapping[str, Any] | None = None,
        branch: str = "main",
        inputs: Mapping[str, str] | None = None,
        more: Mapping[str, Path] | None = None,
    ) -> Run:
        """Run a workflow for an event, on a branch's tip."""
        self.folder.mkdir(exist_ok=True)
        clone = self.server.clone(REPOSITORY, self.folder / str(len(list(self.folder.iterdir()))), f"--branch={branch}")
        return self.runner.run(
            clone,
            workflow if "\n" in workflow else f".github/workflows/{workflow}",
            event=event,
            payload=payload or example(event, ref=f"refs/heads/{branch}", after=self.server.tip(REPOSITORY, branch)),
            secrets={"GITHUB_TOKEN": WRITER},
            environment={"GITHUB_API_URL": self.api.address},
            inputs=inputs,
            actions={**ACTIONS, **(more or {})},
            remote=self.server.url(REPOSITORY),
        )

    # --- what became of it -------------------------------------------------------------------------------------------

    def pulls(self) -> list[PullRequest]:
        return self.api.repository(REPOSITORY).pull_requests

    def issues(self) -> list[Issue]:
        return [item for item in self.api.repository(REPOSITORY).items if not isinstance(item, PullRequest)]


def example(event: str, **values: Any) -> dict[str, Any]:
    """GitHub's own example of an event, as our repository has it."""
    examples = json.loads((NODE_MODULES / "@octokit/webhooks-examples/api.github.com/index.json").read_bytes())
    found = {each["name"]: each["examples"][0] for each in examples}
    payload: dict[str, Any] = {"repository": found["push"]["repository"], **found.get(event, {}), **values}
    payload["repository"] |= {"full_name": REPOSITORY, "default_branch": "main"}
    return payload


RUNS_ON = ("runs-on: ubuntu-latest # or the labels of your runner with a GPU: ", "runs-on: ")
"""What a user changes."""


@pytest.fixture
def repository(
    git_server: GitServer, github_api: StandIn, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> Repository:
    """With a copy of each workflow, for a runner with a GPU; its reports were never refreshed."""
    make(git_server, tmp_path)
    copied = {f".github/workflows/{path.name}": path.read_text("utf-8") for path in (TOP / "workflows").glob("*.yml")}
    git_server.seed(REPOSITORY, {name: text.replace(*RUNS_ON) for name, text in copied.items()})
    return Repository(git_server, github_api, Runner(tmp_path_factory.mktemp("runner")), tmp_path / "clones")


@pytest.fixture
def fresh(repository: Repository, tmp_path: Path) -> Repository:
    """With reports that are up to date."""
    Job(repository.server, tmp_path).refresh("commit")
    repository.server.requests.clear()
    return repository


# --- push ------------------------------------------------------------------------------------------------------------


def test_a_push_leads_to_one_pull_request_that_is_left_alone_updated_and_closed(fresh: Repository) -> None:
    fresh.push({"rate.txt": "0.2\n"})
    done = fresh.run("push.yml", "push")
    assert (done.code, done.jobs) == (0, {"plan": "success", "refresh": "success"}), done.log
    assert done.outputs("plan")["stale"] == "true"
    outputs = done.outputs("refresh")
    assert (outputs["changed"], outputs["failed"], outputs["pull-request-operation"]) == ("true", "false", "created")
    [opened] = fresh.pulls()
    assert outputs["pull-request-number"] == str(opened.number)
    assert b"0.2" in fresh.server.show(REPOSITORY, "docs/report.md", opened.head)
    assert "docs/report.md" in done.summary
    assert "rate.txt changed" in done.summary

    before = (len(fresh.server.pushes()), len(fresh.api.writes()))
    done = fresh.run("push.yml", "push")
    assert (done.code, done.jobs) == (0, {"plan": "success", "update-pull-request": "success"}), done.log
    assert (len(fresh.server.pushes()), len(fresh.api.writes())) == before

    fresh.push({"rate.txt": "0.3\n"})
    done = fresh.run("push.yml", "push")
    assert done.outputs("refresh")["pull-request-operation"] == "updated"
    assert b"0.3" in fresh.server.show(REPOSITORY, "docs/report.md", opened.head)

    fresh.push({"rate.txt": "0.1\n"})
    done = fresh.run("push.yml", "push")
    assert (done.code, done.jobs) == (0, {"plan": "success", "update-pull-request": "success"}), done.log
    assert done.outputs("update")["pull-request-operation"] == "closed"
    assert [pull.state for pull in fresh.pulls()] == ["closed"]


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_by_hand_reports_are_chosen_forced_and_published_as_asked(fresh: Repository) -> None:
    tip = fresh.server.tip(REPOSITORY)
    given = {"reports": "docs/notes.md", "force": "true", "publish": "commit"}
    done = fresh.run("manual.yml", "workflow_dispatch", example("workflow_dispatch", inputs=given), inputs=given)
    assert (done.code, done.jobs) == (0, {"plan": "success", "refresh": "success"}), done.log
    assert done.outputs("plan")["stale"] == "false"
    plan = json.loads(done.outputs("refresh")["plan"])
    assert [(report["path"], report["fresh"]) for report in plan["reports"]] == [("docs/notes.md", False)]
    assert done.outputs("refresh")["changed"] == "false"
    assert fresh.server.tip(REPOSITORY) == tip


WITH_PACKAGES = """\
on: push
permissions: {}
jobs:
  refresh:
    uses: org/gpu-doc-action/.github/workflows/refresh.yml@v1
    permissions: {contents: write, pull-requests: write}
    with:
      runs-on: self-hosted
      requirements: notebooks/requirements.txt
      setup: |
        pip install --quiet --disable-pip-version-check wcwidth
        which python
"""


@pytest.mark.full
@pytest.mark.needs("packages")
def test_what_notebooks_import_is_installed_before_they_run(repository: Repository) -> None:
    repository.push(
        {
            "gpu-doc.yml": "reports: [{path: a.md, template: a.md.j2, runs: {a: {notebook: notebooks/a.ipynb}}}]\n",
            "a.md.j2": '{{ value("a/#1") }}\n',
            "notebooks/a.ipynb": notebook(code("import six, wcwidth\nsix.__name__ + wcwidth.__name__")),
            "notebooks/requirements.txt": "six\n",
        }
    )
    done = repository.run(WITH_PACKAGES, "push")
    assert done.jobs == {"plan": "success", "refresh": "success"}, done.log
    [opened] = repository.pulls()
    assert b"sixwcwidth" in repository.server.show(REPOSITORY, "a.md", opened.head)


# --- at night --------------------------------------------------------------------------------------------------------

IN_A_CONTAINER = """\
defaults: {{image: "{image}"}}
reports:
  - path: docs/kernel.md
    runs:
      kernel: {{notebook: kernel.ipynb}}
"""


@pytest.mark.needs("docker", "registry")
def test_a_nightly_notices_a_rebuilt_image_and_has_one_issue_while_it_fails(
    repository: Repository, registry: Registry
) -> None:
    registry.push("bare", "team/image")  # has no kernel
    repository.push(
        {
            "gpu-doc.yml": IN_A_CONTAINER.format(image=f"{registry.address}/team/image"),
            "kernel.ipynb": notebook(code("6 * 7", "answer")),
            "docs/kernel.md": '<!-- gpu-doc: value("kernel/answer") --><!-- gpu-doc: end -->\n',
        }
    )
    for operation in ("opened", "commented"):
        done = repository.run("nightly.yml", "schedule")
        assert done.jobs == {"refresh": "failure", "issue": "success"}, done.log
        assert done.outputs("refresh")["failed"] == "true"
        assert done.outputs("issue")["operation"] == operation
    assert any("ipykernel" in each.message for each in done.annotations if each.level == "error")
    [issue] = repository.issues()
    assert issue.title.startswith("Refresh reports at night fails")

    rebuilt = registry.push("ipykernel", "team/image")
    done = repository.run("nightly.yml", "schedule")
    assert (done.code, done.jobs) == (0, {"refresh": "success", "issue": "success"}), done.log
    assert done.outputs("issue")["operation"] == "closed"
    assert (issue.state, len(issue.comments)) == ("closed", 2)
    [opened] = repository.pulls()
    assert b"\n42\n" in repository.server.show(REPOSITORY, "docs/kernel.md", opened.head)
    evidence = repository.server.show(REPOSITORY, "docs/kernel.assets/evidence.json", opened.head)
    assert rebuilt.rpartition("@")[2].encode() in evidence


# --- pull requests ---------------------------------------------------------------------------------------------------

HOSTILE = """x"; touch "$KEEP/pwned"; $(touch "$KEEP/pwned") `touch "$KEEP/pwned"` '${{ github.token }}'
::error::x%0A::warning::y<img src=x onerror=alert(1)> @octocat #1 [x](http://evil.example) | *y*"""
BRANCH = 'x";touch${IFS}"$KEEP/pwned";$(touch${IFS}$KEEP/pwned)<b>@octocat'
REPORT = "docs/$(touch $KEEP@octocat) <b>#1 *x*.md"
CALLER = """\
on: {event}
jobs:
  job:
    uses: org/gpu-doc-action/.github/workflows/{workflow}@v1
    with: {{runs-on: gpu}}
"""


def pull_request(repository: Repository, branch: str, *, fork: bool = False, **values: Any) -> dict[str, Any]:
    """The payload of a pull request from a branch."""
    payload = example("pull_request", number=7)
    tip = repository.server.tip(REPOSITORY, branch)
    theirs = {"full_name": "stranger/docs"} if fork else {"full_name": REPOSITORY}
    payload["pull_request"] |= {"number": 7, **values}
    payload["pull_request"]["head"] |= {"ref": branch, "sha": tip, "repo": theirs}
    payload["pull_request"]["base"] |= {"ref": "main", "repo": {"full_name": REPOSITORY}}
    return payload


def test_a_pull_request_has_a_comment_and_a_preview_and_its_words_stay_words(fresh: Repository) -> None:
    main = fresh.server.tip(REPOSITORY)
    assert main
    git(fresh.server.path(REPOSITORY), "update-ref", f"refs/heads/{BRANCH}", main)
    config = fresh.server.show(REPOSITORY, "gpu-doc.yml").decode().replace("docs/notes.md", json.dumps(REPORT))
    notes = fresh.server.show(REPOSITORY, "docs/notes.md")
    fresh.push({"rate.txt": "0.2\n", "gpu-doc.yml": config, REPORT: notes}, BRANCH)
    fresh.api.repository(REPOSITORY).items += [
        Issue(n, HOSTILE, HOSTILE, Account("octocat", "User")) for n in range(1, 8)
    ]
    comments = fresh.api.repository(REPOSITORY).items[-1].comments

    payload = pull_request(fresh, BRANCH, title=HOSTILE, body=HOSTILE)
    done = fresh.run("pull-request.yml", "pull_request", payload, BRANCH)
    assert (done.code, done.jobs) == (0, {"plan": "success", "preview": "success", "comment": "success"}), done.log
    outputs = done.outputs("refresh")
    assert (outputs["changed"], outputs["commit-sha"], outputs["pull-request-operation"]) == ("true", "", "none")
    [page] = (fresh.runner.keep / "artifacts").iterdir()
    assert "0.2" in page.read_text("utf-8")
    [comment] = comments
    assert done.outputs("upload")["artifact-url"] in comment.body
    assert "docs/report.md" in comment.body
    assert f"### `{REPORT}`" in comment.body  # as code, where nobody is mentioned and nothing is markup
    assert comment.body.count("@octocat") == 1
    assert done.annotations == []
    assert not (fresh.runner.keep / "pwned").exists()

    fresh.push({"rate.txt": "0.1\n", "gpu-doc.yml": fresh.server.show(REPOSITORY, "gpu-doc.yml")}, BRANCH)
    done = fresh.run("pull-request.yml", "pull_request", pull_request(fresh, BRANCH), BRANCH)
    assert (done.code, done.jobs) == (0, {"plan": "success", "comment": "success"}), done.log
    assert "nothing changes" in comment.body
    assert (len(comments), fresh.pulls(), fresh.server.pushes()) == (1, [], [])


@pytest.mark.parametrize("workflow", ["preview.yml", "refresh.yml"])
def test_a_fork_is_kept_away_from_the_runner_and_told_so(repository: Repository, workflow: str) -> None:
    text = CALLER.format(event="pull_request", workflow=workflow)
    done = repository.run(text, "pull_request", pull_request(repository, "main", fork=True))
    assert (done.code, done.jobs) == (0, {"plan": "success"}), done.log
    assert [(each.level, "from a fork" in each.message) for each in done.annotations] == [("notice", True)]
    assert done.said("plan") == ""


@pytest.mark.parametrize(
    ("workflow", "job"), [("preview.yml", "plan"), ("refresh.yml", "plan"), ("nightly.yml", "issue")]
)
def test_pull_request_target_is_refused_before_a_runner_with_a_gpu_is_taken(
    repository: Repository, workflow: str, job: str
) -> None:
    text = CALLER.format(event="pull_request_target", workflow=workflow)
    done = repository.run(text, "pull_request_target", pull_request(repository, "main"))
    assert (done.code, done.jobs) == (1, {job: "failure"}), done.log
    # act loses what a step printed that ends at once, now and then: tests/unit/test_workflow_rules.py looks at it.
    assert {each.title for each in done.annotations} <= {"Refused"}


# --- with steps of one's own -----------------------------------------------------------------------------------------


def test_a_job_may_have_steps_of_its_own(repository: Repository, tmp_path: Path) -> None:
    repository.push({"rate.txt": "0.2\n", "requirements.txt": "nothing\n"})
    setup = tmp_path / "setup-python"
    setup.mkdir()
    (setup / "action.yml").write_text(SETUP_PYTHON)
    done = repository.run("own-steps.yml", "push", more={f"actions/setup-python@{SETUP_PYTHON_SHA}": setup})
    assert (done.code, done.jobs) == (0, {"refresh": "success"}), done.log
    assert len(repository.pulls()) == 1
