"""Asks an engine for its images within two milliseconds: without the SDK, which is slow to import."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gpu_doc.errors import MachineError
from gpu_doc.execution.containers import address, image_answers
from gpu_doc.execution.containers import reference as references
from gpu_doc.model.configuration import ImageIdentity

_PATIENCE = 2.0


class ImageLookup:
    """Looks at images on this machine's engine; asks each question once. Never fails: what it can't see is None."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._seen: dict[tuple[Path, str], dict[str, Any] | None] = {}

    def identity(
        self, reference: str, *, docker_host: str | None, pull: str, known: ImageIdentity | None
    ) -> ImageIdentity | None:
        """Return the image that a run would use here; None if that can't be seen.

        `known` is the identity in evidence. A run keeps it if it is here or can be pulled. With `pull: always`, the
        run uses what the reference means here now: it has been pulled before the plan is made.
        """
        here = self._socket(docker_host)
        if here is None:
            return None
        try:
            found = self._image(here, reference)
            now = references.identify(found, reference, known)[0] if found else None
            usable = references.usable(known, reference) if pull != "always" else None
            if usable is None or (now and now.same(usable)):
                return now
            held = self._image(here, usable.digest)
        except (OSError, ValueError, MachineError):
            return None
        if held:
            return references.identify(held, usable.digest, usable)[0]
        return usable if pull == "missing" else now

    def moved(self, reference: str, *, docker_host: str | None, known: ImageIdentity) -> bool:
        """Return whether the reference now points to another image here than `known`."""
        now = self.identity(reference, docker_host=docker_host, pull="always", known=known)
        return now is not None and not now.same(known)

    def _socket(self, docker_host: str | None) -> Path | None:
        try:
            return address.find(docker_host, self._environ).socket
        except MachineError:
            return None

    def _image(self, engine: Path, name: str) -> dict[str, Any] | None:
        key = (engine, name)
        if key not in self._seen:
            self._seen[key] = _inspect(engine, name)
        return self._seen[key]


def _inspect(engine: Path, name: str) -> dict[str, Any] | None:
    """Return GET /images/NAME/json; None if the engine has no such image.

    Raises OSError, ValueError or MachineError if no engine answers, or the answer is not an engine's.
    """
    # https://docs.docker.com/reference/api/engine/. With HTTP/1.0, the answer ends with the connection.
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PATIENCE)
        connection.connect(str(engine))
        connection.sendall(f"GET /images/{quote(name, safe='/:@')}/json HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if status in ([b"404"], [b"400"]):
        return None
    if status != [b"200"]:
        raise OSError(f"the engine answered {head[:100]!r}")
    return image_answers.described(json.loads(body))
