"""Reports in pages of real site generators: each picture is shown, in light and in dark, and text has a good size."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gpu_doc.model.configuration import PAGE_WIDTHS
from gpu_doc.pictures.chromium import find_chromium
from tests.components import NODE_MODULES, find_uv

from .conftest import Project, code, notebook

pytestmark = [pytest.mark.full, pytest.mark.needs("packages"), pytest.mark.needs("chromium")]

COLUMNS = {"mkdocs": 688, "sphinx": 736}
"""CSS pixels of the column of text, in a window of 1280: Material for MkDocs, and furo. Docsify's is measured."""
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
DOCSIFY = """\
<!doctype html>
<meta charset="utf-8">
<link rel="stylesheet" href="theme.css">
<div id="app"></div>
<script>window.$docsify = {name: "Site"}</script>
<script src="docsify.js"></script>
"""
SEEN = """() => ({
  pictures: [...document.querySelectorAll(".markdown-section img")].map((one) => ({
    shown: one.complete && one.naturalWidth > 0, text: 13.288 * 2 * one.clientWidth / one.naturalWidth})),
  cells: [...document.querySelectorAll(".markdown-section td")].map((cell) => cell.textContent.trim()),
  rest: document.querySelector(".markdown-section").innerText,
})"""
"""The size of text in CSS px, of 13.288 px where a picture is shown at the size it was taken at."""
BROWSING = """
import asyncio, json, sys, pyppeteer

async def main(program, address, script):
    browser = await pyppeteer.launch(executablePath=program, args=["--no-sandbox"])
    page = await browser.newPage()
    await page.setViewport({"width": 1280, "height": 900})
    await page.goto(address, {"waitUntil": "networkidle0"})
    print(json.dumps(await page.evaluate(script)))
    await browser.close()

asyncio.get_event_loop_policy().get_event_loop().run_until_complete(main(*sys.argv[1:]))
"""
TEXTS = ["x|y", "$x_1$", ":smile:", "<b>", "C:\\new", "--lr", "{.red} x {.red}", "H~2~O", "https://e.org/~a/?b=1&c=_d_"]
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


@contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def seen(address: str) -> dict[str, Any]:
    """What a page shows in a window of 1280, when nothing loads any more."""
    program = find_chromium(os.environ.get("GPU_DOC_CHROMIUM"), os.environ)
    # In a process of its own: pyppeteer's own launcher warns, and leaves a task behind.
    argv = [sys.executable, "-W", "ignore", "-c", BROWSING, str(program), address, SEEN]
    return dict(json.loads(subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout))


@pytest.mark.needs("node")
def test_docsify_shows_it_all(empty: Project) -> None:
    frame = f"import pandas\npandas.DataFrame({{'text': {TEXTS!r}}})"
    page = PAGE + "\n<!-- gpu-doc: table('n/texts') -->\n<!-- gpu-doc: end -->\n"
    docs = empty.root / "docs"
    cells = code("0.9234", "acc"), code(FRAME, "frame"), code("print('hello')", "out"), code(frame, "texts")
    # In a folder of its own: only there, references that are not rewritten are dead.
    config = CONFIG | {"reports": [CONFIG["reports"][0] | {"path": "docs/guide/page.md"}]}
    files = {"docs/index.html": DOCSIFY, "docs/README.md": "# Site\n", "docs/guide/page.md": page}
    empty.write(files | {"n.ipynb": notebook(*cells), "gpu-doc.yml": json.dumps(config)})
    empty.gpu_doc("run")
    docsify = NODE_MODULES / "docsify/dist"
    shutil.copy(docsify / "docsify.min.js", docs / "docsify.js")
    shutil.copy(docsify / "themes/core.min.css", docs / "theme.css")
    with served(docs) as address:
        found = seen(f"{address}/#/guide/page")
    assert [picture["shown"] for picture in found["pictures"]] == [True], "the light one alone"
    assert all(12 <= picture["text"] <= 18 for picture in found["pictures"])
    assert "92 %" in found["cells"]
    assert found["cells"][-2 * len(TEXTS) + 1 :: 2] == TEXTS
    assert "gpu-doc:" not in found["rest"]
