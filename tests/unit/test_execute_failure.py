"""What is said of failed runs, where it takes no kernel to see."""

from __future__ import annotations

import errno
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gpu_doc.errors import GpuDocError, MachineError, RunError
from gpu_doc.execution.agent.outcomes import Shortages
from gpu_doc.execution.runs import command_failure, failure, notebook_failure, remedies, retries
from gpu_doc.execution.workers.guard import Facts
from gpu_doc.execution.workers.run_ends import (
    Cell,
    CommandEnded,
    CommandLost,
    Defect,
    DiskFull,
    KernelDied,
    NoNotebook,
    Raised,
    RunEnd,
)
from gpu_doc.model.configuration import Limits, Retries, Run
from gpu_doc.model.location import Location

NOTEBOOK = Run(report="r.md", name="a", address="a", line=1, notebook="n.ipynb", limits=Limits(time=7200))
COMMAND = Run(report="r.md", name="a", address="a", line=1, command=("train", "--fast"))


def told(end: RunEnd, run: Run = NOTEBOOK) -> GpuDocError:
    if run is COMMAND:
        error = command_failure.of_command(run, Facts(end), [])
    else:
        error = notebook_failure.of_notebook(run, Facts(end), "/usr/bin/python3")
    assert error
    return error


def raised(ename: str, *, cell: Cell, evalue: str = "", traceback: str = "", source: str = "") -> Raised:
    lines = (traceback,) * bool(traceback)
    numbers = {"2": 1, "4": 3}
    return Raised(ename=ename, evalue=evalue, traceback=lines, source=source, numbers=numbers, cell=cell)


def end(*, asked: bool = False, out_of_memory: bool | None = None, out_of_processes: bool | None = None) -> RunEnd:
    return CommandEnded(status=1, asked=asked, shortages=Shortages(out_of_memory, out_of_processes))


def test_a_full_disk_is_the_machines_lack() -> None:
    assert isinstance(told(DiskFull(path="executed.ipynb")), MachineError)
    error = told(CommandLost(errno=errno.ENOSPC, message=""), COMMAND)
    assert isinstance(error, MachineError)
    assert error.what == "the disk is full"


def test_want_of_memory_is_said_outright_where_the_system_counted_a_kill() -> None:
    done = KernelDied(status=-9, log="", cell=Cell(2))
    error = notebook_failure.of_notebook(NOTEBOOK, Facts(done, memory=12 * 10**9, memory_ran_out=True), "")
    assert error
    assert error.what == "the kernel died: the system killed it because memory ran out"
    assert "12.0 GB" in error.remedy
    assert error.where == "n.ipynb, cell 2"


def test_a_limit_is_told_with_how_long_the_cell_ran() -> None:
    facts = Facts(KernelDied(status=-9, log=""), overrun="time", cell=Cell(3, "loss"), seconds=130.0)
    error = notebook_failure.of_notebook(NOTEBOOK, facts, "")
    assert isinstance(error, RunError)
    assert error.what == "stopped after 2 h (limits.time); the cell had run for 2 min 10 s"
    assert error.where == "n.ipynb, cell 3 (loss)"


def test_a_defect_of_ours_is_one() -> None:
    error = told(Defect(traceback="Traceback"))
    assert type(error) is GpuDocError
    assert error.details == "Traceback"


def test_injected_parameters_have_no_number() -> None:
    error = told(raised("SyntaxError", traceback="x", source="a = \n", cell=Cell(None, "injected parameters")))
    assert error.where == "n.ipynb, injected parameters"
    assert error.what == "SyntaxError"


def test_what_a_notebook_lacks_is_never_to_be_installed_into_an_actions_own_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = raised("ModuleNotFoundError", cell=Cell(1))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))

    def remedy(python: str, run: Run = NOTEBOOK) -> str:
        error = notebook_failure.of_notebook(run, Facts(done), python)
        assert error
        return error.remedy

    own = str(tmp_path / "bin/python")
    assert f"Install it where the kernel runs ({own})" in remedy(own)
    (tmp_path / "ready").touch()  # as scripts/action leaves it
    assert "requirements: requirements.txt" in remedy(own)
    assert own not in remedy(own)
    assert "Install it where the kernel runs (/usr/bin/python3)" in remedy("/usr/bin/python3")
    assert "in the image pytorch" in remedy(own, replace(NOTEBOOK, image="pytorch"))


