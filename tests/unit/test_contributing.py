"""What those who work on this are told is still there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PAGES = ("CONTRIBUTING.md", "RELEASING.md", "SECURITY.md", "tests/README.md", "docs/design.md")
ABOVE = (TOP, TOP / "entrypoint/gpu_doc", TOP / "tests")
"""What paths on these pages begin at."""


def files_named(text: str) -> Iterator[str]:
    """Paths of files in backticks; not those with a placeholder, nor what others or a set-up make."""
    for name in re.findall(r"`([\w./-]+/[\w.-]+\.\w+)`", text):
        if not name.startswith((".venv/", "/")):
            yield name


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page: str) -> None:
    named = set(files_named((TOP / page).read_text("utf-8")))
    assert [name for name in sorted(named) if not any((folder / name).exists() for folder in ABOVE)] == []


@pytest.mark.parametrize("page", PAGES)
def test_targets_of_make_that_are_named_are_there(page: str) -> None:
    makefile = (TOP / "Makefile").read_text("utf-8")
    for target in re.findall(r"(?:^\$ |`)make ([a-z-]+)", (TOP / page).read_text("utf-8"), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_hooks_before_a_commit_are_the_linters_of_make_lint() -> None:
    hooks = set(re.findall(r"entry: \.venv/bin/(ruff \w+|\w+)", (TOP / ".pre-commit-config.yaml").read_text("utf-8")))
    assert hooks == {"ruff check", "ruff format", "mypy"}
    lint = (TOP / "scripts/lint").read_text("utf-8")
    assert all(re.search(rf"^check {hook}\b", lint, re.MULTILINE) for hook in hooks)
