"""Notebooks in real kernels: what papermill promises, and what we add to it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.integration.running import NOTEBOOKS, Runner, executed, mostly_local, outputs, text

from gpu_doc.errors import NotebookFileError, RunError
from gpu_doc.model.configuration import Limits, Retries
from gpu_doc.notebooks.cells import source_cells


def without_times(notebook: Any) -> list[Any]:
    """The cells, less what differs in each execution, and streams joined as every frontend does."""
    cells = []
    for cell in notebook["cells"]:
        kept: list[tuple[str, str]] = []
        for output in cell.get("outputs", []):
            if output["output_type"] == "stream":
                if kept and kept[-1][0] == output["name"]:
                    kept[-1] = (output["name"], kept[-1][1] + "".join(output["text"]))
                else:
                    kept.append((output["name"], "".join(output["text"])))
            else:
                kept.append((output["output_type"], json.dumps(output, sort_keys=True)))
        tags = cell["metadata"].get("tags")
        plain = [(kind, PACKAGES.sub("", said)) for kind, said in kept]
        cells.append((cell["cell_type"], "".join(cell["source"]), tags, cell.get("execution_count"), plain))
    return cells


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("many-kinds-of-output", {}),
        ("parameters", {"rate": 1e-4, "name": 'a "b"\n', "layers": [1, {"x": None}], "unknown": True}),
        pytest.param("no-parameters-cell", {"rate": 3}, marks=pytest.mark.full),
        ("error-in-third-cell", {}),
        pytest.param("exits-well", {}, marks=pytest.mark.full),
        pytest.param("updates-display", {}, marks=pytest.mark.full),
    ],
)
@mostly_local
def test_a_notebook_comes_out_as_from_papermill(runner: Runner, name: str, parameters: dict[str, Any]) -> None:
    ours = runner.one(name, parameters=parameters)
    theirs = runner.folder / "theirs.ipynb"
    source = runner.root / str(ours.job.run.notebook)
    process = subprocess.run(
        [sys.executable, "-m", "papermill", "-y", json.dumps(parameters), str(source), str(theirs)],
        cwd=source.parent,
        env={**runner.environment, "PYTHONWARNINGS": ""},
        capture_output=True,
        check=False,
    )
    assert (ours.error is None) == (process.returncode == 0)
    assert without_times(executed(ours)) == without_times(json.loads(theirs.read_text("utf-8")))


@mostly_local
def test_a_cell_that_may_fail_fails_no_run(runner: Runner) -> None:
    """As for nbclient, nbconvert and Jupyter Book; papermill knows no such tag."""
    finished = runner.one("expected-error")
    assert finished.error is None
    failed, after = executed(finished)["cells"]
    assert failed["outputs"][0]["ename"] == "ZeroDivisionError", "its traceback can be shown"
    assert "".join(after["outputs"][0]["text"]) == "after\n"


@mostly_local
def test_another_cell_that_fails_still_fails_the_run(runner: Runner) -> None:
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {"tags": tags}, "source": source, "outputs": []}
        for n, (source, tags) in enumerate([("1/0", ["raises-exception"]), ("int('x')", []), ("print('never')", [])])
    ]
    runner.root.mkdir(exist_ok=True)
    whole = {"cells": [{**cell, "execution_count": None} for cell in cells], "metadata": {}}
    (runner.root / "n.ipynb").write_text(json.dumps({**whole, "nbformat": 4, "nbformat_minor": 5}))
    finished = runner.one("n", notebook="n.ipynb")
    assert finished.error is not None
    assert "ValueError" in str(finished.error)
    assert executed(finished)["cells"][-1]["outputs"] == []


PACKAGES = re.compile(r"/\S+/site-packages/")
"""Where warnings say that they come from."""


@pytest.mark.parametrize("name", ["percent-script", "light-script", "markdown", "parameters"])
@mostly_local
def test_scripts_and_markdown_take_parameters_like_notebooks(runner: Runner, name: str) -> None:
    finished = runner.one(name, parameters={"rate": 0.25})
    assert finished.error is None
    assert text(finished).startswith("0.25")
    tags = [cell["metadata"]["tags"] for cell in executed(finished)["cells"] if cell["cell_type"] == "code"]
    assert tags[:2] == [["parameters"], ["injected-parameters"]]


@pytest.mark.parametrize("name", ["format-3", "no-code", "small"])
@mostly_local
def test_unusual_notebooks_run(runner: Runner, name: str) -> None:
    assert runner.one(name).error is None


@mostly_local
def test_sources_stay_as_they_are_and_no_path_of_the_machine_is_in_the_result(runner: Runner) -> None:
    job = runner.job("error-in-third-cell")
    source = runner.root / str(job.run.notebook)
    before = hashlib.sha256(source.read_bytes()).hexdigest()
    runner.run([job])
    assert hashlib.sha256(source.read_bytes()).hexdigest() == before
    assert list(source.parent.iterdir()) == [source]
    assert str(runner.folder) not in (job.folder / "executed.ipynb").read_text("utf-8")


def test_kernels_get_their_environment_and_nothing_else(local: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_ONLY", "1")
    local.environment = {"PATH": os.environ["PATH"], "HOME": str(local.folder), "GIVEN": "ünï"}
    jobs = [local.job("shows-environment"), local.job("shows-environment", address="root", cwd="root")]
    seen = {name: json.loads(text(finished)) for name, finished in local.run(jobs).items()}
    shown = seen["shows-environment"]["environment"]
    assert shown["GIVEN"] == "ünï"
    assert "OURS_ONLY" not in shown
    assert seen["shows-environment"]["cwd"] == str(local.root / "notebooks")
    assert seen["root"]["cwd"] == str(local.root)
    assert seen["root"]["python"] == sys.executable
    left = {path.name for path in local.folder.rglob("*") if path.name in (".ipython", ".jupyter", ".local")}
    assert left == set()


# --- failures ---------------------------------------------------------------------------------------------------------


def test_an_error_is_told_with_its_cell_and_the_lines_around(runner: Runner) -> None:
    finished = runner.one("error-in-third-cell", parameters={"rate": 1})
    error = finished.error
    assert isinstance(error, RunError)
    assert error.what == "ValueError: bad shape"
    assert error.where == "notebooks/run-error-in-third-cell.ipynb, cell 3 (loss-curve)"
    assert "----> 3         raise ValueError('bad shape')" in error.details
    assert "Cell 3, line 6" in error.details
    assert "\x1b" not in error.details
    assert error.kept == str(finished.job.folder / "executed.ipynb")
    assert "papermill-error-cell-tag" in json.dumps(executed(finished))


def test_a_run_calls_a_cell_what_its_plan_calls_it(local: Runner) -> None:
    cells = [
        code("rate = 1", "parameters"),
        code("1", "hide-input", "loss-curve"),
        code("#| label: 'my fig'\n2", "remove-cell"),
        code("3", "full-width"),
        code("#| echo: false\n1 / 0", "hide-input", "last"),
    ]
    path = local.root / "notebooks" / "named.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    error = local.one("named", notebook="notebooks/named.ipynb", parameters={"rate": 2}).error
    told = [name for kind, *_, name in local.heard.events if kind == "cell"]
    named = [cell.name for cell in source_cells(path)]
    assert named == ["parameters", "loss-curve", "my fig", "", "last"]
    assert told == [named[0], "injected parameters", *named[1:]]
    assert error
    assert error.where == "notebooks/named.ipynb, cell 5 (last)"


def code(source: str, *tags: str) -> dict[str, Any]:
    metadata = {"tags": list(tags)}
    return {"cell_type": "code", "id": tags[-1], "metadata": metadata, "source": source, "outputs": []}


def test_a_missing_module_is_told_with_the_interpreter(runner: Runner) -> None:
    error = runner.one("missing-module").error
    assert error
    assert error.what.startswith("ModuleNotFoundError: ")
    assert (str(runner.image) if runner.docker else sys.executable) in error.remedy


@pytest.mark.parametrize(
    ("name", "said", "where"),
    [
        ("ends-its-process", "ended itself with status 3", "cell 1"),
        ("kills-itself", "SIGKILL", "cell 2 (greedy)"),
        ("crashes", "SIGSEGV", "cell 1"),
    ],
)
def test_a_dead_kernel_is_told_with_its_cause(runner: Runner, name: str, said: str, where: str) -> None:
    finished = runner.one(name)
    assert isinstance(finished.error, RunError)
    assert said in finished.error.what
    assert finished.error.where == f"notebooks/run-{name}.ipynb, {where}"
    if name == "ends-its-process" and not runner.docker:
        # ipykernel lets the process's own output through where it finds pytest's variable in the environment.
        assert finished.error.details == "last words"
    assert executed(finished)


def test_a_kernel_that_is_not_installed_is_never_replaced(runner: Runner) -> None:
    for finished in runner.run([runner.job("unknown-kernel"), runner.job("small", kernel="no-such-kernel")]).values():
        assert isinstance(finished.error, RunError)
        assert "no kernel named `no-such-kernel` is installed; installed are: " in finished.error.what
        assert "python3" in finished.error.what
    assert runner.one("unknown-kernel", address="replaced by name", kernel="python3").error is None


def test_a_python_without_ipykernel_is_told_with_the_remedy(local: Runner) -> None:
    bare = local.folder / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    error = local.one("small", python=str(bare / "bin" / "python")).error
    assert isinstance(error, RunError)
    assert error.remedy == f"Install it there: {bare}/bin/python -m pip install ipykernel"


@pytest.mark.parametrize(("name", "said"), [("broken-json", "not valid JSON"), ("empty", "is empty")])
@mostly_local
def test_a_file_that_is_no_notebook_is_told(runner: Runner, name: str, said: str) -> None:
    error = runner.one(name).error
    assert isinstance(error, NotebookFileError)
    assert said in error.what
    assert error.where.startswith(f"notebooks/run-{name}.ipynb")


@mostly_local
def test_one_failure_leaves_the_others_alone(runner: Runner) -> None:
    names = ["kills-itself", "small", "error-in-third-cell", "no-code", "broken-json", "parameters"]
    finished = runner.run([runner.job(name) for name in names])
    assert {name for name in names if finished[name].error is None} == {"small", "no-code", "parameters"}


def test_want_of_network_is_tried_again_and_other_errors_are_not(runner: Runner) -> None:
    keys: dict[str, Any] = {"retries": Retries(times=1), "network": "bridge"}
    runner.run([runner.job("no-network", **keys), runner.job("error-in-third-cell", **keys)])
    starts = [event[1] for event in runner.heard.events if event[0] == "started"]
    assert sorted(starts) == ["error-in-third-cell", "no-network", "no-network"]


@pytest.mark.parametrize("tries", [2, 3])
def test_what_is_kept_is_of_the_last_try_alone(local: Runner, tries: int) -> None:
    """Its kernel.log is added to while it goes on, so the first try's would stand in it."""
    source = f"""import os, pathlib, sys
tried = pathlib.Path('tried')
tried.write_text(tried.read_text() + '.' if tried.exists() else '.')
number = len(tried.read_text())
os.write(sys.__stderr__.fileno(), b'try %d\\n' % number)
print('try', number)
if number < {tries}: raise ConnectionRefusedError(f'no route, try {{number}}')"""
    path = local.root / "notebooks/tries.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"cells": [code(source, "x")], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    finished = local.one("tries", notebook="notebooks/tries.ipynb", network="bridge", retries=Retries(times=1))
    assert (path.parent / "tried").read_text() == ".."
    assert text(finished).startswith("try 2\n")
    assert (finished.job.folder / "kernel.log").read_text() == "try 2\n"
    assert (finished.error is None) == (tries == 2)
    if finished.error:
        assert isinstance(finished.error, RunError)
        assert finished.error.kept == str(finished.job.folder / "executed.ipynb")
        assert "no route, try 2" in (finished.job.folder / "executed.ipynb").read_text()


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_limit_ends_a_cell_that_swallows_interrupts(runner: Runner) -> None:
    finished = runner.one("swallows-interrupts", limits=Limits(cell_time=3))
    assert isinstance(finished.error, RunError)
    assert finished.error.what.startswith("stopped after 3.0 s (limits.cell-time)")
    assert finished.error.where == "notebooks/run-swallows-interrupts.ipynb, cell 2 (stuck)"
    assert "working" in text(finished)


