"""One kernel, wherever it lives: what a worker asks of it, from its start to its end."""

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
"""Seconds that a kernel may take to answer for the first time. papermill's 60 were not enough on loaded machines."""

SHUTDOWN_LIMIT = 5
"""Seconds that a kernel may take to end by itself once asked to, as in jupyter_client."""


def kernel_name(job: RunNotebook, source: Any) -> str:
    """Return the name of the kernel that a run asks for: its own, else the notebook's; empty is any Python."""
    name: str = job.kernel or source["metadata"].get("kernelspec", {}).get("name") or ""
    return name


class Kernel:
    """A kernel, and our client of it, with a private folder for its sockets and its connection file."""

    spec: KernelSpec
    """What it is; known once it has been started."""

    def __init__(self, job: RunNotebook, folder: Path) -> None:
        self.job = job
        self.folder = folder
        self.own_log = Log(Path(job.folder) / "kernel.log", Redactor(job.redact))
        self.pid = 0
        """Of a local process; 0 in a container."""
        self.manager: Any = None
        self.client: Any = None
        self.language_info: dict[str, Any] = {}

    async def start(self) -> None:
        """Start it; `ready` waits until it answers.

        Raises FailureError: it can't be started.
        """
        raise NotImplementedError

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        raise NotImplementedError

    def death(self) -> KernelDied | ContainerEnded:
        """Say how it died, alone or with its container."""
        return KernelDied(status=self.status, log=self.log())

    async def shortages(self) -> Shortages:
        """Say which limits the run has met, as far as known."""
        return Shortages()

    def log(self) -> str:
        """Give the end of what the process wrote to its own standard output and error."""
        return self.own_log.end()

    async def kill(self) -> None:
        """Kill it at once, with all that it started."""
        raise NotImplementedError

    def let_go(self) -> None:
        """Let the run begin, where it waits for that."""

    async def collect(self) -> None:
        """Take over what the run left, before its end is told.

        Raises FailureError: something that it should have left is missing.
        """
        if self.job.produces:
            # A file may be complete only when the kernel has ended: buffers are flushed then.
            await self.stop()

    async def stop(self) -> None:
        """End it and all that it started; politely first, so that its exit handlers run. Once is enough."""
        await self.end_politely()
        await self.kill()
        with suppress(Exception):
            await self.manager.cleanup_resources()
        if self.client:
            self.client.stop_channels()
            self.client = None
        shutil.rmtree(self.folder, ignore_errors=True)

    async def end_politely(self) -> None:
        """Ask it to end, and wait a while until it has."""
        if not self.client or self.has_ended():
            return
        await self._ask_to_end()
        end = time.monotonic() + SHUTDOWN_LIMIT
        while not self.has_ended() and time.monotonic() < end:
            await asyncio.sleep(0.02)

    def has_ended(self) -> bool:
        """Say whether it runs no more."""
        return self.status is not None

    async def ready(self) -> None:
        """Wait until the kernel answers on both channels.

        Raises FailureError: it ended, or `START_LIMIT` passed.
        """
        self.client = self.manager.client()
        self.client.start_channels(hb=False, stdin=False)
        end = time.monotonic() + START_LIMIT
        self.client.kernel_info()
        while time.monotonic() < end:
            try:
                reply = await self.client.get_shell_msg(timeout=0.2)
                # The answer's echo on iopub tells that outputs will reach us; else the subscription came too late.
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
        """Interrupt the running cell, by signal or message as the kernel wants it."""
        with suppress(Exception):
            await self.manager.interrupt_kernel()

    async def _ask_to_end(self) -> None:
        """Ask for what makes the process run its exit handlers and close its files.

        ipykernel's own shutdown request hangs for 10 s once in 25 times: its control thread then flushes stdout
        through a thread that has ended (iostream.py, `flush_timeout`). IPython's `exit` takes the same way without it.
        """
        with suppress(Exception):
            if "ipykernel_launcher" in self.spec.argv:
                self.client.execute("get_ipython().ask_exit()", silent=True, store_history=False)
            else:
                await self.manager.request_shutdown()


def sockets() -> Any:
    """Return this process's ZeroMQ context, made for kernels that are about to start and may talk a lot."""
    import zmq
    import zmq.asyncio

    context = zmq.asyncio.Context.instance()
    # The socket does not exist when we first connect: look again soon (milliseconds; the default is 100).
    context.setsockopt(zmq.RECONNECT_IVL, 10)
    # The default of 1,000 messages drops output, and the message that a cell has ended, of a cell that prints a lot.
    context.setsockopt(zmq.RCVHWM, 100_000)
    return context
