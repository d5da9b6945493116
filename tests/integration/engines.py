"""Images and engines for tests with real containers.

A second engine takes some seconds to start and to get its images, so it is started once in a process that runs tests,
and tests that use one go to the same process. So do the tests of a module that share a fixture of it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]  # ships no types
import psutil
import pytest
from tests.components import leave_out, require
from tests.images import build
from tests.waiting import PATIENCE

START = Path(__file__).with_name("second_engine.sh")
START_PODMAN = Path(__file__).with_name("second_podman.sh")
SHARED_BY = {
    "far_engine": "far",
    "gpu_engine": "gpu",
    "remapped_engine": "remapped",
    "rootless_engine": "rootless",
    "ssh_engine": "far",
}
"""Fixtures that are started once in a process, and the group of tests that shares one."""
FOREIGN = frozenset({"far engine", "remapped engine", "rootless engine"})
"""Groups whose engine takes long to start and to fill with images: their tests are `full`."""
UID = 54321
"""A user of no usual machine: tests that need one who is not root take it."""


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        used = sorted({SHARED_BY[name] for name in getattr(item, "fixturenames", ()) if name in SHARED_BY})
        if not item.get_closest_marker("xdist_group"):
            if used:
                item.add_marker(pytest.mark.xdist_group(f"{used[0]} engine"))
            elif _shares_in_module(item):
                item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
        group = item.get_closest_marker("xdist_group")
        if group and group.args[0] in FOREIGN:
            item.add_marker(pytest.mark.full)


def _shares_in_module(item: pytest.Item) -> bool:
    """Whether it uses a fixture of its module, such as a browser: two processes would each make one."""
    info = getattr(item, "_fixtureinfo", None)
    return info is not None and any(
        made.scope == "module" for definitions in info.name2fixturedefs.values() for made in definitions
    )


def image(name: str) -> str:
    """The reference of a test image (a folder of tests/images), built where it is missing.

    Where what it is made from is not to be had, the test is skipped; with CI=true it fails, unless no package index has
    it at all: PyTorch's CPU build must be on the machine itself.
    """
    try:
        return build.image(name)
    except build.CannotBuildError as error:
        if name in build.ON_NO_INDEX:
            pytest.skip(f"no image {name}: {error}")
        leave_out(f"no image {name}: {error}")
        raise


@dataclass(frozen=True)
class Engine:
    """An engine beside the one of this machine."""

    folder: Path
    """All it keeps on disk, and its socket. It lies where no engine's folders are hidden."""
    pid: int

    @property
    def host(self) -> str:
        """What DOCKER_HOST says."""
        return f"unix://{self.folder}/docker.sock"

    def client(self) -> Any:
        """A docker.DockerClient; close it."""
        return docker.DockerClient(base_url=self.host, timeout=120)

    def load(self, name: str) -> str:
        """The reference of a test image, which is brought from this machine's engine; `ipykernel` in some seconds."""
        reference = image(name)
        with closing(docker.from_env(timeout=120)) as here, closing(self.client()) as there:
            if not there.images.list(reference):
                for answer in there.api.load_image(here.api.get_image(reference)):
                    assert "error" not in answer, answer
        return reference


def free_port() -> int:
    """A port that nothing listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
        return port


def wait_until(holds: Any, what: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a condition holds; a process that ends before, or takes too long, fails the test with its log."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert process.poll() is None, f"{what} ended: {log.read_text()[-3000:]}"
        assert time.monotonic() < end, f"{what} does not answer: {log.read_text()[-3000:]}"
        time.sleep(0.05)


@contextmanager
def running(argv: Sequence[str | Path], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A server, told to end at the end, and also when this process is killed. What it left is killed."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *argv], stdin=subprocess.DEVNULL, stdout=file, stderr=file, **options
        )
    try:
        yield process
    finally:
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.terminate()
        process.wait(PATIENCE)
        for child in psutil.wait_procs(children, timeout=0.5)[1]:
            child.kill()


@contextmanager
def engine(
    *options: str,
    hidden: Sequence[Path] = (),
    owner: int = 0,
    variables: Mapping[str, str] | None = None,
    usr: Path | None = None,
) -> Iterator[Engine]:
    """A second engine, with further options of dockerd and variables of its environment.

    `hidden`: folders that it sees empty. `owner`: the user that it runs as. `usr`: of another version (unpacked.py).
    """
    require("docker", "root")
    with _folder() as folder:
        argv = ["--net", START, folder, ":".join(map(str, hidden)), str(owner), usr or "", *options]
        with _started(folder, "dockerd", argv, variables or {}) as found:
            yield found


@contextmanager
def podman_engine(usr: Path | None = None) -> Iterator[Engine]:
    """Podman's service, which every user may use. `usr`: of another version than this machine's (unpacked.py)."""
    require("docker", "root")
    with _folder() as folder:
        argv = [*(["--net"] if usr else []), START_PODMAN, folder, usr or ""]
        with _started(folder, "podman", argv, {}) as found:
            (folder / "docker.sock").chmod(0o666)
            yield found


@contextmanager
def _folder() -> Iterator[Path]:
    # A daemon that remaps users insists that they can reach its folder.
    folder = Path(tempfile.mkdtemp(prefix="gpu-doc-test-engine-", dir="/var/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _started(folder: Path, what: str, argv: Sequence[str | Path], variables: Mapping[str, str]) -> Iterator[Engine]:
    log = folder / "log"
    with running(["unshare", "--mount", *argv], log, env={**os.environ, **variables}) as process:
        found = Engine(folder, process.pid)
        wait_until(lambda: _answers(found), what, process, log)
        yield found


def _answers(found: Engine) -> bool:
    """Ask without the SDK, which leaves its socket open where nothing answers."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(PATIENCE)
        try:
            asking.connect(found.host.removeprefix("unix://"))
            asking.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 OK" in asking.recv(100)
        except OSError:
            return False


