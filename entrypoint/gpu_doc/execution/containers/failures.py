"""Turns an engine's messages into errors, sorted by cause, with a remedy. It needs no SDK."""

from __future__ import annotations

import re
from typing import Literal

from gpu_doc.errors import ContainerError

Cause = Literal["engine", "image", "refused", "network", "disk", "gpu", "program", "vanished", "settings"]
"""engine: it is absent or went away; image: there is no such image; refused: a registry refuses it; network: it may
pass, and `retries` tries again; disk: the engine's disk is full; program: the image lacks the program to start;
vanished: a container or volume does not exist any more; settings: the engine rejects what we ask for.
"""


class EngineError(ContainerError):
    """The engine could not do what it was asked to."""

    def __init__(
        self, what: str, *, cause: Cause, where: str = "", remedy: str = "", details: str = "", late: bool = False
    ) -> None:
        super().__init__(what, where=where, remedy=remedy, details=details)
        self.cause: Cause = cause
        self.late = late
        """Whether it did not answer in time."""


_REFUSALS: tuple[tuple[str, Cause, str, str], ...] = (
    (
        r"no such (container|volume)|removal of container .+ is already in progress",
        "vanished",
        "it is not there any more",
        "",
    ),
    (
        r"containerd\.sock|transport is closing|shutting down",
        "engine",
        "the engine is being stopped, or its containerd is down",
        "`docker info` says whether it is back; its own words: journalctl -u docker -u containerd",
    ),
    (
        r"docker-init\"|podman-init|catatonit|container-init binary|failed to locate init",
        "settings",
        "the engine lacks the small program that is the first process of a container (docker-init, catatonit)",
        (
            "Where the engine runs: Docker's own packages bring docker-init (Debian's: apt-get install tini); for"
            " Podman: apt-get install catatonit"
        ),
    ),
    (
        r"unresolvable CDI devices|failed to inject CDI|CDI device injection failed",
        "gpu",
        "the engine has no CDI device of this name, or can't give it to a container",
        (
            "Where it runs: `nvidia-ctk cdi list` shows those that there are;"
            " nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml makes them anew, as after an update of the driver."
        ),
    ),
    (
        r"could not select device driver|unknown or invalid runtime name",
        "gpu",
        "the engine can't give GPUs to containers",
        (
            "Install the NVIDIA Container Toolkit where the engine runs, then:"
            " nvidia-ctk runtime configure --runtime=docker && systemctl restart docker"
        ),
    ),
    (
        r"(OCI runtime|runc|crun)\b.*permission denied",
        "program",
        "the image's program may not be started by the run's user",
        "",
    ),
    (
        r"no space left on device|disk quota exceeded",
        "disk",
        "the engine's disk is full",
        "Make room where it keeps images: `docker system df` shows what takes it, `docker system prune` frees some.",
    ),
    (
        r"toomanyrequests|too many requests|pull rate limit",
        "refused",
        "the registry refuses more pulls for now (too many requests)",
        "Log in, which raises the limit (docker login), pull through a mirror, or keep the image here (pull: missing).",
    ),
    (
        r"x509:|tls: .*certificate",
        "refused",
        "the engine does not trust the registry's certificate",
        "Put its authority's certificate into /etc/docker/certs.d/REGISTRY/ca.crt where the engine runs.",
    ),
    (
        r"Credentials store error",
        "refused",
        "the program that keeps docker's logins failed",
        "Look at credsStore and credHelpers in ~/.docker/config.json; try the same by hand with `docker pull`.",
    ),
    (
        r"HTTP response to HTTPS client",
        "refused",
        "the registry speaks no HTTPS",
        'Add it to "insecure-registries" in /etc/docker/daemon.json where the engine runs.',
    ),
    (
        r"access denied|unauthorized|authentication required|no basic auth|forbidden|denied:|incorrect username",
        "refused",
        "the registry refuses to give the image, or has none of this name",
        "If the name is right, log in on this runner, as the user that gpu-doc runs as: docker login REGISTRY",
    ),
    (
        r"no matching manifest for|does not match the specified platform",
        "image",
        "the image is not for the engine's kind of processor",
        "Name one that is; `docker manifest inspect` lists for which ones it was built.",
    ),
    (
        (
            r"no such image|manifest unknown|manifest for .+ not found|name unknown|repository does not exist"
            r"|failed to resolve reference .+ not found"
        ),
        "image",
        "there is no such image",
        "Look at its name and tag; `docker pull` tries the same by hand.",
    ),
    (
        (
            r"(https?://|(dial|read) tcp|lookup ).*(timeout|no such host|name resolution|refused|reset by peer"
            r"|unreachable|EOF|misbehaving|proxyconnect|canceled)|unexpected EOF|unexpected (HTTP )?status.* 5\d\d"
        ),
        "network",
        "the engine can't reach the registry",
        "Look at the network where the engine runs, and at its proxy.",
    ),
    (
        r"invalid reference format|invalid repository name",
        "image",
        "no image can have this name",
        "Write it as [REGISTRY/]NAME[:TAG], in small letters.",
    ),
    (
        r"minimum memory limit allowed|container init was OOM-killed",
        "settings",
        "limits.memory is less than a container needs",
        "Raise it: a notebook's kernel alone takes about 100 MB.",
    ),
    (
        r"range of CPUs is from|cpu\.(cfs_quota_us|max)\b.*invalid argument",
        "settings",
        "the engine can't hold a container to so few CPUs as limits.cpus says",
        "Raise it: 0.01 is the least.",
    ),
    (
        r"executable file not found|exec format error|no such file or directory: unknown",
        "program",
        "the image lacks the program that was to start, or it is for another kind of processor",
        "",
    ),
)


