"""What a refresh talks to, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.console.console import Console
from gpu_doc.errors import Exit, GpuDocError, worst
from gpu_doc.model.configuration import ImageIdentity, Run
from gpu_doc.plan.planner import Images
from gpu_doc.record.fingerprint import Machine
from gpu_doc.record.state import State

if TYPE_CHECKING:
    from gpu_doc.model.results import Result


@dataclass(frozen=True, kw_only=True)
class Doors:
    """What a refresh talks to, made by `cli/doors.py`."""

    console: Console
    state: State
    environ: Mapping[str, str]
    machine: Machine
    chromium: Callable[[], Path]
    commit: Callable[[], str | None]
    """The commit that the checkout is, but for what we write there ourselves; None where there is no such."""
    images: Images
    """Which image a run would take, asked in milliseconds."""
    image_moved: Callable[[Run, ImageIdentity], bool]
    """Whether a run's image, by its name, is another one here by now than this one."""
    work_tree: Callable[[], Path | None]
    """The repository that the configuration lies in, if it lies in one."""


@dataclass(kw_only=True)
class Outcome:
    """How a refresh ended: what was written, per report, and what went wrong."""

    written: dict[str, tuple[str, ...]] = field(default_factory=dict)
    executed: int = 0
    results: list[Result] = field(default_factory=list)
    """Of the runs that ended well."""
    errors: list[GpuDocError] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Paths of the reports that stayed as they were because something failed."""
    left: bool = False
    """Whether something is stale that nobody asked to refresh."""

    @property
    def exit_code(self) -> Exit:
        """The exit code that stands for all of it."""
        return worst([error.exit_code for error in self.errors])
