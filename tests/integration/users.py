"""A user who is not root, as runners of GitHub Actions usually are."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.components import require
from tests.integration.engines import UID

SOCKET = Path("/var/run/docker.sock")
SWITCH = Path(__file__).with_name("as_user.sh")


@dataclass(frozen=True)
class PlainUser:
    """A user with a name, a home, and the right to use this machine's engine."""

    uid: int
    name: str
    folder: Path
    """It belongs to the user, home included; the engine sees it."""
    prefix: Sequence[str | Path] = ()
    """What makes a command run as that user."""

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def give(self, path: Path) -> Path:
        """Make a file, or a folder with all that is in it, the user's own."""
        for place in (path, *path.rglob("*")):
            os.chown(place, self.uid, self.uid, follow_symlinks=False)
        return path

    def environment(self, **more: str) -> dict[str, str]:
        """The user's environment: ours, with its own home."""
        own = {"HOME": str(self.home), "USER": self.name, "LOGNAME": self.name}
        drop = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "DOCKER_CONFIG")
        return {name: value for name, value in os.environ.items() if name not in drop} | own | more

    def start(
        self, *argv: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a program as the user; the process is the program itself, so that signals reach it."""
        return subprocess.Popen(
            [*self.prefix, *argv],
            cwd=cwd or self.folder,
            env=environment or self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(
        self, *argv: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as the user to its end."""
        with self.start(*argv, cwd=cwd, environment=environment) as process:
            try:
                out, err = process.communicate(timeout=240)
            finally:
                process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture
def plain_user() -> Iterator[PlainUser]:
    """Who runs the tests, where that is not root; else a user who exists for the test."""
    require("docker")
    # pytest's own folders are for their owner alone.
    folder = Path(tempfile.mkdtemp(prefix="gpu-doc-test-user-"))
    try:
        (folder / "home").mkdir()
        if os.geteuid() != 0:
            yield PlainUser(os.getuid(), pwd.getpwuid(os.getuid()).pw_name, folder)
            return
        made = PlainUser(UID, "plain-user", folder, _switch(folder))
        yield PlainUser(made.uid, made.name, made.give(folder), made.prefix)
    finally:
        shutil.rmtree(folder)


def _switch(folder: Path) -> list[str | Path]:
    passwd = folder / "passwd"
    users = Path("/etc/passwd").read_text("utf-8")
    passwd.write_text(f"{users}plain-user:x:{UID}:{UID}::{folder}/home:/bin/sh\n", "utf-8")
    needed = (Path(__file__), Path(sys.prefix), Path(sys.base_prefix))
    closed = sorted({place for path in needed for place in path.parents if not place.stat().st_mode & 1})
    group = SOCKET.stat().st_gid
    return ["unshare", "--mount", SWITCH, str(UID), str(group), passwd, ":".join(map(str, closed))]


def alone(user: PlainUser, name: str) -> PlainUser:
    """The same on a machine of that name: what a killed gpu-doc of theirs left is swept by nobody else's."""
    if os.geteuid() != 0:
        return user
    rename = ["unshare", "--uts", "sh", "-c", 'echo "$0" > /proc/sys/kernel/hostname && exec "$@"', name]
    return replace(user, prefix=(*rename, *user.prefix))
