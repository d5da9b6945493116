"""Which GPUs this machine has, and this process may use."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.agent import probe
from gpu_doc.model.values import Json
from gpu_doc.system import process

PCI = Path("/sys/bus/pci/devices")
_NVIDIA, _AMD = "0x10de", "0x1002"
_DISPLAYS = ("0x03", "0x12")
"""The classes of display controllers and of accelerators; AMD's MI cards are of either."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU, or one part of a split one (MIG); memory in bytes."""

    id: str
    """Its UUID; where only NVIDIA_VISIBLE_DEVICES tells of it, what stands there."""
    index: str
    """Its number in the order of the PCI bus, as nvidia-smi counts; `0:1` for a part."""
    name: str
    """Empty where only NVIDIA_VISIBLE_DEVICES tells of it; its memory is not known then either."""
    memory: int
    free: int

    def __str__(self) -> str:
        known = f" ({self.name}, {gibibytes(self.memory)})" if self.name else ""
        return f"GPU {self.index}{known}"


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """The GPUs that may be used here."""

    gpus: tuple[Gpu, ...] = ()
    hidden: int = 0
    """How many more there are, which NVIDIA_VISIBLE_DEVICES or CUDA_VISIBLE_DEVICES keeps from us."""
    driver: str = ""
    problem: str = ""
    """Why some or all can't be used, in the driver's own words."""
    refusal: GpuDocError | None = None
    """Why an engine could not be asked for them, where only it knows of them."""
    amd: bool = False
    """There is one of AMD's, which runs don't get."""


def gibibytes(size: int) -> str:
    """A size of memory as people say it: `80 GiB`."""
    return f"{size / (1 << 30):.3g} GiB"


def inventory(environ: Mapping[str, str], *, pci: Path = PCI) -> Inventory:
    """Ask the driver, in a process of its own: with a broken GPU the driver's library may hang."""
    try:
        # Isolated, and without packages: only the GPUs are of interest.
        argv = [sys.executable, "-I", "-S", probe.__file__]
        facts = json.loads(process.output(argv, limit=60, environment=environ))
    except OSError as error:
        return Inventory(problem=str(error))
    found = replace(of_facts(facts), amd=_has_card(_AMD, pci))
    if not found.gpus and not found.hidden and not found.problem and _has_card(_NVIDIA, pci):
        return replace(found, problem="an NVIDIA card is here, but no driver for it is installed")
    return found


def of_facts(facts: Mapping[str, Json]) -> Inventory:
    """What a probe (execution/agent/probe.py) has found, in a container say; nothing where it has found nothing."""
    gpus = tuple(Gpu(**gpu) for gpu in facts.get("gpus", ()))
    hidden, driver, problem = facts.get("hidden", 0), facts.get("driver", ""), facts.get("problem", "")
    return Inventory(gpus=gpus, hidden=hidden, driver=driver, problem=problem)


def _has_card(maker: str, pci: Path) -> bool:
    # https://www.kernel.org/doc/html/latest/PCI/sysfs-pci.html
    for device in pci.glob("*"):
        with suppress(OSError):
            vendor, kind = ((device / name).read_text().strip() for name in ("vendor", "class"))
            if vendor == maker and kind.startswith(_DISPLAYS):
                return True
    return False
