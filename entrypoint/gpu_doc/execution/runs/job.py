"""A run to execute, and its result: what a refresh passes to execution and gets back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.errors import GpuDocError
from gpu_doc.model.configuration import Run
from gpu_doc.model.observed import Observed
from gpu_doc.model.values import Json
from gpu_doc.record.cuts import Cut
from gpu_doc.redaction import Redactor

if TYPE_CHECKING:
    from gpu_doc.execution.runs.container_setup import ContainerSetup

_WITHHELD = re.compile(r"(GITHUB|ACTIONS|RUNNER|INPUT)_.*|GH_TOKEN|.*_(TOKEN|SECRET|PASSWORD|KEY)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run to execute, and where."""

    run: Run
    fingerprint: str
    folder: Path
    """An existing empty folder. The run fills it, also if it fails: with `executed.ipynb` or `terminal.log`, with
    `kernel.log` if the kernel process printed something outside of cells, and with `produced/`."""
    root: Path
    python: Path
    """The interpreter for kernels named python3 or python, or without a name."""
    environment: Mapping[str, str]
    """All variables of a local kernel or command; see `kernel_environment`."""
    place: ContainerSetup | None = None
    """The container that it runs in; None: on this machine."""
    ours: frozenset[Path] = frozenset()
    """What gpu-doc itself writes into the checkout, and state: these never count as the run's files."""
    redactor: Redactor = field(default_factory=Redactor)
    """Redacts all that it leaves."""

    @property
    def cwd(self) -> Path:
        """The run's working folder."""
        return self.root / self.run.folder


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run that has ended, successfully or not."""

    job: Job
    seconds: float
    started: str
    """ISO 8601, UTC."""
    error: GpuDocError | None
    began: float = 0.0
    """Seconds since the epoch."""
    probe: Mapping[str, Json] = field(default_factory=dict)
    """The facts that the probe found (execution/agent/probe.py)."""
    cuts: tuple[Cut, ...] = ()
    """Cells whose output was cut."""
    observed: Observed = field(default_factory=lambda: Observed(unobserved="it was not watched"))
    """What its processes looked at."""


def kernel_environment(environ: Mapping[str, str], allowed: Iterable[str]) -> dict[str, str]:
    """Return the environment without CI's variables and credentials, except the names in `allowed`."""
    kept = frozenset(allowed)
    return {name: value for name, value in environ.items() if name in kept or not _WITHHELD.fullmatch(name)}
