"""Runs notebooks with papermill, one after the other, each in a kernel of its own: the only door to papermill.

A process of its own (see process.py), so that papermill is imported once for many notebooks, its memory goes back
when the worker ends, and a limit can be enforced from outside whatever a kernel does. Messages in: `run`, `go`,
`interrupt`, `kill`, `end`. Events out: `kernel` (pid), `probe` (facts), `cells` (count), `cell` (number, name), `cut`
(a cell's number and name, and where and at what limit its output was cut), `message` (text), `done` (outcome, facts).
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any

from gpu_doc.errors import NotebookFileError
from gpu_doc.execution.workers.kernel_messages import not_understood, understood
from gpu_doc.execution.workers.kernel_process import FailureError, Kernel, LocalKernel, choose_kernel, kernel_name
from gpu_doc.notebooks.file import read, write_atomically
from gpu_doc.notebooks.names import PARAMETERS, cell_name, cell_numbers
from gpu_doc.notebooks.outputs import Outputs, size_of
from gpu_doc.notebooks.shape import with_valid_ids
from gpu_doc.redaction import Redactor
from gpu_doc.system.link import Link, adopt_orphans
from gpu_doc.system.process import children, end_children, remove_folder, sweep
from gpu_doc.text.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

MOST_PRINTED = 4000
"""Characters of what a failed cell printed, from the end, that the parent may look for the cause in."""


def main() -> None:
    """Serve until the parent says `end` or is gone."""
    adopt_orphans()
    asyncio.run(Worker(Link()).serve())


class Worker:
    """Takes messages and runs notebooks; old kernels shut down while the next notebook runs."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._jobs: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._kernel: Kernel | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._folders: list[str] = []
        self._markers: list[str] = []
        self._count = 0
        self._kernels: set[int] = set()
        """The processes of local kernels."""
        self._only_local = True
        """Whether all our children are local kernels, and what these left; in containers' names we start others."""

    async def serve(self) -> None:
        """Run what comes, one at a time."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._listen, args=(loop,), daemon=True).start()
        while (job := await self._jobs.get())["do"] != "end":
            self._link.send("done", **await self._outcome(job))
        await asyncio.gather(*self._retiring)
        self._end_orphans()
        self._link.send("ended")

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        with os.fdopen(self._link.messages, "rb") as messages:
            for line in messages:
                loop.call_soon_threadsafe(self._take, json.loads(line))
        # The parent is gone or has had enough: nothing may outlive us, whatever the event loop is doing.
        for marker in self._markers:
            sweep(marker)
        self._end_orphans()
        for folder in self._folders:
            remove_folder(Path(folder))
        os._exit(0)

    def _take(self, message: dict[str, Any]) -> None:
        if message["do"] in ("run", "end"):
            self._jobs.put_nowait(message)
        elif self._kernel and message["do"] == "go":
            self._kernel.let_go()
        elif self._kernel:
            self._later(self._kernel.interrupt() if message["do"] == "interrupt" else self._kernel.kill())

    async def _outcome(self, job: dict[str, Any]) -> dict[str, Any]:
        try:
            await self._run(job)
        except FailureError as failure:
            return failure.facts
        except NotebookFileError as error:
            return {"outcome": "file", "what": error.what, "where": error.where, "remedy": error.remedy}
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                return {"outcome": "disk", "path": error.filename or job["folder"]}
            return {"outcome": "defect", "traceback": traceback.format_exc()}
        except Exception:  # noqa: BLE001 - whatever it is, the parent must hear of it, and the next run goes on
            return {"outcome": "defect", "traceback": traceback.format_exc()}
        return {"outcome": "ok"}

    async def _run(self, job: dict[str, Any]) -> None:
        self._markers = [*self._markers[-20:], job["marker"]]
        self._folders = list({*self._folders, job["runtime"]})
        # Where kernels are looked for, and what their launcher sees, is the run's environment and not an earlier one's.
        os.environ.clear()
        os.environ.update(job["environment"])
        source = with_valid_ids(read(Path(job["notebook"]), job["name"]))
        self._count += 1
        kernel = self._kernel = self._make(job, source, Path(job["runtime"]) / f"k{os.getpid()}-{self._count}")
        try:
            await kernel.start()
            self._kernels.add(kernel.pid)
            self._link.send("kernel", pid=kernel.pid)
            # papermill is imported (0.4 s, once) while the kernel starts.
            try:
                await Execution(job, source, kernel, self._link).run()
            except FailureError as failure:
                failure.facts = {**await kernel.shortages(), **failure.facts}
                raise
            await kernel.collect()
            if job["leased"]:
                await kernel.stop()  # the next run on this GPU needs the memory that this one holds
        finally:
            kernel.own_log.flush()
            self._kernel = None
            if job["container"]:
                self._later(self._retire(kernel))
            else:
                # It may write files until it has ended, such as what it buffered, and it is the next run's turn then.
                await self._retire(kernel)

    async def _retire(self, kernel: Kernel) -> None:
        """End a kernel, and daemons that their environment does not tell: who lost their parent is our child now."""
        started = [*children(kernel.pid), *children(spare=frozenset(self._kernels))] if self._only_local else []
        await kernel.stop()
        self._kernels.discard(kernel.pid)
        await asyncio.to_thread(end_children, started)

    def _end_orphans(self) -> None:
        if self._only_local:
            end_children()

    def _make(self, job: dict[str, Any], source: Any, folder: Path) -> Kernel:
        if not job["container"]:
            return LocalKernel(job, choose_kernel(job, source), folder)
        self._only_local = False
        from gpu_doc.execution.workers.container_kernel import ContainerKernel  # its SDK takes 0.15 s to import

        return ContainerKernel(job, kernel_name(job, source), folder, self._link)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


class Execution:
    """One notebook, parameterised and executed as papermill's `execute_notebook` does it, step by step."""

    def __init__(self, job: dict[str, Any], source: Any, kernel: Kernel, link: Link) -> None:
        self._job = job
        self._spec = kernel.spec
        self._kernel = kernel
        self._link = link
        self._path = Path(job["folder"]) / "executed.ipynb"
        self._redactor = Redactor(job["redact"])
        self._notebook = self._prepare(source)
        self._sources = [self._redactor.json(cell.source) for cell in self._notebook.cells]
        self._numbers = cell_numbers(self._notebook.cells)
        self._current: int | None = None

    async def run(self) -> None:
        """Execute all cells, and leave the executed notebook on disk whatever happens.

        Raises FailureError: a cell failed, or the kernel died.
        """
        from nbclient.exceptions import CellTimeoutError, DeadKernelError
        from nbformat import NotebookNode

        progress = _progress(self._notebook, self.save)
        self._link.send("cells", count=sum(n is not None for n in self._numbers))
        progress.notebook_start()
        outputs = Outputs(self._job["output"], NotebookNode, self._redactor)
        try:
            await self._kernel.ready()
            client = _client(progress, self._kernel, outputs, self._entered)
            await client.run_cells()
            self._notebook.metadata["language_info"] = self._kernel.language_info
        except DeadKernelError:
            raise FailureError("died", **self._kernel.death(), **self._place()) from None
        except FailureError as error:
            error.facts = {**self._place(), **error.facts}
            raise
        except CellTimeoutError as error:
            raise FailureError("refused", what=str(error), **self._place()) from error
        finally:
            progress.notebook_complete()
            self._tell_cuts(outputs)
            failure = self._failure()
            self._finish()
        if failure:
            raise failure

    def save(self) -> None:
        """Save the notebook as far as it got. Compact, since it is done after each cell: the last one is pretty."""
        # The cells themselves keep their sources, which are still to be executed.
        cells = zip(self._notebook.cells, self._sources, strict=True)
        shown = {**self._notebook, "cells": [{**cell, "source": source} for cell, source in cells]}
        shown["metadata"] = self._redactor.json(self._notebook.metadata)
        write_atomically(self._path, json.dumps(shown, ensure_ascii=False))

    def _finish(self) -> None:
        import nbformat

        if self._redactor:
            self._redact()
        write_atomically(self._path, nbformat.writes(self._notebook) + "\n")

    def _redact(self) -> None:
        """Redact all but outputs, which are redacted when they come."""
        import nbformat

        parts = [(self._notebook, "metadata")]
        parts += [(cell, key) for cell in self._notebook.cells for key in cell if key != "outputs"]
        for part, key in parts:
            part[key] = nbformat.from_dict(self._redactor.json(part[key]))

    def _prepare(self, source: Any) -> Any:
        import nbformat
        from papermill.exceptions import PapermillException
        from papermill.execute import prepare_notebook_metadata, remove_error_markers
        from papermill.iorw import load_notebook_node

        try:
            notebook = load_notebook_node(nbformat.from_dict(source))
            if self._job["parameters"]:
                notebook = self._parameterise(notebook)
            # Paths of this machine have no place in a result.
            notebook = prepare_notebook_metadata(notebook, self._job["name"], self._path.name)
            return remove_error_markers(notebook)
        except PapermillException as error:
            raise FailureError("refused", what=str(error)) from error
        except (nbformat.ValidationError, nbformat.reader.NotJSONError, AttributeError, KeyError) as error:
            problem = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise NotebookFileError(f"this is no valid notebook: {problem}", where=self._job["name"]) from error

    def _parameterise(self, notebook: Any) -> Any:
        from papermill.inspection import _infer_parameters
        from papermill.parameterize import parameterize_notebook
        from papermill.utils import find_first_tagged_cell_index

        parameters = self._job["parameters"]
        names = {"kernel_name": self._spec.name, "language": self._spec.language}
        if find_first_tagged_cell_index(notebook, PARAMETERS) < 0:
            self._say("no cell is tagged `parameters`: they were put at the top")
        else:
            known = {p.name for p in _infer_parameters(notebook, self._spec.name, self._spec.language)}
            for name in [p for p in parameters if known and p not in known]:
                meant = did_you_mean(name, known)
                what = f"warning: the cell tagged `parameters` knows no `{name}`; it was set all the same"
                self._say(f"{what}. {meant}" if meant else what)
        return parameterize_notebook(notebook, parameters, **names)

    def _failure(self) -> FailureError | None:
        """Return the error that papermill finds in the notebook; its markers are added then."""
        from papermill.exceptions import PapermillExecutionError
        from papermill.execute import raise_for_execution_errors

        executed = {c.execution_count: n for c, n in zip(self._notebook.cells, self._numbers, strict=True) if n}
        try:
            raise_for_execution_errors(self._notebook, None)
        except PapermillExecutionError as error:
            self._current = error.cell_index
            cell = self._notebook.cells[error.cell_index + 2]
            place = self._place(cell)
            facts = {"ename": error.ename, "evalue": error.evalue, "traceback": list(error.traceback)}
            printed = "".join("".join(o["text"]) for o in cell.outputs if o["output_type"] == "stream")[-MOST_PRINTED:]
            return FailureError("error", **facts, source=error.source, numbers=executed, printed=printed, **place)
        return None

    def _place(self, cell: Any = None) -> dict[str, Any]:
        """Return which cell ran last, as people count them."""
        if self._current is None:
            return {"number": None, "cell": ""}
        cell = cell or self._notebook.cells[self._current]
        return {"number": self._numbers[self._current], "cell": cell_name(cell)}

    def _tell_cuts(self, outputs: Outputs) -> None:
        for index, cell in enumerate(self._notebook.cells):
            if mark := outputs.mark_of(cell.get("outputs")):
                self._current = index
                cut = {"after": mark.after, "displayed": mark.displayed, "limit": outputs.limit}
                self._link.send("cut", **self._place(), **cut)

    def _entered(self, index: int) -> None:
        self._current = index
        self._link.send("cell", **self._place())

    def _say(self, text: str) -> None:
        self._link.send("message", text=text)


