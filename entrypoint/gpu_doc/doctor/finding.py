"""What was looked at, how it fares, and what to do: a line of `gpu-doc doctor`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpu_doc.errors import GpuDocError


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One component and how it fares; `missing` only where the configuration needs it."""

    component: str
    state: Literal["ok", "warning", "missing"]
    says: str
    remedy: str = ""


def ok(component: str, says: str) -> Finding:
    """Return the finding of what is well."""
    return Finding(component=component, state="ok", says=says)


def warning(component: str, says: str, remedy: str = "") -> Finding:
    """Return the finding of what could be better, or may not do."""
    return Finding(component=component, state="warning", says=says, remedy=remedy)


def missing(component: str, says: str, remedy: str) -> Finding:
    """Return the finding of what the configuration needs and does not have."""
    return Finding(component=component, state="missing", says=says, remedy=remedy)


def failure(component: str, error: GpuDocError, *, subject: str = "") -> Finding:
    """Return the finding of what a run would fail for. `subject` is what it is about, where the error doesn't say."""
    says = error.what if not subject or subject in error.what else f"{subject}: {error.what}"
    last = error.details.strip().splitlines()[-1:]
    return missing(component, says, error.remedy or "".join(last))


def free_space(component: str, place: Path, wanted: int, remedy: str, *, use: str = "") -> Finding:
    """Return what is free on the disk of a folder, a warning where that is less than `wanted` bytes."""
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return warning(component, f"{place}: {error.strerror}", remedy)
    says = f"{free / (1 << 30):.1f} GiB free at {place}{use}"
    return warning(component, says, remedy) if free < wanted else ok(component, says)
