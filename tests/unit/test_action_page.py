"""docs/action.md says of inputs and outputs what action.yml says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

TOP = Path(__file__).parents[2]


@pytest.mark.parametrize("part", ["inputs", "outputs"])
def test_the_page_lists_each_with_its_description(part: str) -> None:
    declared = yaml.safe_load((TOP / "action.yml").read_text("utf-8"))[part]
    section = (TOP / "docs/action.md").read_text("utf-8").split(f"\n## {part.title()}\n")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.*) \|$", section, re.MULTILINE))
    assert rows == {name: " ".join(each["description"].split()) for name, each in declared.items()}


def test_each_workflow_to_copy_is_listed() -> None:
    page = (TOP / "docs/action.md").read_text("utf-8")
    assert set(re.findall(r"\(\.\./workflows/([\w-]+\.yml)\)", page)) == {
        path.name for path in (TOP / "workflows").glob("*.yml")
    }
