"""Starts programs as a run's are started, without kernels and workers, and says what they looked at."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gpu_doc.execution.agent.watching import bears_watching, watched
from gpu_doc.execution.runs.job import Job
from gpu_doc.execution.runs.observing import Watch
from gpu_doc.model.configuration import Run
from gpu_doc.model.observed import Observed


@dataclass
class Project:
    """A project in a folder, whose programs are watched."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    said: str = ""
    """What the last program printed."""
    status: int = 0

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def has(self, **files: str) -> None:
        """Write files; `__` stands for `/`, and `_dot_` for `.`."""
        for name, text in files.items():
            self.write(name.replace("__", "/").replace("_dot_", "."), text)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def job(self, command: Sequence[str]) -> Job:
        job_folder = self.folder / "job"
        job_folder.mkdir(exist_ok=True)
        self.root.mkdir(exist_ok=True)
        run = Run(report="r.md", name="r", address="r", line=1, command=tuple(command))
        python, environment = Path(sys.executable), self.environment
        return Job(run=run, fingerprint="f", folder=job_folder, root=self.root, python=python, environment=environment)

    def run(self, *command: str, **variables: str) -> Observed:
        """Run a command in the root; return what it looked at."""
        with Watch(self.job(command), self.folder) as watch:
            assert watch.variables, watch.observed
            given = {**self.environment, **variables}
            bears = bears_watching(command, str(self.root), given)
            environment = watched(given, watch.variables if bears else {})
            done = subprocess.run(
                command,
                cwd=self.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
        self.said, self.status = done.stdout.decode("utf-8", "replace"), done.returncode
        return watch.observed

    def python(self, code: str, *options: str) -> Observed:
        """Run Python code in the root."""
        return self.run(sys.executable, *options, "-c", code)
