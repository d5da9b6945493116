"""Finds `templates/`, `fonts/`, `docs/` and `workflows/`, in a checkout or in the installed package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def template_path(name: str) -> Path:
    """Return the path of a file or folder of `templates/`."""
    return _place("templates") / name


def font_folder() -> Path:
    """Return the path of `fonts/`, the fonts of pictures."""
    return _place("fonts")


def document_path(name: str) -> Path:
    """Return the path of a page of `docs/` that messages name."""
    return _place("docs") / name


def workflow_path(name: str) -> Path:
    """Return the path of a file of `workflows/`, which users copy."""
    return _place("workflows") / name


def _place(folder: str) -> Path:
    """Return a folder: a wheel has it inside the package; an editable install and a checkout have it at the top."""
    installed = _PACKAGE / folder
    return installed if installed.is_dir() else _PACKAGE.parents[1] / folder
