"""A component that set-up should have brought is a failure in CI; what nothing can install is a skipped test."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests import components


@pytest.fixture(autouse=True)
def nothing_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "_lacking", lambda component: f"no {component}")


def as_user(monkeypatch: pytest.MonkeyPatch, user: str) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0 if user == "root" else 1000)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


@pytest.mark.parametrize(
    ("component", "user", "ends"),
    [
        ("podman", "root", pytest.fail.Exception),
        ("podman", "plain", pytest.skip.Exception),
        ("uv", "plain", pytest.fail.Exception),
        ("root", "plain", pytest.skip.Exception),
        ("packages", "root", pytest.skip.Exception),
    ],
)
def test_in_ci_only_what_set_up_brings_may_not_be_missing(
    monkeypatch: pytest.MonkeyPatch, component: str, user: str, ends: type[Exception]
) -> None:
    monkeypatch.setenv("CI", "true")
    as_user(monkeypatch, user)
    with pytest.raises(ends, match=f"this machine lacks {component}: no {component}"):
        components.require(component)


def test_elsewhere_a_test_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    as_user(monkeypatch, "root")
    with pytest.raises(pytest.skip.Exception):
        components.require("podman")


def test_uv_is_found_where_set_up_fetched_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fetched = tmp_path / "uv/bin/uv"
    fetched.parent.mkdir(parents=True)
    fetched.write_text("#!/bin/sh\n")
    fetched.chmod(0o755)
    monkeypatch.setattr(components, "VENV", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert components.find_uv() == str(fetched)
