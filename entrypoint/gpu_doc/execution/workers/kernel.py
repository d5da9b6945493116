"""One kernel, local or in a container: what a worker does with it, from its start to its end."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any

from gpu_doc.execution.agent.outcomes import NoStart, Shortages
from gpu_doc.execution.workers.failure import FailureError
from gpu_doc.execution.workers.own_log import Log
from gpu_doc.execution.workers.run_ends import ContainerEnded, KernelDied, KernelRefused
from gpu_doc.redaction import Redactor

if TYPE_CHECKING:
    from jupyter_client.kernelspec import KernelSpec

    from gpu_doc.execution.workers.messages import RunNotebook

START_LIMIT = 120
"""Seconds that a kernel may take to answer for the first time. papermill's 60 were not enough on busy machines."""

SHUTDOWN_LIMIT = 5
"""Seconds that a kernel may take to end by itself after it was asked to, as in jupyter_client."""


def kernel_name(job: RunNotebook, source: Any) -> str:
    """Return the name of the kernel that a run asks for: its setting, else the notebook's; empty for any Python."""
    name: str = job.kernel or source["metadata"].get("kernelspec", {}).get("name") or ""
    return name


class Kernel:
    """A kernel and its client, with a private folder for its sockets and its connection file."""

    spec: KernelSpec
    """Its specification; known once it has been started."""

    def __init__(self, job: RunNotebook, folder: Path) -> None:
        self.job = job
        self.folder = folder
        self.own_log = Log(Path(job.folder) / "kernel.log", Redactor(job.redact))
        self.pid = 0
        """The process id of a local kernel; 0 in a container."""
        self.manager: Any = None
        self.client: Any = None
        self.language_info: dict[str, Any] = {}

    async def start(self) -> None:
        """Start it; `ready` waits until it answers. Raises FailureError if it can't be started."""
        raise NotImplementedError

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        raise NotImplementedError

    def death(self) -> KernelDied | ContainerEnded:
        """Return how it died, alone or with its container."""
        return KernelDied(status=self.status, log=self.log())

    async def shortages(self) -> Shortages:
        """Return which limits the run has reached, as far as known."""
        return Shortages()

    def log(self) -> str:
        """Return the end of what the process wrote to its own standard output and error."""
        return self.own_log.end()

    async def kill(self) -> None:
        """Kill it at once, with all processes that it started."""
        raise NotImplementedError

    def let_go(self) -> None:
        """Let the run start, if it waits for that."""

    async def collect(self) -> None:
        """Collect what the run left, before its end is reported.

        Raises FailureError if something that it should have left is missing.
        """
        if self.job.produces:
            # A file may be complete only when the kernel has ended, which flushes buffers.
            await self.stop()

    async def stop(self) -> None:
        """Ask it to end, so that its exit handlers run; then kill it and all that it started. May be called twice."""
        await self.end_politely()
        await self.kill()
        with suppress(Exception):
            await self.manager.cleanup_resources()
        if self.client:
            self.client.stop_channels()
            self.client = None
        shutil.rmtree(self.folder, ignore_errors=True)

    async def end_politely(self) -> None:
        """Ask it to end, and wait for that up to `SHUTDOWN_LIMIT`."""
        if not self.client or self.has_ended():
            return
        await self._ask_to_end()
        end = time.monotonic() + SHUTDOWN_LIMIT
        while not self.has_ended() and time.monotonic() < end:
            await asyncio.sleep(0.02)

    def has_ended(self) -> bool:
        """Return whether it has ended."""
        return self.status is not None

    async def ready(self) -> None:
        """Wait until the kernel answers on both channels.

        Raises FailureError if it ends, or does not answer within `START_LIMIT`.
        """
        self.client = self.manager.client()
        self.client.start_channels(hb=False, stdin=False)
        end = time.monotonic() + START_LIMIT
        self.client.kernel_info()
        while time.monotonic() < end:
            try:
                reply = await self.client.get_shell_msg(timeout=0.2)
                # Its message on iopub shows that outputs will reach us; without it, we have subscribed too late.
                await self.client.get_iopub_msg(timeout=0.2)
            except Empty:
                if self.status is not None:
                    raise self._no_start() from None
                self.client.kernel_info()
                continue
            if reply["msg_type"] == "kernel_info_reply":
                self.language_info = reply["content"].get("language_info", {})
                return
        raise self._no_start()

    def _no_start(self) -> FailureError:
        return FailureError(KernelRefused(why=NoStart(tuple(self.spec.argv), self.status, self.log())))

    async def interrupt(self) -> None:
        """Interrupt the running cell, by signal or message as its specification says."""
        with suppress(Exception):
            await self.manager.interrupt_kernel()

    async def _ask_to_end(self) -> None:
        """Ask the process to end, so that it runs its exit handlers and closes its files.

        ipykernel's shutdown request hangs for 10 s in 1 of 25 cases: its control thread then flushes stdout through a
        thread that has ended (iostream.py, `flush_timeout`). IPython's `exit` does the same without that.
        """
        with suppress(Exception):
            if "ipykernel_launcher" in self.spec.argv:
                self.client.execute("get_ipython().ask_exit()", silent=True, store_history=False)
            else:
                await self.manager.request_shutdown()


def sockets() -> Any:
    """Return this process's ZeroMQ context, set up for kernels that start soon and may send many messages."""
    import zmq
    import zmq.asyncio

    context = zmq.asyncio.Context.instance()
    # The socket does not exist when we first connect: try again soon (milliseconds; the default is 100).
    context.setsockopt(zmq.RECONNECT_IVL, 10)
    # With the default of 1,000 messages, a cell that prints a lot loses output, and the message that it has ended.
    context.setsockopt(zmq.RCVHWM, 100_000)
    return context
