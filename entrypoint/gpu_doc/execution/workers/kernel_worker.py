"""Runs notebooks, one after the other, each in its own kernel.

It is a separate process (see process.py): papermill is imported once for many notebooks, its memory is freed when the
worker ends, and limits can be enforced from outside whatever a kernel does. Its messages are in messages.py.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import traceback
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_doc.errors import NotebookFileError
from gpu_doc.execution.agent.outcomes import Shortages
from gpu_doc.execution.agent.wire import WireError
from gpu_doc.execution.workers.failure import FailureError
from gpu_doc.execution.workers.kernel import Kernel, kernel_name
from gpu_doc.execution.workers.local_kernel import LocalKernel, choose_kernel
from gpu_doc.execution.workers.messages import (
    End,
    Interrupt,
    LetGo,
    Request,
    RunNotebook,
    Started,
    read_request,
    write,
)
from gpu_doc.execution.workers.papermill_import import import_papermill
from gpu_doc.execution.workers.run_ends import Defect, DiskFull, Executed, NoNotebook, RunEnd
from gpu_doc.model.location import Location
from gpu_doc.notebooks.file import read
from gpu_doc.notebooks.shape import with_valid_ids
from gpu_doc.system.link import Link, adopt_orphans
from gpu_doc.system.process import children, end_children, remove_folder, sweep

if TYPE_CHECKING:
    from collections.abc import Coroutine


def main() -> None:
    """Handle messages until the parent sends `End` or is gone."""
    adopt_orphans()
    asyncio.run(Worker(Link()).serve())


class Worker:
    """Handles messages and runs notebooks; old kernels shut down while the next notebook runs."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._jobs: asyncio.Queue[RunNotebook | None] = asyncio.Queue()
        self._kernel: Kernel | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._folders: list[str] = []
        self._markers: list[str] = []
        self._count = 0
        self._kernels: set[int] = set()
        """The processes of local kernels."""
        self._only_local = True
        """Whether all our children are local kernels and their descendants; for containers we start other programs."""

    async def serve(self) -> None:
        """Run notebooks as they come, one at a time."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._listen, args=(loop,), daemon=True).start()
        while job := await self._jobs.get():
            self._link.send(write(await self._outcome(job)))
        await asyncio.gather(*self._retiring)
        self._end_orphans()

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        with os.fdopen(self._link.messages, "rb") as messages, suppress(WireError):  # a run can write there too
            for line in messages:
                loop.call_soon_threadsafe(self._take, read_request(line))
        # The parent is gone, or a message was wrong: nothing may outlive us, whatever the event loop is doing.
        for marker in self._markers:
            sweep(marker)
        self._end_orphans()
        for folder in self._folders:
            remove_folder(Path(folder))
        os._exit(0)

    def _take(self, request: Request) -> None:
        if isinstance(request, RunNotebook | End):
            self._jobs.put_nowait(request if isinstance(request, RunNotebook) else None)
        elif self._kernel and isinstance(request, LetGo):
            self._kernel.let_go()
        elif self._kernel:
            self._later(self._kernel.interrupt() if isinstance(request, Interrupt) else self._kernel.kill())

    async def _outcome(self, job: RunNotebook) -> RunEnd:
        try:
            await self._run(job)
        except FailureError as failure:
            return failure.end
        except NotebookFileError as error:
            return NoNotebook(what=error.what, where=error.location or Location(job.name), remedy=error.remedy)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                return DiskFull(path=str(error.filename or job.folder))
            return Defect(traceback=traceback.format_exc())
        except Exception:  # noqa: BLE001 - the parent must learn of any error, and the next run goes on
            return Defect(traceback=traceback.format_exc())
        return Executed()

    async def _run(self, job: RunNotebook) -> None:
        self._markers = [*self._markers[-20:], job.marker]
        self._folders = list({*self._folders, job.runtime})
        # jupyter_client must find and launch kernels with this run's environment, not with that of an earlier one.
        os.environ.clear()
        os.environ.update(job.environment)
        source = with_valid_ids(read(Path(job.notebook), job.name))
        self._count += 1
        kernel = self._kernel = self._make(job, source, Path(job.runtime) / f"k{os.getpid()}-{self._count}")
        try:
            await kernel.start()
            self._kernels.add(kernel.pid)
            self._link.send(write(Started(kernel.pid)))
            import_papermill()  # while the kernel starts
            from gpu_doc.execution.workers.notebook_execution import Execution

            try:
                await Execution(job, source, kernel, self._link).run()
            except FailureError as failure:
                if failure.end.shortages == Shortages():
                    failure.end = replace(failure.end, shortages=await kernel.shortages())
                raise
            await kernel.collect()
            if job.leased:
                await kernel.stop()  # the next run on this GPU needs the memory that this kernel holds
        finally:
            kernel.own_log.flush()
            self._kernel = None
            if job.container:
                self._later(self._retire(kernel))
            else:
                # Until it has ended it may write files, for example from buffers; only then may the next run start.
                await self._retire(kernel)

    async def _retire(self, kernel: Kernel) -> None:
        """End a kernel, and daemons that removed our marker from their environment: orphans are our children now."""
        started = [*children(kernel.pid), *children(spare=frozenset(self._kernels))] if self._only_local else []
        await kernel.stop()
        self._kernels.discard(kernel.pid)
        await asyncio.to_thread(end_children, started)

    def _end_orphans(self) -> None:
        if self._only_local:
            end_children()

    def _make(self, job: RunNotebook, source: Any, folder: Path) -> Kernel:
        if not job.container:
            return LocalKernel(job, choose_kernel(job, source), folder)
        self._only_local = False
        from gpu_doc.execution.workers.container_kernel import ContainerKernel  # its SDK takes 0.15 s to import

        return ContainerKernel(job, kernel_name(job, source), folder, self._link)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


if __name__ == "__main__":
    main()