def refusal(words: str, *, where: str = "") -> EngineError:
    """Return the error for an engine's refusal. `words` is its own message; it becomes the details."""
    for pattern, cause, what, remedy in _REFUSALS:
        if re.search(pattern, words, re.IGNORECASE):
            return EngineError(what, cause=cause, where=where, remedy=remedy, details=words)
    return EngineError(f"the engine refused: {words}", cause="settings", where=where)


def gone(words: str, *, where: str = "", late: bool = False) -> EngineError:
    """Return the error for an engine that stopped answering; `late`: it is known to have timed out."""
    late = late or bool(re.search(r"timed? ?out", words, re.IGNORECASE))
    return EngineError(
        "the engine gave no answer in time" if late else "the engine went away: it was stopped, or restarted",
        cause="engine",
        where=where,
        remedy="`docker info` says whether it is back; its own words: journalctl -u docker",
        details=words,
        late=late,
    )


def slow(words: str, *, where: str = "") -> EngineError:
    """Return the error for an engine that answers, but is not done yet."""
    return EngineError("the engine is not done with it yet", cause="settings", where=where, details=words, late=True)


def unreadable(words: str, *, where: str = "") -> EngineError:
    """Return the error for an answer that is not JSON."""
    return EngineError(
        "what answers for the engine gives no answers of an engine",
        cause="engine",
        where=where,
        remedy="Look at the address, and at what stands between (a proxy, a gateway): `docker info` must work.",
        details=words,
    )


def unreachable(host: str, source: str, words: str) -> EngineError:
    """Return the error for an engine that we can't connect to. `source` says where the address was given, if known."""
    given = f" (from {source})" if source else ""
    for pattern, what, remedy in _UNREACHABLE:
        if re.search(pattern, words):
            return EngineError(f"{what}: {host}{given}", cause="engine", remedy=remedy, details=words)
    return EngineError(f"no container engine answers: {host}{given}", cause="engine", remedy=_START, details=words)


_OTHER = "name another: docker-host in gpu-doc.yml, or DOCKER_HOST."

_START = f"Start it (systemctl start docker, or Docker Desktop), or {_OTHER}"

_UNREACHABLE = (
    (
        r"Permission denied|PermissionError",
        "the container engine's socket is not ours to use",
        "Add this user to the group docker (usermod -aG docker USER) and log in anew; restart a runner's service.",
    ),
    (
        r"No such file or directory|FileNotFoundError",
        "no container engine is here",
        f"Install Docker (https://docs.docker.com/engine/install/) and start it, or {_OTHER}",
    ),
    (
        r"certificate|CERTIFICATE|SSL|TLS|HTTP request to an HTTPS server",
        "the container engine and we don't trust each other (TLS)",
        "Set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder with its ca.pem, cert.pem and key.pem.",
    ),
    (
        r"Invalid bind|[Nn]ame resolution|Name or service not known|nodename nor|Invalid URL|Failed to parse|Port ",
        "no container engine can be at this address",
        "Write it as unix:///path/of/socket, tcp://host:port or ssh://user@host.",
    ),
)
