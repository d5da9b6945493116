"""`launch_command()`: the `docker run` with which a reader repeats a run, in a shell in a clean checkout.

It has the same options as the run's container (execution/containers/recipe.py), in the syntax of the `docker` program,
and nothing specific to the machine of the run. In the image, a notebook needs only jupyter_client, on which ipykernel
depends.
"""

from __future__ import annotations

import ast
import json
import math
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from gpu_doc.errors import ReportError
from gpu_doc.execution.agent.kernel_names import PYTHON, is_any_python
from gpu_doc.execution.containers.recipe import NAME, WORKSPACE
from gpu_doc.functions.shared import checks
from gpu_doc.functions.shared.function import RUN, BoundCall, Function
from gpu_doc.functions.shared.results import ResultReader
from gpu_doc.git.checkout import work_tree
from gpu_doc.model.answers import Answer
from gpu_doc.model.configuration import Run
from gpu_doc.model.results import Result
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import ExecutedCell, as_in_source, executed_cells, kernel_name, source_cells
from gpu_doc.notebooks.names import MAY_FAIL
from gpu_doc.text import markdown

_HOME = "/tmp"  # noqa: S108 - in the container, where everyone may write


def _check(call: BoundCall, root: Path) -> None:
    checks.whole_run(call, root)
    if not (call.run.image or call.run.configured_image):
        raise ReportError(
            f"run {call.run.address} has no image: it runs with the local Python, which no `docker run` reproduces",
            remedy="Give it an `image`, or leave launch_command() out.",
        )


def _answer(call: BoundCall, results: ResultReader) -> Answer:
    return call.answered(markdown.fenced(command(results.result(call.run), results.root), "sh"))


def command(result: Result, root: Path) -> str:
    """Return the text to paste into a shell at the top of the checkout. Raises NotebookFileError."""
    run, machine = result.run, result.record.get("machine") or {}
    place = root.relative_to(work_tree(root) or root).as_posix()
    image = _image(run, machine)
    start, derived = "", image
    if run.bootstrap and run.notebook:
        derived = f"{PurePosixPath(image).name.partition('@')[0].partition(':')[0]}-with-ipykernel"
        start = _build(run, image, derived) + "\n"
    lines = [*_options(run, machine, place), f"--entrypoint '' {shlex.quote(derived)}"]
    if run.command:
        return start + _continued(["docker run --rm --init", *lines, shlex.join(run.command)])
    program = f"{PYTHON} - {_here_document(_program(result, root))}"
    return start + _continued(["docker run --rm -i --init", *lines, program])


def _continued(lines: Sequence[str]) -> str:
    return " \\\n  ".join(lines)


def _image(run: Run, machine: Mapping[str, Json]) -> str:
    """Return the image, by its digest if a repository has it."""
    digest = str(machine.get("image-digest") or "")
    return digest if "@" in digest else str(run.image or run.configured_image)


def _build(run: Run, image: str, derived: str) -> str:
    """Return the command that builds a copy of the image with ipykernel."""
    steps = [f"FROM {image}", f"RUN PIP_BREAK_SYSTEM_PACKAGES=1 {PYTHON} -m pip install ipykernel"]
    if run.user == "runner":  # the build needs a user who may write; the run itself names its user
        steps.insert(1, "USER root")
    return f"docker build --tag {shlex.quote(derived)} - {_here_document(chr(10).join(steps))}"


# --- options ---------------------------------------------------------------------------------------------------------


def _options(run: Run, machine: Mapping[str, Json], place: str) -> Iterator[str]:
    """Yield the lines of options; options that belong together share a line."""
    if machine.get("device") == "gpu" and run.gpus != "none":
        yield _gpus(run)
    yield " ".join(_limits(run))
    yield f"--network {run.network} --cap-drop ALL --security-opt no-new-privileges"
    if run.user == "runner":
        yield f'--user "$(id -u):$(id -g)" --env HOME={_HOME} --env USER={NAME}'
    if variables := [*_variables(run)]:
        yield " ".join(f"--env {shlex.quote(variable)}" for variable in variables)
    folder = _folder(run, place)
    yield f'--volume "$PWD":{WORKSPACE} --workdir {shlex.quote(folder)}'
    for source in run.data:
        yield _data(source.path, place)
    for path in dict.fromkeys(run.caches.values()):
        yield f"--mount {shlex.quote(_fields(source=path, target=path))}"


def _gpus(run: Run) -> str:
    # https://docs.docker.com/reference/cli/docker/container/run/#gpus
    ids = [str(id_) for id_ in run.gpus] if isinstance(run.gpus, tuple) else []
    count = 1 if run.gpus == "auto" else run.gpus
    if run.gpu_driver == "cdi":
        names = ids or (["all"] if count == "all" else [str(number) for number in range(int(str(count)))])
        return " ".join(f"--device {shlex.quote(f'nvidia.com/gpu={name}')}" for name in names)
    return f"--gpus '\"device={','.join(ids)}\"'" if ids else f"--gpus {count}"


def _limits(run: Run) -> Iterator[str]:
    limits = run.limits
    if limits.memory:
        yield f"--memory {_size(limits.memory)} --memory-swap {_size(limits.memory)}"
    if limits.cpus:
        yield f"--cpus {limits.cpus:g}"
    yield f"--shm-size {_size(limits.shm)} --pids-limit {limits.processes}"


