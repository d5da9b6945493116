"""What a container's end tells: why it failed, or could not be made; what the run in it looked at."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.agent.outcomes import Shortages
from gpu_doc.execution.agent.watching import MOST
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


def keep_record(folder: Path, part: bytes) -> None:
    """Append a part of the record of what a run looked at. Where it can't be kept, its reader finds that out."""
    with suppress(OSError), (folder / "watched").open("ab") as file:
        if file.tell() + len(part) <= MOST:
            file.write(part)
