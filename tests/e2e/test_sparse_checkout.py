"""A sparse checkout that lacks what a report needs: said so, with the command that brings it."""

from __future__ import annotations

import subprocess

import pytest

from tests.e2e.conftest import Project


@pytest.mark.parametrize(
    ("kept", "missing", "status"),
    [
        ("notebooks data templates", "docs", 2),
        ("notebooks data docs", "templates", 2),
        ("docs templates data", "notebooks", 2),
        ("docs templates notebooks", "data", 5),
    ],
)
def test_what_a_sparse_checkout_leaves_out_is_said(refreshed: Project, kept: str, missing: str, status: int) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        [*who, "commit", "-qm", "a"],
        ["sparse-checkout", "set", *kept.split()],
    ):
        subprocess.run(["git", *words], cwd=refreshed.root, check=True, capture_output=True)
    done = refreshed.gpu_doc("run", "--force", code=status)
    assert "sparse checkout" in done.stderr
    assert f"`git sparse-checkout add {missing}`" in done.stderr
    assert "did you mean" not in done.stderr
    subprocess.run(["git", "sparse-checkout", "add", missing], cwd=refreshed.root, check=True, capture_output=True)
    refreshed.gpu_doc("check")
