"""Prepares a notebook for its run as papermill does, and finds what failed in it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import nbformat
from papermill.exceptions import PapermillException, PapermillExecutionError
from papermill.execute import prepare_notebook_metadata, raise_for_execution_errors, remove_error_markers
from papermill.inspection import _infer_parameters
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from papermill.utils import find_first_tagged_cell_index

from gpu_doc.errors import NotebookFileError
from gpu_doc.execution.workers.failure import FailureError
from gpu_doc.execution.workers.run_ends import Refused
from gpu_doc.model.location import Location
from gpu_doc.notebooks.names import MAY_FAIL, PARAMETERS
from gpu_doc.text.nearest import did_you_mean

if TYPE_CHECKING:
    from jupyter_client.kernelspec import KernelSpec


def prepared(
    source: Any, spec: KernelSpec, parameters: Mapping[str, Any], names: tuple[str, str], say: Callable[[str], None]
) -> Any:
    """Return the notebook to execute, with parameters. `names`, for its metadata, are its own and the executed one's.

    Raises NotebookFileError if it is not a notebook, and FailureError if papermill refuses it.
    """
    try:
        notebook = load_notebook_node(nbformat.from_dict(source))
        if parameters:
            notebook = _parameterised(notebook, spec, parameters, say)
        # A result should not contain paths of this machine.
        return remove_error_markers(prepare_notebook_metadata(notebook, *names))
    except PapermillException as error:
        raise FailureError(Refused(what=str(error))) from error
    except (nbformat.ValidationError, nbformat.reader.NotJSONError, AttributeError, KeyError) as error:
        problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NotebookFileError(f"this is no valid notebook: {problem}", where=Location(names[0])) from error


def _parameterised(notebook: Any, spec: KernelSpec, parameters: Mapping[str, Any], say: Callable[[str], None]) -> Any:
    if find_first_tagged_cell_index(notebook, PARAMETERS) < 0:
        say("no cell is tagged `parameters`: they were put at the top")
    else:
        known = {p.name for p in _infer_parameters(notebook, spec.name, spec.language)}
        for name in [p for p in parameters if known and p not in known]:
            meant = did_you_mean(name, known)
            what = f"warning: the cell tagged `parameters` knows no `{name}`; it was set all the same"
            say(f"{what}. {meant}" if meant else what)
    return parameterize_notebook(notebook, parameters, kernel_name=spec.name, language=spec.language)


def raised_in(notebook: Any) -> PapermillExecutionError | None:
    """Return the error that papermill finds in an executed notebook.

    Cells tagged `raises-exception` may fail, as for nbclient, nbconvert and Jupyter Book; papermill knows no such tag.
    The notebook then has papermill's markers: a cell on top, and one before the cell that failed.
    """
    allowed = [(cell, cell.outputs) for cell in notebook.cells if cell.cell_type == "code" and may_fail(cell)]
    for cell, _ in allowed:
        cell.outputs = []
    try:
        raise_for_execution_errors(notebook, None)
    except PapermillExecutionError as error:
        return error
    finally:
        for cell, outputs in allowed:
            cell.outputs = outputs
    return None


def may_fail(cell: Mapping[str, Any]) -> bool:
    """Return whether a cell's author allows it to raise an exception."""
    return MAY_FAIL in cell["metadata"].get("tags", ())
