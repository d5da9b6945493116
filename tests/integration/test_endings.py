"""Why a run in a container failed: each cause is provoked for real, and told in a sentence with what to do."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]  # ships no types
import nbformat
import pytest
from tests.integration.engines import image
from tests.integration.running import Runner, in_containers
from tests.troubleshooting import listed

from gpu_doc.errors import ContainerError, GpuDocError, MachineError, RunError
from gpu_doc.execution.runs.job import Finished, Job
from gpu_doc.model.configuration import DataSource, Limits

pytestmark = [pytest.mark.full, pytest.mark.needs("docker"), pytest.mark.xdist_group("endings")]


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What is run, what becomes of it, and what is said."""

    what: str
    """Part of the sentence that says what happened; `remedy` of the one that says what to do."""
    remedy: str = ""
    cell: str = ""
    command: tuple[str, ...] = ()
    keys: dict[str, Any] = field(default_factory=dict)
    image: str = "kernel"
    kind: type[GpuDocError] = RunError
    from_outside: Callable[[Any], None] | None = None
    """What somebody does to the container meanwhile."""


def python(script: str) -> tuple[str, ...]:
    return ("python3", "-c", script)


LITTLE_MEMORY = {"limits": Limits(memory=150_000_000)}
LITTLE_SHARED_MEMORY = {"limits": Limits(shm=1_000_000)}
FEW_PROCESSES = {"limits": Limits(processes=60)}
GROW = "x = bytearray(400_000_000); x[::4096] = b'x' * len(x[::4096])"
CHILD_GROWS = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {GROW!r}], check=True)"
POOL_WAITS = (
    "import multiprocessing\n"
    "with multiprocessing.get_context('fork').Pool(1) as pool:\n"
    f"    pool.apply(exec, ({GROW!r},))"
)
SWALLOWS = "import time\nwhile True:\n    try:\n        time.sleep(9)\n    except KeyboardInterrupt:\n        pass"
SHARED_ARRAY = (
    "from multiprocessing import shared_memory\n"
    "block = shared_memory.SharedMemory(create=True, size=5_000_000)\n"
    "block.buf[:] = bytes(5_000_000)"
)
CHILD_DOWNLOADS = "import urllib.request as r; r.urlopen('http://example.com')"
WAITS = "import time\ntime.sleep(60)"
READS = {"data": (DataSource(path="data"),)}
NO_NETWORK = "`network: bridge`"

