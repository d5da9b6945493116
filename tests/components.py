"""What a machine may lack for a test, and what happens then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from gpu_doc.errors import MachineError
from gpu_doc.pictures.chromium import find_chromium
from gpu_doc.pictures.fonts import CJK_REMEDY, has_cjk

VENV = Path(__file__).parents[1] / ".venv"
NODE_MODULES = VENV / "node/node_modules"
"""Where scripts/set-up puts the npm packages of tests/node."""


def require(*components: str) -> None:
    """Skip the test, with the reason, where this machine lacks one of them.

    Where CI=true, let it fail if `scripts/set-up` should have brought the component.
    """
    for component in components:
        if missing := _lacking(component):
            reason = f"this machine lacks {component}: {missing}"
            if _set_up_brings(component):
                leave_out(reason)
            pytest.skip(reason)


def leave_out(reason: str) -> None:
    """Skip the test; where CI=true it fails, since what it lacks should have been there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _set_up_brings(component: str) -> bool:
    """Whether `scripts/set-up` installs this component on this machine: Debian packages only where it may."""
    if component in GIVEN:
        return False
    return component in LOCKED or (os.geteuid() == 0 and shutil.which("apt-get") is not None)


@cache
def _lacking(component: str) -> str:
    return COMPONENTS[component]()


def _lacks_chromium() -> str:
    try:
        find_chromium(os.environ.get("GPU_DOC_CHROMIUM"), os.environ)
    except MachineError as error:
        return f"{error.what} {error.remedy}"
    return ""


def _lacks_cjk_fonts() -> str:
    return "" if has_cjk() else f"no font covers Chinese: {CJK_REMEDY}"


def _lacks_act() -> str:
    return "" if (Path(sys.executable).parent / "act").exists() else "`scripts/set-up test` installs it"


def find_uv() -> str | None:
    """The uv that `scripts/set-up` uses: the one on PATH, else the one that it fetched into `.venv`."""
    return shutil.which("uv") or shutil.which(str(VENV / "uv/bin/uv"))


def _lacks_uv() -> str:
    return "" if find_uv() else "`scripts/set-up test` fetches uv, where a package index can be reached"


def _lacks_packages() -> str:
    """Installing takes a package index; uv knows which one is meant on this machine."""
    uv = find_uv()
    if uv is None:
        return _lacks_uv()
    asked = subprocess.run(
        [uv, "pip", "compile", "--quiet", "--no-header", "-"], input=b"editables\n", capture_output=True, check=False
    )
    return "" if asked.returncode == 0 else "no package index can be reached"


def _lacks_docker() -> str:
    # In a process of its own: where nothing answers, the SDK leaves its socket open.
    program = "import docker; docker.from_env(timeout=10).ping()"
    asked = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if asked.returncode:
        return f"no Docker engine answers: {asked.stderr.strip().splitlines()[-1]}"
    return "" if shutil.which("mmdebstrap") else "no images can be made: apt-get install mmdebstrap"


def _lacks_sshd() -> str:
    if not shutil.which("ssh"):
        return "apt-get install openssh-client"
    return "" if shutil.which("sshd") else "apt-get install openssh-server"


def _lacks_node() -> str:
    if not shutil.which("node"):
        return "apt-get install npm"
    return (
        ""
        if (NODE_MODULES / "@octokit/openapi").is_dir()
        else "its packages are not installed: scripts/set-up test node"
    )


COMPONENTS: dict[str, Callable[[], str]] = {
    "act": _lacks_act,
    "chromium": _lacks_chromium,
    "cjk-fonts": _lacks_cjk_fonts,
    "docker": _lacks_docker,
    "git": lambda: "" if shutil.which("git") else "git is not installed",
    "git-lfs": lambda: "" if shutil.which("git-lfs") else "apt-get install git-lfs",
    "make": lambda: "" if shutil.which("make") else "make is not installed",
    "node": _lacks_node,
    "packages": _lacks_packages,
    "podman": lambda: (
        "" if shutil.which("podman") and shutil.which("catatonit") else "apt-get install podman catatonit"
    ),
    "registry": lambda: "" if shutil.which("docker-registry") else "apt-get install docker-registry",
    "root": lambda: "" if os.geteuid() == 0 else "what it does needs root",
    "rootless": lambda: "" if shutil.which("rootlesskit") else "apt-get install rootlesskit",
    "ssh": _lacks_sshd,
    "uv": _lacks_uv,
}
"""Each gives what is missing in words, or nothing."""

GIVEN = frozenset({"packages", "root"})
"""What a machine has or has not; nothing installs it."""

LOCKED = frozenset({"act", "uv"})
"""What comes with the locked packages."""
