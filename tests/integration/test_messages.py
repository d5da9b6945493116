"""The actions that write to people, against the stand-in for GitHub's API: the comment, and the issue."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.components import require
from tests.standin.server import StandIn, serving
from tests.standin.state import Account, Issue, Tips

from gpu_doc.action import messages
from gpu_doc.changes.changes import to_json
from gpu_doc.console.console import Console
from gpu_doc.errors import Exit, PublishError, UsageError
from gpu_doc.model.changes import ReportChange, ValueChange

NAME = "octo/reports"
TOKEN = "ghs_0123456789abcdefghijklmnopqrstuvwxyz"
CHANGES = to_json(
    [ReportChange(path="docs/a.md", kind="changed", values=(ValueChange(name="train/loss", before=0.5, after=0.25),))]
)


@dataclass
class Steps:
    """Steps of jobs that call the actions."""

    api: StandIn
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def call(self, action: str, **inputs: str) -> dict[str, str]:
        """Call `comment` or `issue`; gives its outputs."""
        payload: dict[str, Any] = {"repository": {"default_branch": "main"}}
        if action == "comment":
            sides = {side: {"ref": side, "sha": "a" * 40, "repo": {"full_name": NAME}} for side in ("head", "base")}
            payload |= {"number": 1, "pull_request": {"number": 1, **sides}}
        event, output = self.folder / "event.json", self.folder / "output"
        event.write_text(json.dumps(payload))
        output.write_text("")
        environ = {
            "GITHUB_EVENT_NAME": "pull_request" if action == "comment" else "schedule",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REPOSITORY": NAME,
            "GITHUB_REF": "refs/pull/1/merge" if action == "comment" else "refs/heads/main",
            "GITHUB_SHA": "a" * 40,
            "GITHUB_API_URL": self.api.address,
            "GITHUB_RUN_ID": "7",
            "GITHUB_WORKFLOW": "Nightly",
            "GITHUB_WORKFLOW_REF": f"{NAME}/.github/workflows/nightly.yml@refs/heads/main",
            "GITHUB_OUTPUT": str(output),
            "INPUT_TOKEN": TOKEN,
            **self.variables,
            **{f"INPUT_{key.upper()}": value for key, value in inputs.items()},
        }
        console = Console(io.StringIO(), io.StringIO(), interactive=False, colour=False, ci=True)
        messages.COMMANDS[action](environ, console)
        lines = output.read_text().splitlines()
        return {lines[i].partition("<<")[0]: lines[i + 1] for i in range(0, len(lines), 3)}

    def comment(self, result: str = "success", changes: str = "", preview_url: str = "", **more: str) -> str:
        return self.call("comment", result=result, changes=changes, preview_url=preview_url, **more)["operation"]

    def issue(self, result: str, *, run: int = 7, attempt: int = 1, **more: str) -> str:
        self.variables |= {"GITHUB_RUN_ID": str(run), "GITHUB_RUN_ATTEMPT": str(attempt)}
        return self.call("issue", result=result, **more)["operation"]

    def comments(self, number: int = 1) -> list[str]:
        return [comment.body for comment in self.api.repository(NAME).items[number - 1].comments]

    def open_issues(self) -> list[Issue]:
        return [issue for issue in self.api.repository(NAME).items if issue.state == "open"]


@pytest.fixture
def steps(tmp_path: Path) -> Iterator[Steps]:
    require("node")
    with serving(StandIn(Tips({NAME: {"main": "a" * 40}}), {TOKEN: Account()})) as api:
        yield Steps(api, tmp_path)
    assert api.mismatches() == []


# --- the comment -----------------------------------------------------------------------------------------------------


def test_where_the_token_can_only_read_the_summary_has_the_comment(steps: Steps, tmp_path: Path) -> None:
    def refuse() -> None:
        steps.api.fail(403, "Resource not accessible by integration", method="POST")

    steps.api.repository(NAME).items.append(Issue(1, "title", None, Account()))
    refuse()
    with pytest.raises(PublishError, match="the token may not do this"):
        steps.comment(changes=CHANGES)
    summary = tmp_path / "summary"
    steps.variables |= {"GITHUB_ACTOR": "dependabot[bot]", "GITHUB_STEP_SUMMARY": str(summary)}
    refuse()
    assert steps.comment(changes=CHANGES) == "none"
    assert "train/loss" in summary.read_text()
    assert steps.comments() == []


@pytest.fixture
def pull_request(steps: Steps) -> Steps:
    repository = steps.api.repository(NAME)
    repository.items.append(Issue(1, "a change", "", Account("octocat", "User")))
    return steps


def artifact(number: int = 3) -> str:
    return f"https://github.com/{NAME}/actions/runs/7/artifacts/{number}"


def test_one_comment_is_kept_up_to_date(pull_request: Steps) -> None:
    assert pull_request.comment(changes=CHANGES, preview_url=artifact()) == "created"
    [body] = pull_request.comments()
    assert "docs/a.md" in body
    assert "`0.25`" in body
    assert artifact() in body
    assert pull_request.comment(changes=CHANGES, preview_url=artifact()) == "none"
    assert pull_request.comment(changes=CHANGES, preview_url=artifact(4)) == "updated"
    [body] = pull_request.comments()
    assert artifact(4) in body


def test_where_nothing_is_to_be_shown_no_comment_is_made_and_an_old_one_says_so(pull_request: Steps) -> None:
    assert pull_request.comment("skipped") == "none"
    assert pull_request.comments() == []
    pull_request.comment(changes=CHANGES)
    assert pull_request.comment("skipped") == "updated"
    assert "nothing changes" in pull_request.comments()[0]


def test_a_failed_refresh_is_said(pull_request: Steps) -> None:
    assert pull_request.comment("failure") == "created"
    assert "What failed" in pull_request.comments()[0]


def test_each_name_has_a_comment_of_its_own(pull_request: Steps) -> None:
    assert [pull_request.comment(changes=CHANGES, name=name) for name in ("a", "b", " a ")] == [
        "created",
        "created",
        "none",
    ]
    assert len(pull_request.comments()) == 2


@pytest.mark.parametrize(
    "url", ["https://evil.example/", "javascript:alert(1)", f"https://github.com/{NAME}-evil/actions/runs/7"]
)
def test_only_what_this_repository_uploaded_is_linked(pull_request: Steps, url: str) -> None:
    assert pull_request.comment(changes=CHANGES, preview_url=url) == "created"
    assert "Preview" not in pull_request.comments()[0]


@pytest.mark.parametrize("changes", ["", "no JSON", '{"reports": 7}', "[" * 5000], ids=range(4))
def test_changes_that_are_none_leave_the_link(pull_request: Steps, changes: str) -> None:
    assert pull_request.comment(changes=changes, preview_url=artifact()) == "created"
    [body] = pull_request.comments()
    assert artifact() in body
    assert "nothing changes" not in body


def test_without_a_pull_request_there_is_nothing_to_comment_on(steps: Steps) -> None:
    steps.variables = {"GITHUB_EVENT_NAME": "push"}
    (steps.folder / "push.json").write_text("{}")
    steps.variables["GITHUB_EVENT_PATH"] = str(steps.folder / "push.json")
    steps.variables["GITHUB_REF"] = "refs/heads/main"
    with pytest.raises(UsageError, match="no pull request"):
        steps.comment()


def test_a_token_that_may_not_comment_is_named(pull_request: Steps) -> None:
    pull_request.api.world.tokens[TOKEN] = Account(permissions={"issues": "read", "pull_requests": "read"})
    with pytest.raises(PublishError) as caught:
        pull_request.comment(changes=CHANGES)
    assert caught.value.exit_code == Exit.PUBLISH_FAILED


# --- the issue -------------------------------------------------------------------------------------------------------


def test_an_issue_is_opened_commented_on_and_closed(steps: Steps) -> None:
    assert steps.issue("failure", run=1) == "opened"
    [issue] = steps.open_issues()
    assert issue.title.startswith("Nightly fails")
    assert "actions/runs/1/attempts/1" in (issue.body or "")
    assert steps.issue("cancelled skipped", run=2) == "commented"
    assert steps.issue("success", run=3) == "closed"
    assert steps.open_issues() == []
    again, recovered = steps.comments(issue.number)
    assert "failed again" in again
    assert "cancelled" in again
    assert "succeeds again" in recovered
    assert issue.state_reason == "completed"


def test_each_attempt_of_a_run_comments_once(steps: Steps) -> None:
    steps.issue("failure", run=1)
    done = [steps.issue("failure", run=2, attempt=attempt) for attempt in (1, 1, 2)]
    assert done == ["commented", "none", "commented"]
    assert len(steps.comments(steps.open_issues()[0].number)) == 2


def test_what_does_not_fail_opens_nothing_and_the_next_failure_opens_another(steps: Steps) -> None:
    assert steps.issue("success", run=1) == "none"
    assert steps.issue("failure", run=2) == "opened"
    assert steps.issue("skipped", run=3) == "none"
    assert steps.issue("success", run=4) == "closed"
    assert steps.issue("failure", run=5) == "opened"
    assert len(steps.api.repository(NAME).items) == 2


def test_another_branch_or_name_neither_opens_nor_closes_an_issue(steps: Steps) -> None:
    steps.issue("failure")
    assert steps.issue("success", name="other") == "none"
    steps.variables["GITHUB_REF"] = "refs/heads/tried-out"
    assert steps.issue("success") == "none"
    assert len(steps.open_issues()) == 1


@pytest.mark.parametrize("result", ["", "failed", "success,ok"])
def test_a_result_that_github_does_not_know_is_refused(steps: Steps, result: str) -> None:
    with pytest.raises(UsageError, match="`result`"):
        steps.issue(result)


def test_the_outputs_name_the_issue(steps: Steps) -> None:
    outputs = steps.call("issue", result="failure")
    [issue] = steps.open_issues()
    assert outputs["issue-number"] == str(issue.number)
    assert outputs["issue-url"].endswith(f"/issues/{issue.number}")
