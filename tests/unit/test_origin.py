"""Whose code is checked out, and whose results it may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.git_server import git
from tests.unit.test_isolation import commit
from tests.unit.test_publishing_target import PUSH

from gpu_doc.errors import UsageError
from gpu_doc.github.event import Event
from gpu_doc.model.configuration import Publish
from gpu_doc.record.state import Layers
from gpu_doc.trust import admission
from gpu_doc.trust.origin import Origin, find, layers

pytestmark = pytest.mark.needs("git")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path)
    return tmp_path


def never(_tree: Path) -> Mapping[str, str]:
    pytest.fail("the server need not be asked")


def asked(event: Event, tree: Path, **references: str) -> Origin:
    return find(event, tree, lambda _: {name.replace("__", "/"): sha for name, sha in references.items()})


def test_what_the_event_itself_speaks_of_asks_no_server(tree: Path) -> None:
    head = git(tree, "rev-parse", "HEAD")
    push = replace(PUSH, sha=head)
    assert find(push, tree, never) == Origin(kind="branch", name="main")
    tag = replace(push, ref="refs/tags/v1", branch=None, is_tag=True)
    assert find(tag, tree, never) == Origin(kind="tag", name="v1")
    pull = replace(push, name="pull_request", branch=None, ref="refs/pull/7/merge", pull_request=7)
    assert find(pull, tree, never) == Origin(kind="pull-request", name="7")
    assert find(replace(pull, sha="2" * 40, head_sha=head), tree, never).kind == "pull-request"
    assert find(replace(pull, from_fork=True), tree, never) == Origin(kind="fork", name="7")
    comment = replace(push, name="issue_comment", pull_request=7)
    assert find(comment, tree, never) == Origin(kind="pull-request", name="7")
    queue = replace(
        push, name="merge_group", ref="refs/heads/gh-readonly-queue/main/pr-7-1", branch="gh-readonly-queue/x"
    )
    assert find(queue, tree, never) == Origin(kind="merge-queue", name=queue.ref)
    after = replace(push, name="workflow_run", sha="2" * 40, head_sha=head, head_branch="feature")
    assert find(after, tree, never) == Origin(kind="branch", name="feature")
    assert find(push, None, never).kind == "no-commit"


def test_what_it_does_not_speak_of_is_the_servers_to_say(tree: Path) -> None:
    old = git(tree, "rev-parse", "HEAD")
    head = commit(tree)
    event = replace(PUSH, sha="2" * 40)
    assert asked(event, tree) == Origin(kind="unknown", name=head)
    assert asked(event, tree, refs__heads__other="3" * 40).stranger
    assert asked(event, tree, refs__heads__other=head) == Origin(kind="branch", name="other")
    both = {"refs__heads__a": head, "refs__heads__main": head, "refs__tags__v1": head}
    assert asked(event, tree, **both) == Origin(kind="branch", name="main")
    assert asked(event, tree, refs__tags__v1=head) == Origin(kind="tag", name="v1")
    git(tree, "checkout", "-q", "--detach", old)
    assert asked(event, tree, refs__heads__main=head) == Origin(kind="commit", name=old), "in its history"
    pull = replace(event, name="pull_request", pull_request=7)
    assert asked(pull, tree, refs__heads__main=head) == Origin(kind="pull-request", name="7")
    assert asked(pull, tree) == Origin(kind="unknown", name=old)
    # A pull request's commit that was fetched into our own references stays a stranger's.
    git(tree, "update-ref", "refs/remotes/origin/pr/7", old)
    assert asked(event, tree, refs__heads__main="3" * 40).kind == "unknown"


def test_each_has_a_layer_that_no_other_can_have() -> None:
    names = ["a", "a/b", "a-b", "a%2Fb", "A", "x" * 200, "x" * 201, "a+changes", "ä"]
    kinds = ("branch", "tag", "commit", "pull-request", "merge-queue", "fork", "unknown", "no-commit")
    found = {Origin(kind=kind, name=name).layer for kind in kinds for name in names}  # type: ignore[arg-type]  # of Kind
    assert len(found) == len(names) * len(kinds)
    assert all("/" not in layer and len(layer.encode()) < 255 for layer in found)
    assert Origin(kind="branch", name="pull-request-7").layer != Origin(kind="pull-request", name="7").layer


def test_who_reads_what() -> None:
    main = Origin(kind="branch", name="main")
    assert layers(PUSH, main, changed=False) == Layers(own="branch-main", shared="branch-main")
    assert layers(PUSH, main, changed=True) == Layers(
        own="branch-main+changes", others=("branch-main",), shared="branch-main"
    )
    pull = replace(PUSH, name="pull_request", pull_request=7, base_branch="release/1")
    assert layers(pull, Origin(kind="pull-request", name="7"), changed=False) == Layers(
        own="pull-request-7", others=("branch-release%2F1", "branch-main"), shared="branch-main"
    )
    assert layers(replace(pull, from_fork=True), Origin(kind="fork", name="7"), changed=False) == Layers(
        own="fork-7", others=("branch-release%2F1", "branch-main"), shared="branch-main"
    )
    nightly = replace(PUSH, name="schedule", default_branch=None)
    assert layers(nightly, main, changed=False).shared == "branch-main"
    feature = replace(PUSH, branch="feature", base_branch="feature")
    assert layers(feature, Origin(kind="branch", name="feature"), changed=False) == Layers(
        own="branch-feature", others=("branch-main",), shared="branch-main"
    )


def test_a_commit_for_which_nobody_vouches_is_refused_on_our_machines_and_never_published() -> None:
    unknown = Origin(kind="unknown", name="a" * 40)
    for name in ("push", "schedule", "workflow_dispatch", "issue_comment", "workflow_run", "pull_request"):
        with pytest.raises(UsageError, match="no branch or tag of octo/docs has the commit aaaaaaaaaaaa") as raised:
            admission.refuse_origin(replace(PUSH, name=name), unknown, allow_forks=False)
        assert "allow-forks" in raised.value.remedy
    admission.refuse_origin(PUSH, unknown, allow_forks=True)
    admission.refuse_origin(replace(PUSH, self_hosted=False), unknown, allow_forks=False)
    admission.refuse_origin(PUSH, Origin(kind="tag", name="v1"), allow_forks=False)
    assert admission.mode_for("commit", Publish(), PUSH, unknown)[0] == "none"
    queue = replace(PUSH, name="merge_group")
    assert admission.mode_for("pull-request", Publish(), queue)[0] == "none"
    assert admission.mode_for("config", Publish(mode="check"), queue)[0] == "check"
    assert admission.mode_for("commit", Publish(), replace(PUSH, branch="gh-readonly-queue/main/pr-7-1"))[0] == "none"
