"""jupyter_client's interface to a kernel in a container."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

if TYPE_CHECKING:
    from gpu_doc.execution.workers.container_kernel import ContainerKernel


class Provisioner(KernelProvisionerBase):
    """A kernel provisioner for a kernel in a container."""

    def __init__(self, *, kernel: ContainerKernel, **more: Any) -> None:
        super().__init__(**more)
        self._kernel = kernel

    @property
    def has_process(self) -> bool:
        """Always true: the kernel was started before."""
        return True

    async def poll(self) -> int | None:
        """Return the exit status; None while it runs."""
        return self._kernel.status

    async def wait(self) -> int | None:
        """Wait until it has ended; return the exit status."""
        while self._kernel.status is None:
            await asyncio.sleep(0.05)
        return self._kernel.status

    async def send_signal(self, signum: int) -> None:
        """Send a signal."""
        self._kernel.signal(signum)

    async def kill(self, restart: bool = False) -> None:  # noqa: FBT001, FBT002 - jupyter_client's signature
        """Kill it."""
        del restart
        await self._kernel.kill()

    async def terminate(self, restart: bool = False) -> None:  # noqa: FBT001, FBT002 - jupyter_client's signature
        """End it."""
        await self.kill(restart=restart)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Never called: the container is started before jupyter_client knows of it."""
        raise NotImplementedError

    async def cleanup(self, restart: bool = False) -> None:  # noqa: FBT001, FBT002 - jupyter_client's signature
        """Do nothing: `ContainerKernel` removes the container."""
