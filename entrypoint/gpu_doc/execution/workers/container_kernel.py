"""A kernel in a container, as papermill sees it: a kernel provisioner over the engine, sockets relayed to our side."""

from __future__ import annotations

import asyncio
import errno
import json
import secrets
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.agent import frames
from gpu_doc.execution.agent.kernels import PORTS
from gpu_doc.execution.agent.produced import MOST
from gpu_doc.execution.containers import engine
from gpu_doc.execution.containers.container import Container, NoPythonError
from gpu_doc.execution.containers.relay import Attached, Relay, write_connection
from gpu_doc.execution.workers.failure import FailureError
from gpu_doc.execution.workers.kernel import START_LIMIT, Kernel, sockets

if TYPE_CHECKING:
    from gpu_doc.system.link import Link

COLLECT_LIMIT = 600
"""Seconds that putting together and copying out what a run produced may take."""

ANSWER_LIMIT = 2
"""Seconds that the agent may take to answer a question."""

_engines: dict[str, engine.Engine] = {}
"""Connections by their address: a worker drives one run after the other."""


def engine_at(address: dict[str, str]) -> engine.Engine:
    """Return this process's connection to an engine."""
    key = json.dumps(address, sort_keys=True)
    if key not in _engines:
        _engines[key] = engine.reconnect(address)
    return _engines[key]


