"""What stands between gpu-doc and an engine: a proxy that answers in its place, or lets nothing through any more."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parents[1] / "answers"
ENGINE = Path(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"))
"""The engine that tests use."""
SPOKEN = "1.41"
"""The version of the API that the engine behind speaks, whatever version is asked for."""


def recorded(name: str, **info: Any) -> dict[str, Any]:
    """What an engine of tests/answers said to `version` and `info`; with further fields of `info`."""
    found: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
    return {**found, "info": {**found["info"], **info}}


class Proxy:
    """Passes on what an engine is asked, one request for each connection. `host` is what DOCKER_HOST says."""

    def __init__(self, listener: socket.socket, host: str, engine: Path, answers: Mapping[str, Any]) -> None:
        self.host = host
        self.silent = threading.Event()
        """Set: nothing comes through any more, in either direction; connections stay open, and new ones are taken."""
        self.asked: list[str] = []
        """The request lines so far."""
        self.refused: dict[str, str] = {}
        """What is not passed on, by a regular expression that fits the request line, and what is said instead."""
        self.held: list[str] = []
        """Regular expressions of request lines that get no answer."""
        self.slow: list[str] = []
        """Regular expressions of request lines that are passed on after a second."""
        self._listener = listener
        self._engine = engine
        self._answers = answers
        self._open: list[socket.socket] = []

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def cut(self) -> None:
        """Close all connections that are open now."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for each in self._open:
            each.close()

    def _pass_on(self, client: socket.socket) -> None:
        head, rest = _head(client)
        if not head or self.silent.is_set():
            return
        line, _, fields = head.partition("\r\n")
        self.asked.append(line)
        if any(re.search(pattern, line) for pattern in self.held):
            return
        if any(re.search(pattern, line) for pattern in self.slow):
            time.sleep(1)
        if (name := _question(line)) in self._answers:
            _answer(client, "200 OK", self._answers[name])
            return
        if said := [words for pattern, words in self.refused.items() if re.search(pattern, line)]:
            _answer(client, "500 Internal Server Error", {"message": said[0]})
            return
        line = re.sub(r"/v\d+\.\d+/", f"/v{SPOKEN}/", line, count=1)
        if "upgrade" not in fields.lower():  # so that the next request comes on a connection of its own
            fields = re.sub(r"(?im)^connection:.*\r\n", "", fields + "\r\n").rstrip("\r\n") + "\r\nConnection: close"
        engine = socket.socket(socket.AF_UNIX)
        self._open.append(engine)
        engine.connect(str(self._engine))
        engine.sendall(f"{line}\r\n{fields}\r\n\r\n".encode() + rest)
        threading.Thread(target=self._copy, args=(client, engine), daemon=True).start()
        self._copy(engine, client)

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(1 << 16):
                if self.silent.is_set():
                    continue
                target.sendall(chunk)
            if not self.silent.is_set():
                target.shutdown(socket.SHUT_WR)


def _head(client: socket.socket) -> tuple[str, bytes]:
    """The head of a request, and what came of its body with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        with suppress(OSError):
            if chunk := client.recv(1 << 16):
                data += chunk
                continue
        return "", b""
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def _answer(client: socket.socket, status: str, answer: Any) -> None:
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    client.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)
    client.close()


def _question(line: str) -> str:
    """`info` or `version`, where that is what a request asks."""
    found = re.fullmatch(r"GET (?:/v[\d.]+)?/(info|version) HTTP/1\.[01]", line)
    return found[1] if found else ""


@contextmanager
def proxy(
    *, path: Path | None = None, engine: Path = ENGINE, answers: Mapping[str, Any] | None = None
) -> Iterator[Proxy]:
    """A proxy in front of an engine, at a socket, or on a port of this machine (`tcp://`)."""
    if path:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        host = f"unix://{path}"
    else:
        listener = socket.create_server(("127.0.0.1", 0))
        host = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    with closing(Proxy(listener, host, engine, answers or {})) as found:
        threading.Thread(target=found.serve, daemon=True).start()
        yield found
