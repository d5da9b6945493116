"""What all rooms share: a test says what it needs, and a machine that lacks it hears so.

`@pytest.mark.needs("chromium")` skips the test where there is none, with that reason; where CI=true it fails instead,
since nothing may be missing there. A module says it once: `pytestmark = pytest.mark.needs("chromium")`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
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


def _lacks_docker() -> str:
    import docker  # type: ignore[import-untyped]  # ships no types; imported only where a test asks for it

    try:
        with closing(docker.from_env(timeout=10)) as client:
            client.ping()
    except docker.errors.DockerException as error:
        return f"no Docker engine answers: {error}"
    return "" if shutil.which("mmdebstrap") else "no images can be made: apt-get install mmdebstrap"


def _lacks_sshd() -> str:
    if not shutil.which("ssh"):
        return "apt-get install openssh-client"
    return "" if shutil.which("sshd") else "apt-get install openssh-server"


COMPONENTS: dict[str, Callable[[], str]] = {
    "chromium": _lacks_chromium,
    "cjk-fonts": _lacks_cjk_fonts,
    "docker": _lacks_docker,
    "git": lambda: "" if shutil.which("git") else "git is not installed",
    "make": lambda: "" if shutil.which("make") else "make is not installed",
    "packages": _lacks_packages,
    "registry": lambda: "" if shutil.which("docker-registry") else "apt-get install docker-registry",
    "root": lambda: "" if os.geteuid() == 0 else "what it does needs root",
    "ssh": _lacks_sshd,
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
