"""Explains why a run's container could not start, or why it ended too early."""

from __future__ import annotations

import signal

from gpu_doc.errors import ContainerError
from gpu_doc.execution.agent.outcomes import NoIpykernel
from gpu_doc.execution.runs import remedies
from gpu_doc.execution.workers.run_ends import ContainerEnded, EngineFailed, NoPython, RunEnd
from gpu_doc.model.configuration import Run
from gpu_doc.model.location import Location


def at_start(where: Location | str, done: RunEnd) -> ContainerError | None:
    """Return why the engine or the image could not start the run; None if it is another failure."""
    match done:
        case EngineFailed():
            error = ContainerError(done.what, where=done.where or where, remedy=done.remedy, details=done.details)
            error.cause = done.cause
            return error
        case NoPython():
            return _no_python(where, done)
    return None


def _no_python(where: Location | str, done: NoPython) -> ContainerError:
    said = done.said
    if "ermission denied" in said:
        what = f"the Python of the image {done.image} is closed to the run's user"
        return ContainerError(what, where=where, remedy=remedies.ROOT_ONLY, details=said)
    what = f"the image {done.image} has no Python that can be started"
    remedy = "Install python3 in it: what starts kernels and commands in a container needs it."
    return ContainerError(what, where=where, remedy=remedy, details=said)


def no_ipykernel(where: Location | str, image: str, found: NoIpykernel) -> ContainerError:
    """Return the error of an image whose Python has no ipykernel."""
    what = f"the image {image} has no ipykernel in its Python ({found.python}, {found.version})"
    if found.closed:
        what += f"; {', '.join(found.closed)} on its PATH is closed to the run's user"
        return ContainerError(what, where=where, remedy=remedies.ROOT_ONLY)
    line = "RUN python3 -m pip install ipykernel"
    remedy = f"Add to its Dockerfile: {line} - or set `bootstrap: true`, which does it here."
    return ContainerError(what, where=where, remedy=remedy)


def in_the_middle(run: Run, done: ContainerEnded) -> tuple[str, str]:
    """Return what happened to a container that ended before its agent reported the result, and what to do."""
    status = done.status
    if done.broken:
        what = "the run wrote to the line between its container and gpu-doc, which then ended it"
        return what, "Something in it writes to /proc/1/fd/1, or to another's output: write to its own, /dev/stdout."
    if status is None:
        what = "the container was removed while the run went on"
        return what, "Somebody did it (docker rm), or cleaned the engine up (docker system prune). Run again."
    if done.shortages.out_of_memory:
        return "the container was killed: the run needed more memory than it may use", remedies.of_memory(run)
    if status in (-signal.SIGKILL, -signal.SIGTERM):
        what = f"the container was ended while the run went on ({signal.Signals(-status).name})"
        causes = "Somebody did it (docker kill, docker stop, docker rm), the engine was restarted, or the run killed"
        return what, f"{causes} its parent process. Run again."
    remedy = remedies.of_end(run, done.log, done)
    return f"the container ended while the run went on, with status {status}", remedy
