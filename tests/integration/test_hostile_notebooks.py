"""What notebooks do to their kernel, its parent and its messages fails their run, or is shown; it is no defect."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

import nbformat
import psutil
import pytest
from tests.integration.running import Runner, outputs, text

from gpu_doc.errors import RunError
from gpu_doc.execution.runs.job import Finished

SENDS = """
kernel = get_ipython().kernel
def send(kind, content):
    kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent())
"""
SHOWN = {
    "application/x-foo": {"a": [1, None]},
    "application/x-list": [1, 2],
    "application/x-null": None,
    "application/vnd.x+json": {"b": 1},
    "text/plain": [["a"], "b"],
    "text/html": 7,
    "image/png": {"no": "picture"},
    "nö name": "x",
    "": "y",
    "a" * 300: "z",
}
KEPT = {
    "application/x-foo": '{"a": [1, null]}',
    "application/x-list": "[1, 2]",
    "application/x-null": "null",
    "application/vnd.x+json": {"b": 1},
    "text/plain": ['[["a"], "b"]'],
    "text/html": ["7"],
    "image/png": '{"no": "picture"}',
    "nö name": "x",
}
ODD = [
    ("display_data", {"data": {"text/plain": "metadata"}, "metadata": [1], "transient": 3}),
    ("display_data", {"data": {"text/plain": "id"}, "metadata": {}, "transient": {"display_id": [1]}}),
    ("execute_result", {"execution_count": "x", "data": {"text/plain": 1}, "metadata": {}}),
    ("update_display_data", {"data": {}, "transient": None}),
    ("stream", {"name": "weird", "text": ["a", "b"]}),
    ("never_heard_of", {}),
]
BROKEN = {
    "no data": ("display_data", {}),
    "a list of data": ("display_data", {"data": [1]}),
    "no state": ("status", {}),
    "no comm": ("comm_open", {"x": 1}),
    "an odd comm": ("comm_msg", {"comm_id": 1, "data": 3}),
}
SIGNALS = "import os, time\nos.kill(os.getppid(), {number})\ntime.sleep({seconds})\nprint('went on')"
FAILING = {
    **{f"sends {name}": (f"{SENDS}\nsend{message!r}", "none of Jupyter's") for name, message in BROKEN.items()},
    "sends garbage": (
        "get_ipython().kernel.iopub_thread.send_multipart([b'g', b'<IDS|MSG>', b'{'])",
        "none of Jupyter's",
    ),
    "nests": ("d = 1\nfor _ in range(900): d = [d]\ndisplay({'application/json': d}, raw=True)", "nested deeper"),
    "kills its parent": (SIGNALS.format(number=9, seconds=60), "the run was ended by SIGKILL"),
    "ends its parent": (SIGNALS.format(number=15, seconds=60), "the run was ended by SIGTERM"),
    "kills its group": ("import os\nos.killpg(0, 9)", "the kernel died"),
    "kills its parent's group": (
        "import os\nos.killpg(os.getpgid(os.getppid()), 9)\nimport time; time.sleep(60)",
        "SIGKILL",
    ),
    "closes all": ("import os\nos.closerange(3, 1000)\nimport time; time.sleep(60)", "the kernel died"),
}
GOING_ON = {
    "interrupts its parent": (SIGNALS.format(number=2, seconds=0), "went on"),
    "stops its parent": (SIGNALS.format(number=19, seconds=0), "went on"),
}


def run(runner: Runner, cells: dict[str, list[str]], parallel: int = 2) -> dict[str, Finished]:
    """Run a notebook of each name with these cells."""
    jobs = []
    for number, (name, sources) in enumerate(cells.items()):
        jobs.append(runner.job(name, notebook=f"notebooks/{number}.ipynb"))
        (runner.root / "notebooks").mkdir(exist_ok=True)
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        nbformat.write(made, runner.root / f"notebooks/{number}.ipynb")
    return runner.run(jobs, parallel)


def test_outputs_of_any_shape_are_kept(local: Runner) -> None:
    sends = "\n".join(f"send{message!r}" for message in ODD)
    finished = run(local, {"odd": [f"display({SHOWN!r}, raw=True)", SENDS + sends, "print('went on')"]})["odd"]
    assert finished.error is None
    shown, odd, _ = outputs(finished)
    assert shown[0]["data"] == KEPT
    assert text(finished).endswith("went on\n")
    assert json.dumps(odd).count("text/plain") == 3


def assert_each_ends_as_it_should(runner: Runner, names: Iterable[str]) -> None:
    known = {**FAILING, **GOING_ON}
    ended = run(runner, {**{name: [known[name][0]] for name in names}, "well": ["6 * 7"]})
    for name, finished in ended.items():
        error, said = finished.error, known.get(name, ("", ""))[1]
        if name in FAILING:
            assert isinstance(error, RunError), (name, error, getattr(error, "details", ""))
            assert said in error.what, name
        else:
            assert error is None, name
            assert said in text(finished), name
    assert runner.left() == []


def test_what_disturbs_a_kernel_fails_its_run_and_no_other(local: Runner) -> None:
    assert_each_ends_as_it_should(local, ["kills its parent", "sends garbage"])


@pytest.mark.full
def test_each_way_to_disturb_a_kernel_fails_its_run_and_no_other(local: Runner) -> None:
    assert_each_ends_as_it_should(local, [*FAILING, *GOING_ON])


def test_what_removes_all_sockets_is_no_harm_to_the_next(local: Runner) -> None:
    source = "import os, shutil\nshutil.rmtree(os.path.dirname(os.environ['JUPYTER_RUNTIME_DIR']))"
    ended = run(local, {"removes": [source, "1"], "next": ["1"]}, parallel=1)
    assert [each.error for each in ended.values()] == [None, None]


LEAVES_A_DAEMON = """
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)"], {})
    os._exit(0)
os.wait()
"""


def daemons() -> set[int]:
    """The processes that `LEAVES_A_DAEMON` leaves."""
    return {each.pid for each in psutil.process_iter() if "import time; time.sleep(600)" in _words(each)}


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.parametrize("how", ["command", "notebook"])
def test_a_daemon_without_any_environment_ends_with_its_run(local: Runner, how: str) -> None:
    before = daemons()
    if how == "command":
        assert local.one("leaves", command=(sys.executable, "-c", LEAVES_A_DAEMON)).error is None
    else:
        ended = run(local, {"leaves": [LEAVES_A_DAEMON], "other": ["1"]}, parallel=1)
        assert [each.error for each in ended.values()] == [None, None]
    assert daemons() <= before
