"""Finds the engine by the rules of the `docker` program; without the SDK, since that is slow to import."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from gpu_doc.errors import MachineError

DEFAULT = "unix:///var/run/docker.sock"


@dataclass(frozen=True, kw_only=True)
class Address:
    """An engine's address and how to trust it."""

    host: str
    """`unix:///path`, `tcp://host:port` or `ssh://[user@]host[:port][/path/of/the/socket]`."""
    verify: bool = False
    certificates: str = ""
    """The folder with `ca.pem`, `cert.pem` and `key.pem`; empty without TLS."""
    source: str
    """Where the address was given, for messages: `docker-host`, `DOCKER_HOST`, `the Docker context NAME`, or empty."""

    @property
    def socket(self) -> Path | None:
        """The unix socket on this machine; None for an engine elsewhere."""
        return Path(self.host.removeprefix("unix://")) if self.host.startswith("unix://") else None

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that give the address to the SDK and to `docker`."""
        secured = {"DOCKER_CERT_PATH": self.certificates} if self.certificates else {}
        return {"DOCKER_HOST": self.host, **secured, **({"DOCKER_TLS_VERIFY": "1"} if self.verify else {})}


def find(docker_host: str | None, environ: Mapping[str, str]) -> Address:
    """Return the address: gpu-doc.yml's `docker-host`, else DOCKER_HOST, else the current context, else the default.

    Raises MachineError if the context does not exist or can't be read.
    """
    for host, source in ((docker_host, "docker-host"), (environ.get("DOCKER_HOST"), "DOCKER_HOST")):
        if host:
            return Address(host=host.strip(), source=source, **_trust(host, environ))
    # https://docs.docker.com/engine/manage-resources/contexts/; Docker Desktop and rootless Docker set one.
    folder = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or Path.home(), ".docker"))
    name = environ.get("DOCKER_CONTEXT") or _setting(folder, "currentContext") or "default"
    return Address(host=DEFAULT, source="") if name == "default" else _context(folder, str(name))


def _trust(host: str, environ: Mapping[str, str]) -> dict[str, Any]:
    verify = bool(environ.get("DOCKER_TLS_VERIFY"))
    certificates = environ.get("DOCKER_CERT_PATH", "")
    if not host.startswith("tcp://") or not (verify or certificates):
        return {}
    home = environ.get("DOCKER_CONFIG") or str(Path(environ.get("HOME") or Path.home(), ".docker"))
    return {"verify": verify, "certificates": certificates or home}


def _setting(folder: Path, key: str) -> Any:
    try:
        return json.loads((folder / "config.json").read_bytes()).get(key)
    except (OSError, ValueError, AttributeError):
        return None  # docker itself goes on with its defaults


def _context(folder: Path, name: str) -> Address:
    key = sha256(name.encode()).hexdigest()
    try:
        endpoint = json.loads((folder / "contexts/meta" / key / "meta.json").read_bytes())["Endpoints"]["docker"]
        host = str(endpoint["Host"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MachineError(
            f"the Docker context `{name}` can't be read",
            remedy="`docker context ls` shows those that are there, `docker context use default` goes back.",
            details=str(error),
        ) from error
    certificates = folder / "contexts/tls" / key / "docker"
    secured = certificates.is_dir()
    return Address(
        host=host,
        verify=secured and not endpoint.get("SkipTLSVerify"),
        certificates=str(certificates) if secured else "",
        source=f"the Docker context {name}",
    )
