"""For which site a report is written, where its configuration doesn't say: the one whose sources it lies among."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from gpu_doc.model.configuration import Site

_DOCS_DIR = re.compile(r"""^docs_dir:\s*["']?([^"'#\n]+)""", re.MULTILINE)
_LARGEST = 1_000_000


def site_of(root: Path, report: str) -> Site:
    """Find the generator that has the folder of a report for its sources; `report` is relative to root.

    Looks no higher than root: where nothing is found there, reports are for GitHub.
    """
    for folder in PurePosixPath(report).parents:
        here = root / folder
        if any((here / sources) in (root / report).parents for sources in _mkdocs_sources(here)):
            return "mkdocs"
        if "sphinx" in _read(here / "conf.py") or "html_theme" in _read(here / "conf.py"):
            return "sphinx"
        if "docsify" in _read(here / "index.html"):
            return "docsify"
    return "github"


def _mkdocs_sources(folder: Path) -> Iterator[str]:
    for name in ("mkdocs.yml", "mkdocs.yaml"):
        if (folder / name).is_file():
            found = _DOCS_DIR.search(_read(folder / name))
            yield found[1].strip() if found else "docs"


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            return ""
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
