"""What engines say, typed: the only reader of their answers, so that none of them can be a defect of ours.

An answer may come from an engine older or newer than those we know, from another program that speaks the same API, or
cut short by what stands between. So every field may be absent, null, or of another type; each reader says what that
means. Only where nothing can be done without a field, EngineError says which one lacks.

https://docs.docker.com/reference/api/engine/ - field names and the versions that brought or dropped them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.gpus.offer import KIND, Offer

_LISTS_DEVICES = (1, 50)
"""The API from which on GET /info lists the devices that an engine has; where it lists none, it has none."""

_CALLS_CDI_HOOK = (1, 52)
"""The API of Docker 29, which takes requests for NVIDIA's driver also where only the hook for CDI is installed."""

_PODMAN_GIVES_GPUS = 5
"""The first Podman whose Docker API knows CDI; earlier ones say nothing, and give nothing."""

_FLAGS = {"memory": "MemoryLimit", "cpus": "CpuCfsQuota", "processes": "PidsLimit"}
"""What GET /info calls the limits of gpu-doc.yml."""

_OVER = ("exited", "dead", "stopped", "removing")
"""The states of containers that have ended, Podman's own words too."""

_UNNAMED = re.compile(r"[0-9a-f]{64}")


# --- the engine ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class EngineFacts:
    """What an engine says of itself; memory in bytes."""

    id: str
    version: str
    api_version: str
    podman: bool
    """It is Podman's service, which speaks Docker's API."""
    cpus: int
    """0 where it doesn't say; so with `memory`."""
    memory: int
    rootless: bool
    """Root in a container is the engine's own user outside."""
    remapped: bool
    """User ids in containers are other ones outside (userns-remap)."""
    offer: Offer
    """How it gives GPUs to containers."""
    selinux: bool
    operating_system: str
    folder: str
    """Where it keeps images and volumes, on its own machine; empty where it doesn't say."""
    limits: frozenset[str]
    """Which of `limits` in gpu-doc.yml it can hold: memory, cpus, processes. A rootless one may have no cgroups."""

    @property
    def name(self) -> str:
        """What people call it: `Podman 5.4.2`, and for Docker the version alone."""
        return f"Podman {self.version}" if self.podman else self.version


def facts(info: Any, version: Any) -> EngineFacts:
    """Return what GET /info and GET /version tell, whatever they lack."""
    info, version = _table(info), _table(version)
    security = " ".join(_texts(info.get("SecurityOptions")))
    api_version = _text(version.get("ApiVersion"))
    number = _text(info.get("ServerVersion")) or _text(version.get("Version"))
    podman = _is_podman(version)
    return EngineFacts(
        id=_text(info.get("ID")),
        version=number or "of an unknown version",
        api_version=api_version,
        podman=podman,
        cpus=_number(info.get("NCPU")),
        memory=_number(info.get("MemTotal")),
        rootless="name=rootless" in security,
        remapped="name=userns" in security,
        offer=_offer(info, numbers(api_version), int(numbers(number)[0]) if podman else None),
        selinux="name=selinux" in security,
        operating_system=_text(info.get("OperatingSystem")),
        folder=_text(info.get("DockerRootDir")),
        # Only `false` says that it can't: a newer API may leave out what every engine can.
        limits=frozenset(name for name, flag in _FLAGS.items() if info.get(flag) is not False),
    )


def spoken(version: Any) -> str:
    """Return the version of the API that an engine speaks, by GET /version. Raises EngineError: it says none."""
    said = _text(_table(version).get("ApiVersion"))
    if not re.fullmatch(r"\d+\.\d+", said):
        raise EngineError(
            "what answers there does not say which version of Docker's API it speaks",
            cause="engine",
            remedy="Look at the address: it must be a container engine's (docker-host in gpu-doc.yml, or DOCKER_HOST).",
            details=repr(version)[:500],
        )
    return said


def numbers(version: str) -> tuple[int, int]:
    """Return the first two numbers of a version, 0 for those that are not there: `5.4.2-dev` is (5, 4)."""
    found = [int(each[:9]) for each in re.findall(r"\d+", version)[:2]]
    major, minor = (*found, 0, 0)[:2]
    return major, minor


def _is_podman(version: Mapping[str, Any]) -> bool:
    names = [_text(_table(each).get("Name")) for each in _list(version.get("Components"))]
    return any(name.startswith("Podman") for name in names)


