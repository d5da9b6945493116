"""The door to the container engine: the only module that imports its SDK.

`connect` finds and reaches it; `reconnect` does so again from a child process. What the SDK raises anywhere becomes
one of our errors inside `sentences`.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

# The SDK and urllib3 ship no types.
import docker  # type: ignore[import-untyped]
import requests
import urllib3  # type: ignore[import-untyped]
from docker.errors import APIError, DockerException  # type: ignore[import-untyped]

from gpu_doc.outside.containers import address, failures
from gpu_doc.outside.containers.failures import EngineError

if TYPE_CHECKING:
    from gpu_doc.outside.containers.tunnel import Tunnel

LEAST_API = (1, 41)
"""Docker 20.10: the oldest that we test with. Podman 4 speaks it too."""
_LEAST = ".".join(map(str, LEAST_API))

_TO_CONNECT = 15
_TO_ANSWER = 600
"""Seconds that one call may take: committing or removing gigabytes says nothing until it is done."""

_FLAGS = {"memory": "MemoryLimit", "cpus": "CpuCfsQuota", "processes": "PidsLimit"}
"""What GET /info calls the limits of gpu-doc.yml."""


@dataclass(frozen=True, kw_only=True)
class EngineFacts:
    """What an engine says of itself; memory in bytes."""

    id: str
    version: str
    api_version: str
    podman: bool
    """It is Podman's service, which speaks Docker's API."""
    cpus: int
    memory: int
    rootless: bool
    """Root in a container is the engine's own user outside."""
    remapped: bool
    """User ids in containers are other ones outside (userns-remap)."""
    nvidia: bool
    """The NVIDIA runtime is set up, or its hook is here; only a start tells whether a GPU is there."""
    cdi: bool
    """It takes CDI devices, and knows NVIDIA's where it says which it knows (Docker 28.3)."""
    selinux: bool
    operating_system: str
    folder: str
    """Where it keeps images and volumes, on its own machine."""
    limits: frozenset[str]
    """Which of `limits` in gpu-doc.yml it can hold: memory, cpus, processes. A rootless one may have no cgroups."""


class Engine:
    """A connection to an engine. Not for several threads at once where a call streams; `reconnect` gives another."""

    def __init__(self, client: Any, place: Mapping[str, str], *, remote: bool, tunnel: Tunnel | None = None) -> None:
        self.client = client
        """A docker.DockerClient."""
        self.address = dict(place)
        """What `reconnect` takes; JSON can hold it."""
        self.remote = remote
        """It was reached over ssh or TCP: it sees none of our paths."""
        self._tunnel = tunnel

    @cached_property
    def facts(self) -> EngineFacts:
        """What it says of itself. Raises EngineError."""
        with sentences():
            info = self.client.info()
            parts = self.client.version().get("Components") or ()
        security = " ".join(info.get("SecurityOptions") or ())
        return EngineFacts(
            id=info.get("ID", ""),
            version=info.get("ServerVersion", ""),
            api_version=self.client.api.api_version,
            podman=any(str(part.get("Name")).startswith("Podman") for part in parts),
            cpus=info.get("NCPU", 0),
            memory=info.get("MemTotal", 0),
            rootless="name=rootless" in security,
            remapped="name=userns" in security,
            nvidia="nvidia" in (info.get("Runtimes") or {}) or (not self.remote and _nvidia_hook()),
            cdi=_knows_cdi(info),
            selinux="name=selinux" in security,
            operating_system=info.get("OperatingSystem", ""),
            folder=info.get("DockerRootDir", ""),
            limits=frozenset(name for name, flag in _FLAGS.items() if info.get(flag)),
        )

    def login(self, reference: str) -> dict[str, str]:
        """Return the header with the runner's `docker login` at an image's registry, if there is one."""
        registry, _ = docker.auth.resolve_repository_name(reference)
        header = docker.auth.get_config_header(self.client.api, registry)
        return {"X-Registry-Auth": header} if header else {}

    def close(self) -> None:
        """Close the connection, and the tunnel below it."""
        self.client.close()
        if self._tunnel:
            self._tunnel.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(docker_host: str | None, environ: Mapping[str, str], runtime: Path) -> Engine:
    """Connect to the engine that `docker_host` (of gpu-doc.yml), the environment or the current context names.

    `runtime` is a private folder with a short path, for the tunnel's socket; one connection for each folder.

    Raises EngineError: there is none, we may not use it, or it is too old.
    """
    place = address.find(docker_host, environ)
    if place.host.startswith("ssh://"):
        return _through_ssh(place.host, environ, runtime)
    try:
        client = _client(place.variables)
    except _NOT_CONNECTED as error:
        raise failures.unreachable(place.host, place.source, str(error)) from error
    return Engine(client, place.variables, remote=place.socket is None)


