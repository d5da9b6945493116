"""The execution of one notebook in a kernel. Importing this imports papermill, which takes 0.4 s."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from gpu_doc.execution.workers.failure import FailureError
from gpu_doc.execution.workers.papermill_client import Client, Progress
from gpu_doc.execution.workers.papermill_notebook import prepared, raised_in
from gpu_doc.notebooks.file import write_atomically
from gpu_doc.notebooks.names import cell_name, cell_numbers
from gpu_doc.notebooks.outputs import Outputs
from gpu_doc.redaction import Redactor

if TYPE_CHECKING:
    from gpu_doc.execution.workers.kernel import Kernel
    from gpu_doc.system.link import Link

MOST_PRINTED = 4000
"""Characters of what a failed cell printed, from the end, that the parent may look for the cause in."""


class Execution:
    """One notebook, parameterised and executed as papermill's `execute_notebook` does it, step by step."""

    def __init__(self, job: dict[str, Any], source: Any, kernel: Kernel, link: Link) -> None:
        self._job = job
        self._kernel = kernel
        self._link = link
        self._path = Path(job["folder"]) / "executed.ipynb"
        self._redactor = Redactor(job["redact"])
        names = (job["name"], self._path.name)
        self._notebook = prepared(source, kernel.spec, job["parameters"], names, self._say)
        self._sources = [self._redactor.json(cell.source) for cell in self._notebook.cells]
        self._numbers = cell_numbers(self._notebook.cells)
        self._current: int | None = None

    async def run(self) -> None:
        """Execute all cells, and leave the executed notebook on disk whatever happens.

        Raises FailureError: a cell failed, or the kernel died.
        """
        progress = Progress(self._notebook, self.save)
        self._link.send("cells", count=sum(n is not None for n in self._numbers))
        progress.notebook_start()
        outputs = Outputs(self._job["output"], nbformat.NotebookNode, self._redactor)
        try:
            await self._kernel.ready()
            client = Client(progress, self._kernel, outputs, self._entered)
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
        if self._redactor:
            self._redact()
        write_atomically(self._path, nbformat.writes(self._notebook) + "\n")

    def _redact(self) -> None:
        """Redact all but outputs, which are redacted when they come."""
        parts = [(self._notebook, "metadata")]
        parts += [(cell, key) for cell in self._notebook.cells for key in cell if key != "outputs"]
        for part, key in parts:
            part[key] = nbformat.from_dict(self._redactor.json(part[key]))

    def _failure(self) -> FailureError | None:
        """Return the error that papermill finds in the notebook; its markers are added then."""
        executed = {c.execution_count: n for c, n in zip(self._notebook.cells, self._numbers, strict=True) if n}
        error = raised_in(self._notebook)
        if error is None:
            return None
        self._current = error.cell_index
        cell = self._notebook.cells[error.cell_index + 2]
        place = self._place(cell)
        facts = {"ename": error.ename, "evalue": error.evalue, "traceback": list(error.traceback)}
        printed = "".join("".join(o["text"]) for o in cell.outputs if o["output_type"] == "stream")[-MOST_PRINTED:]
        return FailureError("error", **facts, source=error.source, numbers=executed, printed=printed, **place)

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