def test_kernels_that_name_no_lines_get_the_cell() -> None:
    error = told(raised("Error", evalue="no", traceback="Error in f(): no", source="f()", cell=Cell(1)))
    assert error.details == "    f()\n\nError in f(): no"


@pytest.mark.parametrize(
    ("traceback", "line"),
    [
        ("Cell In[4], line 2\n----> 2 f()\nCell In[2], line 7, in f()\n----> 7 raise ValueError", 2),
        ("  Cell In[4], line 1\n    x = = 1\nSyntaxError: invalid syntax", 1),
        ("Cell In [4], line 3\n----> 3 x", 3),
        ("Input In [4], in <cell line: 5>()\n----> 5 x", 5),
        ("Cell In[4], line 2\nCell In[2], line 9, in f(g)\nCell In[4], line 1, in <lambda>()", 1),
        ("Error in f(): no such thing", 0),
    ],
)
def test_the_line_that_failed_is_one_of_the_failing_cell(traceback: str, line: int) -> None:
    error = told(raised("ValueError", traceback=traceback, cell=Cell(3)))
    assert error.location == Location("n.ipynb", line, cell=3)


def test_a_run_is_placed_in_its_file_where_it_has_one() -> None:
    script = replace(COMMAND, command=("tools/train.sh",))
    assert failure.place(NOTEBOOK) == Location("n.ipynb")
    assert failure.place(NOTEBOOK, Cell(3, "loss"), 2) == Location("n.ipynb", 2, cell=3, cell_name="loss")
    assert failure.place(script) == Location("tools/train.sh")
    assert failure.place(COMMAND) == "train --fast"


def test_a_notebook_that_cannot_be_read_is_placed_at_its_line() -> None:
    error = told(NoNotebook(what="empty", where=Location("n:1, cell 2.ipynb", 7), remedy=""))
    assert error.location == Location("n:1, cell 2.ipynb", 7)


def test_long_tracebacks_keep_their_ends() -> None:
    lines = notebook_failure.shortened([str(i) for i in range(1000)])
    assert lines[0] == "0"
    assert lines[-1] == "999"
    assert len(lines) == failure.LONGEST + 1


@pytest.mark.parametrize(
    ("what", "network"),
    [
        ("ConnectionError: no route", True),
        ("URLError: <urlopen error [Errno -3] Temporary failure in name resolution>", True),
        ("gaierror: [Errno -2] Name or service not known", True),
        ("curl: (6) Could not resolve host: example.com", True),
        ("ValueError: bad shape", False),
        ("TimeoutError: the simulation took too long", False),
    ],
)
def test_want_of_network_is_known_by_its_names(what: str, network: bool) -> None:  # noqa: FBT001 - a table's column
    assert retries.may_pass(NOTEBOOK, RunError(what)) is network


def test_where_runs_have_no_network_another_try_does_not_mend_it() -> None:
    offline = replace(NOTEBOOK, image="pytorch")
    error = RunError("gaierror: [Errno -2] Name or service not known")
    assert not retries.may_pass(offline, error)
    assert retries.may_pass(replace(offline, network="bridge"), error)
    pull = MachineError("the engine can't reach the registry")
    pull.cause = "network"
    assert retries.may_pass(offline, pull)


