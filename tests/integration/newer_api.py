"""Docker 29 as a client sees it, in front of Docker 28.5, since no package has it.

It demands API 1.44 as the least, speaks 1.55, and leaves out what went between:
https://docs.docker.com/reference/api/engine/version-history/. Images that were pulled through it say so (1.53).
Requests and answers otherwise pass as they are, attached streams too.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

LEAST, MOST = (1, 44), (1, 55)
VERSION = "29.5.0"
PATH = re.compile(r"(?:/v(?P<version>\d+\.\d+))?(?P<rest>/.*)")
LEGACY_NETWORK = [
    "Bridge",
    "HairpinMode",
    "LinkLocalIPv6Address",
    "LinkLocalIPv6PrefixLen",
    "SecondaryIPAddresses",
    "SecondaryIPv6Addresses",
    "EndpointID",
    "Gateway",
    "GlobalIPv6Address",
    "GlobalIPv6PrefixLen",
    "IPAddress",
    "IPPrefixLen",
    "IPv6Gateway",
    "MacAddress",
]
"""Of a container's NetworkSettings, gone with 1.52."""
OF_IMAGES = ("Parent", "Comment", "DockerVersion", "Author")
"""Left out where empty, with 1.52."""
EMPTY_SETTINGS = ("Cmd", "Entrypoint", "Env", "Labels", "OnBuild", "User", "Volumes", "WorkingDir")
SETTINGS_BEFORE = (
    "Hostname",
    "Domainname",
    "AttachStdin",
    "AttachStdout",
    "AttachStderr",
    "Tty",
    "OpenStdin",
    "StdinOnce",
)
"""Of an image's Config, gone with 1.50, as `Image` is."""


@contextmanager
def newer(behind: Path, at: Path) -> Iterator[None]:
    """Listen at a socket, and pass on to the engine's."""
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(at))
        listener.listen(100)
        made = Newer(behind)
        accepting = threading.Thread(target=made.serve, args=(listener,), daemon=True)
        accepting.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


@dataclass
class Newer:
    """What is known of the images behind."""

    behind: Path
    pulled: set[str] = field(default_factory=set)
    """Repositories."""

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def _one(self, client: socket.socket) -> None:
        """One request, and its answer; then the connection ends."""
        with client, suppress(OSError), client.makefile("rb") as reading:
            head = _head(reading)
            method, target, protocol = head[0].split(" ", 2)
            found = PATH.fullmatch(target)
            assert found
            if problem := _unspoken(found["version"]):
                client.sendall(_answer("400 Bad Request", {"message": problem}))
                return
            hijacks = any(line.lower().startswith("upgrade:") for line in head)
            kept = [line for line in head[1:] if hijacks or not line.lower().startswith("connection:")]
            first = f"{method} {found['rest']} {protocol}"
            with socket.socket(socket.AF_UNIX) as engine:
                engine.connect(str(self.behind))
                engine.sendall("\r\n".join([first, *kept, *["Connection: close"] * (not hijacks), "", ""]).encode())
                threading.Thread(target=_copy, args=(reading, engine), daemon=True).start()
                with engine.makefile("rb") as answering:
                    self._give(client, answering, method, found["rest"])
            client.shutdown(socket.SHUT_RDWR)  # also wakes who still reads from it, and holds it open

    def _give(self, client: socket.socket, answering: BinaryIO, method: str, path: str) -> None:
        head = _head(answering)
        status = head[0].split(" ", 1)[1]
        change = self._change(method, urlsplit(path).path, path) if status.startswith("200") else None
        kept = [line for line in head if not line.lower().startswith(("api-version:", "server:"))]
        kept[1:1] = [f"Api-Version: {'.'.join(map(str, MOST))}", f"Server: Docker/{VERSION} (linux)"]
        if change is None:
            client.sendall("\r\n".join([*kept, "", ""]).encode())
            _copy(answering, client)
            return
        body = answering.read()
        if any("chunked" in line.lower() for line in head):
            body = _joined(body)
        lines = [json.dumps(change(json.loads(line))) for line in body.splitlines() if line.strip()]
        client.sendall(_streamed(status, lines) if method == "POST" else _answer(status, *lines))

    def _change(self, method: str, path: str, whole: str) -> Any:
        if method == "POST" and path == "/images/create":
            (repository,) = parse_qs(urlsplit(whole).query).get("fromImage") or [""]  # none is an import
            return lambda event: self._pull_event(event, repository)
        if method != "GET":
            return None
        if path == "/version":
            return lambda said: {**said, "Version": VERSION, "ApiVersion": "1.55", "MinAPIVersion": "1.44"}
        if path == "/info":
            return _info
        if re.fullmatch(r"/images/.+/json", path):
            return self._image
        return _container if re.fullmatch(r"/containers/[^/]+/json", path) else None

    def _pull_event(self, event: dict[str, Any], repository: str) -> dict[str, Any]:
        if str(event.get("status", "")).startswith("Digest: "):
            self.pulled.add(repository.partition("@")[0])
        return {key: value for key, value in event.items() if key not in ("error", "progress")}

    def _image(self, said: dict[str, Any]) -> dict[str, Any]:
        gone = ("GraphDriver", "Container", "ContainerConfig", "VirtualSize")
        config = {
            key: value
            for key, value in (said.get("Config") or {}).items()
            if key not in (*SETTINGS_BEFORE, "Image") and (value or key not in EMPTY_SETTINGS)
        }
        kept = {key: value for key, value in said.items() if key not in gone and (value or key not in OF_IMAGES)}
        names = {name.rpartition("@")[0] for name in said.get("RepoDigests") or ()}
        pulls = [{"Repository": name} for name in sorted(names & self.pulled)]
        return {**kept, "Config": config, **({"Identity": {"Pull": pulls}} if pulls else {})}


