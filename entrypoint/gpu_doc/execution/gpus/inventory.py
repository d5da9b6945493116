"""Finds the GPUs that this machine has and this process may use."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.agent import probe
from gpu_doc.execution.agent.messages import read_probe
from gpu_doc.execution.agent.wire import WireError
from gpu_doc.model.values import Json
from gpu_doc.system import process

PCI = Path("/sys/bus/pci/devices")
_NVIDIA, _AMD = "0x10de", "0x1002"
_DISPLAYS = ("0x03", "0x12")
"""PCI classes of display controllers and of accelerators; AMD's MI cards have one or the other."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU, or a MIG instance of one; memory in bytes."""

    id: str
    """Its UUID; if only NVIDIA_VISIBLE_DEVICES names it, the name there."""
    index: str
    """Its number in the order of the PCI bus, like nvidia-smi's; `0:1` for a MIG instance."""
    name: str
    """Empty if only NVIDIA_VISIBLE_DEVICES names it; then its memory is not known either."""
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
    """The number of GPUs that NVIDIA_VISIBLE_DEVICES or CUDA_VISIBLE_DEVICES hides from us."""
    driver: str = ""
    problem: str = ""
    """Why some or all can't be used, as the driver says."""
    refusal: GpuDocError | None = None
    """Why we could not ask the engine, if only the engine knows the GPUs."""
    amd: bool = False
    """Whether there is an AMD GPU; runs don't get these."""


def gibibytes(size: int) -> str:
    """Return a size of memory for people: `80 GiB`."""
    return f"{size / (1 << 30):.3g} GiB"


def inventory(environ: Mapping[str, str], *, pci: Path = PCI) -> Inventory:
    """Ask the driver, in a separate process: with a broken GPU, the driver's library may hang."""
    try:
        # Isolated and without packages, since we only want the GPUs.
        argv = [sys.executable, "-I", "-S", probe.__file__]
        probed = read_probe(process.output(argv, limit=60, environment=environ).encode())
    except (OSError, WireError) as error:
        return Inventory(problem=str(error))
    found = replace(of_facts(probed.facts), amd=_has_card(_AMD, pci))
    if not found.gpus and not found.hidden and not found.problem and _has_card(_NVIDIA, pci):
        return replace(found, problem="an NVIDIA card is here, but no driver for it is installed")
    return found


def of_facts(facts: Mapping[str, Json]) -> Inventory:
    """Return the GPUs that a probe (execution/agent/probe.py) found, for example in a container."""
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
