"""Facts about an engine: its version, the limits that it can enforce, and how it gives GPUs to containers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpu_doc.execution.containers.answer_fields import as_list, as_number, as_table, as_text, as_texts
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.gpus.offer import KIND, Offer

_LISTS_DEVICES = (1, 50)
"""From this API version on, GET /info lists the engine's devices; if it lists none, there are none."""

_CALLS_CDI_HOOK = (1, 52)
"""Docker 29's API: it accepts requests for NVIDIA's driver even if only the hook for CDI is installed."""

_PODMAN_GIVES_GPUS = 5
"""The first Podman whose Docker API supports CDI; earlier ones give no GPU, without an error."""

_FLAGS = {"memory": "MemoryLimit", "cpus": "CpuCfsQuota", "processes": "PidsLimit"}
"""Maps limits of gpu-doc.yml to their flags in GET /info."""


@dataclass(frozen=True, kw_only=True)
class EngineFacts:
    """Facts about an engine; memory in bytes."""

    id: str
    version: str
    api_version: str
    podman: bool
    """Whether it is Podman's service, which speaks Docker's API."""
    cpus: int
    """0 if the engine doesn't say; the same for `memory`."""
    memory: int
    rootless: bool
    """Rootless: root in a container is the engine's own user outside."""
    remapped: bool
    """User ids in containers are other ones outside (userns-remap)."""
    offer: Offer
    """How it gives GPUs to containers."""
    selinux: bool
    operating_system: str
    folder: str
    """Its folder for images and volumes, on its own machine; empty if it doesn't say."""
    limits: frozenset[str]
    """The `limits` of gpu-doc.yml that it can enforce: memory, cpus, processes. A rootless one may have no cgroups."""

    @property
    def name(self) -> str:
        """Its name for people: `Podman 5.4.2`; for Docker, only the version."""
        return f"Podman {self.version}" if self.podman else self.version


def facts(info: Any, version: Any) -> EngineFacts:
    """Read the facts from GET /info and GET /version; any field may be missing."""
    info, version = as_table(info), as_table(version)
    security = " ".join(as_texts(info.get("SecurityOptions")))
    api_version = as_text(version.get("ApiVersion"))
    number = as_text(info.get("ServerVersion")) or as_text(version.get("Version"))
    podman = _is_podman(version)
    return EngineFacts(
        id=as_text(info.get("ID")),
        version=number or "of an unknown version",
        api_version=api_version,
        podman=podman,
        cpus=as_number(info.get("NCPU")),
        memory=as_number(info.get("MemTotal")),
        rootless="name=rootless" in security,
        remapped="name=userns" in security,
        offer=_offer(info, numbers(api_version), int(numbers(number)[0]) if podman else None),
        selinux="name=selinux" in security,
        operating_system=as_text(info.get("OperatingSystem")),
        folder=as_text(info.get("DockerRootDir")),
        # Only `false` means that it can't: a newer API may leave out what every engine can do.
        limits=frozenset(name for name, flag in _FLAGS.items() if info.get(flag) is not False),
    )


def spoken(version: Any) -> str:
    """Return the API version that an engine speaks, from GET /version. Raises EngineError if it is missing."""
    said = as_text(as_table(version).get("ApiVersion"))
    if not re.fullmatch(r"\d+\.\d+", said):
        raise EngineError(
            "what answers there does not say which version of Docker's API it speaks",
            cause="engine",
            remedy="Look at the address: it must be a container engine's (docker-host in gpu-doc.yml, or DOCKER_HOST).",
            details=repr(version)[:500],
        )
    return said


def numbers(version: str) -> tuple[int, int]:
    """Return the first two numbers of a version, 0 if missing: `5.4.2-dev` is (5, 4)."""
    found = [int(each[:9]) for each in re.findall(r"\d+", version)[:2]]
    major, minor = (*found, 0, 0)[:2]
    return major, minor


def _is_podman(version: Mapping[str, Any]) -> bool:
    names = [as_text(as_table(each).get("Name")) for each in as_list(version.get("Components"))]
    return any(name.startswith("Podman") for name in names)


def _offer(info: Mapping[str, Any], api: tuple[int, int], podman: int | None) -> Offer:
    """Return how it gives GPUs to containers, as far as it says. `podman` is Podman's version; None for Docker."""
    runtimes = {str(name) for name in as_table(info.get("Runtimes"))}
    folders = as_texts(info.get("CDISpecDirs"))
    listed = [as_text(as_table(each).get("ID")) for each in as_list(info.get("DiscoveredDevices"))]
    names = frozenset(each.removeprefix(KIND) for each in listed if each.startswith(KIND))
    says = podman is None and ("DiscoveredDevices" in info or api >= _LISTS_DEVICES)
    return Offer(
        podman=podman is not None,
        nvidia=podman is None and "nvidia" in runtimes,
        # Without folders, it has no driver for CDI. Podman never names folders, but always has the driver.
        cdi=bool(folders or names) if podman is None else podman >= _PODMAN_GIVES_GPUS,
        names=names if says else None,
        folders=folders,
        calls_cdi_hook=podman is None and api >= _CALLS_CDI_HOOK,
        amd="amd" in runtimes or any(each.startswith("amd.com/") for each in listed),
    )