def _info(said: dict[str, Any]) -> dict[str, Any]:
    gone = ("KernelMemoryTCP", "BridgeNfIptables", "BridgeNfIp6tables")
    kept = {key: value for key, value in said.items() if key not in gone}
    return {**kept, "ServerVersion": VERSION, "NRI": {"Info": None}}


def _container(said: dict[str, Any]) -> dict[str, Any]:
    network = {key: value for key, value in (said.get("NetworkSettings") or {}).items() if key not in LEGACY_NETWORK}
    return {**said, "NetworkSettings": network}


def _unspoken(version: str | None) -> str:
    if version is None:
        return ""
    spoken = tuple(map(int, version.split(".")))
    least, most = (".".join(map(str, each)) for each in (LEAST, MOST))
    if spoken < LEAST:
        return f"client version {version} is too old. Minimum supported API version is {least}, please upgrade"
    return f"client version {version} is too new. Maximum supported API version is {most}" if spoken > MOST else ""


def _answer(status: str, *lines: Any) -> bytes:
    body = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    )
    return head.encode() + b"\r\n" + body


def _streamed(status: str, lines: list[str]) -> bytes:
    """An answer in chunks, as clients expect of what goes on."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
    chunks = [f"{len(line.encode()) + 1:x}\r\n{line}\n\r\n" for line in lines]
    return f"{head}\r\n{''.join(chunks)}0\r\n\r\n".encode()


def _head(reading: BinaryIO) -> list[str]:
    lines: list[str] = []
    while line := reading.readline().decode("latin-1").rstrip("\r\n"):
        lines.append(line)
    if not lines:
        raise ConnectionResetError
    return lines


def _joined(body: bytes) -> bytes:
    """A chunked body without its chunks."""
    parts: list[bytes] = []
    while size := int(body[: body.index(b"\r\n")], 16):
        start = body.index(b"\r\n") + 2
        parts.append(body[start : start + size])
        body = body[start + size + 2 :]
    return b"".join(parts)


def _copy(source: BinaryIO, target: socket.socket) -> None:
    with suppress(OSError, ValueError):
        while block := source.read1(1 << 16):  # type: ignore[attr-defined]  # makefile("rb") gives a BufferedReader
            target.sendall(block)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