@mostly_local
def test_a_cell_limit_asks_first(runner: Runner) -> None:
    finished = runner.one("sleeps", limits=Limits(cell_time=1))
    assert isinstance(finished.error, RunError)
    assert "limits.cell-time" in finished.error.what
    assert outputs(finished)[0][-1]["ename"] == "KeyboardInterrupt"


@mostly_local
def test_a_run_has_a_limit_by_the_clock(runner: Runner) -> None:
    finished = runner.one("sleeps", limits=Limits(time=4))
    assert isinstance(finished.error, RunError)
    assert finished.error.what.startswith("stopped after 4.0 s (limits.time)")


@mostly_local
def test_many_prints_are_one_output(runner: Runner) -> None:
    first, second = outputs(runner.one("prints-20000-lines"))
    assert len(first) == len(second) == 1
    assert "".join(first[0]["text"]) == "".join(f"{i}\n" for i in range(20_000))


def test_output_is_cut_at_its_limit_and_the_run_goes_on(runner: Runner) -> None:
    finished = runner.one("prints-30-megabytes", limits=Limits(output=1_000_000))
    first, second, third = outputs(finished)
    cut = "… output cut at 1 MB, the most that is kept of what a cell prints (limits.output)\n"
    assert "".join(first[0]["text"]).endswith(f"x\n{cut}")
    assert [output["text"] for output in second] == [["y\n"]]
    assert third[0]["ename"] == "ZeroDivisionError"
    assert finished.error
    assert finished.error.what == "ZeroDivisionError: division by zero"
    assert (finished.job.folder / "executed.ipynb").stat().st_size < 1_100_000


