"""Runs a kernel as a process on this machine: chooses it, and starts it with a private folder."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_doc.execution.agent.kernel_names import INTERPRETERS, PYTHON, SHELL, is_any_python
from gpu_doc.execution.agent.outcomes import NoKernel, NoStart
from gpu_doc.execution.agent.watching import watched
from gpu_doc.execution.workers.failure import FailureError
from gpu_doc.execution.workers.kernel import Kernel, kernel_name, sockets
from gpu_doc.execution.workers.run_ends import KernelRefused
from gpu_doc.system.link import die_with_parent
from gpu_doc.system.process import MARKER, sweep

if TYPE_CHECKING:
    from jupyter_client.kernelspec import KernelSpec

    from gpu_doc.execution.workers.messages import RunNotebook
    from gpu_doc.execution.workers.own_log import Log


def choose_kernel(job: RunNotebook, source: Any) -> KernelSpec:
    """Return the kernel that a run asks for: by its own setting, else by the notebook's, else Python.

    Raises FailureError if no kernel of that name is installed. It is never replaced by another.
    """
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

    name = kernel_name(job, source)
    if is_any_python(name):
        argv = [job.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, name=PYTHON, display_name="Python 3", language="python")
    manager = KernelSpecManager()
    manager.kernel_dirs.append(str(Path(job.python).parent.parent / "share" / "jupyter" / "kernels"))
    try:
        spec = manager.get_kernel_spec(name)
    except NoSuchKernel:
        installed = tuple(sorted({PYTHON, *manager.find_kernel_specs()}))
        raise FailureError(KernelRefused(why=NoKernel(name, installed))) from None
    if spec.argv and spec.argv[0] in INTERPRETERS:
        # jupyter_client would use the Python that we run on.
        spec.argv[0] = job.python
    spec.name = name
    return spec


class LocalKernel(Kernel):
    """A kernel process on this machine."""

    def __init__(self, job: RunNotebook, spec: KernelSpec, folder: Path) -> None:
        super().__init__(job, folder)
        self.spec = spec
        self._drain: threading.Thread | None = None

    async def start(self) -> None:
        """Start the process; `ready` waits until it answers. Raises FailureError if it can't be started."""
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
                cwd=self.job.cwd,
                stdin=nothing,
                stdout=writer,
                stderr=writer,
                extra_arguments=self._arguments(),
                preexec_fn=die_with_parent,
            )
        except OSError as error:
            raise FailureError(KernelRefused(why=NoStart(tuple(self.spec.argv), None, str(error)))) from error
        finally:
            os.close(writer)
            os.close(nothing)
        self.pid = self.manager.provisioner.process.pid

    def _arguments(self) -> list[str]:
        """Return further arguments for IPython's kernel."""
        history = ["--HistoryManager.hist_file=:memory:"] * (self.spec.language == "python")
        return history + [f"--config={SHELL}"] * ("ipykernel_launcher" in self.spec.argv)

    def _environment(self) -> dict[str, str]:
        """Return the run's environment, with variables that keep Jupyter's own files out of the user's folders."""
        environment = {
            **self.job.environment,
            MARKER: self.job.marker,
            "JUPYTER_RUNTIME_DIR": str(self.folder),
        }
        own = environment.get("IPYTHONDIR") or str(Path(environment.get("HOME", "/nowhere")) / ".ipython")
        if not Path(own).is_dir():
            environment["IPYTHONDIR"] = str(self.folder / "ipython")
        return watched(environment, self.job.watch)

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
        """Return the end of what the process wrote to its own standard output and error."""
        if self._drain:
            self._drain.join(0.3)  # the last output may still be in the pipe
        return super().log()

    async def kill(self) -> None:
        """Kill it at once, with all processes that it started."""
        process = self._process
        await asyncio.to_thread(sweep, self.job.marker)
        if process:
            with suppress(Exception):
                process.wait(1)


def _keep_log(source: int, log: Log) -> None:
    with os.fdopen(source, "rb", buffering=0) as reader:
        while chunk := reader.read(1 << 16):
            log.write(chunk)