def _progress(notebook: Any, save: Callable[[], None]) -> Any:
    """Return papermill's execution manager, which keeps the metadata of cells, with fewer and safer saves."""
    from papermill.engines import NotebookExecutionManager

    class Progress(NotebookExecutionManager):  # type: ignore[misc]  # papermill has no types
        quiet = False

        def save(self, **_: Any) -> None:
            if not self.quiet:
                save()
                self.last_save_time = self.now()

        def cell_start(self, cell: Any, cell_index: int | None = None, **more: Any) -> None:
            self.quiet = True
            super().cell_start(cell, cell_index, **more)
            self.quiet = False

        def cell_complete(self, cell: Any, cell_index: int | None = None, **more: Any) -> None:
            self.quiet = cell.cell_type != "code"
            super().cell_complete(cell, cell_index, **more)
            self.quiet = False

        def notebook_complete(self, **more: Any) -> None:
            self.quiet = True  # the end is saved once, when papermill's error markers are in
            super().notebook_complete(**more)

    return Progress(notebook, progress_bar=False)


def _client(progress: Any, kernel: Kernel, outputs: Outputs, entered: Callable[[int], None]) -> Any:
    """Return papermill's client, with outputs joined and bounded, on a kernel that is ready."""
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from papermill.clientwrap import PapermillNotebookClient

    class Client(PapermillNotebookClient):  # type: ignore[misc]  # papermill has no types
        clear_before_next_output: bool

        async def run_cells(self) -> None:
            """Do what papermill_execute_cells does, in the event loop that is there."""
            for index, cell in enumerate(self.nb.cells):
                try:
                    progress.cell_start(cell, index)
                    if cell.cell_type == "code":
                        entered(index)
                    await self.async_execute_cell(cell, index)
                except CellExecutionError as error:
                    progress.cell_exception(self.nb.cells[index], cell_index=index, exception=error)
                    break
                finally:
                    outputs.close()
                    progress.cell_complete(self.nb.cells[index], cell_index=index)
            self.set_widgets_metadata()

        async def _async_poll_kernel_alive(self) -> None:
            """Notice a dead kernel within 0.1 s instead of a second."""
            while True:
                await asyncio.sleep(0.1)
                try:
                    await self._async_check_alive()
                except DeadKernelError:
                    self.task_poll_for_reply.cancel()
                    return

        def output(self, outs: list[Any], msg: Any, display_id: str | None, cell_index: int) -> Any:
            kind, hooked = msg["msg_type"], self.output_hook_stack[msg["parent_header"].get("msg_id")]
            if kind != "stream" or hooked:  # the text of streams is redacted when all of it is there
                msg["content"] = outputs.redactor.output(msg["content"])
            content = msg["content"]
            if hooked:
                budget = outputs.printed if kind == "stream" else outputs.displayed
                if budget.take(size_of(content)):
                    return super().output(outs, msg, display_id, cell_index)
                outputs.mark(outs, budget)
                return None
            if self.clear_before_next_output:
                outputs.release(outs)
                outs[:] = []
                self.clear_display_id_mapping(cell_index)
                self.clear_before_next_output = False
            if kind == "stream":
                outputs.write(outs, content["name"], content["text"])
            elif outputs.accepts(kind, content, outs):
                return super().output(outs, msg, display_id, cell_index)
            return None

        def clear_output(self, outs: list[Any], msg: Any, cell_index: int) -> None:
            hooked = self.output_hook_stack[msg["parent_header"].get("msg_id")]
            if not (hooked or msg["content"].get("wait")):
                outputs.release(outs)
            super().clear_output(outs, msg, cell_index)

        def _update_display_id(self, display_id: str, msg: Any) -> None:
            msg["content"] = outputs.redactor.output(msg["content"])
            places = self._display_id_map.get(display_id, {})
            shown = [self.nb.cells[c].outputs[i].data for c, indices in places.items() for i in indices]
            new = [msg["content"]["data"]] * len(shown)
            cells = [self.nb.cells[c].outputs for c in places]
            if shown and outputs.accepts_update(shown, new, cells):
                super()._update_display_id(display_id, msg)

    client = Client(
        progress,
        km=kernel.manager,
        kernel_name=kernel.manager.kernel_name,
        # Messages may still come in for a while after a cell that printed a lot. nbclient's 4 s are not enough.
        iopub_timeout=60,
        # nbclient puts the streams of a failed cell into its message, and wants text for that.
        on_cell_executed=lambda **_: outputs.close(),
    )
    client.kc = kernel.client
    for channel in (kernel.client.shell_channel, kernel.client.iopub_channel):
        _understand(channel)
    _look_again(kernel.client.shell_channel)
    client.reset_execution_trackers()
    return client


def _understand(channel: Any) -> None:
    """Have a channel give messages in shape, and end the run where one is broken."""
    get_msg = channel.get_msg

    async def get_understood(timeout: float | None = None) -> Any:
        try:
            return understood(await get_msg(timeout=timeout))
        except (Empty, FailureError):
            raise
        except Exception as error:
            raise not_understood("broken") from error

    channel.get_msg = get_understood


def _look_again(channel: Any) -> None:
    """Have whoever waits for a message of a channel look for it twice a second.

    nbclient answers output widgets on the channel by which the cell's reply comes. ZeroMQ signals a message once, and
    sending takes the signal away: the reply is there then, and is never seen.
    """
    get_msg = channel.get_msg

    async def patiently(timeout: float | None = None) -> Any:
        while timeout is None:
            with suppress(Empty):
                return await get_msg(timeout=0.5)
        return await get_msg(timeout=timeout)

    channel.get_msg = patiently


if __name__ == "__main__":
    main()