class ContainerKernel(Kernel):
    """A kernel in a container of its own."""

    def __init__(self, job: dict[str, Any], name: str, folder: Path, link: Link) -> None:
        super().__init__(job, folder)
        self._order = job["container"]
        self._agent_job = {**self._order["job"], "kernel": name, "key": secrets.token_hex(32)}
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._container: Container | None = None
        self._attached: Attached | None = None
        self._relay: Relay | None = None
        self._events: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._reading: asyncio.Future[None] | None = None
        self._leave = asyncio.Event()

    async def start(self) -> None:
        """Start the container; `ready` waits until its kernel answers.

        Raises FailureError: it can't be started.
        """
        from jupyter_client import AsyncKernelManager  # type: ignore[attr-defined]  # exported without saying so

        self.folder.mkdir(mode=0o700)
        prefix, connection = str(self.folder / "k"), self.folder / "k.json"
        write_connection(connection, prefix, self._agent_job["key"])
        try:
            self._attached = await asyncio.to_thread(self._boot)
        except NoPythonError as error:
            raise FailureError("no python", image=self._order["reference"], said=error.details) from None
        except GpuDocError as error:
            raise _passed_on(error) from error
        self._relay = Relay(prefix, len(PORTS), self._attached)
        self._reading = self._loop.run_in_executor(None, self._read, self._attached, self._relay)
        probe = await self._event("probe", START_LIMIT)
        self._link.send("probe", facts=probe["facts"])
        await self._leave.wait()  # whether that is enough is not ours to say
        kernel = await self._event("kernel", START_LIMIT)
        mode = kernel["interrupt_mode"]
        self.spec = KernelSpec(
            argv=kernel["argv"], name=kernel["name"], language=kernel["language"], interrupt_mode=mode
        )
        self.manager = AsyncKernelManager(kernel_name=self.spec.name, context=sockets())
        self.manager.load_connection_file(str(connection))
        self.manager._kernel_spec = self.spec  # noqa: SLF001 - there is no public way to hand in a specification
        self.manager.provisioner = Provisioner(kernel=self, kernel_spec=self.spec, parent=self.manager)

    def _boot(self) -> Attached:
        self._container = Container(engine_at(self._order["engine"]), self._order)
        # What comes on standard error is the agent's own: only a defect makes it speak.
        attached = self._container.start(self._agent_job, self.own_log.write)
        assert attached
        return attached

    # --- what the agent tells, in a thread ---------------------------------------------------------------------------

    def _read(self, attached: Attached, relay: Relay) -> None:
        for kind, channel, payload in attached.frames():
            if kind == frames.EVENT:
                event = json.loads(payload)
                self._loop.call_soon_threadsafe(self._heard, event["event"], event)
            elif kind == frames.LOG:
                self.own_log.write(payload)
            else:
                relay.take(kind, channel, payload)
        self._loop.call_soon_threadsafe(self._heard, "ended", {})

    def _heard(self, name: str, event: dict[str, Any]) -> None:
        future = self._future(name)
        if not future.done():
            future.set_result(event)

    def _future(self, name: str) -> asyncio.Future[dict[str, Any]]:
        return self._events.setdefault(name, self._loop.create_future())

    async def _event(self, name: str, limit: float) -> dict[str, Any]:
        """Wait for one of the agent's events.

        Raises FailureError: it refused, or the container ended before.
        """
        wanted, *others = [self._future(each) for each in (name, "refused", "ended")]
        await asyncio.wait([wanted, *others], timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if wanted.done():
            return wanted.result()
        if others[0].done():
            facts = {key: value for key, value in others[0].result().items() if key not in ("event", "outcome")}
            raise FailureError(others[0].result()["outcome"], **facts, image=self._order["reference"])
        raise FailureError("died", **await asyncio.to_thread(self._end), number=None, cell="")

    # --- its end -----------------------------------------------------------------------------------------------------

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs. -9 where the whole container has gone."""
        if self._future("died").done():
            status: int = self._future("died").result()["status"]
            return status
        return -9 if self._future("ended").done() else None

    def death(self) -> dict[str, Any]:
        """Say how it died."""
        if self._future("died").done():
            return {**_facts(self._future("died")), "log": self.log()}
        return self._end()

    def _end(self) -> dict[str, Any]:
        """Say how the container ended, where its agent could not.

        Raises FailureError: the engine does not answer any more.
        """
        assert self._container
        try:
            ended = self._container.ended()
        except GpuDocError as error:
            raise _passed_on(error) from error
        log = self.log() + ended.error
        facts = {"status": ended.status, "out_of_memory": ended.out_of_memory, "broken": ended.broken}
        return {"container": True, "log": log, **facts}

    def _no_start(self) -> FailureError:
        if self._future("died").done():
            return FailureError("no start", argv=self.spec.argv, **self.death())
        if self._future("ended").done():
            return FailureError("died", **self._end(), number=None, cell="")
        return super()._no_start()

    async def shortages(self) -> dict[str, bool]:
        """Say which of its limits the container has run into; nothing where it can't be asked any more."""
        answer = self._future("shortages")
        if self._attached:
            self._attached.event("shortages")
            over = [self._future(each) for each in ("died", "ended")]
            await asyncio.wait([answer, *over], timeout=ANSWER_LIMIT, return_when=asyncio.FIRST_COMPLETED)
        return _facts(answer) if answer.done() else {}

    def let_go(self) -> None:
        """Let the run begin."""
        self._leave.set()

    def signal(self, number: int) -> None:
        """Send a signal to the kernel and what it started."""
        if self._attached:
            self._attached.event("signal", number=number)

    async def kill(self) -> None:
        """Kill the container."""
        self._leave.set()
        if self._container:
            await asyncio.to_thread(self._container.kill)

    async def collect(self) -> None:
        """Take over what the run left: the files of `produces`, and what it took.

        Raises FailureError: one of the files is missing, or nothing can be taken out.
        """
        assert self._attached
        assert self._container
        if self.job["produces"]:
            await self.end_politely()
            self.signal(signal.SIGKILL)
        self._attached.event("finish")
        left = await self._event("produced", COLLECT_LIMIT)
        folder = Path(self.job["folder"])
        (folder / "resources.json").write_text(json.dumps(left["resources"]), "utf-8")
        if left["files"]:
            try:
                produced = folder / "produced"
                await asyncio.to_thread(self._container.take_out, "/gpu-doc/produced", produced, most=MOST)
            except GpuDocError as error:
                raise _passed_on(error) from error
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                problem = f"what the run produced can't be kept: {error}"
                raise FailureError("not left", problem=problem) from error
        for text in left.get("passed", ()):
            self._link.send("message", text=text)
        if any(left[key] for key in ("problem", "old", "missing")):
            raise FailureError("not left", **{key: left[key] for key in ("problem", "old", "missing")})

    async def stop(self) -> None:
        """End it and remove the container; politely first, so that its exit handlers run."""
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


class Provisioner(KernelProvisionerBase):
    """What jupyter_client asks about a kernel that lives in a container."""

    def __init__(self, *, kernel: ContainerKernel, **more: Any) -> None:
        super().__init__(**more)
        self._kernel = kernel

    @property
    def has_process(self) -> bool:
        """Whether there is a kernel."""
        return True

    async def poll(self) -> int | None:
        """Return the exit status, None while it runs."""
        return self._kernel.status

    async def wait(self) -> int | None:
        """Wait until it has ended."""
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
        """Leave it: the container is removed by who made it."""


def _facts(heard: asyncio.Future[dict[str, Any]]) -> dict[str, Any]:
    return {key: value for key, value in heard.result().items() if key != "event"}


def _passed_on(error: GpuDocError) -> FailureError:
    """An error of ours, for the parent to raise: what concerns engine and image is said there."""
    cause = getattr(error, "cause", "")
    words = {"what": error.what, "where": error.where, "remedy": error.remedy, "details": error.details}
    return FailureError("engine", **words, cause=cause)
