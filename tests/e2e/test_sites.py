"""Reports in pages of real site generators: each picture is shown, in light and in dark, and text has a good size."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.components import find_uv

from .conftest import Project, code, notebook
from .sites import DOCSIFY, MKDOCS, SPHINX, Page, built, look_at

pytestmark = [pytest.mark.full, pytest.mark.needs("chromium"), pytest.mark.xdist_group("sites")]

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

<!-- gpu-doc: shot("n/frame") -->
<!-- gpu-doc: end -->

<!-- gpu-doc: shot("n/figure") -->
<!-- gpu-doc: end -->

<!-- gpu-doc: terminal("job") -->
<!-- gpu-doc: end -->

<!-- gpu-doc: table("n/texts") -->
<!-- gpu-doc: end -->
"""
ADMONITION = """
!!! note "A note"

    <!-- gpu-doc: table("n/frame") -->
    <!-- gpu-doc: end -->

    <!-- gpu-doc: shot("n/out") -->
    <!-- gpu-doc: end -->
"""
BLOCKS = 20
"""How many `█` stand in each picture, to measure its text by."""
BAR = "█" * BLOCKS
FIGURE = f"""\
from matplotlib import pyplot
pyplot.plot([3, 1, 2])
pyplot.xlabel({BAR!r});"""
TEXTS = [
    "x|y",
    "$x_1$",
    "$$x$$",
    ":smile:",
    ":+1:",
    "<b>",
    "C:\\new",
    "\\\\host\\share",
    "\\~",
    "--lr",
    "{.red} x {.red}",
    "{{ y }}",
    "H~2~O",
    "~~x~~",
    "x^2^",
    "==c==",
    "++ctrl+c++",
    "*a* __b__ `c`",
    "[a](b) ![c](d)",
    "#1 @me",
    "https://e.org/~a/?b=1&c=_d_",
]
"""What one site or another reads as something else than text."""
CELLS = (
    code("0.9234", "acc"),
    code(f"import pandas\npandas.DataFrame({{'a': [1, 2], 'b': ['x|y', {BAR!r}]}})", "frame"),
    code(f"print({BAR!r})", "out"),
    code(FIGURE, "figure"),
    code(f"import pandas\npandas.DataFrame({{'text': {TEXTS!r}}})", "texts"),
)
PLACES = {
    "github": "github/page.md",
    "mkdocs": "mkdocs/docs/guide/page.md",
    "sphinx": "sphinx/guide/page.md",
    "docsify": "docsify/guide/page.md",
}
"""In a folder of its own: only there, references that a site does not rewrite are dead."""
RUNS = {"n": {"notebook": "n.ipynb"}, "job": {"command": [sys.executable, "-c", f"print({BAR!r})"]}}
CONFIG: dict[str, Any] = {
    "reports": [{"path": path, "runs": RUNS} for path in PLACES.values()],
    "capture": {"theme": "both"},
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same report for each site, refreshed."""
    project = Project(tmp_path_factory.mktemp("sites"))
    start = "# Site\n\n```{toctree}\nguide/page\n```\n"
    project.write({path: PAGE + ADMONITION * (site == "mkdocs") for site, path in PLACES.items()})
    project.write({"mkdocs/mkdocs.yml": MKDOCS, "mkdocs/docs/index.md": "# Site\n"})
    project.write({"sphinx/conf.py": SPHINX, "sphinx/index.md": start})
    project.write({"docsify/index.html": DOCSIFY, "docsify/README.md": "# Site\n"})
    project.write({"n.ipynb": notebook(*CELLS), "gpu-doc.yml": json.dumps(CONFIG)})
    project.gpu_doc("run")
    return project.root


@pytest.fixture(scope="module")
def generators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the generators, as people install them today."""
    uv, folder = find_uv(), tmp_path_factory.mktemp("generators") / "venv"
    assert uv
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    packages = ["mkdocs-material", "sphinx", "myst-parser", "furo"]
    subprocess.run([uv, "pip", "install", "--quiet", "--python", folder / "bin/python", *packages], check=True)
    return folder / "bin"


SITES = [
    "github",
    pytest.param("mkdocs", marks=pytest.mark.needs("packages")),
    pytest.param("sphinx", marks=pytest.mark.needs("packages")),
    pytest.param("docsify", marks=pytest.mark.needs("node")),
]


@pytest.fixture(scope="module", params=SITES)
def page(request: pytest.FixtureRequest, reports: Path) -> Page:
    """Built and looked at once for all tests."""
    site = request.param
    found = request.getfixturevalue("generators") if site in ("mkdocs", "sphinx") else None
    return look_at(site, built(site, reports / site, found))


def test_each_picture_is_shown_in_the_scheme_that_it_is_for(page: Page) -> None:
    for scheme, seen in page.seen.items():
        shown = page.pictures(scheme)
        assert len(shown) == (5 if page.site == "mkdocs" else 4)
        if page.site != "docsify":  # which has the light ones alone
            assert all(f"-{scheme.split(',')[0]}-" in picture["name"] for picture in shown), scheme
        assert all(picture["loaded"] for picture in seen["pictures"]), "those that are hidden too"
        assert [picture["width"] for picture in shown] == [one["width"] for one in page.pictures("light")]


def test_text_in_pictures_has_one_size_and_a_good_one(page: Page) -> None:
    shown = [picture for picture in page.pictures("light") if not picture["in_note"]]
    sizes = [page.size_of_text(picture, BLOCKS) for picture in shown]
    assert all(12 <= size <= 18 for size in sizes), sizes
    assert max(sizes) < 1.1 * min(sizes), "Matplotlib's 10 points are a little larger than Jupyter's code"


def test_tables_are_tables_and_nothing_of_ours_is_text(page: Page) -> None:
    for seen in page.seen.values():
        assert seen["tables"] == (5 if page.site == "mkdocs" else 4), "the one in the note too"
        assert "gpu-doc:" not in seen["rest"]
        assert "| ---" not in seen["rest"]
        assert "92 %" in seen["cells"]


def test_the_text_of_a_cell_stays_text(page: Page) -> None:
    cells = page.seen["light"]["cells"]
    first = next(i for i, cell in enumerate(cells) if cell == "0" and cells[i + 1] == TEXTS[0])
    assert cells[first + 1 : first + 2 * len(TEXTS) : 2] == TEXTS
