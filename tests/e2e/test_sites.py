"""Reports in pages of real site generators: each picture is shown, in light and in dark, and text has a good size."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gpu_doc.model.configuration import PAGE_WIDTHS
from tests.components import find_uv

from .conftest import Project, code, notebook

pytestmark = [pytest.mark.full, pytest.mark.needs("packages"), pytest.mark.needs("chromium")]

COLUMNS = {"mkdocs": 688, "sphinx": 736}
"""CSS pixels of the column of text, in a window of 1280: Material for MkDocs, and furo."""
PAGE = """\
# Page

| what | value |
| --- | --- |
| acc | <!-- gpu-doc: value("n/acc")\\|percent -->?<!-- gpu-doc: end --> |

- item

    <!-- gpu-doc: table("n/frame") -->
    <!-- gpu-doc: end -->

> <!-- gpu-doc: table("n/frame") -->
> <!-- gpu-doc: end -->

<!-- gpu-doc: shot("n/out") -->
<!-- gpu-doc: end -->
"""
ADMONITION = """
!!! note "A note"

    <!-- gpu-doc: table("n/frame") -->
    <!-- gpu-doc: end -->

    <!-- gpu-doc: shot("n/out") -->
    <!-- gpu-doc: end -->
"""
FRAME = "import pandas\npandas.DataFrame({'a': [1, 2], 'b': ['x|y', 'z']})"
MKDOCS = """\
site_name: Site
theme: {name: material, palette: [{scheme: default}, {scheme: slate}]}
markdown_extensions: [admonition, tables]
"""
SPHINX = 'extensions = ["myst_parser"]\nhtml_theme = "furo"\n'
CONFIG: dict[str, Any] = {
    "reports": [{"path": "docs/index.md", "runs": {"n": {"notebook": "n.ipynb"}}}],
    "capture": {"theme": "both"},
}


@pytest.fixture(scope="module")
def generators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the generators, as people install them today."""
    uv, folder = find_uv(), tmp_path_factory.mktemp("generators") / "venv"
    assert uv
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    packages = ["mkdocs-material", "sphinx", "myst-parser", "furo"]
    subprocess.run([uv, "pip", "install", "--quiet", "--python", folder / "bin/python", *packages], check=True)
    return folder / "bin"


def refreshed(project: Project, page: str, **files: str) -> str:
    cells = code("0.9234", "acc"), code(FRAME, "frame"), code("print('hello')", "out")
    names = {name.replace("__", "/").replace("_dot_", "."): text for name, text in files.items()}
    project.write({"n.ipynb": notebook(*cells), "docs/index.md": page, "gpu-doc.yml": json.dumps(CONFIG), **names})
    project.gpu_doc("run")
    return project.read("docs/index.md")


def whole(html: str, folder: Path) -> None:
    """See that each picture is there, tables are tables, and nothing of ours is text."""
    sources = re.findall(r'<img[^>]*src="([^"#]*)', html)
    ours = [source for source in sources if ".assets" in source or "_images" in source]
    assert len(ours) >= 2
    assert all((folder / source).is_file() for source in ours)
    assert "gpu-doc:" not in re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)
    assert "| ---" not in html
    cells = re.sub(r"<!--.*?-->|<p>| style=\"[^\"]*\"| class=\"[^\"]*\"", "", html, flags=re.DOTALL)
    assert "<td>92 %" in cells


def check_size_of_text(project: Project, site: str) -> None:
    """Text of 13.3 CSS px in a picture that its column shrinks."""
    (picture, *_) = sorted((project.root / "docs/index.assets").glob("*light*.png"))
    with Image.open(picture) as opened:
        width = opened.width / 2
    assert width == PAGE_WIDTHS[site] + 24  # type: ignore[index]  # the names of sites are those of the table
    assert 12 <= 13.288 * min(1, COLUMNS[site] / width) <= 18


def test_material_for_mkdocs_shows_it_all(empty: Project, generators: Path) -> None:
    text = refreshed(empty, PAGE + ADMONITION, mkdocs_dot_yml=MKDOCS)
    assert text.count("#only-dark)") == 2
    built = [str(generators / "mkdocs"), "build", "--quiet", "--strict"]
    subprocess.run(built, cwd=empty.root, check=True, capture_output=True)
    html = (empty.root / "site/index.html").read_text("utf-8")
    whole(html, empty.root / "site")
    assert html.count("<table") == 4, "the one in the note too"
    check_size_of_text(empty, "mkdocs")


def test_sphinx_with_myst_and_furo_shows_it_all(empty: Project, generators: Path) -> None:
    text = refreshed(empty, PAGE, docs__conf_dot_py=SPHINX)
    assert text.count(":class: only-dark") == 1
    built = [str(generators / "sphinx-build"), "-q", "-W", "docs", "built"]
    subprocess.run(built, cwd=empty.root, check=True, capture_output=True)
    html = (empty.root / "built/index.html").read_text("utf-8")
    whole(html, empty.root / "built")
    assert re.search(r'<img[^>]*class="[^"]*only-dark', html)
    check_size_of_text(empty, "sphinx")
