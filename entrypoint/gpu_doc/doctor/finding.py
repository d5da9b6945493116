"""A line of `gpu-doc doctor`: what was checked, its state, and what to do."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpu_doc.errors import GpuDocError


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One component and its state; `missing` only if the configuration needs it."""

    component: str
    state: Literal["ok", "warning", "missing"]
    says: str
    remedy: str = ""


def ok(component: str, says: str) -> Finding:
    """Return the finding: all is well."""
    return Finding(component=component, state="ok", says=says)


def warning(component: str, says: str, remedy: str = "") -> Finding:
    """Return the finding: it could be better, or may not be enough."""
    return Finding(component=component, state="warning", says=says, remedy=remedy)


def missing(component: str, says: str, remedy: str) -> Finding:
    """Return the finding: the configuration needs it, and it is missing."""
    return Finding(component=component, state="missing", says=says, remedy=remedy)


def failure(component: str, error: GpuDocError, *, subject: str = "") -> Finding:
    """Return the finding: a run would fail with this error. `subject` names the cause if the error doesn't."""
    says = error.what if not subject or subject in error.what else f"{subject}: {error.what}"
    last = error.details.strip().splitlines()[-1:]
    return missing(component, says, error.remedy or "".join(last))


def free_space(component: str, place: Path, wanted: int, remedy: str, *, use: str = "") -> Finding:
    """Return the free space on a folder's disk; a warning if less than `wanted` bytes."""
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return warning(component, f"{place}: {error.strerror}", remedy)
    says = f"{free / (1 << 30):.1f} GiB free at {place}{use}"
    return warning(component, says, remedy) if free < wanted else ok(component, says)