def _offer(info: Mapping[str, Any], api: tuple[int, int], podman: int | None) -> Offer:
    """Return how it gives GPUs, as far as it says. `podman` is its version, None for Docker's engine."""
    runtimes = {str(name) for name in _table(info.get("Runtimes"))}
    folders = _texts(info.get("CDISpecDirs"))
    listed = [_text(_table(each).get("ID")) for each in _list(info.get("DiscoveredDevices"))]
    names = frozenset(each.removeprefix(KIND) for each in listed if each.startswith(KIND))
    says = podman is None and ("DiscoveredDevices" in info or api >= _LISTS_DEVICES)
    return Offer(
        podman=podman is not None,
        nvidia=podman is None and "nvidia" in runtimes,
        # Without folders it has no driver for CDI. Podman doesn't tell them; it always has one.
        cdi=bool(folders or names) if podman is None else podman >= _PODMAN_GIVES_GPUS,
        names=names if says else None,
        folders=folders,
        calls_cdi_hook=podman is None and api >= _CALLS_CDI_HOOK,
        amd="amd" in runtimes or any(each.startswith("amd.com/") for each in listed),
    )


# --- containers ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class State:
    """How a container is."""

    phase: str
    """In the engine's word: created, running, exited, ..."""
    running: bool
    status: int | None
    """As the engine tells it; None where it doesn't."""
    out_of_memory: bool
    error: str

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return not self.running and self.phase in _OVER


def state(container: Any) -> State:
    """Return the state in GET /containers/ID/json. Raises EngineError: there is none."""
    found = _table(_table(container).get("State"))
    phase = _text(found.get("Status")).lower()
    running = found.get("Running")
    if not phase and not isinstance(running, bool):
        raise _lacks("State", "how a container is", container)
    status = found.get("ExitCode")
    return State(
        phase=phase or ("running" if running else "exited"),
        running=running if isinstance(running, bool) else phase == "running",
        status=status if isinstance(status, int) and not isinstance(status, bool) else None,
        out_of_memory=found.get("OOMKilled") is True,
        error=_text(found.get("Error")),
    )


def entrypoint(container: Any) -> tuple[str, ...]:
    """Return what GET /containers/ID/json says it starts; nothing where it doesn't."""
    return _texts(_table(_table(container).get("Config")).get("Entrypoint"))


def unnamed_volumes(container: Any) -> frozenset[str]:
    """Return the volumes in GET /containers/ID/json that nobody named: the engine did, with 64 hexadecimal digits."""
    names = (_text(_table(mount).get("Name")) for mount in _list(_table(container).get("Mounts")))
    return frozenset(name for name in names if _UNNAMED.fullmatch(name))


def identity(answer: Any, what: str) -> str:
    """Return the id of what was made: POST /containers/create, POST /containers/ID/exec. Raises EngineError."""
    found = _text(_table(answer).get("Id"))
    if not found:
        raise _lacks("Id", f"the id of {what}", answer)
    return found


def exec_status(answer: Any) -> int | None:
    """Return what a program ended with that was started in a container (GET /exec/ID/json); None while it runs."""
    status = _table(answer).get("ExitCode")
    return status if isinstance(status, int) and not isinstance(status, bool) else None


def link_target(stat: Any) -> str:
    """Return where a path in a container leads that is a link (X-Docker-Container-Path-Stat); empty for others."""
    return _text(_table(stat).get("linkTarget"))


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A container in GET /containers/json."""

    id: str
    phase: str
    labels: Mapping[str, str]
    volumes: frozenset[str]
    """The names of those that it uses."""

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.phase in _OVER


def containers(answer: Any) -> list[Listed]:
    """Return the containers listed; what has no id is none."""
    found = [_table(each) for each in _list(answer)]
    return [
        Listed(
            id=_text(each.get("Id")),
            phase=_text(each.get("State")).lower(),
            labels=_labels(each.get("Labels")),
            volumes=frozenset(_text(_table(mount).get("Name")) for mount in _list(each.get("Mounts"))) - {""},
        )
        for each in found
        if _text(each.get("Id"))
    ]


# --- volumes and images ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A volume."""

    name: str
    folder: str
    """Where it lies on the engine's machine; empty where the engine doesn't say."""
    labels: Mapping[str, str]


def volume(answer: Any) -> Volume:
    """Return the volume that was made (POST /volumes/create). Raises EngineError: it has no name."""
    found = _volume(answer)
    if not found.name:
        raise _lacks("Name", "the name of a volume", answer)
    return found


