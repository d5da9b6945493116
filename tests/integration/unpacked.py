"""Engines of other versions than this machine's, from Debian's packages, which are unpacked into a folder.

    python -m tests.integration.unpacked [NAME ...]

fetches those that are missing (75 MB each, some seconds) and prints where they are. Nothing is installed: an engine
runs in a mount namespace of its own, in which its folder is /usr. So it finds its own libraries, shell and programs in
their usual places, and sees all other folders of this machine.

The packages come from the mirror that this machine's own sources name, from whichever of its releases has them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from functools import cache
from pathlib import Path

KEYS = [
    path
    for name in ("debian-archive-keyring.pgp", "debian-archive-keyring.gpg")
    if (path := Path("/usr/share/keyrings") / name).exists()
]
"""All releases' keys, where this machine's sources need not name those of another release."""
SHELL = ("coreutils", "dash", "iproute2", "iptables", "mount", "util-linux")
"""What starts an engine."""
EXTRACT = 'dpkg-deb --fsys-tarfile "$0" | tar -x -C "$1" --keep-directory-symlink'
"""`dpkg -x` replaces /lib, which is a link, by a folder where a package has one."""
IPTABLES = [f"{name}{what}" for name in ("iptables", "ip6tables") for what in ("", "-save", "-restore")]
"""Names that nobody has unless packages are really installed."""


class CannotFetchError(Exception):
    """An engine can't be had here; in words."""


@dataclass(frozen=True)
class Packages:
    """An engine as one of Debian's releases has it."""

    suite: str
    version: str
    """Of its first package; what was tried. Releases move, so another one may be there."""
    names: tuple[str, ...]


DOCKER = ("docker.io", "containerd", "runc", "tini")
PODMAN = ("podman", "aardvark-dns", "catatonit", "conmon", "netavark", "runc")
ENGINES: Mapping[str, Packages] = {
    "docker-20.10": Packages("bookworm", "20.10.24+dfsg1-1+deb12u1+b6", DOCKER),
    "docker-26.1": Packages("trixie", "26.1.5+dfsg1-9+deb13u1+b1", DOCKER),
    "docker-28.5": Packages("sid", "28.5.2+dfsg4-5", DOCKER),
    "podman-4.3": Packages("bookworm", "4.3.1+ds1-8+deb12u1+b3", PODMAN),
    "podman-5.4": Packages("trixie", "5.4.2+ds1-2+b2", PODMAN),
    "podman-5.8": Packages("sid", "5.8.6+ds1-3", PODMAN),
}
SYSTEM = ("base-files", "coreutils", "dash")
"""What an image needs besides a program."""
PYTHONS: Mapping[str, Packages] = {
    "python-3.9": Packages("bullseye", "3.9.2-3", ("python3", *SYSTEM)),
    "python-3.13": Packages("trixie", "3.13.5-1", ("python3", *SYSTEM)),
}
"""Pythons other than the test images', for images of their own: see `archived`."""


@dataclass(frozen=True)
class Unpacked:
    """An engine's files."""

    folder: Path
    version: str

    @property
    def usr(self) -> Path:
        """What an engine must find as /usr."""
        return self.folder / "usr"


