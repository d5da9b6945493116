"""Drives one command in a container, in a separate process; a detached command goes on without it.

It gets RunCommand (messages.py), then LetGo if the probe found enough, or Kill. It sends Probed, Started and Said, and
how the command ended, or its container.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.agent import frames, watching
from gpu_doc.execution.agent import messages as agent
from gpu_doc.execution.agent.frames import Frame
from gpu_doc.execution.agent.produced import MOST
from gpu_doc.execution.agent.pseudo_terminal import LONGEST_LOG, Bounded
from gpu_doc.execution.agent.wire import WireError
from gpu_doc.execution.containers import engine, recipe
from gpu_doc.execution.containers.container import Container, NoPythonError
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.containers.relay import Attached
from gpu_doc.execution.workers.container_ends import container_end, engine_failure, keep_record
from gpu_doc.execution.workers.messages import (
    Kill,
    LetGo,
    Probed,
    Request,
    RunCommand,
    Said,
    Started,
    read_request,
    write,
)
from gpu_doc.execution.workers.own_log import Log
from gpu_doc.execution.workers.run_ends import (
    CommandEnded,
    CommandLost,
    CommandRefused,
    ContainerEnded,
    NoPython,
    RunEnd,
)
from gpu_doc.redaction import Redactor
from gpu_doc.system.link import Link

Told = agent.CommandDone | agent.NotStarted
"""How a command ended, according to its agent."""

_PAUSES = (1.0, 3.0)
"""Seconds between tries to follow a detached command."""
_LOOK_AGAIN = 2.0
"""Seconds between two checks of a command that can't be followed."""

_CUT = 200
"""Bytes for the lines that an agent itself writes where it cuts a terminal's output."""


def main() -> None:
    """Handle the only message, and end."""
    link = Link()
    messages = os.fdopen(link.messages, "rb")
    line = messages.readline()
    if line:
        job = read_request(line)
        assert isinstance(job, RunCommand)
        _Drive(link, job).serve(messages)


