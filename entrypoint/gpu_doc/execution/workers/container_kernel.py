"""Runs a kernel in a container: papermill uses it through a kernel provisioner and sockets that are relayed to us."""

from __future__ import annotations

import asyncio
import errno
import json
import secrets
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_client.kernelspec import KernelSpec

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.agent import frames
from gpu_doc.execution.agent import messages as agent
from gpu_doc.execution.agent.frames import Frame
from gpu_doc.execution.agent.jobs import KernelJob
from gpu_doc.execution.agent.kernels import PORTS
from gpu_doc.execution.agent.outcomes import Found, NoIpykernel, NoKernel, NoStart, Shortages
from gpu_doc.execution.agent.produced import MOST
from gpu_doc.execution.containers import engine
from gpu_doc.execution.containers.container import Container, NoPythonError
from gpu_doc.execution.containers.relay import Attached, Relay, write_connection
from gpu_doc.execution.workers.container_ends import container_end, engine_failure, keep_record
from gpu_doc.execution.workers.container_provisioner import Provisioner
from gpu_doc.execution.workers.failure import FailureError
from gpu_doc.execution.workers.kernel import START_LIMIT, Kernel, sockets
from gpu_doc.execution.workers.messages import Probed, RunNotebook, Said, write
from gpu_doc.execution.workers.run_ends import (
    ContainerEnded,
    KernelDied,
    KernelRefused,
    NoPython,
    NotLeft,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_doc.system.link import Link

Told = TypeVar("Told")

COLLECT_LIMIT = 600
"""Seconds that collecting and copying out what a run produced may take."""

ANSWER_LIMIT = 2
"""Seconds that the agent may take to answer a question."""

_engines: dict[str, engine.Engine] = {}
"""Connections by address; a worker drives one run after the other."""


def engine_at(address: Mapping[str, str]) -> engine.Engine:
    """Return this process's connection to an engine."""
    key = json.dumps(dict(address), sort_keys=True)
    if key not in _engines:
        _engines[key] = engine.reconnect(address)
    return _engines[key]


_REFUSALS: tuple[type[Any], ...] = (NoKernel, NoIpykernel, NoStart)


class _Gone:
    """The agent sends nothing any more: its container has ended, or the engine is gone."""


class ContainerKernel(Kernel):
    """A kernel in its own container."""

    def __init__(self, job: RunNotebook, name: str, folder: Path, link: Link) -> None:
        super().__init__(job, folder)
        assert job.container
        assert isinstance(job.container.job, KernelJob)
        self._key = secrets.token_hex(32)
        self._order = replace(job.container, job=replace(job.container.job, kernel=name, key=self._key))
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._container: Container | None = None
        self._attached: Attached | None = None
        self._relay: Relay | None = None
        self._events: dict[type, asyncio.Future[Any]] = {}
        self._reading: asyncio.Future[None] | None = None
        self._leave = asyncio.Event()

    async def start(self) -> None:
        """Start the container; `ready` waits until its kernel answers. Raises FailureError if it can't be started."""
        from jupyter_client import AsyncKernelManager  # type: ignore[attr-defined]  # exported without saying so

        self.folder.mkdir(mode=0o700)
        prefix, connection = str(self.folder / "k"), self.folder / "k.json"
        write_connection(connection, prefix, self._key)
        try:
            self._attached = await asyncio.to_thread(self._boot)
        except NoPythonError as error:
            raise FailureError(NoPython(image=self._order.reference, said=error.details)) from None
        except GpuDocError as error:
            raise FailureError(engine_failure(error)) from error
        self._relay = Relay(prefix, len(PORTS), self._attached)
        self._reading = self._loop.run_in_executor(None, self._read, self._attached, self._relay)
        probe = await self._event(agent.Probe, START_LIMIT)
        self._link.send(write(Probed(probe.facts)))
        await self._leave.wait()  # the parent judges the probe
        kernel = await self._event(agent.KernelStarted, START_LIMIT)
        mode = kernel.interrupt_mode
        self.spec = KernelSpec(argv=list(kernel.argv), name=kernel.name, language=kernel.language, interrupt_mode=mode)
        self.manager = AsyncKernelManager(kernel_name=self.spec.name, context=sockets())
        self.manager.load_connection_file(str(connection))
        self.manager._kernel_spec = self.spec  # noqa: SLF001 - there is no public way to hand in a specification
        self.manager.provisioner = Provisioner(kernel=self, kernel_spec=self.spec, parent=self.manager)

    def _boot(self) -> Attached:
        self._container = Container(engine_at(self._order.engine), self._order)
        # Standard error is the agent's own; it prints there only if it has a bug.
        attached = self._container.start(self.own_log.write)
        assert attached
        return attached

    # --- the agent's events, in a thread -----------------------------------------------------------------------------

    def _read(self, attached: Attached, relay: Relay) -> None:
        for heard in attached.heard():
            if not isinstance(heard, Frame):
                self._loop.call_soon_threadsafe(self._heard, heard)
            elif heard.kind == frames.LOG:
                self.own_log.write(heard.payload)
            elif heard.kind == frames.WATCHED:
                keep_record(Path(self.job.folder), heard.payload)
            else:
                relay.take(*heard)
        self._loop.call_soon_threadsafe(self._heard, _Gone())

    def _heard(self, event: agent.Event | _Gone) -> None:
        future = self._future(type(event))
        if not future.done():
            future.set_result(event)

    def _future(self, kind: type[Told]) -> asyncio.Future[Told]:
        """Return the future of the first event of a kind."""
        return self._events.setdefault(kind, self._loop.create_future())

    async def _event(self, kind: type[Told], limit: float) -> Told:
        """Wait for an event of the agent. Raises FailureError if it refused, or the container ended before."""
        wanted, refusals = self._future(kind), [self._future(each) for each in _REFUSALS]
        waited: list[asyncio.Future[Any]] = [wanted, *refusals, self._future(_Gone)]
        await asyncio.wait(waited, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if wanted.done():
            return wanted.result()
        for refusal in refusals:
            if refusal.done():
                why: NoKernel | NoIpykernel | NoStart = refusal.result()
                met = why.shortages if isinstance(why, NoStart) else Shortages()
                raise FailureError(KernelRefused(why=why, image=self._order.reference, shortages=met))
        raise FailureError(await asyncio.to_thread(self._end))

    # --- its end -----------------------------------------------------------------------------------------------------

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs; -9 if the whole container is gone."""
        died = self._future(agent.KernelDied)
        if died.done():
            return died.result().status
        return -9 if self._future(_Gone).done() else None

    def death(self) -> KernelDied | ContainerEnded:
        """Return how it died, alone or with its container."""
        died = self._future(agent.KernelDied)
        if died.done():
            return KernelDied(status=died.result().status, log=self.log(), shortages=died.result().shortages)
        return self._end()

    def _end(self) -> ContainerEnded:
        """Return how the container ended, if its agent could not say so.

        Raises FailureError if the engine no longer answers.
        """
        assert self._container
        try:
            ended = self._container.ended()
        except GpuDocError as error:
            raise FailureError(engine_failure(error)) from error
        return container_end(ended, log=self.log() + ended.error)

    def _no_start(self) -> FailureError:
        died = self._future(agent.KernelDied)
        if died.done():
            status, met = died.result().status, died.result().shortages
            why = NoStart(tuple(self.spec.argv), status, self.log(), met)
            return FailureError(KernelRefused(why=why, shortages=met))
        return FailureError(self._end()) if self._future(_Gone).done() else super()._no_start()

    async def shortages(self) -> Shortages:
        """Return which of its limits the container has reached; nothing if it can't be asked any more."""
        answer = self._future(Shortages)
        if self._attached:
            self._attached.ask(agent.AskShortages())
            waited: list[asyncio.Future[Any]] = [answer, self._future(agent.KernelDied), self._future(_Gone)]
            await asyncio.wait(waited, timeout=ANSWER_LIMIT, return_when=asyncio.FIRST_COMPLETED)
            if self._order.only is not None:
                # What a run that failed looked for in vain is what it should declare: its record comes with its end.
                if self.job.produces:  # the agent waits for the kernel's end then
                    self.signal(signal.SIGKILL)
                self._attached.ask(agent.Finish())
                ends: list[asyncio.Future[Any]] = [self._future(agent.Left), self._future(_Gone)]
                await asyncio.wait(ends, timeout=ANSWER_LIMIT, return_when=asyncio.FIRST_COMPLETED)
        return answer.result() if answer.done() else Shortages()

    def let_go(self) -> None:
        """Let the run start."""
        self._leave.set()

    def signal(self, number: int) -> None:
        """Send a signal to the kernel and the processes that it started."""
        if self._attached:
            self._attached.ask(agent.Signal(number))

    async def kill(self) -> None:
        """Kill the container."""
        self._leave.set()
        if self._container:
            await asyncio.to_thread(self._container.kill)

    async def collect(self) -> None:
        """Copy what the run left: the files of `produces`, and its use of resources.

        Raises FailureError if one of the files is missing, or they can't be copied.
        """
        assert self._attached
        assert self._container
        if self.job.produces:
            await self.end_politely()
            self.signal(signal.SIGKILL)
        self._attached.ask(agent.Finish())
        left = await self._event(agent.Left, COLLECT_LIMIT)
        folder = Path(self.job.folder)
        (folder / "resources.json").write_text(json.dumps(left.resources), "utf-8")
        if left.found.files:
            try:
                produced = folder / "produced"
                await asyncio.to_thread(self._container.take_out, "/gpu-doc/produced", produced, most=MOST)
            except GpuDocError as error:
                raise FailureError(engine_failure(error)) from error
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                problem = f"what the run produced can't be kept: {error}"
                raise FailureError(NotLeft(found=Found(problem=problem))) from error
        for text in left.found.passed:
            self._link.send(write(Said(text)))
        if left.found.problem or left.found.old or left.found.missing:
            raise FailureError(NotLeft(found=left.found))

    async def stop(self) -> None:
        """Ask it to end, so that its exit handlers run; then remove the container."""
        await self.end_politely()
        if self.client:
            self.client.stop_channels()
        if self._relay:
            self._relay.close()
        if self._attached:
            self._attached.close()
        if self._container:
            await asyncio.to_thread(self._container.remove)
        if self._reading:
            await asyncio.wait([self._reading], timeout=1)
        shutil.rmtree(self.folder, ignore_errors=True)