ENDINGS = {
    # memory
    "kernel-grows": Ending(
        cell=GROW,
        keys=LITTLE_MEMORY,
        what="the kernel died: it needed more memory than it may use",
        remedy="Raise limits.memory (150 MB)",
    ),
    "child-grows": Ending(
        cell=CHILD_GROWS,
        keys=LITTLE_MEMORY,
        what="CalledProcessError",
        remedy="killed one of the run's processes because memory ran out. Raise limits.memory (150 MB)",
    ),
    "pool-waits-for-killed-child": Ending(
        cell=POOL_WAITS,
        keys={"limits": Limits(memory=150_000_000, time=15)},  # time enough for a child to be killed
        what="stopped after 15 s (limits.time)",
        remedy="killed one of the run's processes because memory ran out",
    ),
    "kernel-too-large-to-start": Ending(
        cell="1",
        keys={"limits": Limits(memory=25_000_000)},
        what="the kernel did not start",
        remedy="Raise limits.memory (25 MB)",
    ),
    "allocates-too-much": Ending(cell="bytearray(10**15)", keys=LITTLE_MEMORY, what="MemoryError", remedy="(150 MB)"),
    "command-grows": Ending(
        command=python(GROW),
        keys=LITTLE_MEMORY,
        what="the command died: it needed more memory than it may use",
        remedy="Raise limits.memory (150 MB)",
    ),
    "child-of-shell-grows": Ending(
        command=("sh", "-c", 'python3 -c "$1"; exit 1', "sh", GROW),
        keys=LITTLE_MEMORY,
        what="the command ended with status 1",
        remedy="killed one of the run's processes because memory ran out",
    ),
    # signals and exits
    "kernel-is-killed": Ending(
        cell="import os\nos.kill(os.getpid(), 9)",
        what="killed it (SIGKILL), and not because memory ran out",
        remedy="`pkill`",
    ),
    "kernel-crashes": Ending(
        cell="import ctypes\nctypes.string_at(0)",
        what="the kernel died: SIGSEGV, it accessed memory that is not its own",
        remedy="native library",
    ),
    "kernel-exits": Ending(
        cell="import os\nos._exit(3)", what="the kernel ended itself with status 3", remedy="raise an exception"
    ),
    "command-crashes": Ending(
        command=python("import ctypes; ctypes.string_at(0)"),
        what="the command was ended by SIGSEGV",
        remedy="native library",
    ),
    "child-of-shell-is-killed": Ending(
        command=("sh", "-c", "sh -c 'kill -9 $$'"), what="the command ended with status 137", remedy="`pkill`"
    ),
    # the container
    "container-is-killed": Ending(
        cell=WAITS,
        from_outside=lambda container: container.kill(),
        what="the container was ended while the run went on (SIGKILL)",
        remedy="docker kill",
    ),
    "container-is-stopped": Ending(
        command=("sleep", "60"),
        from_outside=lambda container: container.stop(),
        what="the container was ended while the run went on (SIGTERM)",
        remedy="docker stop",
    ),
    "container-is-removed": Ending(
        cell=WAITS,
        from_outside=lambda container: container.remove(force=True),
        what="the container was",
        remedy="docker rm",
    ),
    "container-of-command-is-removed": Ending(
        command=("sleep", "60"),
        from_outside=lambda container: container.remove(force=True),
        what="the container was",
        remedy="docker rm",
    ),
    "container-of-detached-command-is-removed": Ending(
        command=("sleep", "60"),
        keys={"detach": True},
        from_outside=lambda container: container.remove(force=True),
        what="the container was",
        remedy="docker rm",
    ),
    "container-is-killed-by-the-run": Ending(
        cell="import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(9)",
        what="the container was ended while the run went on (SIGKILL)",
        remedy="the run killed its parent process",
    ),
    # limits
    "swallows-interrupts": Ending(
        cell=SWALLOWS,
        keys={"limits": Limits(cell_time=1)},
        what="stopped after 1.0 s (limits.cell-time)",
        remedy="Raise limits.cell-time",
    ),
    "command-takes-long": Ending(
        command=("sh", "-c", "trap '' INT TERM HUP; sleep 60; sleep 60"),
        keys={"limits": Limits(time=2)},
        what="stopped after 2.0 s (limits.time)",
        remedy="Raise limits.time",
    ),
    "mapped-shared-memory": Ending(
        cell=SHARED_ARRAY,
        keys=LITTLE_SHARED_MEMORY,
        what="the kernel died: SIGBUS",
        remedy="holds 1 MB: raise limits.shm",
    ),
    "file-in-shared-memory": Ending(
        command=("dd", "if=/dev/zero", "of=/dev/shm/a", "bs=1M", "count=5"),
        keys=LITTLE_SHARED_MEMORY,
        what="the command ended with status 1",
        remedy="raise limits.shm",
    ),
    "many-processes": Ending(
        cell="import subprocess\nwaiting = [subprocess.Popen(['sleep', '60']) for _ in range(100)]",
        keys=FEW_PROCESSES,
        what="BlockingIOError",
        remedy="limits.processes, 60",
    ),
    "many-children-of-shell": Ending(
        command=("sh", "-c", "for i in $(seq 100); do sleep 60 & done"),
        keys=FEW_PROCESSES,
        what="the command ended with status 2",
        remedy="limits.processes, 60",
    ),
    "too-few-processes-to-start": Ending(
        cell="1", keys={"limits": Limits(processes=4)}, what="did not start", remedy="limits.processes, 4"
    ),
    # network
    "unknown-host": Ending(
        cell="import urllib.request as r\nr.urlopen('http://example.com')", what="URLError", remedy=NO_NETWORK
    ),
    "unreachable": Ending(
        cell="from pip._vendor import requests\nrequests.get('http://10.0.0.1')",
        what="ConnectionError",
        remedy=NO_NETWORK,
    ),
    "child-has-no-network": Ending(
        cell=f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {CHILD_DOWNLOADS!r}], check=True)",
        what="CalledProcessError",
        remedy=NO_NETWORK,
    ),
    "command-has-no-network": Ending(
        command=("bash", "-c", "exec 3<>/dev/tcp/10.0.0.1/80"), what="the command ended", remedy=NO_NETWORK
    ),
    # files
    "data-is-written": Ending(
        cell="open('../data/rows.csv', 'w')", keys=READS, what="Read-only file system", remedy="What `data` names"
    ),
    "command-writes-data": Ending(
        command=("sh", "-c", "echo > data/rows.csv"), keys=READS, what="status 2", remedy="What `data` names"
    ),
    "data-is-missing": Ending(
        cell="1",
        keys={"data": (DataSource(path="data/no.csv"),)},
        what="data/no.csv` is not here",
        remedy="Bring it here",
        kind=MachineError,
    ),
    "file-is-missing": Ending(
        command=("true",), keys={"produces": ("loss.png",)}, what="`loss.png` is in `produces`", remedy="Looked"
    ),
    # images
    "no-such-kernel": Ending(
        cell="1",
        keys={"kernel": "ir"},
        what="no kernel named `ir` is installed; installed are: bash, python3",
        remedy="Install it in the image gpu-doc-test/kernel",
    ),
    "no-ipykernel": Ending(
        cell="1",
        image="bare",
        what="has no ipykernel in its Python (/usr/bin/python3, 3.11",
        remedy="Add to its Dockerfile: RUN python3 -m pip install ipykernel - or set `bootstrap: true`",
        kind=ContainerError,
    ),
    "no-module": Ending(
        command=python("import ipykernel"),
        image="bare",
        what="the command ended with status 1",
        remedy="Install it in the image gpu-doc-test/bare",
    ),
    "no-python": Ending(
        cell="1", image="nopython", what="has no Python that can be started", remedy="python3", kind=ContainerError
    ),
    "no-python-for-command": Ending(
        command=("echo",),
        image="nopython",
        what="has no Python that can be started",
        remedy="python3",
        kind=ContainerError,
    ),
    "made-for-root": Ending(
        cell="1",
        image="conda-like",
        what="is closed to the run's user",
        remedy="set `user: image`",
        kind=ContainerError,
    ),
}