def _size(number: int) -> str:
    """Return a number of bytes in Docker's syntax."""
    for unit, factor in (("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)):
        if number % factor == 0:
            return f"{number // factor}{unit}"
    return f"{number}b"


def _variables(run: Run) -> Iterator[str]:
    """Yield the run's environment variables. A name without a value takes the reader's own value."""
    if run.limits.cpus:
        yield f"OMP_NUM_THREADS={max(1, math.ceil(run.limits.cpus))}"
    yield from (*run.env, *run.secrets)
    yield from (f"{name}={path}" for name, path in run.caches.items())


def _folder(run: Run, place: str) -> str:
    """Return the run's working folder in the container."""
    return os.path.normpath(f"{WORKSPACE}/{place}/{run.folder}")


def _data(path: str, place: str) -> str:
    """Return a read-only mount. A missing source is an error; `--volume` would create a folder."""
    if path.startswith("/"):
        return f"--mount {shlex.quote(_fields(source=path, target=path) + ',readonly')}"
    inside = os.path.normpath(f"{place}/{path}")
    target = os.path.normpath(f"{WORKSPACE}/{inside}")
    return f'--mount type=bind,source="$PWD"/{shlex.quote(inside)},{shlex.quote(f"target={target}")},readonly'


def _fields(**fields: str) -> str:
    return ",".join(["type=bind", *(f"{name}={value}" for name, value in fields.items())])


# --- notebooks -------------------------------------------------------------------------------------------------------


def _program(result: Result, root: Path) -> str:
    """Return Python code that runs the notebook's cells with the run's parameters, and prints their output."""
    run = result.run
    path = root / str(run.notebook)
    kernel = run.kernel or kernel_name(path)
    cells = as_in_source(executed_cells(result.executed), source_cells(path))
    may_fail = [number for number, cell in enumerate(cells) if MAY_FAIL in cell.tags]
    # In a successful run no other cell failed, except that papermill lets a cell end the run with sys.exit(0).
    exits = any(
        output["output_type"] == "error" for cell in cells if MAY_FAIL not in cell.tags for output in cell.outputs
    )
    failed = 'reply["content"]["ename"] != "SystemExit"' if exits else '"This cell failed:\\n" + cell'
    return "\n".join(
        [
            "import json, sys",
            "from jupyter_client import KernelManager",
            "",
            *(_read_cells(run, path, cells) if _is_plain(path) else _written_cells(cells)),
            *(f'cells[{number}] = ""' for number, cell in enumerate(cells) if "skip-execution" in cell.tags),
            f"manager = KernelManager({_settings(PYTHON if is_any_python(kernel) else kernel)})",
            "manager.start_kernel()",
            "kernel = manager.blocking_client()",
            "kernel.start_channels()",
            "kernel.wait_for_ready()",
            "for number, cell in enumerate(cells):" if may_fail else "for cell in cells:",
            "    reply = kernel.execute_interactive(cell)",
            f'    if reply["content"]["status"] != "ok"{f" and number not in {may_fail}" if may_fail else ""}:',
            f"        sys.exit({failed})",
            "manager.shutdown_kernel()",
        ]
    )


def _settings(kernel: str) -> str:
    # Sockets are beside the connection file, so not in the reader's checkout. Over TCP, a kernel prints a warning.
    return f'kernel_name={json.dumps(kernel)}, transport="ipc", connection_file="{_HOME}/kernel.json"'


def _is_plain(path: Path) -> bool:
    """Return whether a few lines of code can read the notebook: JSON in today's format that needed no repair."""
    if path.suffix != ".ipynb":
        return False
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        found = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return found == [cell.source for cell in source_cells(path)]


def _read_cells(run: Run, path: Path, cells: Sequence[ExecutedCell]) -> Iterator[str]:
    name = PurePosixPath(str(run.notebook))
    shown = json.dumps(str(name if run.cwd == "root" else name.name), ensure_ascii=False)
    yield f'notebook = json.load(open({shown}, encoding="utf-8"))'
    yield 'cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]'
    for place, cell in enumerate(cells):
        if not cell.number:  # parameters, as papermill wrote them in the notebook's language
            replaced = any(not source.number for source in source_cells(path))
            text = _literal(cell.source)
            yield f"cells[{place}] = {text}" if replaced else f"cells.insert({place}, {text})"


def _written_cells(cells: Sequence[ExecutedCell]) -> Iterator[str]:
    yield "cells = ["
    yield from (f"{_literal(cell.source)}," for cell in cells)
    yield "]"


def _literal(text: str) -> str:
    """Return a text as a Python string, in readable form if possible."""
    raw = "r" if "\\" in text else ""
    readable = f'{raw}"""{text}"""'
    try:
        same = ast.literal_eval(readable) == text
    except (SyntaxError, ValueError):
        same = False
    return readable if same else repr(text)


def _here_document(text: str) -> str:
    """Return a text as a command's standard input, in which the shell changes nothing."""
    end = "END"
    while end in text.splitlines():
        end += "_"
    return f"<<'{end}'\n{text}\n{end}"


FUNCTION = Function(
    name="launch_command",
    text="the `docker run …` that a reader pastes into a clean checkout to get the same",
    first=RUN,
    gives=("text",),
    check=_check,
    answer=_answer,
    label="launch command",
    tells_results=False,
    shows_settings="launches",
    names_notebook=True,
    shows_source=lambda _: True,
)
