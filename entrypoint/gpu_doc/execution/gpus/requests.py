"""Gives a run exactly the GPUs that it has leased: through an engine, or by CUDA's variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from gpu_doc.errors import MachineError
from gpu_doc.execution.gpus.inventory import Gpu
from gpu_doc.execution.gpus.offer import KIND, Offer
from gpu_doc.model.values import Json

Driver = Literal["auto", "nvidia", "cdi"]

ALL = Gpu(id="all", index="all", name="", memory=0, free=0)
"""All GPUs of an engine, to find out which there are."""

NO_GPUS = {"NVIDIA_VISIBLE_DEVICES": "void"}
"""Stops NVIDIA's runtime, if it is the engine's default, from giving GPUs that nobody requested."""

_GENERATE = "nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"


def device_requests(gpus: Sequence[Gpu], driver: Driver, offer: Offer) -> list[Json]:
    """Return HostConfig.DeviceRequests for POST /containers/create.

    With `auto`, use CDI if the engine has all of the GPUs as CDI devices: containers lose GPUs given by NVIDIA's hook
    when systemd reloads its units. An engine may have the NVIDIA driver without saying so. So we request it anyway; if
    it is missing, starting the container fails.

    Raises MachineError if the engine can't give them this way.
    """
    if not gpus:
        return []
    if offer.podman:
        _refuse_podman(driver, offer)
    if by_cdi(gpus, driver, offer):
        if unnamed := [gpu for gpu in gpus if not _cdi_names(gpu, offer)]:
            raise _unnamed(unnamed, offer)
        names = [name for gpu in gpus for name in _cdi_names(gpu, offer)]
        return [{"Driver": "cdi", "DeviceIDs": [f"{KIND}{name}" for name in names]}]
    # https://docs.docker.com/reference/api/engine/, as `docker run --gpus` sends it, but with the driver named, since
    # capabilities alone may find AMD's. The image chooses the driver capabilities; the toolkit's default is compute and
    # utility.
    return [{"Driver": "nvidia", "DeviceIDs": [gpu.id for gpu in gpus], "Capabilities": [["gpu"]]}]


def by_cdi(gpus: Sequence[Gpu], driver: Driver, offer: Offer) -> bool:
    """Whether to request these GPUs by CDI. Raises MachineError if we must, but the engine lacks such a device."""
    if driver == "cdi" and not (offer.cdi and offer.names != frozenset()):
        raise MachineError(
            "the engine knows no CDI device of NVIDIA's, and `gpu-driver: cdi` asks for one",
            remedy=f"Where the engine runs (Docker 25 or newer): {_GENERATE}. Or take `gpu-driver` out.",
        )
    if driver == "cdi" or offer.podman:
        return True
    if driver == "nvidia" or not offer.cdi:
        return False
    if offer.names is None:
        return not offer.nvidia
    return all(_cdi_names(gpu, offer) for gpu in gpus)


def _cdi_names(gpu: Gpu, offer: Offer) -> list[str]:
    """Return a GPU's CDI name: its UUID or its number; none if the engine lists neither. `ALL` has several.

    UUIDs come first: inside a container, a GPU may have another number than on the machine.
    """
    candidates = [gpu.id, gpu.index] if gpu.name else [gpu.id]
    if offer.names is None:
        return candidates[-1:]  # specifications always have numbers; older toolkits write no UUIDs
    if found := [name for name in candidates if name in offer.names]:
        return found[:1]
    every = sorted(offer.names) if gpu is ALL else []
    return [name for name in every if name[0].isdigit()] or every


def _refuse_podman(driver: Driver, offer: Offer) -> None:
    """Raise MachineError if Podman would give no GPU, without an error."""
    if driver == "nvidia":
        what = "Podman gives GPUs by CDI only, and `gpu-driver: nvidia` asks for them in another way"
        raise MachineError(what, remedy="Take `gpu-driver` out of gpu-doc.yml, or set it to cdi.")
    if not offer.cdi:
        what = "this Podman is too old to give GPUs to what speaks Docker's API with it"
        raise MachineError(what, remedy="Update it to Podman 5 or newer, or use Docker.")
    if offer.names == frozenset():
        what = "Podman gives GPUs by CDI only, and knows no CDI device of NVIDIA's"
        raise MachineError(what, remedy=f"Where it runs: {_GENERATE}")


def _unnamed(gpus: Sequence[Gpu], offer: Offer) -> MachineError:
    names = sorted(offer.names or ())
    return MachineError(
        f"the engine has no CDI device for {', '.join(map(str, gpus))}",
        remedy=f"Make its specification anew where the engine runs: {_GENERATE}",
        details=f"Those that it has: {', '.join(f'{KIND}{name}' for name in names)}",
    )


def cuda_variables(gpus: Sequence[Gpu]) -> dict[str, str]:
    """Return the variables that let a local process use these GPUs and no others; no GPU for an empty sequence."""
    # Numbers, since some programs expect them. PCI order, since CUDA's own order puts the fastest first.
    parts = any(":" in gpu.index for gpu in gpus)
    names = [gpu.id if parts else gpu.index for gpu in gpus]
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(names)}