class _Drive:
    def __init__(self, link: Link, job: RunCommand) -> None:
        self._link = link
        assert job.container
        self._order = job.container
        self._log = Path(job.log)
        self._folder = Path(job.folder)
        self._limit = job.limit
        self._redactor = Redactor(job.redact)
        self._container: Container | None = None
        self._stream: Attached | None = None
        self._frames = 0

    def serve(self, messages: Any) -> None:
        done: RunEnd
        threading.Thread(target=self._listen, args=(messages,), daemon=True).start()
        try:
            with engine.reconnect(self._order.engine) as connection, Container(connection, self._order) as container:
                self._container = container
                done = self._run(container)
        except NoPythonError as error:
            done = NoPython(image=self._order.reference, said=error.details)
        except GpuDocError as error:
            done = engine_failure(error)
        except OSError as error:
            done = CommandLost(errno=error.errno, message=str(error))
        self._link.send(write(done))

    def _listen(self, messages: Any) -> None:
        for line in messages:
            self._obey(read_request(line))
        # Our parent is gone. The stream to the agent ends with us, which ends the agent unless it is detached.
        os._exit(0)

    def _obey(self, request: Request) -> None:
        if isinstance(request, Kill) and self._container:
            self._container.kill()
        elif isinstance(request, LetGo) and self._stream:
            self._stream.ask(agent.Go())
        elif isinstance(request, LetGo) and self._container:
            self._container.let_go()

    def _run(self, container: Container) -> RunEnd:
        done: Told | ContainerEnded
        own_log = Log(self._folder / "kernel.log", self._redactor)  # the agent itself prints only if it has a bug
        if not self._order.job.detach:
            stream = self._stream = container.start(own_log.write)
            assert stream
            with closing(stream):
                done = self._hear(stream.heard()) or container_end(container.ended())
        else:
            if not container.adopt():
                container.start(own_log.write)
            done = self._detached(container)
        own_log.flush()
        if isinstance(done, agent.CommandDone):
            return self._ended(container, done)
        return CommandRefused(errno=done.errno, message=done.message) if isinstance(done, agent.NotStarted) else done

    def _ended(self, container: Container, done: agent.CommandDone) -> CommandEnded:
        """Copy what a command has left."""
        found = done.left.found
        (self._folder / "resources.json").write_text(json.dumps(done.left.resources), "utf-8")
        for text in found.passed:
            self._link.send(write(Said(text)))
        if found.files:
            container.take_out(f"{recipe.HOME}/produced", self._folder / "produced", most=MOST)
        return CommandEnded(
            status=done.status, left_out=done.left_out, asked=done.asked, found=found, shortages=done.shortages
        )

    def _detached(self, container: Container) -> Told | ContainerEnded:
        """Follow a detached command. What counts are the files in its container when it has ended."""
        self._follow(container)
        ended = container_end(container.ended())
        outcome = self._folder / "outcome"
        try:
            container.take_out(f"{recipe.HOME}/outcome", outcome, most=LONGEST_LOG + watching.MOST)
        except EngineError:
            if ended.status is not None and ended.status >= 0:
                raise
            return ended  # somebody killed and removed the container, with its files
        try:
            if (outcome / "terminal.log").is_file():
                self._keep(outcome / "terminal.log")
            if (outcome / "watched").is_file():
                (outcome / "watched").replace(self._folder / "watched")
            if (outcome / "done.json").is_file():
                return _told(outcome / "done.json", ended)
            return ended
        finally:
            shutil.rmtree(outcome, ignore_errors=True)

    def _follow(self, container: Container) -> None:
        """Pass on a command's output, until its container has ended.

        Raises EngineError if no other program can be started in the container, and the command has not begun yet.
        """
        failed = 0
        while container.runs():
            self._frames = 0
            try:
                done, error = self._hear(container.follow()), None
            except EngineError as problem:
                done, error = None, problem
            if (done and container.ends_soon()) or not container.runs():
                return
            failed = 0 if self._frames else failed + 1  # a stream may break; the next one starts again
            if failed > len(_PAUSES):
                self._wait_unseen(container, error)
                return
            time.sleep(_PAUSES[max(0, failed - 1)])

    def _wait_unseen(self, container: Container, error: EngineError | None) -> None:
        """Wait for the end of a command that can't be followed."""
        if not container.was_let_go():
            raise EngineError(
                "the engine can start nothing in the run's container, so that its command can't be followed",
                cause="settings",
                where=self._order.reference,
                remedy="`docker exec` into any container of that engine must work; without `detach` it is not needed.",
                details=error.details or error.what if error else "",
            )
        why = f" ({error})" if error else ""
        text = f"the engine can't start what shows the command{why}; its output comes when it has ended"
        self._link.send(write(Said(text)))
        while container.runs():
            time.sleep(_LOOK_AGAIN)

    def _keep(self, log: Path) -> None:
        """Keep a complete log."""
        with log.open("rb") as whole, self._kept() as (keep, _):
            while block := whole.read(1 << 20):
                keep(block)

    @contextmanager
    def _kept(self) -> Iterator[tuple[Callable[[bytes], object], Bounded]]:
        """Return the function that writes the log. It redacts before it cuts: half a secret would not be found."""
        limit = self._limit + (_CUT if self._order.job.detach else 0)
        with (
            self._log.open("wb", buffering=0) as log,
            closing(Bounded(log.write, limit)) as bounded,
            self._redactor.stream(bounded.write) as redacted,
        ):
            yield redacted.write, bounded

    def _hear(self, stream: Iterator[agent.Event | Frame]) -> Told | None:
        """Keep the terminal's output and pass on events, until the command has ended."""
        done: Told | None = None
        with self._kept() as (keep, bounded):
            for heard in stream:
                self._frames += 1
                if isinstance(heard, Frame):
                    if heard.kind == frames.TERMINAL:
                        keep(heard.payload)
                    elif heard.kind == frames.WATCHED:
                        keep_record(self._folder, heard.payload)
                elif isinstance(heard, Told):
                    done = heard
                elif isinstance(heard, agent.Probe):
                    self._link.send(write(Probed(heard.facts)))
                elif isinstance(heard, agent.CommandStarted):
                    self._link.send(write(Started(0)))
        if isinstance(done, agent.CommandDone) and bounded.left_out:
            done = replace(done, left_out=bounded.left_out)
        return done


def _told(file: Path, otherwise: ContainerEnded) -> Told | ContainerEnded:
    """Return the last message of a detached command's agent. The run may have overwritten its file."""
    with file.open("rb") as left:
        payload = left.read(frames.MOST)
    with suppress(WireError):
        told = agent.read_event(payload)
        if isinstance(told, Told):
            return told
    return replace(otherwise, broken=True)


if __name__ == "__main__":
    main()
