"""docs/gallery.md shows each kind of output, and is what gpu-doc makes of its notebooks."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.functions import in_order
from gpu_doc.system.python_environment import own_environment
from gpu_doc.text.nearest import listed

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "gallery.md").read_text("utf-8")


def first_table(text: str) -> list[list[str]]:
    [rows] = re.findall(r"^\|---.*\n((?:\|.*\n)+)", text, re.MULTILINE)[:1]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows.splitlines()]


def sections() -> dict[str, str]:
    """What stands below each heading, by the name that links give it."""
    parts = re.split(r"^###? (.+)$", PAGE, flags=re.MULTILINE)[1:]
    names = [re.sub(r"[^\w -]", "", name).lower().replace(" ", "-") for name in parts[::2]]
    return dict(zip(names, parts[1::2], strict=True))


INDEX = dict(first_table(sections()["which-kind-is-where"]))


def test_each_kind_of_output_stands_in_it_or_is_named_as_not_there() -> None:
    kinds = [row[0] for row in first_table((DOCS / "outputs.md").read_text("utf-8"))]
    assert [*INDEX] == kinds, "the last table of docs/gallery/gallery.md.j2 names the kinds as docs/outputs.md does"


@pytest.mark.parametrize("kind", INDEX)
def test_where_a_kind_is_said_to_be_it_is_shown(kind: str) -> None:
    links = re.findall(r"\]\(#([^)]+)\)", INDEX[kind])
    assert links or INDEX[kind].startswith("not here: "), INDEX[kind]
    for link in links:
        assert "gallery.assets/" in sections()[link], f"no picture below {link}"


def test_each_function_is_there() -> None:
    shown = [function.name for function in in_order() if function.name != "expect"]  # it shows nothing where it holds
    missing = [name for name in shown if f"{name}(" not in PAGE]
    assert missing == [], f"not in the gallery: {listed(missing)}"


def test_pictures_are_there_light_and_dark_and_no_others() -> None:
    shown = set(re.findall(r"gallery\.assets/([\w.-]+)", PAGE))
    assert shown == {path.name for path in (DOCS / "gallery.assets").iterdir()} - {"evidence.json"}
    pictures = re.findall(r"<picture>.*?</picture>", PAGE, re.DOTALL)
    assert len(pictures) > 20
    assert all(re.search(r"-dark-.*-light-", picture, re.DOTALL) for picture in pictures)
    assert sum(path.stat().st_size for path in (DOCS / "gallery.assets").iterdir()) < 3_000_000


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """All that the gallery is made of, without what a refresh of this checkout left."""
    for name in ("gallery", "gallery.assets"):
        shutil.copytree(DOCS / name, tmp_path / name)
    for name in ("gpu-doc.yml", "gallery.md"):
        shutil.copy(DOCS / name, tmp_path / name)
    return tmp_path


def reasons(folder: Path) -> set[str]:
    """Why the gallery is stale, but for other versions of Python and packages here than where it was refreshed."""
    asked = subprocess.run(
        [sys.executable, "-m", "gpu_doc", "plan", "--json"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert asked.returncode == 0, asked.stderr
    plan: dict[str, Any] = json.loads(asked.stdout)
    here = own_environment()
    runs = json.loads((folder / "gallery.assets/evidence.json").read_text())["runs"].values()
    versions = {
        f"{name} {version} → {now}"
        for run in runs
        for name, version in run["machine"]["packages"].items()
        for now in ({".".join(here.version.split(".")[:2])} if name == "python" else here.versions([name]).values())
    }
    found = {reason for kind in ("runs", "reports") for each in plan[kind] for reason in each["reasons"]}
    return found - versions


def test_it_is_fresh(copied: Path) -> None:
    assert reasons(copied) == set(), "make gallery"


def test_it_is_stale_when_a_notebook_changes(copied: Path) -> None:
    notebook = copied / "gallery/fit.py"
    notebook.write_text(notebook.read_text().replace("range(60)", "range(61)"))
    assert "code cell #2 (fit) changed" in reasons(copied)
