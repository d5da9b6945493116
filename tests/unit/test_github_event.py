from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.components import NODE_MODULES

from gpu_doc.errors import UsageError
from gpu_doc.github.event import Event, read

Payload = dict[str, Any]
Read = Callable[..., Event]

SHA = "c4295bd74fb0f4fda03689c3df3f2803b658fd85"
REPOSITORY = "Codertocat/Hello-World"


@cache
def payloads() -> dict[str, list[Payload]]:
    """GitHub's own examples, by event."""
    examples = json.loads((NODE_MODULES / "@octokit/webhooks-examples/api.github.com/index.json").read_bytes())
    return {event["name"]: event["examples"] for event in examples}


def example(event: str, **where: Any) -> Payload:
    """A copy of the first example of an event that has these values."""
    found = next(one for one in payloads()[event] if where.items() <= one.items())
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]  # JSON


@pytest.fixture
def event(tmp_path: Path) -> Read:
    """Reads an event with a payload; a variable that is None is not set."""

    def read_it(name: str, payload: Payload | str | None, **variables: str | None) -> Event:
        path = tmp_path / "event.json"
        if payload is not None:
            path.write_text(payload if isinstance(payload, str) else json.dumps(payload))
        environ = {
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(path),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_REF": "refs/heads/master",
            "GITHUB_SHA": SHA,
            "GITHUB_RUN_ID": "1658821493",
            "GITHUB_RUN_ATTEMPT": "2",
            "GITHUB_ACTOR": "octocat",
            "RUNNER_ENVIRONMENT": "github-hosted",
            **variables,
        }
        return read({name: value for name, value in environ.items() if value is not None})

    return read_it


needs_payloads = pytest.mark.needs("node")


@needs_payloads
def test_a_push_to_a_branch(event: Read) -> None:
    got = event(
        "push", example("push", ref="refs/heads/master") | {"before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246"}
    )
    assert (got.branch, got.base_branch, got.is_tag, got.sha) == ("master", "master", False, SHA)
    assert got.before == "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
    assert (got.default_branch, got.actor, got.attempt) == ("master", "octocat", 2)
    assert (got.pull_request, got.head_branch, got.from_fork, got.self_hosted) == (None, None, False, False)
    assert got.run_url == f"https://github.com/{REPOSITORY}/actions/runs/1658821493"


@needs_payloads
def test_a_push_that_makes_a_branch_has_nothing_before(event: Read) -> None:
    assert event("push", example("push", ref="refs/heads/master")).before is None


@needs_payloads
def test_a_tag_is_no_branch(event: Read) -> None:
    got = event("push", example("push", ref="refs/tags/simple-tag"), GITHUB_REF="refs/tags/simple-tag")
    assert (got.is_tag, got.branch, got.base_branch) == (True, None, None)


@needs_payloads
@pytest.mark.parametrize("name", ["pull_request", "pull_request_target", "pull_request_review"])
def test_a_pull_request(event: Read, name: str) -> None:
    payload = example("pull_request_review" if name.endswith("review") else "pull_request")
    got = event(name, payload, GITHUB_REF="refs/pull/2/merge")
    assert (got.pull_request, got.branch, got.base_branch, got.head_branch) == (2, None, "master", "changes")
    assert (got.sha, got.head_sha) == (SHA, "ec26c3e57ca3a959ca5aad62de7213c562f8c821")
    assert got.base_sha == payload["pull_request"]["base"]["sha"]
    assert not got.from_fork


@needs_payloads
def test_a_pull_request_from_a_fork(event: Read) -> None:
    payload = example("pull_request")
    payload["pull_request"]["head"]["repo"]["full_name"] = "Mallory/Hello-World"
    assert event("pull_request", payload).from_fork


@needs_payloads
def test_a_pull_request_from_a_fork_that_was_deleted(event: Read) -> None:
    payload = example("pull_request")
    payload["pull_request"]["head"]["repo"] = None
    assert event("pull_request", payload).from_fork


@needs_payloads
def test_a_pull_request_inside_a_fork_or_a_renamed_repository_is_from_no_fork(event: Read) -> None:
    assert not event("pull_request", example("pull_request"), GITHUB_REPOSITORY="somebody/else").from_fork
    payload = example("pull_request")
    payload["pull_request"]["head"]["repo"]["full_name"] = REPOSITORY.upper()
    assert not event("pull_request", payload).from_fork


def finished_for_a_pull_request() -> Payload:
    """The example names a pull request of another repository: here it is one of its own."""
    payload = next(one for one in payloads()["workflow_run"] if one["workflow_run"]["pull_requests"])
    own = payload["workflow_run"]["pull_requests"][0]["base"]["repo"]["id"]
    return {**payload, "repository": {**payload["repository"], "id": own}}


@needs_payloads
def test_a_finished_workflow_of_a_pull_request(event: Read) -> None:
    payload = finished_for_a_pull_request()
    got = event("workflow_run", payload)
    assert (got.pull_request, got.base_branch, got.head_branch) == (2, "master", "master")
    assert got.head_sha == payload["workflow_run"]["head_sha"]
    assert not got.from_fork


@needs_payloads
def test_a_finished_workflow_of_a_pull_request_to_another_repository(event: Read) -> None:
    payload = finished_for_a_pull_request()
    theirs = payload["workflow_run"]["pull_requests"][0]
    away = {**theirs, "number": 99, "base": {**theirs["base"], "repo": {**theirs["base"]["repo"], "id": 1}}}
    several = {**payload, "workflow_run": {**payload["workflow_run"], "pull_requests": [away, theirs]}}
    assert event("workflow_run", several).pull_request == 2
    several["workflow_run"]["pull_requests"] = [away]
    assert event("workflow_run", several).pull_request is None


