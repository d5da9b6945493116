"""papermill's client and execution manager, adapted to our runs. Importing papermill takes 0.4 s."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from nbclient.exceptions import CellExecutionError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NotebookExecutionManager

from gpu_doc.execution.workers.kernel import Kernel
from gpu_doc.execution.workers.kernel_messages import look_again, understand
from gpu_doc.notebooks.outputs import Outputs, size_of


class Progress(NotebookExecutionManager):  # type: ignore[misc]  # papermill has no types
    """papermill's execution manager, which keeps the metadata of cells, with fewer and safer saves."""

    def __init__(self, notebook: Any, save: Callable[[], None]) -> None:
        self._save = save
        self._quiet = False
        super().__init__(notebook, progress_bar=False)

    def save(self, **_: Any) -> None:
        """Save, unless another save follows soon."""
        if not self._quiet:
            self._save()
            self.last_save_time = self.now()

    def cell_start(self, cell: Any, cell_index: int | None = None, **more: Any) -> None:
        """Note that a cell begins; the notebook is saved when it ends."""
        self._quiet = True
        super().cell_start(cell, cell_index, **more)
        self._quiet = False

    def cell_complete(self, cell: Any, cell_index: int | None = None, **more: Any) -> None:
        """Note that a cell has ended, and save if it could change anything."""
        self._quiet = cell.cell_type != "code"
        super().cell_complete(cell, cell_index, **more)
        self._quiet = False

    def notebook_complete(self, **more: Any) -> None:
        """Note the end. `Execution` saves the notebook once, after papermill's error markers were added."""
        self._quiet = True
        super().notebook_complete(**more)


class Client(PapermillNotebookClient):  # type: ignore[misc]  # papermill has no types
    """papermill's client, but it joins and limits outputs, and notices a dead kernel at once."""

    clear_before_next_output: bool

    def __init__(self, progress: Progress, kernel: Kernel, outputs: Outputs, entered: Callable[[int], None]) -> None:
        """`kernel` is ready; `entered` is called with the index of each code cell that begins."""
        super().__init__(
            progress,
            km=kernel.manager,
            kernel_name=kernel.manager.kernel_name,
            # After a cell that printed a lot, messages may come for a while. nbclient's 4 s are not enough.
            iopub_timeout=60,
            # nbclient puts the streams of a failed cell into its message, and needs them as text for that.
            on_cell_executed=lambda **_: outputs.close(),
        )
        self._outputs = outputs
        self._entered = entered
        self.kc = kernel.client
        for channel in (kernel.client.shell_channel, kernel.client.iopub_channel):
            understand(channel)
        look_again(kernel.client.shell_channel)
        self.reset_execution_trackers()

    async def run_cells(self) -> None:
        """Do what papermill_execute_cells does, in the running event loop."""
        for index, cell in enumerate(self.nb.cells):
            try:
                self.nb_man.cell_start(cell, index)
                if cell.cell_type == "code":
                    self._entered(index)
                await self.async_execute_cell(cell, index)
            except CellExecutionError as error:
                self.nb_man.cell_exception(self.nb.cells[index], cell_index=index, exception=error)
                break
            finally:
                self._outputs.close()
                self.nb_man.cell_complete(self.nb.cells[index], cell_index=index)
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
        """Take an output, redacted, as far as the limit has room for it."""
        kind, hooked = msg["msg_type"], self.output_hook_stack[msg["parent_header"].get("msg_id")]
        if kind != "stream" or hooked:  # the text of streams is redacted when it is complete
            msg["content"] = self._outputs.redactor.output(msg["content"])
        content = msg["content"]
        if hooked:
            accepted = self._outputs.accepts_in_widget(kind, content, outs)
            return super().output(outs, msg, display_id, cell_index) if accepted else None
        if self.clear_before_next_output:
            self._outputs.release(outs)
            outs[:] = []
            self.clear_display_id_mapping(cell_index)
            self.clear_before_next_output = False
        if kind == "stream":
            self._outputs.write(outs, content["name"], content["text"])
        elif self._outputs.accepts(kind, content, outs):
            return super().output(outs, msg, display_id, cell_index)
        return None

    def clear_output(self, outs: list[Any], msg: Any, cell_index: int) -> None:
        """Clear the outputs of a cell; they no longer count against the limit."""
        hooked = self.output_hook_stack[msg["parent_header"].get("msg_id")]
        if not (hooked or msg["content"].get("wait")):
            self._outputs.release(outs)
        super().clear_output(outs, msg, cell_index)

    def handle_comm_msg(self, outs: list[Any], msg: Any, cell_index: int) -> None:
        """Forget a closed widget, as Jupyter does. nbclient would keep it, and it would still be shown."""
        if msg["msg_type"] == "comm_close":
            self.widget_state.pop(msg["content"].get("comm_id"), None)
        else:
            super().handle_comm_msg(outs, msg, cell_index)

    def _update_display_id(self, display_id: str, msg: Any) -> None:
        msg["content"] = self._outputs.redactor.output(msg["content"])
        new = size_of(msg["content"]["data"])
        places = []
        for number, indices in self._display_id_map.get(display_id, {}).items():
            outputs = self.nb.cells[number].outputs
            if indices:
                places.append((outputs, min(indices), sum(new - size_of(outputs[each].data) for each in indices)))
        if places and self._outputs.accepts_update(*places):
            super()._update_display_id(display_id, msg)
