"""The exception for a run that failed, within a worker."""

from __future__ import annotations

from gpu_doc.execution.workers.run_ends import RunEnd


class FailureError(Exception):
    """A run that failed; `end` says how."""

    def __init__(self, end: RunEnd) -> None:
        super().__init__(type(end).__name__)
        self.end = end
