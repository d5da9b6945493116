"""What a run's process tells of a container that failed under it, or could not be had."""

from __future__ import annotations

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.agent.outcomes import Shortages
from gpu_doc.execution.containers.container import Ended
from gpu_doc.execution.workers.run_ends import ContainerEnded, EngineFailed


def container_end(ended: Ended, log: str = "") -> ContainerEnded:
    """How a container ended whose agent told nothing any more."""
    met = Shortages(out_of_memory=ended.out_of_memory)
    return ContainerEnded(status=ended.status, broken=ended.broken, log=log, shortages=met)


def engine_failure(error: GpuDocError) -> EngineFailed:
    """An error of ours, for the parent to raise: what concerns engine and image is said there."""
    return EngineFailed(
        what=error.what,
        where=error.where,
        remedy=error.remedy,
        details=error.details,
        cause=getattr(error, "cause", ""),
    )
