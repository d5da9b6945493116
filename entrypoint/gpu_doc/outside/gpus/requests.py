"""How a run gets just the GPUs that it has leased: from an engine, or by CUDA's own variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from gpu_doc.errors import MachineError
from gpu_doc.model import Json
from gpu_doc.outside.gpus.inventory import Gpu

_CDI_KIND = "nvidia.com/gpu"


def device_requests(
    devices: Sequence[str], driver: Literal["auto", "nvidia", "cdi"], *, nvidia: bool, cdi: bool
) -> list[Json]:
    """HostConfig.DeviceRequests for POST /containers/create; `nvidia` and `cdi` are what the engine says it can.

    The device `all` is all that the engine has, for a probe of what is there.
    With `auto`, CDI is used where only that is known to be there. An engine may have the NVIDIA driver without saying
    so: it is asked then, and refuses when the container starts.

    Raises MachineError: the engine has no CDI devices.
    """
    if not devices:
        return []
    if driver == "cdi" and not cdi:
        raise MachineError(
            "the engine knows no CDI device of NVIDIA's, and `gpu-driver: cdi` asks for one",
            remedy="Where the engine runs (Docker 25 or newer):"
            " nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml. Or take `gpu-driver` out.",
        )
    # https://docs.docker.com/reference/api/engine/, as `docker run --device` and `docker run --gpus` send them. The
    # driver is named, unlike there: capabilities alone may find AMD's. Driver capabilities stay the image's choice;
    # the toolkit's default is compute and utility.
    if driver == "cdi" or (driver == "auto" and cdi and not nvidia):
        return [{"Driver": "cdi", "DeviceIDs": [f"{_CDI_KIND}={device}" for device in devices]}]
    return [{"Driver": "nvidia", "DeviceIDs": list(devices), "Capabilities": [["gpu"]]}]


def cuda_variables(gpus: Sequence[Gpu]) -> dict[str, str]:
    """What lets a local process use these GPUs and no others; none of them for an empty sequence."""
    # Numbers, since some programs read them as such. CUDA's own order would put the fastest first.
    parts = any(":" in gpu.index for gpu in gpus)
    names = [gpu.id if parts else gpu.index for gpu in gpus]
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(names)}
