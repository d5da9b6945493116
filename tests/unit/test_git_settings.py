from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_doc.git.commits import Remote
from gpu_doc.git.settings import Setting, listed, of_runner, ours, text, variables

OWN = Remote(url="https://example.org/o/r", token=None)
TOKEN = Remote(url="https://example.org:8443/o/r", token="ghs_secret")

TAKEN = [
    ("user.signingkey", "~/.ssh/key"),
    ("gpg.ssh.program", "/x"),
    ("filter.strip.clean", "nbstripout"),
    ("core.autocrlf", "input"),
    ("http.proxy", "http://proxy"),
    ("http.https://example.org/.sslcainfo", "/ca.pem"),
    ("lfs.url", "https://lfs"),
]
CREDENTIALS = [
    ("credential.helper", "store"),
    ("credential.https://example.org.username", "me"),
    ("http.extraheader", "Authorization: basic x"),
    ("http.https://example.org/.extraheader", "Authorization: basic x"),
    ("url.git@example.org:.insteadof", "https://example.org/"),
    ("core.sshcommand", "ssh -i key"),
]
LEFT = [
    ("core.bare", "false"),
    ("core.worktree", "../.."),
    ("core.hookspath", ".husky"),
    ("core.fsmonitor", "./watch"),
    ("push.followtags", "true"),
    ("fetch.prune", "true"),
    ("submodule.recurse", "true"),
    ("include.path", "x"),
    ("remote.origin.url", "elsewhere"),
    ("remote.origin.mirror", "true"),
    ("extensions.worktreeconfig", "true"),
    ("alias.push", "!false"),
    ("lfs.storage", "/shared"),
]


def taken(remote: Remote) -> list[Setting]:
    theirs = [*TAKEN, *CREDENTIALS, *LEFT]
    return [setting for setting in ours(theirs, remote) if setting in theirs]


def test_a_push_takes_of_the_persons_configuration_what_bears_on_it() -> None:
    assert taken(OWN) == [*TAKEN, *CREDENTIALS]


def test_with_a_token_nobody_elses_credentials_come_along() -> None:
    assert taken(TOKEN) == TAKEN


def test_of_a_runners_checkout_only_what_diverts_nothing_is_taken() -> None:
    """It may be left from another job; what the machine's owner has set counts."""
    machine = [("http.proxy", "http://proxy"), ("filter.strip.clean", "nbstripout"), ("http.sslverify", "false")]
    left = [
        ("http.proxy", "http://elsewhere"),
        ("http.https://example.org/.proxy", "http://elsewhere"),
        ("http.sslverify", "false"),
        ("url.http://elsewhere/.insteadof", "https://example.org/"),
        ("credential.helper", "!steal"),
        ("core.sshcommand", "steal"),
        ("core.fsmonitor", "steal"),
        ("core.hookspath", "steal"),
        ("gpg.program", "steal"),
        ("filter.strip.clean", "steal"),
        ("lfs.url", "http://elsewhere"),
    ]
    without_commands = [("user.signingkey", "abc"), ("core.autocrlf", "true"), ("remote.origin.promisor", "true")]
    scoped = [
        ("system", machine[:1]),
        ("global", machine[1:]),
        ("local", left),
        ("worktree", left),
        ("local", without_commands),
    ]
    said = "".join(f"{scope}\0{key}\n{value}\0" for scope, some in scoped for key, value in some)
    assert of_runner(said) == machine + without_commands


def test_the_persons_filters_come_after_ours() -> None:
    found = dict(ours([("filter.lfs.clean", "mine")], OWN))
    assert found["filter.lfs.clean"] == "mine"
    assert found["filter.lfs.required"] == "true"


@pytest.mark.parametrize(
    ("theirs", "promisor"),
    [
        ([], None),
        ([("remote.origin.promisor", "false")], None),
        ([("remote.up.stream.promisor", "true"), ("remote.up.stream.partialclonefilter", "blob:none")], "blob:none"),
        ([("extensions.partialclone", "origin"), ("remote.origin.partialclonefilter", "tree:0")], "tree:0"),
    ],
)
def test_a_checkout_that_was_cloned_in_part(theirs: list[Setting], promisor: str | None) -> None:
    found = dict(ours(theirs, OWN))
    assert ("remote.origin.promisor" in found) == (promisor is not None)
    assert found.get("remote.origin.partialclonefilter") == promisor


def test_the_token_goes_to_its_server_only() -> None:
    found = variables(Path("/scratch"), TOKEN)
    assert found["GIT_CONFIG_KEY_0"] == "http.https://example.org:8443/.extraheader"
    assert found["GIT_CONFIG_VALUE_0"] == "Authorization: basic eC1hY2Nlc3MtdG9rZW46Z2hzX3NlY3JldA=="
    assert not any("secret" in value for value in found.values())
    assert "GIT_ASKPASS" not in variables(Path("/scratch"), OWN)


@pytest.mark.needs("git")
@settings(max_examples=40)
@given(
    middle=st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"]), max_size=20),
    value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
)
def test_git_reads_what_is_written(tmp_path_factory: pytest.TempPathFactory, middle: str, value: str) -> None:
    written = [("user.name", value), (f"url.{middle}.insteadof", value)]
    file = tmp_path_factory.mktemp("settings") / "config"
    file.write_bytes(text(written).encode())
    argv = ["git", "config", "--file", str(file), "--list", "-z"]
    told = subprocess.run(argv, capture_output=True, check=True).stdout.decode()
    assert listed(told) == written


def test_a_key_without_a_value_is_true() -> None:
    assert listed("core.autocrlf\0user.name\na\nb\0x.y\n\0") == [
        ("core.autocrlf", "true"),
        ("user.name", "a\nb"),
        ("x.y", ""),
    ]
