"""What GitHub and git are known to say, word for word, and what is made of it."""

from __future__ import annotations

import pytest

from gpu_doc.errors import PublishError
from gpu_doc.git.refusals import GoneError, ProtectedBranchError, RejectedError, UnreachableError, meaning, telling

URL = "https://github.com/o/r.git"
DECLINED = "! [remote rejected] abc -> main (pre-receive hook declined)\nerror: failed to push some refs to 'x'"

KNOWN = [
    ("fatal: could not read Username for 'https://github.com': terminal prompts disabled", "credentials"),
    (
        "remote: Invalid username or token.\nfatal: Authentication failed for 'https://github.com/o/r.git/'",
        "credentials",
    ),
    (
        "remote: Permission to o/r.git denied to github-actions[bot].\nThe requested URL returned error: 403",
        "not write",
    ),
    ("remote: Write access to repository not granted.\nfatal: unable to access: returned error: 403", "not write"),
    ("remote: Repository not found.\nfatal: repository 'https://github.com/o/r.git/' not found", "no repository"),
    ("ERROR: Repository not found.\nfatal: Could not read from remote repository.", "no repository"),
    ("remote: This repository was archived so it is read-only.\nreturned error: 403", "archived"),
    (
        "(refusing to allow an OAuth App to create or update workflow `.github/workflows/x.yml` without `workflow`)",
        "changes of workflows",
    ),
    ("remote: error: GH001: Large files detected. You may want to try Git Large File Storage", "larger"),
    ("remote: error: File a is 120.00 MB; this exceeds GitHub's file size limit of 100.00 MB", "larger"),
    (f"remote: error: GH013: Repository rule violations\nremote: - Push cannot contain secrets\n{DECLINED}", "secret"),
    ("remote: The 'o' organization has enabled or enforced SAML SSO.\nreturned error: 403", "single sign-on"),
    ("git@github.com: Permission denied (publickey).", "SSH"),
    ("Host key verification failed.", "SSH"),
    ("fatal: unable to access: SSL certificate problem: unable to get local issuer certificate", "certificate"),
    ("error: unable to write loose object file: No space left on device", "the disk is full"),
    ("remote: fatal: write error: No space left on device", "no space left"),
    ("fatal: detected dubious ownership in repository at '/w'", "another user"),
    ("cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create 'refs/heads/a/b'", "in the way"),
    ("! [remote rejected] a -> a/b (directory file conflict)", "in the way"),
    ("git: 'lfs' is not a git command. See 'git --help'.", "Git LFS"),
    (DECLINED, "declined"),
    ("fatal: something new", "git failed"),
]


@pytest.mark.parametrize(("words", "what"), KNOWN)
def test_a_refusal_is_put_into_words_with_a_remedy(words: str, what: str) -> None:
    error = meaning(words, remote=URL, checkout="/w")
    assert what in error.what
    assert type(error) is PublishError
    assert error.remedy.endswith((".", ")"))
    assert error.details


@pytest.mark.parametrize(
    "words",
    [
        f"remote: error: GH006: Protected branch update failed for refs/heads/main.\n{DECLINED}",
        f"remote: error: GH013: Repository rule violations found for refs/heads/main.\n{DECLINED}",
        "! [remote rejected] main -> main (protected branch hook declined)",
    ],
)
def test_a_protected_branch(words: str) -> None:
    assert type(meaning(words, remote=URL, checkout="/w")) is ProtectedBranchError


@pytest.mark.parametrize(
    "reason",
    [
        "[rejected] (stale info)",
        "[rejected] (non-fast-forward)",
        "[rejected] (fetch first)",
        "[remote rejected] (cannot lock ref 'refs/heads/a': is at 1 but expected 2)",
        "[remote rejected] (failed to update ref)",
        "[remote rejected] (failed to lock)",
        "[remote rejected] (reference already exists)",
        "[remote rejected] (incorrect old value provided)",
    ],
)
def test_somebody_was_first(reason: str) -> None:
    words = f"error: failed to push some refs\n!\tabc:refs/heads/main\t{reason}\nDone"
    assert type(meaning(words, remote=URL, checkout="/w")) is RejectedError


@pytest.mark.parametrize(
    "words",
    [
        "fatal: unable to access 'https://github.com/': Could not resolve host: github.com",
        "fatal: unable to access 'x': Failed to connect to github.com port 443: Couldn't connect to server",
        "error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502",
        "fatal: unable to access 'x': The requested URL returned error: 429",
        "fetch-pack: unexpected disconnect while reading sideband packet\nfatal: early EOF",
        "ssh: connect to host github.com port 22: Connection timed out",
        "! [remote rejected] main -> main (Internal Server Error)",
    ],
)
def test_what_may_pass(words: str) -> None:
    assert type(meaning(words, remote=URL, checkout="/w")) is UnreachableError


def test_a_commit_that_is_gone() -> None:
    words = "fatal: remote error: upload-pack: not our ref 1234\nfatal: the remote end hung up unexpectedly"
    assert type(meaning(words, remote=URL, checkout="/w")) is GoneError


def test_hints_for_typing_git_commands_are_left_out() -> None:
    words = "remote: \nremote: no\nhint: Updates were rejected\nremote: no\n! [rejected]"
    assert telling(words) == "remote: no\n! [rejected]"


def test_where_signatures_are_demanded_a_pull_request_may_still_do() -> None:
    said = "remote: - Commits must have verified signatures.\nremote:   Found 1 violation: GH013"
    error = meaning(said, remote=URL, checkout="/x")
    assert isinstance(error, ProtectedBranchError)
    assert "publish.sign: true" in error.remedy
    assert "publish.mode" not in error.remedy
