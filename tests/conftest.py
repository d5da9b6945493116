"""What all rooms share: a test says what it needs, and a machine that lacks it hears so.

`@pytest.mark.needs("chromium")` skips the test where there is none, with that reason; where CI=true it fails instead,
since nothing may be missing there. A module says it once: `pytestmark = pytest.mark.needs("chromium")`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache

import pytest

from gpu_doc.errors import MachineError
from gpu_doc.outside.chromium import find_chromium


def _lacks_chromium() -> str:
    try:
        find_chromium(os.environ.get("GPU_DOC_CHROMIUM"), os.environ)
    except MachineError as error:
        return f"{error.what} {error.remedy}"
    return ""


def _lacks_cjk_fonts() -> str:
    try:
        found = subprocess.run(["fc-list", ":lang=zh-cn"], capture_output=True, check=False).stdout
    except OSError:
        return "fontconfig is not installed"
    return "" if found else "no font covers Chinese: apt-get install fonts-wqy-zenhei"


def _lacks_uv() -> str:
    return "" if shutil.which("uv") else "uv is not on PATH: https://docs.astral.sh/uv/"


def _lacks_packages() -> str:
    """Installing takes a package index; uv knows which one is meant on this machine."""
    if _lacks_uv():
        return _lacks_uv()
    asked = subprocess.run(
        ["uv", "pip", "compile", "--quiet", "--no-header", "-"], input=b"editables\n", capture_output=True, check=False
    )
    return "" if asked.returncode == 0 else "no package index can be reached"


COMPONENTS: dict[str, Callable[[], str]] = {
    "chromium": _lacks_chromium,
    "cjk-fonts": _lacks_cjk_fonts,
    "git": lambda: "" if shutil.which("git") else "git is not installed",
    "make": lambda: "" if shutil.which("make") else "make is not installed",
    "packages": _lacks_packages,
    "uv": _lacks_uv,
}
"""Each gives what is missing in words, or nothing."""


@cache
def _lacking(component: str) -> str:
    return COMPONENTS[component]()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for component in marker.args:
            missing = _lacking(component)
            if missing and os.environ.get("CI") == "true":
                pytest.fail(f"this machine lacks {component}: {missing}", pytrace=False)
            elif missing:
                pytest.skip(f"this machine lacks {component}: {missing}")