def _through_ssh(host: str, environ: Mapping[str, str], runtime: Path) -> Engine:
    from gpu_doc.outside.containers.tunnel import Tunnel

    tunnel = Tunnel(host, environ, runtime)
    with ExitStack() as stack:
        stack.callback(tunnel.close)
        variables = {"DOCKER_HOST": f"unix://{tunnel.socket}"}
        try:
            client = _client(variables)
        except _NOT_CONNECTED as error:
            raise tunnel.failure(str(error)) from error
        stack.pop_all()
    return Engine(client, variables, remote=True, tunnel=tunnel)


def reconnect(place: Mapping[str, str], *, remote: bool = False) -> Engine:
    """Connect to an engine by another's `address`, from a child process say. Raises EngineError."""
    try:
        return Engine(_client(place), place, remote=remote or not place["DOCKER_HOST"].startswith("unix://"))
    except _NOT_CONNECTED as error:
        raise failures.unreachable(place["DOCKER_HOST"], "", str(error)) from error


@contextmanager
def sentences(where: str = "") -> Iterator[None]:
    """Turn what the SDK raises inside into an EngineError that says it in words. `where`: an image, a run."""
    try:
        yield
    except APIError as error:
        raise failures.refusal(str(error.explanation or error), where=where) from error
    except DockerException as error:
        raise failures.refusal(str(error), where=where) from error
    except _BROKEN as error:
        raise failures.gone(str(error), where=where) from error


# An answer that is none of an engine's is a KeyError or ValueError; requests' errors are OSErrors.
_NOT_CONNECTED = (DockerException, KeyError, ValueError, OSError)

# What breaks while an answer is streamed comes from urllib3, or from the socket itself.
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, ConnectionError, TimeoutError)


def _client(variables: Mapping[str, str]) -> Any:
    spoken = _spoken_version(variables)
    if tuple(int(part) for part in spoken.split(".")) < LEAST_API:
        raise EngineError(
            f"the container engine is too old: it speaks version {spoken} of the API, we need {_LEAST}",
            cause="engine",
            remedy="Update Docker to 20.10 or newer (Podman: 4.0).",
        )
    return docker.from_env(environment=dict(variables), version=spoken, timeout=_TO_ANSWER, use_context=False)


def _spoken_version(variables: Mapping[str, str]) -> str:
    """Return the version of the API that the engine speaks. Raises what the SDK and sockets raise."""
    socket_path = variables["DOCKER_HOST"].removeprefix("unix://")
    if socket_path.startswith("/"):
        # The SDK leaves a socket open that can't be connected.
        with socket.socket(socket.AF_UNIX) as knock:
            knock.connect(socket_path)
    client = docker.from_env(environment=dict(variables), version=_LEAST, timeout=_TO_CONNECT, use_context=False)
    try:
        return str(client.version(api_version=False)["ApiVersion"])
    finally:
        client.close()


def _nvidia_hook() -> bool:
    places = ":".join(("/usr/bin", "/usr/local/bin", "/usr/sbin", "/usr/local/sbin"))
    hook = "nvidia-container-runtime-hook"
    return bool(shutil.which(hook) or shutil.which(hook, path=places))


def _knows_cdi(info: Mapping[str, Any]) -> bool:
    # https://docs.docker.com/reference/api/engine/ - GET /info: CDISpecDirs since 1.44, DiscoveredDevices since 1.50
    known = info.get("DiscoveredDevices")
    if known is None:
        return bool(info.get("CDISpecDirs"))
    return any(device.get("ID", "").startswith("nvidia.com/gpu") for device in known)
