"""The main process of a run's container: starts a kernel, a command or JupyterLab, and ends it when we are gone.

Runs in the Python of the user's image, where this folder lies below /gpu-doc: only the standard library of Python 3.8.
It reads `job.json`, and exchanges frames (frames.py) over standard input and output:

    we send      OPEN, DATA, CLOSE (a kernel's sockets), TAKEN; EVENT with a request of messages.py
    it sends     OPEN, DATA, CLOSE, TAKEN, LOG, TERMINAL, WATCHED; EVENT with an event of messages.py

The end of standard input means that gpu-doc has ended. A detached command then goes on, to its end or deadline; its
terminal and its end are written to files, which `follow` sends as they grow.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.execution.agent import frames, probe, sampling, watching
from gpu_doc.execution.agent.jobs import CommandJob, Job, KernelJob, LabJob
from gpu_doc.execution.agent.messages import Left, Probe, read_job, write
from gpu_doc.execution.agent.produced import Produced

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOME = Path("/gpu-doc")
RUNTIME = HOME / "runtime"
PRODUCED = HOME / "produced"
OUTCOME = HOME / "outcome"
RECORD = OUTCOME / "watched"
"""What a detached command looked at."""


def main(arguments: Sequence[str]) -> None:
    """Do the job in job.json; with the argument `follow`, send what a detached command does."""
    from gpu_doc.execution.agent import commands

    out = frames.Writer(_write_all)
    if list(arguments) == ["follow"]:
        commands.follow(out)
        return
    job = read_job((HOME / "job.json").read_bytes())
    os.environ.update(job.secrets)
    threading.excepthook = _give_up
    agent = _agent(job, out)
    if not job.detach:
        threading.Thread(target=_serve, args=(agent,), daemon=True).start()
    agent.run()
    os._exit(0)  # the container ends with us, and every process in it


def _agent(job: Job, out: frames.Writer) -> Agent:
    if isinstance(job, LabJob):
        from gpu_doc.execution.agent.jupyterlab import Lab  # its imports take time, and no run needs them

        return Lab(job, out)
    from gpu_doc.execution.agent import commands, kernels

    return commands.Command(job, out) if isinstance(job, CommandJob) else kernels.Kernel(job, out)


def _give_up(failed: threading.ExceptHookArgs) -> None:
    """Exit if a thread fails, for example because no other can be started; otherwise everything would hang."""
    sys.excepthook(failed.exc_type, failed.exc_value, failed.exc_traceback)  # type: ignore[arg-type]  # there is one
    os._exit(1)


def _write_all(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def _serve(agent: Agent) -> None:
    """Handle frames until standard input ends."""
    with suppress(frames.BrokenError):  # another process reads our input too
        for kind, channel, payload in frames.frames(lambda size: os.read(0, size)):
            agent.take(kind, channel, payload)
    os._exit(1)


_LOG = RUNTIME / "watched"


class Agent:
    """The common part of kernels, commands and JupyterLab."""

    detached = False

    def __init__(self, out: frames.Writer) -> None:
        self.out = out
        self._sampler = sampling.Sampler(sampling.all_pids)
        self.watch: Mapping[str, str] = {}
        """The variables by which the run's processes are watched."""
        self._unwatched = ""

    def run(self) -> None:
        """Run it to its end."""
        raise NotImplementedError

    def take(self, kind: int, channel: int, payload: bytes) -> None:
        """Handle a frame."""
        raise NotImplementedError

    def begin(self, job: KernelJob | CommandJob) -> None:
        """Send what the probe finds, and begin to measure."""
        found = Probe(probe.probe())
        write_atomically(OUTCOME / "probe.json", write(found))
        self.out.tell(found)
        self._produced = Produced(job.produces, job.places)
        if job.watched:
            try:
                self.watch = watching.begin(_LOG, watching.Rules(job.watched, ("",)))
            except watching.UnwatchedError as why:
                self._unwatched = str(why)
        self._sampler.start()

    def left(self) -> Left:
        """Collect the files of `produces` in one folder; return what was found, and what the run used."""
        self._sampler.stop()
        self._tell_record()
        full = ""
        try:
            self._produced.take(str(PRODUCED))
        except OSError as error:
            full = f"what is in `produces` can't be taken out: {error.strerror}"
        found = self._produced.found()
        return Left(replace(found, problem=found.problem or full), self._sampler.result())

    def _tell_record(self) -> None:
        """Send what the run looked at; a detached command's is kept."""
        if self.watch or self._unwatched:
            records = watching.end(_LOG) if self.watch else iter([watching.PROBLEM + self._unwatched.encode()])
            text = b"".join(record + b"\0" for record in records)
            if self.detached:
                write_atomically(RECORD, text)
                return
            for begin in range(0, len(text), frames.LARGEST):
                self.out.send(frames.WATCHED, text[begin : begin + frames.LARGEST])


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is complete as soon as it exists."""
    temporary = path.with_suffix(".new")
    temporary.write_bytes(content)
    temporary.replace(path)


if __name__ == "__main__":
    main(sys.argv[1:])
