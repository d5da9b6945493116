"""Connects to the container engine. The only module that imports the engine's SDK.

`connect` finds and connects to it; `reconnect` does so again from a child process. Inside `sentences`, all that the SDK
raises becomes one of our errors.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

# The SDK and urllib3 ship no types.
import docker  # type: ignore[import-untyped]
import requests
import urllib3  # type: ignore[import-untyped]
from docker.errors import APIError, DockerException  # type: ignore[import-untyped]

from gpu_doc.execution.containers import address, engine_facts, failures
from gpu_doc.execution.containers.engine_facts import EngineFacts
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.gpus.offer import seen_here

if TYPE_CHECKING:
    from gpu_doc.execution.containers.tunnel import Tunnel

LEAST_API = (1, 41)
"""Docker 20.10: the oldest that we test with. Podman 4 speaks it too."""
_LEAST = ".".join(map(str, LEAST_API))

_TO_CONNECT = 15
_TO_ANSWER = 600
"""Seconds that one call may take: the engine answers only after it has committed or removed gigabytes."""

_TO_TIDY = 20
"""Seconds that removing, killing or listing may take. After that, the engine counts as gone.

Podman alone waits 10 s for a container to stop before it removes it.
"""

_TO_PING = 5


class Engine:
    """A connection to an engine. While a call streams, no other thread may use it; `reconnect` makes another one."""

    def __init__(self, client: Any, place: Mapping[str, str], *, remote: bool, tunnel: Tunnel | None = None) -> None:
        self.client = client
        """A docker.DockerClient."""
        self.address = dict(place)
        """The argument for `reconnect`, as JSON values."""
        self.remote = remote
        """It was reached over ssh or TCP, so it can't see our paths."""
        self.silent = False
        """It did not answer a call of `tidying`, which then makes no more calls."""
        self._tunnel = tunnel

    @cached_property
    def facts(self) -> EngineFacts:
        """Facts about the engine. Raises EngineError."""
        with sentences():
            info, version = self.client.info(), self.client.version(api_version=False)
        found = engine_facts.facts(info, version)
        return found if self.remote else replace(found, offer=seen_here(found.offer))

    @contextmanager
    def tidying(self, where: str = "") -> Iterator[Any]:
        """Yield a docker.APIClient for cleaning up: looking for leftovers, killing, removing.

        Each call has a short time limit, and after one without an answer we make no more: so we end even if the engine
        does not answer. If the engine is only slow to remove something, it finishes by itself.

        Raises EngineError.
        """
        if self.silent:
            raise failures.gone("it timed out before", where=where, late=True)
        try:
            # A new client each time: the SDK keeps a socket for each of the last 25 addresses that a client asked.
            with sentences(where), closing(_made(self.address, self.client.api.api_version, _TO_TIDY)) as client:
                yield client.api
        except EngineError as error:
            if error.late and self.answers():
                raise failures.slow(error.details, where=where) from error
            self.silent = error.late
            raise

    def answers(self) -> bool:
        """Whether the engine answers now. Any thread may ask; takes seconds at most."""
        try:
            with closing(_made(self.address, self.client.api.api_version, _TO_PING)) as client:
                return bool(client.ping())
        except _NOT_CONNECTED:
            return False

    def login(self, reference: str) -> dict[str, str]:
        """Return the header with the runner's `docker login` for an image's registry, if there is one."""
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

    Raises EngineError if there is none, we may not use it, or it is too old.
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
    from gpu_doc.execution.containers.tunnel import Tunnel

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
    """Connect to the engine of another connection's `address`, for example in a child process. Raises EngineError."""
    try:
        return Engine(_client(place), place, remote=remote or not place["DOCKER_HOST"].startswith("unix://"))
    except _NOT_CONNECTED as error:
        raise failures.unreachable(place["DOCKER_HOST"], "", str(error)) from error


@contextmanager
def sentences(where: str = "") -> Iterator[None]:
    """Turn what the SDK raises inside the `with` into an EngineError. `where` names an image or a run."""
    try:
        yield
    except APIError as error:
        raise failures.refusal(str(error.explanation or error), where=where) from error
    except DockerException as error:
        raise failures.refusal(str(error), where=where) from error
    except requests.exceptions.InvalidJSONError as error:
        raise failures.unreadable(str(error), where=where) from error
    except _BROKEN as error:
        raise failures.gone(str(error), where=where) from error


# An answer that does not come from an engine raises KeyError or ValueError; requests' errors are OSErrors.
_NOT_CONNECTED = (DockerException, KeyError, ValueError, OSError)

# While an answer streams, errors come from urllib3 or from the socket itself.
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, ConnectionError, TimeoutError)


def _client(variables: Mapping[str, str]) -> Any:
    spoken = _spoken_version(variables)
    if engine_facts.numbers(spoken) < LEAST_API:
        raise EngineError(
            f"the container engine is too old: it speaks version {spoken} of the API, we need {_LEAST}",
            cause="engine",
            remedy="Update Docker to 20.10 or newer (Podman: 4.0).",
        )
    return _made(variables, spoken, _TO_ANSWER)


def _made(variables: Mapping[str, str], version: str, timeout: float) -> Any:
    return docker.from_env(environment=dict(variables), version=version, timeout=timeout, use_context=False)


def _spoken_version(variables: Mapping[str, str]) -> str:
    """Return the version of the API that the engine speaks. Raises what the SDK and sockets raise."""
    socket_path = variables["DOCKER_HOST"].removeprefix("unix://")
    if socket_path.startswith("/"):
        # The SDK leaks a socket that it can't connect, so we try ourselves first.
        with socket.socket(socket.AF_UNIX) as knock:
            knock.connect(socket_path)
    client = _made(variables, _LEAST, _TO_CONNECT)
    try:
        return engine_facts.spoken(client.version(api_version=False))
    finally:
        client.close()
