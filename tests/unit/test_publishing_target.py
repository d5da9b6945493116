from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.git_server import git

from gpu_doc.errors import UsageError
from gpu_doc.github.event import Event
from gpu_doc.model.configuration import Publish
from gpu_doc.publish.target import _HOSTED, _named, branch_name, is_own_branch, other_repository
from gpu_doc.trust import admission

PUSH = Event(
    name="push",
    repository="octo/docs",
    ref="refs/heads/main",
    branch="main",
    is_tag=False,
    sha="1" * 40,
    base_branch="main",
    head_branch=None,
    pull_request=None,
    head_sha=None,
    from_fork=False,
    before=None,
    default_branch="main",
    run_id="1",
    attempt=1,
    run_url="",
    server_url="https://github.com",
    api_url="https://api.github.com",
    actor="octo",
    self_hosted=True,
)
PULL_REQUEST = replace(PUSH, name="pull_request", ref="refs/pull/7/merge", branch=None, pull_request=7)


@pytest.mark.parametrize(
    ("pattern", "base", "configuration", "branch"),
    [
        ("gpu-doc/refresh-{base}", "main", "gpu-doc.yml", "gpu-doc/refresh-main"),
        ("gpu-doc/refresh-{base}", "release/1.0", ".github/gpu-doc.yml", "gpu-doc/refresh-release/1.0"),
        ("gpu-doc/refresh-{base}", "main", "papers/one/gpu-doc.yml", "gpu-doc/refresh-main-papers-one"),
        ("gpu-doc/refresh-{base}", "main", "other.yml", "gpu-doc/refresh-main-other"),
        ("{config}/{base}", "main", "a b/gpu-doc.yml", "a-b/main"),
        ("fixed", "main", "gpu-doc.yml", "fixed"),
    ],
)
def test_each_base_and_configuration_has_a_branch(pattern: str, base: str, configuration: str, branch: str) -> None:
    assert branch_name(pattern, base, configuration) == branch


@pytest.mark.parametrize(
    "pattern", ["a..b", "a b", "-a", "/a", "a/", "a.lock", "a~1", "a:b", "a\x07", "{base}", "@{-1}"]
)
def test_what_git_would_not_take_for_a_branch_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError):
        branch_name(pattern, "main", "gpu-doc.yml")


def test_our_own_branches_are_known() -> None:
    assert is_own_branch(Publish(), "gpu-doc/refresh-main")
    assert is_own_branch(Publish(), "gpu-doc/refresh-main-papers-one")
    assert not is_own_branch(Publish(), "main")
    fixed = Publish(branch="fixed")
    assert not is_own_branch(fixed, "main")
    assert is_own_branch(fixed, "fixed")
    assert not is_own_branch(fixed, "fixed-by-a-person")
    assert is_own_branch(fixed, "fixed-papers-one", "papers/one/gpu-doc.yml")


@pytest.mark.parametrize(
    ("url", "host", "repository"),
    [
        ("https://github.com/octo/docs", "github.com", "octo/docs"),
        ("https://github.com/octo/docs.git", "github.com", "octo/docs"),
        ("https://user@ghe.example.org:8443/octo/docs.git/", "ghe.example.org", "octo/docs"),
        ("git@github.com:octo/docs.git", "github.com", "octo/docs"),
        ("ssh://git@github.com:22/octo/docs.git", "github.com", "octo/docs"),
    ],
)
def test_the_repository_is_read_from_the_remote(url: str, host: str, repository: str) -> None:
    found = _HOSTED.fullmatch(url)
    assert found
    assert (found["host"], found["repository"]) == (host, repository)
    assert not _HOSTED.fullmatch("/srv/git/docs.git")


@pytest.mark.needs("git")
@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("https://github.com/octo/docs", ""),
        ("https://github.com/Octo/Docs.git/", ""),
        ("https://x-access-token:t@github.com:443/octo/docs.git", ""),
        ("git@github.com:octo/docs.git", ""),
        ("ssh://git@ssh.github.com:443/octo/docs.git", ""),
        ("work:octo/docs", ""),  # an alias of ~/.ssh/config
        ("gh:docs", ""),  # what the machine's settings make of it is ours
        ("/srv/git/other.git", ""),  # says nothing: the commit decides
        ("../other.git", ""),
        ("file:///srv/octo/other.git", ""),
        ("https://github.com/octo/other", "octo/other"),
        ("https://github.com/fork/docs.git", "fork/docs"),
        ("https://github.com/octo/docs.wiki.git", "octo/docs.wiki"),
        ("git@github.com:octo/docs2.git", "octo/docs2"),
        ("https://git.example.org/octo/docs", "octo/docs on git.example.org"),
        ("https://gitlab.example.org/group/octo/sub", "octo/sub on gitlab.example.org"),
    ],
)
def test_another_repositorys_checkout_is_known(tmp_path: Path, url: str, other: str) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "config", "url.https://github.com/octo/.insteadOf", "gh:")
    git(tmp_path, "config", "remote.origin.url", url)
    assert other_repository(tmp_path, PUSH) == other


def test_a_branch_has_had_what_the_event_says() -> None:
    assert _named("main", PUSH) == ("1" * 40,)
    assert _named("side", PUSH) == ()
    run = replace(PUSH, name="workflow_run", head_branch="main", head_sha="2" * 40)
    assert _named("main", run) == ("1" * 40, "2" * 40)
    assert _named("main", replace(run, head_branch="side")) == ("1" * 40,)
    assert _named("main", replace(run, from_fork=True)) == ("1" * 40,)
    pull_request = replace(PULL_REQUEST, head_branch="side", head_sha="2" * 40)
    assert _named("side", pull_request) == ("2" * 40,)
    assert _named("main", pull_request) == ()


def test_strangers_code_is_refused_on_our_machines() -> None:
    with pytest.raises(UsageError, match="pull_request_target"):
        admission.refuse(replace(PULL_REQUEST, name="pull_request_target"), allow_forks=True)
    fork = replace(PULL_REQUEST, from_fork=True)
    with pytest.raises(UsageError, match="from a fork"):
        admission.refuse(fork, allow_forks=False)
    admission.refuse(fork, allow_forks=True)
    admission.refuse(replace(fork, self_hosted=False), allow_forks=False)
    admission.refuse(PULL_REQUEST, allow_forks=False)


def test_what_is_published_for_which_event() -> None:
    assert admission.mode_for("config", Publish(), PUSH) == ("pull-request", "")
    assert admission.mode_for("commit", Publish(), PUSH) == ("commit", "")
    assert admission.mode_for("config", Publish(mode="check"), PULL_REQUEST)[0] == "check"
    assert admission.mode_for("config", Publish(), PULL_REQUEST)[0] == "none"
    assert admission.mode_for("commit", Publish(), PULL_REQUEST)[0] == "commit"
    assert admission.mode_for("commit", Publish(), replace(PULL_REQUEST, from_fork=True))[0] == "none"
    assert admission.mode_for("config", Publish(), replace(PUSH, branch="gpu-doc/refresh-main"))[0] == "none"
    assert admission.mode_for("config", Publish(mode="auto"), None) == ("auto", "")