@mostly_local
def test_progress_bars_are_what_a_person_saw(runner: Runner) -> None:
    finished = runner.one("returns-carriages")
    assert text(finished) == "30/30\ndone\n"
    assert len(outputs(finished)[0]) == 1


@mostly_local
def test_progress_tells_cells_by_their_number_in_the_source(runner: Runner) -> None:
    runner.one("error-in-third-cell", parameters={"rate": 2, "rat": 3})
    warning = "warning: the cell tagged `parameters` knows no `rat`; it was set all the same. Did you mean `rate`?"
    assert runner.heard.events == [
        ("started", "error-in-third-cell"),
        ("message", f"error-in-third-cell: {warning}"),
        ("cell", "error-in-third-cell", 1, 4, "parameters"),
        ("cell", "error-in-third-cell", 0, 4, "injected parameters"),
        ("cell", "error-in-third-cell", 2, 4, ""),
        ("cell", "error-in-third-cell", 3, 4, "loss-curve"),
        ("finished", "error-in-third-cell", False),
    ]


def test_files_that_a_run_produces_are_kept(runner: Runner) -> None:
    finished = runner.one("leaves-file-open", produces=("*.csv", "notebooks/*.csv"))
    assert finished.error is None
    produced = finished.job.folder / "produced"
    assert (produced / "result.csv").read_text() == "a,b\n1,2\n"
    assert (produced / "notebooks" / "result.csv").read_text() == "a,b\n1,2\n"


def test_a_file_that_a_run_does_not_produce_is_an_error(runner: Runner) -> None:
    error = runner.one("small", produces=("loss.png",)).error
    assert isinstance(error, RunError)
    assert "`loss.png` is in `produces`" in error.what


def test_every_fixture_is_used() -> None:
    sources = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    names = [path.stem.removeprefix("run-") for path in NOTEBOOKS.glob("run-*")]
    assert [name for name in names if f'"{name}"' not in sources] == []
