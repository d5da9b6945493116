"""How an engine gives GPUs to containers: by NVIDIA's runtime or hook, or as CDI devices by their names.

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
"""What the full name of a CDI device of NVIDIA's begins with: `nvidia.com/gpu=0`, `nvidia.com/gpu=GPU-…`."""

FOLDERS = ("/etc/cdi", "/var/run/cdi")
"""Where specifications lie if an engine doesn't say, as with Podman."""

_HOOK, _CDI_HOOK = "nvidia-container-runtime-hook", "nvidia-cdi-hook"
_PROGRAMS = ":".join(("/usr/bin", "/usr/local/bin", "/usr/sbin", "/usr/local/sbin"))

_LARGEST = 16 << 20
"""Bytes of a specification; larger ones are none."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What an engine can be asked for."""

    podman: bool = False
    """It takes CDI devices only: its API passes over what is asked of another driver."""
    nvidia: bool = False
    """NVIDIA's runtime is set up, or its hook is here; only a start tells whether a GPU is there."""
    cdi: bool = False
    """It takes CDI devices."""
    names: frozenset[str] | None = None
    """Those of NVIDIA's that it has, without `KIND`: `0`, `GPU-…`, `all`. None where that can't be known."""
    folders: tuple[str, ...] = ()
    """Where it looks for specifications, as far as it says."""
    calls_cdi_hook: bool = False
    """It takes requests for NVIDIA's driver where only the hook for CDI is installed."""
    amd: bool = False
    """It has AMD's GPUs, which runs don't get."""

    @property
    def any(self) -> bool:
        """Whether it may have a GPU for a run."""
        return self.nvidia or (self.cdi and self.names != frozenset())


def seen_here(offer: Offer) -> Offer:
    """Return what an engine on this machine offers: with the hooks that are installed, and CDI's specifications."""
    nvidia = offer.nvidia or (not offer.podman and (_is_here(_HOOK) or (offer.calls_cdi_hook and _is_here(_CDI_HOOK))))
    offer = replace(offer, nvidia=nvidia)
    if offer.names is not None or not offer.cdi:
        return offer
    return replace(offer, names=specified(offer.folders or FOLDERS))


def _is_here(program: str) -> bool:
    return bool(shutil.which(program) or shutil.which(program, path=_PROGRAMS))


def specified(folders: Iterable[str]) -> frozenset[str] | None:
    """Return the names of NVIDIA's devices that specifications in these folders have; None where no folder is here.

    A file that can't be read, or is none, is passed over, as engines do.
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
        # Written `name: 0` without quotes it is a number.
        if isinstance(device, Mapping) and isinstance(name := device.get("name"), str | int):
            yield str(name)