@needs_payloads
@pytest.mark.parametrize("head", [{"full_name": "Mallory/Hello-World"}, None])
def test_a_finished_workflow_of_a_fork(event: Read, head: Payload | None) -> None:
    payload = example("workflow_run")
    payload["workflow_run"] |= {"head_repository": head, "pull_requests": []}
    got = event("workflow_run", payload)
    assert (got.from_fork, got.pull_request) == (True, None)


@needs_payloads
def test_a_merge_queue(event: Read) -> None:
    payload = example("merge_group")
    got = event("merge_group", payload)
    assert (got.base_branch, got.head_sha) == ("main", payload["merge_group"]["head_sha"])


@needs_payloads
def test_a_comment_on_a_pull_request(event: Read) -> None:
    payload = example("issue_comment")
    assert event("issue_comment", payload).pull_request is None
    payload["issue"]["pull_request"] = {"url": "https://api.github.com"}
    assert event("issue_comment", payload).pull_request == payload["issue"]["number"]


@needs_payloads
def test_every_example_of_github_can_be_read(event: Read) -> None:
    read_ = [event(name, payload) for name, examples in payloads().items() for payload in examples]
    assert len(read_) > 300


def test_schedules_and_calls_by_hand_need_little(event: Read) -> None:
    for name, payload in (
        ("schedule", {"schedule": "0 3 * * *"}),
        ("workflow_dispatch", {"inputs": None}),
        ("push", {}),
    ):
        got = event(name, payload)
        assert (got.branch, got.base_branch, got.default_branch, got.from_fork) == ("master", "master", None, False)


def test_enterprise_server_and_self_hosted_runners(event: Read) -> None:
    urls = {"GITHUB_SERVER_URL": "https://ghe.example.org/", "GITHUB_API_URL": "https://ghe.example.org/api/v3/"}
    got = event("push", {}, RUNNER_ENVIRONMENT="self-hosted", **urls)
    assert (got.server_url, got.api_url) == ("https://ghe.example.org", "https://ghe.example.org/api/v3")
    assert got.run_url.startswith("https://ghe.example.org/Codertocat/")
    assert got.self_hosted
    assert event("push", {}, RUNNER_ENVIRONMENT=None).self_hosted
    assert event("push", {}).api_url == "https://api.github.com"


@needs_payloads
def test_names_that_look_like_commands_stay_text(event: Read) -> None:
    payload = example("pull_request")
    name = "$(touch${IFS}pwned);`id`&&{{config}}::error|<img>"
    payload["pull_request"]["head"]["ref"] = name.replace(":", "-")
    payload["pull_request"]["title"] = "::set-output name=x::y\n$(id)"
    assert event("pull_request", payload).head_branch == name.replace(":", "-")


@pytest.mark.parametrize(
    ("name", "payload", "variables"),
    [
        ("pull_request", {}, {}),
        ("pull_request_target", {"pull_request": "7"}, {}),
        ("pull_request", {"pull_request": {"number": True}}, {}),
        (
            "pull_request",
            {"pull_request": {"number": 7, "head": {"ref": "a\nb", "sha": SHA}, "base": {"ref": "main"}}},
            {},
        ),
        (
            "pull_request",
            {"pull_request": {"number": 7, "head": {"ref": "a", "sha": "-x"}, "base": {"ref": "main"}}},
            {},
        ),
        ("pull_request", {"pull_request": {"number": 7, "head": {"ref": "a", "sha": SHA}, "base": None}}, {}),
        ("workflow_run", {}, {}),
        (
            "workflow_run",
            {
                "repository": {"id": 7},
                "workflow_run": {
                    "head_sha": SHA,
                    "pull_requests": [{"number": "1", "base": {"repo": {"id": 7}}}],
                },
            },
            {},
        ),
        ("merge_group", {}, {}),
        ("push", {"repository": {"default_branch": "a b"}}, {}),
        ("push", "", {}),
        ("push", "not json", {}),
        ("push", "[]", {}),
        pytest.param("push", "[" * 100_000, {}, id="deep"),
        ("push", None, {}),
        ("push", {}, {"GITHUB_EVENT_PATH": None}),
        ("push", {}, {"GITHUB_EVENT_NAME": None}),
        ("push", {}, {"GITHUB_REPOSITORY": None}),
        ("push", {}, {"GITHUB_REPOSITORY": "name"}),
        ("push", {}, {"GITHUB_REPOSITORY": "owner/name/../../user"}),
        ("push", {}, {"GITHUB_REPOSITORY": "owner/name\n"}),
        ("push", {}, {"GITHUB_REF": "refs/heads/a\nb"}),
        ("push", {}, {"GITHUB_SHA": "HEAD"}),
        ("push", {}, {"GITHUB_API_URL": "file:///etc/passwd"}),
        ("push", {}, {"GITHUB_SERVER_URL": "https://user:secret@github.com"}),
    ],
)
def test_what_no_run_of_a_workflow_has_is_refused(
    event: Read, name: str, payload: Payload | str | None, variables: dict[str, str | None]
) -> None:
    with pytest.raises(UsageError) as caught:
        event(name, payload, **variables)
    assert caught.value.remedy


@needs_payloads
@pytest.mark.parametrize("field", ["head", "base", "number"])
def test_a_pull_request_without_what_tells_forks_is_refused(event: Read, field: str) -> None:
    payload = example("pull_request")
    del payload["pull_request"][field]
    with pytest.raises(UsageError, match="pull_request"):
        event("pull_request", payload)
