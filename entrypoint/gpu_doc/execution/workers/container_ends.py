"""Run ends for a container that failed during its run, or could not be made."""

from __future__ import annotations

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.agent.outcomes import Shortages
from gpu_doc.execution.containers.container import Ended
from gpu_doc.execution.workers.run_ends import ContainerEnded, EngineFailed


def container_end(ended: Ended, log: str = "") -> ContainerEnded:
    """Return the end of a run whose container ended before its agent could say how the run ended."""
    met = Shortages(out_of_memory=ended.out_of_memory)
    return ContainerEnded(status=ended.status, broken=ended.broken, log=log, shortages=met)


def engine_failure(error: GpuDocError) -> EngineFailed:
    """Return an error as a run's end; the parent raises it again, with what it knows of engine and image."""
    return EngineFailed(
        what=error.what,
        where=error.where,
        remedy=error.remedy,
        details=error.details,
        cause=getattr(error, "cause", ""),
    )
