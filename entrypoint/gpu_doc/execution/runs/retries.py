"""Decides whether to try again: after network errors, if the run's `retries` say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.runs.remedies import is_isolated, is_network
from gpu_doc.model.configuration import Run
from gpu_doc.system import retrying

T = TypeVar("T")


def worth_another_try(run: Run, error: GpuDocError, attempt: int) -> bool:
    """Return whether to try again after this attempt; 0 is the first."""
    return attempt < run.retries.times and "network" in run.retries.on and may_pass(run, error)


def may_pass(run: Run, error: GpuDocError) -> bool:
    """Return whether it was a network error that may pass; never for a run without a network."""
    if getattr(error, "cause", "") == "network":
        return True
    return not is_isolated(run) and (is_network(error.what) or is_network(error.details))


def pause(attempt: int) -> float:
    """Seconds to wait before the next try."""
    return min(30.0, 2.0**attempt)


def patiently(run: Run, act: Callable[[], T], say: Callable[[str], None]) -> T:
    """Call `act`, and again while another try may help. Raises GpuDocError."""

    def again(error: GpuDocError) -> bool:
        if worth := worth_another_try(run, error, 0):
            say(f"{run.image}: network error; trying again ({error})")
        return worth

    return retrying.patiently(act, GpuDocError, pauses=map(pause, range(run.retries.times)), when=again)
