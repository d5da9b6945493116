"""What is said of failed runs, where it takes no kernel to see."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from gpu_doc.errors import GpuDocError, MachineError, RunError
from gpu_doc.model import Limits, Run
from gpu_doc.outside.kernel import Facts
from gpu_doc.stages.executing import failure

NOTEBOOK = Run(report="r.md", name="a", address="a", line=1, notebook="n.ipynb", limits=Limits(time=7200))
COMMAND = Run(report="r.md", name="a", address="a", line=1, command=("train", "--fast"))


def told(run: Run = NOTEBOOK, **facts: Any) -> GpuDocError:
    if run is COMMAND:
        error = failure.of_command(run, Facts(facts), [])
    else:
        error = failure.of_notebook(run, Facts(facts), "/usr/bin/python3")
    assert error
    return error


def test_a_full_disk_is_the_machines_lack() -> None:
    assert isinstance(told(outcome="disk", path="executed.ipynb"), MachineError)
    error = told(COMMAND, event="failed", errno=errno.ENOSPC, message="")
    assert isinstance(error, MachineError)
    assert error.what == "the disk is full"


def test_want_of_memory_is_said_outright_where_the_system_counted_a_kill() -> None:
    done = {"outcome": "died", "status": -9, "log": "", "number": 2, "cell": ""}
    error = failure.of_notebook(NOTEBOOK, Facts(done, memory=12 * 10**9, memory_ran_out=True), "")
    assert error
    assert error.what == "the kernel died: the system killed it for want of memory"
    assert "12.0 GB" in error.remedy
    assert error.where == "n.ipynb, cell 2"


def test_a_limit_is_told_with_how_long_the_cell_ran() -> None:
    cell = {"number": 3, "cell": "loss", "seconds": 130.0}
    error = failure.of_notebook(NOTEBOOK, Facts({"outcome": "died"}, overrun="time", cell=cell), "")
    assert isinstance(error, RunError)
    assert error.what == "stopped after 2 h (limits.time); the cell had run for 2 min 10 s"
    assert error.where == "n.ipynb, cell 3 (loss)"


def test_a_defect_of_ours_is_one() -> None:
    error = told(outcome="defect", traceback="Traceback")
    assert type(error) is GpuDocError
    assert error.details == "Traceback"


def test_injected_parameters_have_no_number() -> None:
    done: dict[str, Any] = {"ename": "SyntaxError", "evalue": "", "traceback": ["x"], "source": "a = \n", "numbers": {}}
    error = told(outcome="error", number=None, cell="injected parameters", **done)
    assert error.where == "n.ipynb, injected parameters"
    assert error.what == "SyntaxError"


def test_kernels_that_name_no_lines_get_the_cell() -> None:
    done: dict[str, Any] = {
        "ename": "Error",
        "evalue": "no",
        "traceback": ["Error in f(): no"],
        "source": "f()",
        "numbers": {},
    }
    assert told(outcome="error", number=1, cell="", **done).details == "    f()\n\nError in f(): no"


def test_long_tracebacks_keep_their_ends() -> None:
    lines = failure.shortened([str(i) for i in range(1000)])
    assert lines[0] == "0"
    assert lines[-1] == "999"
    assert len(lines) == failure.LONGEST + 1


@pytest.mark.parametrize(
    ("what", "network"),
    [
        ("ConnectionError: no route", True),
        ("URLError: <urlopen error [Errno -3] Temporary failure in name resolution>", True),
        ("gaierror: [Errno -2] Name or service not known", True),
        ("ValueError: bad shape", False),
        ("TimeoutError: the simulation took too long", False),
    ],
)
def test_want_of_network_is_known_by_its_names(what: str, network: bool) -> None:  # noqa: FBT001 - a table's column
    assert failure.is_network(RunError(what)) is network
