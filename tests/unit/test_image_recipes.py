"""The tags and locks of the images that tests use."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from tests.images import build


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(build.RECIPES, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(build, "RECIPES", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "changed", ["kernel/Dockerfile", "kernel/requirements.txt", "ipykernel/Dockerfile", "bare/root.sh"]
)
def test_a_tag_changes_with_the_recipe_and_with_what_it_starts_from(recipes: Path, changed: str) -> None:
    before = build.reference("kernel")
    with (recipes / changed).open("a") as file:
        file.write("\n")
    assert build.reference("kernel") != before


def test_a_tag_stays_while_the_recipe_does(recipes: Path) -> None:
    before = build.reference("kernel")
    (recipes / "kernel/requirements.in").write_text("another\n")
    (recipes / "torch/Dockerfile").write_text("FROM another\n")
    assert build.reference("kernel") == before


@pytest.mark.parametrize("lock", sorted(build.RECIPES.glob("*/requirements.txt")), ids=lambda lock: lock.parent.name)
def test_locks_of_images_hold_hashes_and_no_addresses(lock: Path) -> None:
    for line in lock.read_text("utf-8").splitlines():
        assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?|[a-z0-9-]+==[0-9a-z.+]+ \\", line), line
        assert "nvidia" not in line
