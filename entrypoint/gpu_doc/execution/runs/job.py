"""A run to execute, and how it ended: all that a refresh knows of execution."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.errors import GpuDocError
from gpu_doc.model.configuration import Run
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
    """Exists and is empty. Filled with `executed.ipynb` or `terminal.log`, `kernel.log` where the kernel process said
    something outside of cells, and `produced/`; of a failed run too."""
    root: Path
    python: Path
    """The interpreter of kernels named python3, python, or not at all."""
    environment: Mapping[str, str]
    """All that a local kernel or command gets; see `kernel_environment`."""
    place: ContainerSetup | None = None
    """The container that it runs in; None is this machine."""
    ours: frozenset[Path] = frozenset()
    """What gpu-doc itself writes into the checkout, state included: never taken for what the run left."""
    redactor: Redactor = field(default_factory=Redactor)
    """For all that it leaves."""

    @property
    def cwd(self) -> Path:
        """Where the run happens."""
        return self.root / self.run.folder


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run that has ended, well or not."""

    job: Job
    seconds: float
    started: str
    """ISO 8601, UTC."""
    error: GpuDocError | None
    probe: Mapping[str, Json] = field(default_factory=dict)
    """What its Python found around it; see execution/agent/probe.py."""
    cuts: tuple[Cut, ...] = ()
    """Cells of which not all output was kept."""


def kernel_environment(environ: Mapping[str, str], allowed: Iterable[str]) -> dict[str, str]:
    """Return the environment without what CI and credentials put there, except the names in `allowed`."""
    kept = frozenset(allowed)
    return {name: value for name, value in environ.items() if name in kept or not _WITHHELD.fullmatch(name)}
