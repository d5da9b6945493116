"""Where the texts that people read are found: `templates/`, in a checkout or in the installed package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def template_path(name: str) -> Path:
    """Give the path of a file or folder of `templates/`.

    A wheel carries the folder inside the package; an editable install and a checkout have it at the repository's top.
    """
    installed = _PACKAGE / "templates"
    return (installed if installed.is_dir() else _PACKAGE.parents[1] / "templates") / name
