"""One kernel: what all have in common, and the local process, from its start in a private folder to its end."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any

from gpu_doc.execution.agent.kernel_names import INTERPRETERS, PYTHON, is_any_python
from gpu_doc.execution.agent.kernels import SHELL
from gpu_doc.redaction import Redactor
from gpu_doc.system.link import die_with_parent
from gpu_doc.system.process import MARKER, sweep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_client.kernelspec import KernelSpec

START_LIMIT = 120
"""Seconds that a kernel may take to answer for the first time. papermill's 60 were not enough on loaded machines."""

SHUTDOWN_LIMIT = 5
"""Seconds that a kernel may take to end by itself once asked to, as in jupyter_client."""

LOG_LIMIT = 1 << 20
"""Bytes kept of what a kernel process writes to its own standard output and error."""


class FailureError(Exception):
    """A run that failed; `facts` is the rest of the `done` event."""

    def __init__(self, outcome: str, **facts: Any) -> None:
        super().__init__(outcome)
        self.facts = {"outcome": outcome, **facts}


def kernel_name(job: Mapping[str, Any], source: Any) -> str:
    """Return the name of the kernel that a run asks for: its own, else the notebook's; empty is any Python."""
    name: str = job["kernel"] or source["metadata"].get("kernelspec", {}).get("name") or ""
    return name


def choose_kernel(job: Mapping[str, Any], source: Any) -> KernelSpec:
    """Return the kernel that a run asks for: its own name, else the notebook's, else Python.

    Raises FailureError: the name isn't installed. It is never replaced by another.
    """
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

    name = kernel_name(job, source)
    if is_any_python(name):
        argv = [job["python"], "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, name=PYTHON, display_name="Python 3", language="python")
    manager = KernelSpecManager()
    manager.kernel_dirs.append(str(Path(job["python"]).parent.parent / "share" / "jupyter" / "kernels"))
    try:
        spec = manager.get_kernel_spec(name)
    except NoSuchKernel:
        raise FailureError("no kernel", name=name, installed=sorted({PYTHON, *manager.find_kernel_specs()})) from None
    if spec.argv and spec.argv[0] in INTERPRETERS:
        # jupyter_client would take the Python that we run on.
        spec.argv[0] = job["python"]
    spec.name = name
    return spec


class Kernel:
    """A kernel, and our client of it, with a private folder for its sockets and its connection file."""

    spec: KernelSpec
    """What it is; known once it has been started."""

    def __init__(self, job: dict[str, Any], folder: Path) -> None:
        self.job = job
        self.folder = folder
        self.own_log = Log(Path(job["folder"]) / "kernel.log", Redactor(job["redact"]))
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

    def death(self) -> dict[str, Any]:
        """Say how it died: `status`, the end of its `log`, and `container` where it did not die alone."""
        return {"status": self.status, "log": self.log()}

    async def shortages(self) -> dict[str, bool]:
        """Say which limits the run has met, by the names of execution/agent/shortages.py, as far as known."""
        return {}

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
        if self.job["produces"]:
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
        return FailureError("no start", argv=self.spec.argv, status=self.status, log=self.log())

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


class LocalKernel(Kernel):
    """A kernel process on this machine."""

    def __init__(self, job: dict[str, Any], spec: KernelSpec, folder: Path) -> None:
        super().__init__(job, folder)
        self.spec = spec
        self._drain: threading.Thread | None = None

    async def start(self) -> None:
        """Start the process; `ready` waits until it answers.

        Raises FailureError: its program can't be started.
        """
        from jupyter_client import AsyncKernelManager  # type: ignore[attr-defined]  # exported without saying so

        self.folder.mkdir(mode=0o700, parents=True)  # an earlier run may have removed the folder above
        manager = AsyncKernelManager(
            kernel_name=self.spec.name,
            transport="ipc",
            connection_file=str(self.folder / "k.json"),
            ip=str(self.folder / "k"),
            context=sockets(),
        )
        manager._kernel_spec = self.spec  # noqa: SLF001 - there is no public way to hand in a specification
        self.manager = manager
        reader, writer = os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        self._drain = threading.Thread(target=_keep_log, args=(reader, self.own_log), daemon=True)
        self._drain.start()
        try:
            await manager.start_kernel(
                env=self._environment(),
                cwd=self.job["cwd"],
                stdin=nothing,
                stdout=writer,
                stderr=writer,
                extra_arguments=self._arguments(),
                preexec_fn=die_with_parent,
            )
        except OSError as error:
            raise FailureError("no start", argv=self.spec.argv, status=None, log=str(error)) from error
        finally:
            os.close(writer)
            os.close(nothing)
        self.pid = self.manager.provisioner.process.pid

    def _arguments(self) -> list[str]:
        """Return what a kernel of IPython is told besides."""
        history = ["--HistoryManager.hist_file=:memory:"] * (self.spec.language == "python")
        return history + [f"--config={SHELL}"] * ("ipykernel_launcher" in self.spec.argv)

    def _environment(self) -> dict[str, str]:
        """Return the run's environment, and what keeps Jupyter's own files out of the person's folders."""
        environment = {
            **self.job["environment"],
            MARKER: self.job["marker"],
            "JUPYTER_RUNTIME_DIR": str(self.folder),
        }
        own = environment.get("IPYTHONDIR") or str(Path(environment.get("HOME", "/nowhere")) / ".ipython")
        if not Path(own).is_dir():
            environment["IPYTHONDIR"] = str(self.folder / "ipython")
        return environment

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        process = self._process
        return None if process is None else process.poll()

    @property
    def _process(self) -> Any:
        provisioner = self.manager and self.manager.provisioner
        return provisioner.process if provisioner else None

    def log(self) -> str:
        """Give the end of what the process wrote to its own standard output and error."""
        if self._drain:
            self._drain.join(0.3)  # what came last is on its way
        return super().log()

    async def kill(self) -> None:
        """Kill it at once, with all that it started."""
        process = self._process
        await asyncio.to_thread(sweep, self.job["marker"])
        if process:
            with suppress(Exception):
                process.wait(1)


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


def _keep_log(source: int, log: Log) -> None:
    with os.fdopen(source, "rb", buffering=0) as reader:
        while chunk := reader.read(1 << 16):
            log.write(chunk)


class Log:
    """A kernel's own output, redacted, in a file that keeps the last part; the file appears with the first byte."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self._path = path
        self._size = 0
        self._redacted = redactor.stream(self._append)
        self._lock = threading.Lock()

    def write(self, chunk: bytes) -> None:
        """Append; what can't be written is lost."""
        with self._lock:
            self._redacted.write(chunk)

    def flush(self) -> None:
        """Have all of it in the file."""
        with self._lock:
            self._redacted.flush()

    def end(self) -> str:
        """Give the last part of it."""
        self.flush()
        with suppress(OSError):
            return self._path.read_bytes()[-4000:].decode("utf-8", "replace")
        return ""

    def _append(self, chunk: bytes) -> None:
        with suppress(OSError):
            if self._size + len(chunk) > LOG_LIMIT:
                chunk = (self._path.read_bytes() + chunk)[-LOG_LIMIT // 2 :]
                self._path.unlink()
                self._size = 0
            with self._path.open("ab") as log:
                log.write(chunk)
            self._size += len(chunk)
