"""Runs fixtures of tests/notebooks as the pipeline would."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.execution.runs.container_setup import ContainerSetup
from gpu_doc.execution.runs.docker import Docker
from gpu_doc.execution.runs.execute import execute
from gpu_doc.execution.runs.job import Finished, Job, kernel_environment
from gpu_doc.model.configuration import Run
from gpu_doc.system.temporary import private_folder

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

mostly_local = pytest.mark.parametrize(
    "runner", ["local", pytest.param("docker", marks=[pytest.mark.needs("docker"), pytest.mark.full])], indirect=True
)
"""For what a worker does alike on this machine and in containers: the test of the latter is `full`."""


@dataclass
class Heard:
    """A progress that remembers."""

    events: list[tuple[Any, ...]] = field(default_factory=list)

    def started(self, address: str, cells: int) -> None:
        del cells
        self.events.append(("started", address))

    def cell(self, address: str, number: int, of: int, name: str) -> None:
        self.events.append(("cell", address, number, of, name))

    def finished(self, address: str, seconds: float, *, ok: bool, more: Callable[[], Sequence[str]]) -> None:
        del seconds, more
        self.events.append(("finished", address, ok))

    def message(self, text: str) -> None:
        self.events.append(("message", text))


@dataclass
class Runner:
    """A root with the fixtures it was asked for, and what became of each."""

    folder: Path
    docker: Docker | None = None
    """Runs happen in containers of `image`."""
    image: str | None = None
    heard: Heard = field(default_factory=Heard)
    environment: Mapping[str, str] = field(
        default_factory=lambda: {**kernel_environment(os.environ, []), "TEST_RUN": secrets.token_hex(8)}
    )

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def python(self) -> str:
        """A Python that commands may name."""
        return "python3" if self.docker else sys.executable

    def inside(self, path: Path) -> str:
        """Where a path of the root stands for the run."""
        return str(Path("/workspace") / path.relative_to(self.root)) if self.docker else str(path)

    def job(self, name: str, *, address: str = "", python: str = sys.executable, **keys: Any) -> Job:
        """A job for `run-NAME`, with further keys of its Run; or for a command or notebook, where keys have one."""
        address = address or name
        if not {"command", "notebook"} & keys.keys():
            source = next(NOTEBOOKS.glob(f"run-{name}.*"))
            target = self.root / "notebooks" / source.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            keys["notebook"] = f"notebooks/{source.name}"
        self.root.mkdir(parents=True, exist_ok=True)
        folder = self.folder / "jobs" / address
        folder.mkdir(parents=True)
        keys = {"image": self.image, **keys}
        run = Run(report="docs/report.md", name=address, address=address, line=1, **keys)
        return Job(
            run=run,
            fingerprint="the same for all",
            folder=folder,
            root=self.root,
            python=Path(python),
            environment=self.environment,
        )

    def _place(self, run: Run) -> ContainerSetup:
        assert self.docker
        self.docker.prepare([(run, None)], self.heard.message)
        if problem := self.docker.problem(run):
            raise problem
        return self.docker.place(run, f"the same for all {run.address}", self.heard.message)

    def run(self, jobs: Sequence[Job], parallel: int = 2) -> dict[str, Finished]:
        # The checkout may be copied when a place is made, so only now.
        placed = [replace(job, place=self._place(job.run)) if self.docker else job for job in jobs]
        return {f.job.run.address: f for f in execute(placed, parallel=parallel, progress=self.heard)}

    def left(self) -> list[int]:
        """The processes of our runs that are still there; those of other tests on this machine are not ours."""
        wanted = f"TEST_RUN={self.environment['TEST_RUN']}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            # A zombie has no environment any more.
            with suppress(OSError):
                if wanted in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found

    def one(self, name: str, **keys: Any) -> Finished:
        return self.run([self.job(name, **keys)])[keys.get("address", name)]


@contextmanager
def in_containers(folder: Path, image: str) -> Iterator[Runner]:
    """A runner whose runs happen in containers."""
    root = folder / "root"
    root.mkdir(exist_ok=True)
    mark = root / "gpu-doc.yml"
    mark.write_text(f"# {secrets.token_hex(8)}\n")
    with (
        private_folder(room=20) as runtime,
        Docker(environ=os.environ, root=root, checkout=root, config=mark, runtime=runtime) as docker,
    ):
        yield Runner(folder, docker=docker, image=image)


def executed(finished: Finished) -> Any:
    """The executed notebook."""
    return json.loads((finished.job.folder / "executed.ipynb").read_text("utf-8"))


def outputs(finished: Finished) -> list[list[Any]]:
    """The outputs of each code cell."""
    return [cell["outputs"] for cell in executed(finished)["cells"] if cell["cell_type"] == "code"]


def text(finished: Finished) -> str:
    """All that a notebook printed."""
    streams = [o for cell in outputs(finished) for o in cell if o["output_type"] == "stream"]
    return "".join("".join(output["text"]) for output in streams)
