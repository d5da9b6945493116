"""Decides which folders of this machine a container may get: through `caches` to write, through `data` to read.

A socket gives full access to the program behind it, read-only or not: with Docker's, a run would be root. And a run
must not write what programs on this machine trust: system folders, keys, our own state.
"""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from gpu_doc.errors import ConfigError
from gpu_doc.execution.agent.patterns import GIT_AND_STATE
from gpu_doc.model.configuration import Config, Run
from gpu_doc.model.location import Problem

_CLOSED = (
    "/boot",
    "/dev",
    "/etc",
    "/proc",
    "/run",
    "/sys",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    "/var/lib/kubelet",
    "/var/run",
)
"""Neither to write nor to read: devices, sockets, passwords, the engine's and the kernel's own files."""
_PROGRAMS = ("/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr", "/var/spool")
"""Not to write: programs of this machine."""
_ALLOWED = ("/dev/shm", "/run/media")  # noqa: S108 - memory, and removable drives
_KEYS = (
    ".aws",
    ".azure",
    ".config/gcloud",
    ".config/gh",
    ".config/systemd",
    ".docker",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".local/bin",
    ".netrc",
    ".ssh",
)
"""In a home folder: keys to other systems, and programs that run at the next login."""
_MANY = 1000
"""The most entries of a folder to search for sockets."""


def refuse(chosen: Config, tree: Path, ours: Sequence[Path], environ: Mapping[str, str]) -> None:
    """Refuse folders that no container may get; `ours` are gpu-doc's own folders, `tree` is the checkout's top.

    Raises ConfigError, whose `details` have one line for each place.
    """
    found: dict[Problem, None] = {}
    for run in (run for report in chosen.reports for run in report.runs if run.image):
        for key, written, why in _refused(run, chosen.root, _Closed(run, tree, ours, environ)):
            found[Problem(chosen.at_key(run, key), f"`{key}`: {written} {why}")] = None
    if found:
        raise ConfigError(
            "a container may not be given what is this machine's own",
            where=chosen.at(),
            remedy="Name a folder that holds nothing but what runs share, such as /srv/cache.",
            details="\n".join(map(str, found)),
        )


def _refused(run: Run, root: Path, closed: _Closed) -> Iterator[tuple[str, str, str]]:
    """Yield the key, the path as written, and the reason."""
    for written in run.caches.values():
        if why := closed.why_not(Path(written).expanduser(), writable=True):
            yield "caches", written, why
    for source in run.data:
        if why := closed.why_not(root / source.path, writable=False):
            yield "data", source.path, why


class _Closed:
    """The closed folders: of some, no part may be given; others may only not be given as a whole."""

    def __init__(self, run: Run, tree: Path, ours: Sequence[Path], environ: Mapping[str, str]) -> None:
        homes = {environ.get("HOME") or "/", pwd.getpwuid(0).pw_dir}
        home = [Path(folder, name) for folder in sorted(homes) for name in _KEYS]
        self._tree = tree
        self._inside = _with_targets([*map(Path, _CLOSED), *home, *ours, *(tree / name for name in GIT_AND_STATE)])
        temporary = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]  # noqa: S108 - to be refused
        self._whole = _with_targets([*_sockets(run, environ), *temporary])

    def why_not(self, path: Path, *, writable: bool) -> str:
        """Return why a path may not be given: where it leads, or what it is in or contains. Empty if it may."""
        lexical = Path(os.path.normpath(path))
        try:
            real = lexical.resolve()
        except (OSError, RuntimeError):
            return "is a link that leads to itself"
        own = not writable and real.is_relative_to(self._tree.resolve())
        inside = self._inside + list(map(Path, _PROGRAMS)) * writable
        for place in dict.fromkeys((lexical, real)):
            leads = f"leads to {real}, which " if place != lexical else ""
            # Hidden parts of the checkout stay hidden from runs.
            held = [] if own else [each for each in (*inside, *self._whole) if each.is_relative_to(place)]
            around = [each for each in inside if place.is_relative_to(each) and not _is_allowed(place, each)]
            if around:
                return f"{leads}{'is' if place == around[0] else 'lies in'} {around[0]}"
            if held:
                return f"{leads}{'is' if place == held[0] else 'holds'} {held[0]}"
        return f"holds the socket {found}" if (found := _socket_in(real)) else ""


def _is_allowed(place: Path, closed: Path) -> bool:
    return any(place.is_relative_to(allowed) and Path(allowed).is_relative_to(closed) for allowed in _ALLOWED)


def _with_targets(places: Sequence[Path]) -> list[Path]:
    """Return paths as written, and with links resolved."""
    return list(dict.fromkeys(each for place in places for each in (place, place.resolve())))


def _sockets(run: Run, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the sockets that we know: of engines and of key agents."""
    addresses = (run.docker_host, environ.get("DOCKER_HOST"), environ.get("CONTAINER_HOST"))
    yield from (Path(each.removeprefix("unix://")) for each in addresses if each and each.startswith("unix://"))
    if agent := environ.get("SSH_AUTH_SOCK"):
        yield Path(agent)


def _socket_in(path: Path) -> str:
    """Return the socket at a path or inside it; else empty."""
    with suppress(OSError):
        if stat.S_ISSOCK(path.stat().st_mode):
            return str(path)
        with os.scandir(path) as entries:
            return next((each.path for each in islice(entries, _MANY) if stat.S_ISSOCK(each.stat().st_mode)), "")
    return ""