@pytest.fixture(scope="session")
def remapped_engine() -> Iterator[Engine]:
    """Root in its containers is nobody in particular outside (userns-remap)."""
    with engine("--userns-remap", "default") as found:
        yield found


@pytest.fixture(scope="session")
def rootless_engine() -> Iterator[Engine]:
    """It runs as the user UID: root in its containers is that user outside. It has neither cgroups nor a bridge."""
    require("rootless")
    with engine(owner=UID) as found:
        yield found


@pytest.fixture(scope="session")
def gpu_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """It takes requests for GPUs, as with NVIDIA's toolkit installed, though there are none.

    A container sees in NVIDIA_VISIBLE_DEVICES which ones it would have got.
    """
    programs = tmp_path_factory.mktemp("nvidia")
    hook = programs / "nvidia-container-runtime-hook"
    hook.write_text("#!/bin/sh\nexec cat >/dev/null\n")
    hook.chmod(0o755)
    with engine(variables={"PATH": f"{programs}:{os.environ['PATH']}"}) as found:
        yield found


@pytest.fixture(scope="session")
def far_engine() -> Iterator[Engine]:
    """It sees none of our files: neither temporary ones, nor the home, nor the checkout. As a daemon in a container."""
    checkout = Path(__file__).parents[2]
    wanted = {Path(tempfile.gettempdir()), Path.home(), checkout}
    places = [place for place in wanted if wanted.isdisjoint(place.parents)]
    with engine(hidden=places) as found:
        yield found


@dataclass(frozen=True)
class Remote:
    """An engine on what looks like another machine, and how to reach it."""

    engine: Engine
    host: str
    """What `docker-host` says: ssh:// with an alias of the ssh configuration, which alone knows port and key."""
    environment: Mapping[str, str]
    """With it, `ssh` takes that configuration. (ssh finds the user's own without asking for HOME.)"""


@pytest.fixture(scope="session")
def ssh_engine(far_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    """The engine that sees none of our files, behind an sshd on a port of its own, with keys of its own."""
    require("ssh")
    port = free_port()
    settings = far_engine.folder / "ssh"
    settings.mkdir(mode=0o700)
    for name in ("host", "user"):
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f"]
        subprocess.run([*keygen, settings / name], check=True)
    (settings / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {settings}/host\nPidFile none\nStrictModes no\n"
        f"AuthorizedKeysFile {settings}/user.pub\nPasswordAuthentication no\nPermitRootLogin yes\n"
    )
    public = (settings / "host.pub").read_text().strip()
    (settings / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}\n")
    (settings / "config").write_text(
        f"Host far-machine\n  HostName 127.0.0.1\n  Port {port}\n  User root\n  IdentityFile {settings}/user\n"
        f"  IdentitiesOnly yes\n  UserKnownHostsFile {settings}/known_hosts\n  StrictHostKeyChecking yes\n"
    )
    programs = tmp_path_factory.mktemp("ssh")
    (programs / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {settings}/config "$@"\n')
    (programs / "ssh").chmod(0o755)
    # In the engine's view of the file system, and in our network.
    argv = ["nsenter", "--mount", f"--target={far_engine.pid}", str(shutil.which("sshd")), "-D", "-e"]
    log = far_engine.folder / "ssh/log"
    with running([*argv, "-f", settings / "sshd_config"], log) as process:
        wait_until(lambda: "listening" in log.read_text(), "sshd", process, log)
        path = f"{programs}:{os.environ['PATH']}"
        yield Remote(far_engine, "ssh://far-machine", {**os.environ, "PATH": path})