MARK = secrets.token_hex(4)
"""Part of the runs' addresses: others use the same engine at the same time."""


def made(runner: Runner, name: str, ending: Ending) -> Job:
    keys: dict[str, Any] = {"image": image(ending.image), **ending.keys}
    if ending.command:
        return runner.job(f"{name}-{MARK}", command=ending.command, **keys)
    place = runner.root / "notebooks" / f"{name}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(ending.cell)]), place)
    return runner.job(f"{name}-{MARK}", notebook=f"notebooks/{name}.ipynb", **keys)


def meddle(over: threading.Event) -> None:
    """Do to containers what is done from outside, as soon as what they are for goes on in them."""
    waiting = {f"{name}-{MARK}": ending.from_outside for name, ending in ENDINGS.items() if ending.from_outside}
    with closing(docker.from_env()) as client:
        while waiting and not over.wait(0.2):
            for container in client.containers.list(filters={"label": "io.gpu-doc.run"}, ignore_removed=True):
                name = container.labels["io.gpu-doc.run"]
                if name in waiting and works(container):
                    waiting.pop(name)(container)


def works(container: Any) -> bool:
    """Whether a kernel or the command runs in it."""
    try:
        return any(
            word in str(container.top(ps_args="-wweo pid,args")["Processes"]) for word in ("ipykernel", "sleep 60")
        )
    except docker.errors.APIError:
        return False  # it is about to start, or to end


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finished]:
    """All of them, two at a time."""
    folder = tmp_path_factory.mktemp("endings")
    (folder / "root/data").mkdir(parents=True)
    (folder / "root/data/rows.csv").write_text("1\n")
    (folder / "root/notebooks").mkdir()
    over = threading.Event()
    somebody = threading.Thread(target=meddle, args=(over,))
    with in_containers(folder, image("kernel")) as runner:
        jobs = [made(runner, name, ending) for name, ending in ENDINGS.items()]
        somebody.start()
        try:
            finished = runner.run(jobs)
        finally:
            over.set()
            somebody.join()
    return {address.removesuffix(f"-{MARK}"): each for address, each in finished.items()}


@pytest.mark.parametrize("name", ENDINGS)
def test_an_ending_is_told_with_its_cause_and_a_remedy(name: str, ended: dict[str, Finished]) -> None:
    ending, error = ENDINGS[name], ended[name].error
    assert error
    assert ending.what in error.what
    assert ending.remedy in error.remedy
    assert isinstance(error, ending.kind)
    assert "gpu_doc/" not in error.details
    assert listed(f"{error.what} {error.remedy}"), "docs/troubleshooting.md lists no such sentence"


def test_what_the_network_is_not_to_blame_for_is_not_laid_on_it(tmp_path: Path) -> None:
    with in_containers(tmp_path, image("kernel")) as runner:
        script = "import socket; socket.create_connection(('127.0.0.1', 80))"
        error = runner.one("refused", command=python(script)).error
    assert error
    assert "Connection refused" in error.details
    assert error.remedy == ""


def test_limits_above_what_the_machine_has_are_capped_with_a_word(tmp_path: Path) -> None:
    with in_containers(tmp_path, image("kernel")) as runner:
        assert runner.one("large", command=("true",), limits=Limits(memory=10**15, cpus=4000)).error is None
        said = [str(event[1]) for event in runner.heard.events if event[0] == "message"]
    assert len(said) == 2
    assert all(word in text for word, text in zip(("`limits.cpus` is 4000", "`limits.memory` is"), said, strict=True))
    assert all(listed(text) for text in said)