def unpacked(name: str) -> Unpacked:
    """What has this name in ENGINES or PYTHONS, fetched where it is missing. Raises CannotFetchError."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gpu-doc-tests/engines"
    home.mkdir(parents=True, exist_ok=True)
    wanted = {**ENGINES, **PYTHONS}[name]
    tried = Unpacked(home / f"{name}-{wanted.version}", wanted.version)
    if tried.usr.is_dir():
        return tried
    with (home / f"{name}.lock").open("a") as lock, _apt(wanted.suite) as apt:
        flock(lock, LOCK_EX)  # of several processes, one fetches it, and the others wait
        version = wanted.version if wanted.version in apt.versions(wanted.names[0]) else apt.candidate(wanted.names[0])
        found = Unpacked(home / f"{name}-{version}", version)
        if not found.usr.is_dir():
            with tempfile.TemporaryDirectory(dir=home) as folder:
                _unpack(apt, wanted, version, Path(folder))
                (Path(folder) / "root").rename(found.folder)
    return found


def _unpack(apt: Apt, wanted: Packages, version: str, folder: Path) -> None:
    root = folder / "root"
    for name in ("bin", "lib", "lib64", "sbin"):  # Debian 12's packages still have files there
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    engine = wanted in ENGINES.values()
    for archive in apt.download(f"{wanted.names[0]}={version}", *wanted.names[1:], *(SHELL if engine else ())):
        _call(["sh", "-c", EXTRACT, archive, root])
    for name in IPTABLES if engine else ():
        (root / "usr/sbin" / name).unlink(missing_ok=True)
        (root / "usr/sbin" / name).symlink_to("xtables-nft-multi")


def archived(name: str) -> bytes:
    """What has this name, as a tar archive of a root file system. Raises CannotFetchError."""
    return subprocess.run(["tar", "-C", unpacked(name).folder, "-c", "."], capture_output=True, check=True).stdout


class Apt:
    """apt with lists and state of its own, for one release, as if nothing were installed."""

    def __init__(self, folder: Path, suite: str) -> None:
        self.folder = folder
        for name in ("lists/partial", "archives/partial"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        keys = f"[signed-by={KEYS[0]}] " if KEYS else ""
        (folder / "sources.list").write_text(f"deb {keys}{_mirror()} {suite} main\n")
        settings = {
            "Dir::Etc::SourceList": folder / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::Preferences": "/dev/null",
            "Dir::Etc::PreferencesParts": "/dev/null",
            "Dir::State": folder,
            "Dir::State::Lists": folder / "lists",
            "Dir::State::Status": folder / "status",
            "Dir::Cache": folder,
            "Dir::Cache::Archives": folder / "archives",
            "APT::Sandbox::User": "root",  # the user that apt would become can't see these folders
            "Acquire::Languages": "none",
        }
        self.options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        _call(["apt-get", "-q", *self.options, "update"])

    def versions(self, package: str) -> list[str]:
        """Those that the release has, the newest first."""
        said = _call(["apt-cache", *self.options, "madison", package])
        return [line.split("|")[1].strip() for line in said.splitlines()]

    def candidate(self, package: str) -> str:
        """The newest version. Raises CannotFetchError."""
        for version in self.versions(package):
            return version
        raise CannotFetchError(f"the mirror of this machine has no {package} there")

    def download(self, *packages: str) -> list[Path]:
        """The archives of these packages, and of all that they need."""
        argv = ["apt-get", "-q", "-y", *self.options, "-o", "APT::Get::Download-Only=1", "--no-install-recommends"]
        _call([*argv, "install", *packages])
        return sorted((self.folder / "archives").glob("*.deb"))


@contextmanager
def _apt(suite: str) -> Iterator[Apt]:
    with tempfile.TemporaryDirectory() as folder:
        yield Apt(Path(folder), suite)


@cache
def _mirror() -> str:
    """The address that this machine's apt has Debian from, whichever form its sources are written in."""
    if not shutil.which("apt-get"):
        raise CannotFetchError("they come from Debian packages, and this machine has no apt")
    said = _call(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)"])
    for line in said.splitlines():
        address, release, component, origin = line.split(maxsplit=3)
        # The origin is known only where the lists were fetched.
        debian = origin == "Debian" or re.search(r"/debian/?$", address)
        if debian and component == "main" and "-" not in release:  # neither updates nor security
            return address
    raise CannotFetchError("they come from Debian packages, and this machine's sources name no mirror of Debian")


def _call(argv: list[str | Path]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        raise CannotFetchError(f"`{argv[0]}` failed: {done.stderr.strip()[-500:]}")
    return done.stdout


if __name__ == "__main__":
    for wanted in sys.argv[1:] or ENGINES:
        sys.stdout.write(f"{wanted} {unpacked(wanted).folder}\n")
