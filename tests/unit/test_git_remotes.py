from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.git_server import git

from gpu_doc.git.checkout import own_urls, push_remote, push_url

pytestmark = pytest.mark.needs("git")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "a tree"
    tree.mkdir()
    git(tree, "init", "-q")
    return tree


def test_the_addresses_of_origin_as_written_and_as_reached(tree: Path) -> None:
    assert own_urls(tree) == ()
    git(tree, "remote", "add", "origin", "ab:o/r")
    assert push_url(tree, "origin") == "ab:o/r"
    git(tree, "config", "url.https://example.org/.insteadOf", "ab:")
    assert push_url(tree, "origin") == "https://example.org/o/r"
    assert own_urls(tree) == ("ab:o/r", "https://example.org/o/r")
    git(tree, "config", "remote.origin.pushurl", "git@example.org:o/r")
    assert push_url(tree, "origin") == "git@example.org:o/r"


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("../remote.git", "{above}/remote.git"),
        ("../a remote.git", "{above}/a remote.git"),
        ("./a:b/remote.git", "{tree}/a:b/remote.git"),
        ("remote.git", "{tree}/remote.git"),
        ("/srv/remote.git", "/srv/remote.git"),
        ("~/remote.git", "~/remote.git"),
        ("file:///srv/remote.git", "file:///srv/remote.git"),
        ("box:remote.git", "box:remote.git"),
        ("https://example.org/o/r", "https://example.org/o/r"),
    ],
)
def test_a_relative_remote_is_one_from_the_checkouts_top(tree: Path, written: str, found: str) -> None:
    git(tree, "config", "remote.origin.url", written)
    assert push_url(tree, "origin") == found.format(above=tree.parent, tree=tree)


def test_the_remote_is_the_one_that_git_push_takes(tree: Path) -> None:
    assert push_remote(tree, "main") is None
    git(tree, "remote", "add", "upstream", "a:o/r")
    assert push_remote(tree, "main") == "upstream"
    git(tree, "remote", "add", "fork", "a:me/r")
    assert push_remote(tree, "main") is None
    git(tree, "remote", "add", "origin", "a:o/r")
    assert push_remote(tree, "main") == "origin"
    git(tree, "config", "branch.main.remote", "upstream")
    assert (push_remote(tree, "main"), push_remote(tree, "side")) == ("upstream", "origin")
    git(tree, "config", "remote.pushDefault", "fork")
    assert (push_remote(tree, "main"), push_remote(tree, None)) == ("fork", "fork")
    git(tree, "config", "branch.main.pushRemote", "/srv/elsewhere.git")
    assert push_remote(tree, "main") == "/srv/elsewhere.git"
    assert push_url(tree, "/srv/elsewhere.git") == "/srv/elsewhere.git"
