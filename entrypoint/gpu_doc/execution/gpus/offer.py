"""How an engine gives GPUs to containers: through NVIDIA's runtime or hook, or as named CDI devices.

CDI: https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

KIND = "nvidia.com/gpu="
"""The beginning of the full name of NVIDIA's CDI devices: `nvidia.com/gpu=0`, `nvidia.com/gpu=GPU-…`."""

FOLDERS = ("/etc/cdi", "/var/run/cdi")
"""The folders of specifications if an engine doesn't say, like Podman."""

_HOOK, _CDI_HOOK = "nvidia-container-runtime-hook", "nvidia-cdi-hook"
_PROGRAMS = ":".join(("/usr/bin", "/usr/local/bin", "/usr/sbin", "/usr/local/sbin"))

_LARGEST = 16 << 20
"""The most bytes of a specification; larger files are ignored."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What we can ask an engine for."""

    podman: bool = False
    """It accepts only CDI devices: its API ignores requests for another driver."""
    nvidia: bool = False
    """It has NVIDIA's runtime or hook. Only starting a container shows whether there is a GPU."""
    cdi: bool = False
    """It accepts CDI devices."""
    names: frozenset[str] | None = None
    """The names of its NVIDIA CDI devices, without `KIND`: `0`, `GPU-…`, `all`. None if not known."""
    folders: tuple[str, ...] = ()
    """Its folders of specifications, as far as it says."""
    calls_cdi_hook: bool = False
    """It accepts requests for NVIDIA's driver even if only the hook for CDI is installed."""
    amd: bool = False
    """It has AMD GPUs; runs don't get these."""

    @property
    def any(self) -> bool:
        """Whether it may have a GPU for a run."""
        return self.nvidia or (self.cdi and self.names != frozenset())


def seen_here(offer: Offer) -> Offer:
    """Return what an engine on this machine offers: adds the installed hooks and the CDI specifications."""
    nvidia = offer.nvidia or (not offer.podman and (_is_here(_HOOK) or (offer.calls_cdi_hook and _is_here(_CDI_HOOK))))
    offer = replace(offer, nvidia=nvidia)
    if offer.names is not None or not offer.cdi:
        return offer
    return replace(offer, names=specified(offer.folders or FOLDERS))


def _is_here(program: str) -> bool:
    return bool(shutil.which(program) or shutil.which(program, path=_PROGRAMS))


def specified(folders: Iterable[str]) -> frozenset[str] | None:
    """Return the names of NVIDIA's devices in the specifications in these folders; None if no folder exists.

    Like engines, ignore files that can't be read or are not specifications.
    """
    here = [Path(folder) for folder in folders if Path(folder).is_dir()]
    if not here:
        return None
    files = sorted(path for folder in here for path in folder.glob("*") if path.suffix in (".json", ".yaml", ".yml"))
    return frozenset(name for path in files for name in _named(_specification(path)))


def _specification(path: Path) -> Any:
    import yaml  # JSON is YAML too

    with suppress(OSError, ValueError, RecursionError, yaml.YAMLError):
        if path.stat().st_size <= _LARGEST:
            return yaml.safe_load(path.read_text("utf-8"))
    return None


def _named(specification: Any) -> Iterable[str]:
    if not isinstance(specification, Mapping) or f"{specification.get('kind')}=" != KIND:
        return
    devices = specification.get("devices")
    for device in devices if isinstance(devices, list) else ():
        # YAML reads `name: 0` without quotes as a number.
        if isinstance(device, Mapping) and isinstance(name := device.get("name"), str | int):
            yield str(name)