@pytest.mark.parametrize(
    ("times", "what", "tries"), [(2, "ConnectionError: no route", 3), (2, "KeyError", 1), (0, "ConnectionError", 1)]
)
def test_an_engine_is_asked_as_often_as_a_run_says(
    monkeypatch: pytest.MonkeyPatch, times: int, what: str, tries: int
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    run, said, asked = (
        replace(NOTEBOOK, image="pytorch", network="bridge", retries=Retries(times=times)),
        list[str](),
        list[str](),
    )

    def ask() -> None:
        asked.append(what)
        raise RunError(what)

    with pytest.raises(RunError):
        retries.patiently(run, ask, said.append)
    assert (len(asked), len(said), slept) == (tries, tries - 1, [1.0, 2.0][: tries - 1])


CONTAINER = replace(NOTEBOOK, image="pytorch", limits=Limits(memory=150_000_000, shm=64_000_000, processes=60))

SAID = {
    "lost its GPUs": [
        "Failed to initialize NVML: Unknown Error",
        "pynvml.nvml.NVMLError_Unknown: Unknown Error",
        "failed call to cuInit: CUDA_ERROR_UNKNOWN: unknown error",
    ],
    "GPU's memory": [
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 14.58 GiB",
        "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8589934592 bytes.",
    ],
    "(/dev/shm) holds 64 MB": [
        "RuntimeError: DataLoader worker (pid 42) is killed by signal: Bus error. It is possible that",
        "RuntimeError: unable to write to file </torch_42_1234_0>: No space left on device (28)",
        "dd: error writing '/dev/shm/a': No space left on device",
        "ncclSystemError: Error while creating shared memory segment /dev/shm/nccl-fx3yUb (size 33030528)",
    ],
    "engine's disk is full": ["OSError: [Errno 28] No space left on device: 'checkpoint.pt'"],
    "limits.memory (150 MB)": [
        "_ArrayMemoryError: Unable to allocate 7.28 TiB for an array with shape (1000000, 1000000)",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to",
    ],
    "limits.processes, 60": [
        "RuntimeError: can't start new thread",
        "sh: 0: Cannot fork",
        "bash: fork: retry: Resource temporarily unavailable",
        "OpenBLAS blas_thread_init: pthread_create failed for thread 5 of 8: Resource temporarily unavailable",
    ],
    "read-only": ["sh: 1: cannot create data/rows.csv: Read-only file system"],
    "network: bridge": [
        "curl: (6) Could not resolve host: example.com",
        "curl: (7) Failed to connect to 10.0.0.1 port 80 after 0 ms: Couldn't connect to server",
        "Connecting to 10.0.0.1:80... failed: Network is unreachable.",
        "fatal: unable to access 'https://github.com/x/y/': Could not resolve host: github.com",
        "requests.exceptions.ConnectionError: Max retries exceeded: [Errno -3] Temporary failure in name resolution",
        "OSError: We couldn't connect to 'https://huggingface.co' to load the files",
        "Err:1 http://deb.debian.org/debian bookworm InRelease\n  Temporary failure resolving 'deb.debian.org'",
    ],
    "nobody to ask": [
        "EOFError: EOF when reading a line",
        "StdinNotImplementedError: raw_input was called, but this frontend does not support input requests.",
        "bash: line 1: /dev/tty: No such device or address",
        "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
        "Host key verification failed.",
        "sudo: a terminal is required to read the password; either use the -S option or configure an askpass helper",
        "Aborting commit due to empty commit message.",
        "After this operation, 40 MB will be used.\nDo you want to continue? [Y/n] Abort.\n",
        "Overwrite data.csv? [y/N]: Aborted!\n",
        "the input device is not a TTY",
        "Password: ",
    ],
    "`user: image`": [f"PermissionError: [Errno 13] Permission denied: '{Path('/root', 'model')}'"],
}
"""Part of the remedy, and what programs say of the cause."""


@pytest.mark.parametrize(("remedy", "text"), [(remedy, text) for remedy, texts in SAID.items() for text in texts])
def test_what_programs_say_leads_to_a_remedy(remedy: str, text: str) -> None:
    assert remedy in remedies.of_end(CONTAINER, text, end())


@pytest.mark.parametrize(
    "text",
    [
        "curl: (7) Failed to connect to localhost port 80: Couldn't connect to server",
        "no",
        "accuracy: 0.9\nerror: no data\n",
    ],
)
def test_what_has_other_causes_leads_to_none(text: str) -> None:
    assert remedies.of_end(CONTAINER, text, end()) == ""


def test_limits_that_a_run_met_lead_to_a_remedy() -> None:
    assert "limits.memory (150 MB)" in remedies.of_end(CONTAINER, "died", end(out_of_memory=True))
    assert "nobody to ask" in remedies.of_end(CONTAINER, "died", end(asked=True))
    assert "limits.processes, 60" in remedies.of_end(CONTAINER, "died", end(out_of_processes=True))
    assert remedies.of_end(CONTAINER, "died", end(out_of_memory=False, out_of_processes=False)) == ""


def test_a_run_on_this_machine_is_not_told_of_containers() -> None:
    texts = [text for texts in SAID.values() for text in texts]
    assert not [
        text for text in texts if re.search("limits|bridge|engine|container", remedies.of_end(NOTEBOOK, text, end()))
    ]