def volumes(answer: Any) -> list[Volume]:
    """Return the volumes in GET /volumes; what has no name is none."""
    return [found for each in _list(_table(answer).get("Volumes")) if (found := _volume(each)).name]


def _volume(answer: Any) -> Volume:
    found = _table(answer)
    name, folder = _text(found.get("Name")), _text(found.get("Mountpoint"))
    return Volume(name=name, folder=folder, labels=_labels(found.get("Labels")))


@dataclass(frozen=True, kw_only=True)
class Configured:
    """What an image says of how it runs; newer engines leave out what is empty (API 1.52)."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    user: str
    folder: str


def configured(image: Any) -> Configured:
    """Return the Config in GET /images/NAME/json."""
    found = _table(_table(image).get("Config"))
    return Configured(
        entrypoint=_texts(found.get("Entrypoint")),
        command=_texts(found.get("Cmd")),
        user=_text(found.get("User")),
        folder=_text(found.get("WorkingDir")),
    )


def described(answer: Any) -> dict[str, Any]:
    """Return GET /images/NAME/json with what is not as the API describes it left out. Raises EngineError: no id."""
    found = dict(_table(answer))
    if not _text(found.get("Id")):
        raise _lacks("Id", "the id of an image", answer)
    config = dict(_table(found.get("Config")))
    for name in _LISTS & config.keys():
        config[name] = list(_texts(config[name]))
    for name in _TEXTS & config.keys():
        config[name] = _text(config[name])
    identity = found.get("Identity")
    pulls = [{"Repository": _text(_table(each).get("Repository"))} for each in _list(_table(identity).get("Pull"))]
    return {
        **found,
        "Config": config,
        "RepoDigests": list(_texts(found.get("RepoDigests"))),
        "RootFS": {"Layers": list(_texts(_table(found.get("RootFS")).get("Layers")))},
        "Identity": {"Pull": pulls} if isinstance(identity, Mapping) and identity else None,
    }


_LISTS, _TEXTS = frozenset(("Cmd", "Entrypoint", "Env")), frozenset(("User", "WorkingDir"))
"""Of an image's Config."""


def distribution(answer: Any) -> tuple[str, str]:
    """Return digest and kind of what a registry has: GET /distribution/NAME/json. Raises EngineError: no digest."""
    found = _table(_table(answer).get("Descriptor"))
    if not _text(found.get("digest")):
        raise _lacks("Descriptor", "the digest of an image", answer)
    return _text(found.get("digest")), _text(found.get("mediaType"))


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """An event of POST /images/create."""

    layer: str
    """Empty where it is about the whole image."""
    status: str
    here: int
    """Bytes; so is `whole`, 0 where it is not known."""
    whole: int
    problem: str
    """Why there will be no image."""


def pulled(event: Any) -> Pulled:
    """Return an event of a pull, from which anything may lack. `error` goes with API 1.48, `errorDetail` stays."""
    found = _table(event)
    size = _table(found.get("progressDetail"))
    return Pulled(
        layer=_text(found.get("id")),
        status=_text(found.get("status")),
        here=_number(size.get("current")),
        whole=_number(size.get("total")),
        problem=_text(found.get("error")) or _text(_table(found.get("errorDetail")).get("message")),
    )


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What Podman says of an image in a registry: GET /libpod/manifests/NAME/json."""

    problem: str
    kind: str
    """Its media type; empty where it doesn't say."""
    lists: bool
    """It lists images for several kinds of machines."""


def manifest(answer: Any) -> Manifest:
    """Return what Podman says of an image in a registry, from which anything may lack."""
    found = _table(answer)
    kind, problem = _text(found.get("mediaType")), _text(found.get("message"))
    return Manifest(problem=problem, kind=kind, lists=bool(_list(found.get("manifests"))))


def size(image: Any) -> int:
    """Return the bytes of an image, 0 where the engine doesn't say."""
    return _number(_table(image).get("Size"))


# --- fields ----------------------------------------------------------------------------------------------------------


def _lacks(field: str, what: str, answer: Any) -> EngineError:
    return EngineError(
        f"the engine answered without {what} (`{field}`)",
        cause="settings",
        remedy="Something between it and us may have cut the answer short, or this version of it is not one we know.",
        details=repr(answer)[:500],
    )


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(each for each in _list(value) if isinstance(each, str))


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _labels(value: Any) -> dict[str, str]:
    return {str(name): text for name, text in _table(value).items() if isinstance(text, str)}
