"""Reports as pages of real sites, and what a reader's browser shows of them, in light and in dark."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from PIL import Image, ImageFilter

from gpu_doc.pictures.chromium import find_chromium
from tests.components import NODE_MODULES

MKDOCS = """\
site_name: Site
theme:
  name: material
  font: false
  palette:
    - {scheme: default, media: "(prefers-color-scheme: light)", toggle: {icon: material/weather-sunny, name: Dark}}
    - {scheme: slate, media: "(prefers-color-scheme: dark)", toggle: {icon: material/weather-night, name: Light}}
markdown_extensions:
  - admonition
  - attr_list
  - def_list
  - footnotes
  - smarty
  - tables
  - pymdownx.arithmatex: {generic: true}
  - pymdownx.betterem
  - pymdownx.caret
  - pymdownx.emoji
  - pymdownx.keys
  - pymdownx.magiclink
  - pymdownx.mark
  - pymdownx.tilde
"""
SPHINX = """\
extensions = ["myst_parser"]
myst_enable_extensions = [
    "amsmath", "attrs_inline", "deflist", "dollarmath", "replacements", "smartquotes", "strikethrough", "substitution"
]
html_theme = "furo"
"""
DOCSIFY = """\
<!doctype html>
<meta charset="utf-8">
<link rel="stylesheet" href="theme.css">
<div id="app"></div>
<script>window.$docsify = {name: "Site"}</script>
<script src="docsify.js"></script>
"""
GITHUB = """\
<!doctype html>
<meta charset="utf-8">
<style>article {{width: 838px; font: 16px sans-serif}} img {{max-width: 100%}}</style>
<article>{}</article>
"""
"""The column of a file's page. GitHub itself can't be had: its Markdown is CommonMark with tables."""

SEEN = """() => ({
  pictures: [...document.querySelectorAll("article img")].map((one) => ({
    name: decodeURI(new URL(one.currentSrc).pathname), loaded: one.complete && one.naturalWidth > 0,
    shown: one.checkVisibility(), width: one.getBoundingClientRect().width, natural: one.naturalWidth,
    in_note: one.closest(".admonition") !== null})),
  cells: [...document.querySelectorAll("article td")].map((cell) => cell.textContent.trim()),
  tables: document.querySelectorAll("article table").length,
  rest: document.querySelector("article").innerText,
})"""
BROWSING = """
import asyncio, json, sys, pyppeteer

async def main(program, address, script, choice):
    browser = await pyppeteer.launch(executablePath=program, args=["--no-sandbox"])
    page = await browser.newPage()
    await page.setViewport({"width": 1280, "height": 900})
    seen = {}
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await page._client.send("Emulation.setEmulatedMedia", {"features": features})
        await page.goto(address, {"waitUntil": "networkidle0"})
        seen[scheme] = await page.evaluate(script)
        if choice and scheme == "light":
            await page.evaluate(choice)
            seen["dark, chosen"] = await page.evaluate(script)
        await page.evaluate("localStorage.clear()")  # where Material keeps what the first visit chose
    print(json.dumps(seen))
    await browser.close()

asyncio.get_event_loop_policy().get_event_loop().run_until_complete(main(*sys.argv[1:]))
"""
CHOICES = {
    "mkdocs": 'document.body.setAttribute("data-md-color-scheme", "slate")',
    "sphinx": 'document.body.dataset.theme = "dark"',
}
"""What a click of the reader's on the site's own switch to dark does."""


@dataclass(frozen=True)
class Page:
    """What a site's page shows to a reader who prefers light, or dark, or who chose dark there."""

    site: str
    folder: Path
    """Of the built site."""
    seen: dict[str, Any]

    def pictures(self, scheme: str) -> list[dict[str, Any]]:
        return [picture for picture in self.seen[scheme]["pictures"] if picture["shown"]]

    def size_of_text(self, picture: dict[str, Any], blocks: int) -> float:
        """In CSS pixels, as the reader sees it: of text with this many `█`, whose width tells the size of the font."""
        bar = longest_bar(self.folder / picture["name"].lstrip("/"))
        [advance] = [advance for kind, advance in ADVANCES.items() if kind in picture["name"]]
        return float(bar / blocks / advance * picture["width"] / picture["natural"])


ADVANCES = {"out": 1233 / 2048, "job": 1233 / 2048, "frame": 1575 / 2048, "figure": 1575 / 2048}
"""How wide `█` is, of the font's size, in DejaVu Sans Mono, and in DejaVu Sans."""


def longest_bar(path: Path) -> int:
    """Return the width of the longest bar of one colour, in a picture's own pixels; lines (axes, borders) are none."""
    with Image.open(path) as opened:
        grey = Image.alpha_composite(Image.new("RGBA", opened.size, "white"), opened.convert("RGBA")).convert("L")
    thick = 7
    ink = grey.point([255 if value < 90 else 0 for value in range(256)]).filter(ImageFilter.MinFilter(thick))
    rows = (ink.crop((0, y, ink.width, y + 1)).tobytes() for y in range(ink.height))
    return max(len(run) for row in rows for run in row.split(b"\0")) + thick - 1


def built(site: str, root: Path, generators: Path | None) -> Path:
    """Build the site of a folder with its real generator, and return the folder of its pages."""
    if site == "github":
        html = MarkdownIt("commonmark").enable("table").render((root / "page.md").read_text("utf-8"))
        (root / "page.html").write_text(GITHUB.format(html), "utf-8")
    elif site == "docsify":
        shutil.copy(NODE_MODULES / "docsify/dist/docsify.min.js", root / "docsify.js")
        shutil.copy(NODE_MODULES / "docsify/dist/themes/core.min.css", root / "theme.css")
    else:
        assert generators
        build = {"mkdocs": ["mkdocs", "build", "--strict", "-q"], "sphinx": ["sphinx-build", "-q", "-W", ".", "site"]}
        program, *words = build[site]
        done = subprocess.run([generators / program, *words], cwd=root, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return root / "site"
    return root


PATHS = {"github": "page.html", "mkdocs": "guide/page/", "sphinx": "guide/page.html", "docsify": "#/guide/page"}


def look_at(site: str, folder: Path) -> Page:
    """Return what a page shows in a window of 1280, when nothing loads any more."""
    program = find_chromium(os.environ.get("GPU_DOC_CHROMIUM"), os.environ)
    with served(folder) as address:
        # In a process of its own: pyppeteer's own launcher warns, and leaves a task behind.
        argv = [sys.executable, "-W", "ignore", "-c", BROWSING, str(program), f"{address}/{PATHS[site]}", SEEN]
        argv.append(CHOICES.get(site, ""))
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return Page(site, folder, json.loads(done.stdout))


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
