"""Executes one notebook in a kernel. Importing this imports papermill, which takes 0.4 s."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from gpu_doc.execution.workers.failure import FailureError
from gpu_doc.execution.workers.messages import CellBegan, Cells, OutputCut, RunNotebook, Said, write
from gpu_doc.execution.workers.papermill_client import Client, Progress
from gpu_doc.execution.workers.papermill_notebook import prepared, raised_in
from gpu_doc.execution.workers.run_ends import Cell, Raised, Refused
from gpu_doc.notebooks.names import cell_name, cell_numbers
from gpu_doc.notebooks.outputs import Mark, Outputs
from gpu_doc.redaction import Redactor
from gpu_doc.system import writing
from gpu_doc.widgets.state import VIEW

if TYPE_CHECKING:
    from gpu_doc.execution.workers.kernel import Kernel
    from gpu_doc.system.link import Link

MOST_PRINTED = 4000
"""How many of the last characters that a failed cell printed the parent gets, to find the cause in."""


class Execution:
    """Parameterises and executes one notebook in the same steps as papermill's `execute_notebook`."""

    def __init__(self, job: RunNotebook, source: Any, kernel: Kernel, link: Link) -> None:
        self._job = job
        self._kernel = kernel
        self._link = link
        self._path = Path(job.folder) / "executed.ipynb"
        self._redactor = Redactor(job.redact)
        names = (job.name, self._path.name)
        self._notebook = prepared(source, kernel.spec, job.parameters, names, self._say)
        self._sources = [self._redactor.json(cell.source) for cell in self._notebook.cells]
        self._numbers = cell_numbers(self._notebook.cells)
        self._current: int | None = None

    async def run(self) -> None:
        """Execute all cells, and save the executed notebook whatever happens.

        Raises FailureError if a cell failed, or the kernel died.
        """
        progress = Progress(self._notebook, self.save)
        self._link.send(write(Cells(sum(n is not None for n in self._numbers))))
        progress.notebook_start()
        outputs = Outputs(self._job.output, nbformat.NotebookNode, self._redactor)
        try:
            await self._kernel.ready()
            client = Client(progress, self._kernel, outputs, self._entered)
            await client.run_cells()
            self._notebook.metadata["language_info"] = self._kernel.language_info
        except DeadKernelError:
            raise FailureError(replace(self._kernel.death(), cell=self._cell())) from None
        except FailureError as error:
            error.end = replace(error.end, cell=error.end.cell or self._cell())
            raise
        except CellTimeoutError as error:
            raise FailureError(Refused(what=str(error), cell=self._cell())) from error
        finally:
            progress.notebook_complete()
            self._tell_cuts(outputs)
            failure = self._failure()
            self._finish()
        if failure:
            raise failure

    def save(self) -> None:
        """Save the notebook after a cell. It is compact, since there are many saves; only the last is indented."""
        # The cells keep their sources unredacted, since they are still to be executed.
        cells = zip(self._notebook.cells, self._sources, strict=True)
        shown = {**self._notebook, "cells": [{**cell, "source": source} for cell, source in cells]}
        shown["metadata"] = self._redactor.json(self._notebook.metadata)
        self._write(json.dumps(shown, ensure_ascii=False))

    def _finish(self) -> None:
        if self._redactor:
            self._redact()
        self._write(nbformat.writes(self._notebook) + "\n")

    def _write(self, text: str) -> None:
        # A cell may print half a character (a lone surrogate), which UTF-8 can't hold: it is escaped as in JSON.
        writing.replace(self._path, text.encode("utf-8", "backslashreplace"))

    def _redact(self) -> None:
        """Redact everything but outputs, which are redacted when they come."""
        parts = [(self._notebook, "metadata")]
        parts += [(cell, key) for cell in self._notebook.cells for key in cell if key != "outputs"]
        for part, key in parts:
            part[key] = nbformat.from_dict(self._redactor.json(part[key]))

    def _failure(self) -> FailureError | None:
        """Return the error that papermill finds in the notebook. If there is one, papermill adds its markers."""
        executed = {str(c.execution_count): n for c, n in zip(self._notebook.cells, self._numbers, strict=True) if n}
        error = raised_in(self._notebook)
        if error is None:
            return None
        self._current = error.cell_index
        cell = self._notebook.cells[error.cell_index + 2]
        printed = "".join("".join(o["text"]) for o in cell.outputs if o["output_type"] == "stream")[-MOST_PRINTED:]
        return FailureError(
            Raised(
                ename=str(error.ename),
                evalue=str(error.evalue),
                traceback=tuple(map(str, error.traceback)),
                source=str(error.source),
                numbers=executed,
                printed=printed,
                cell=self._cell(cell),
            )
        )

    def _cell(self, cell: Any = None) -> Cell:
        """Return the cell that ran last."""
        if self._current is None:
            return Cell()
        cell = cell or self._notebook.cells[self._current]
        return Cell(self._numbers[self._current], cell_name(cell))

    def _tell_cuts(self, outputs: Outputs) -> None:
        for index, cell in enumerate(self._notebook.cells):
            if mark := _mark(cell, outputs):
                self._current = index
                self._link.send(write(OutputCut(self._cell(), mark.after, outputs.limit, mark.reached)))

    def _entered(self, index: int) -> None:
        self._current = index
        self._link.send(write(CellBegan(self._cell())))

    def _say(self, text: str) -> None:
        self._link.send(write(Said(text)))


def _mark(cell: Any, outputs: Outputs) -> Mark | None:
    """Where something was left out of a cell; which Output widget lacks something can't be told, so any may."""
    mark = outputs.mark_of(cell.get("outputs"))
    if outputs.cut_in_widget:
        views = [n for n, output in enumerate(cell.get("outputs") or ()) if VIEW in (output.get("data") or {})]
        if views and not (mark and mark.after < views[0]):
            return Mark(views[0], outputs.cut_in_widget)
    return mark
