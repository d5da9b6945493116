"""One run's container, from its creation to its removal. Used in the child process that drives the run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.agent.facts import Facts
from gpu_doc.execution.agent.frames import Frame
from gpu_doc.execution.agent.kernel_names import INTERPRETERS
from gpu_doc.execution.agent.messages import Event, Probe
from gpu_doc.execution.containers import container_answers, making, recipe, taking_out, workspace
from gpu_doc.execution.containers.engine import Engine, sentences
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.containers.order import Order
from gpu_doc.execution.containers.relay import Attached
from gpu_doc.execution.containers.removal import remove_container
from gpu_doc.execution.containers.sweep import LAYER, PREFIX, detached, owner

_NOT_STARTED = (126, 127)
"""The status of an init process, as of a shell, that can't start its program: not allowed, or not found."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a container ended, according to the engine."""

    status: int | None
    """Negative for a signal; None if somebody has removed it."""
    out_of_memory: bool
    error: str
    broken: bool = False
    """Whether we ended it, because something in it had written to the stream between its agent and us."""


_LOOK = 30.0
"""Seconds between two checks whether the engine still answers: a network that drops everything gives no sign."""
_MISSED = 10
"""The number of failed checks in a row after which the engine counts as gone."""

_TO_ASK_AGAIN = 1.0
"""Seconds before a question is repeated after a connection broke."""

_TO_END = 3.0
"""Seconds that a container may need to end."""


class NoPythonError(GpuDocError):
    """The image has no Python that the run's user can start; `details` has the error for each name."""


class Container:
    """A run's container."""

    def __init__(self, engine: Engine, order: Order) -> None:
        self._engine = engine
        self._api = engine.client.api
        self._order = order
        self._volumes: list[str] = []
        self._stream: Attached | None = None
        self.id = ""

    def __enter__(self) -> Container:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def start(self, complaints: Callable[[bytes], None]) -> Attached | None:
        """Make and start it, with the first name of Python that the image has; return its stream unless detached.

        Raises EngineError, or NoPythonError.
        """
        said: list[bytes] = []
        for python in INTERPRETERS:
            attached = self._started(python, said)
            if attached and (attached.speaks() or self.ended().status not in _NOT_STARTED):
                for text in said:
                    complaints(text)
                attached.complaints = complaints
                if not self._order.job.detach:
                    self._watch(attached)
                    return attached
                attached.close()
                return None
            if attached:
                attached.close()
            self.remove()
        raise NoPythonError("no Python", details=b"".join(said).decode("utf-8", "replace").strip())

    def _started(self, python: str, said: list[bytes]) -> Attached | None:
        """Make and start it with this name of Python; return None if the engine finds no such program."""
        try:
            with sentences(where=self._order.reference):
                self.id = making.create(self._api, self._order, python, self._volumes)
                making.fill(self._api, self.id, self._order)
                attached = self._stream = Attached(self._attach(stdin=not self._order.job.detach), said.append)
                self._api.start(self.id)
        except EngineError as error:
            if self._stream:
                self._stream.close()
            self.remove()
            if error.cause != "program":
                raise
            said.append(f"{error.details}\n".encode())
            return None
        return attached

    def _watch(self, attached: Attached) -> None:
        """Close the stream if the engine has not answered for minutes: its reader would wait for ever."""
        threading.Thread(target=self._look, args=(attached,), daemon=True).start()

    def _look(self, attached: Attached) -> None:
        missed = 0
        while missed < _MISSED and not attached.closed.wait(_LOOK):
            missed = 0 if self._engine.answers() else missed + 1
        if missed == _MISSED:
            attached.close()

    def probed(self) -> Facts | None:
        """Start it, and return its agent's probe; None if it ends before. Raises EngineError or NoPythonError."""
        stream = self.start(lambda _: None)
        assert stream
        with closing(stream):
            return next((heard.facts for heard in stream.heard() if isinstance(heard, Probe)), None)

    def adopt(self) -> bool:
        """Adopt a detached container with the same run, running or ended; return whether there is one."""
        marks = self._order.create["Labels"]
        found = detached(self._engine, owner(), marks[f"{PREFIX}fingerprint"], marks.get(LAYER, ""))
        self.id = found[0] if found else ""
        return bool(found)

    def let_go(self) -> None:
        """Let a detached command start."""
        with sentences(), workspace.packed_texts({f"{recipe.HOME}/outcome/go": ""}) as stream:
            self._api.put_archive(self.id, "/", stream)

    def follow(self) -> Iterator[Event | Frame]:
        """Yield a detached command's events and output from its beginning; nothing if no program can be started in it.

        Raises EngineError if the engine says why.
        """
        with sentences():
            python = (
                container_answers.entrypoint(self._api.inspect_container(self.id)) or self._order.create["Entrypoint"]
            )
            made = self._api.exec_create(self.id, [*python, "follow"], stdin=False)
            stream = self._api.exec_start(container_answers.identity(made, "a program in a container"), socket=True)
        heard = False
        with closing(Attached(stream, lambda _: None)) as attached:
            self._stream = attached
            self._watch(attached)
            for each in attached.heard():
                heard = True
                yield each
        if attached.broken and (not heard or self.ends_soon()):
            # The engine itself wrote: it can't start programs in containers, or not in one that is ending.
            attached.broken = False

    def was_let_go(self) -> bool:
        """Return whether a detached command has begun. Raises EngineError."""
        try:
            chunks, _ = self._asked(lambda: self._api.get_archive(self.id, f"{recipe.HOME}/outcome/go"))
        except EngineError as error:
            if error.cause == "engine":
                raise
            return False
        chunks.close()
        return True

    def runs(self) -> bool:
        """Return whether it has not ended yet and can be followed. Raises EngineError."""
        return not self._broken and self._lives()

    def ended(self) -> Ended:
        """Wait until it has ended; return how. Raises EngineError."""
        if self._broken:
            self.kill()
        try:
            self._asked(lambda: self._api.wait(self.id, timeout=60))
            state = container_answers.state(self._asked(lambda: self._api.inspect_container(self.id)))
        except EngineError as error:
            if error.cause != "vanished":
                raise
            return Ended(status=None, out_of_memory=False, error="")
        status = 1 if state.status is None else state.status  # without a status, the run has not ended well
        status = 128 - status if status > 128 else status
        return Ended(status=status, out_of_memory=state.out_of_memory, error=state.error, broken=self._broken)

    def ends_soon(self) -> bool:
        """Wait up to `_TO_END` for its end; return whether it has ended. Raises EngineError."""
        end = time.monotonic() + _TO_END
        while (lives := self._lives()) and time.monotonic() < end:
            time.sleep(0.05)
        return not lives

    def _lives(self) -> bool:
        try:
            return container_answers.state(self._asked(lambda: self._api.inspect_container(self.id))).running
        except EngineError as error:
            if error.cause != "vanished":
                raise
            return False

    def _asked(self, question: Callable[[], Any]) -> Any:
        """Ask a question that changes nothing; repeat it once if the connection broke, which happens to good engines.

        Raises EngineError.
        """
        try:
            with sentences():
                return question()
        except EngineError as error:
            if error.cause != "engine" or error.late:
                raise
        time.sleep(_TO_ASK_AGAIN)
        with sentences():
            return question()

    @property
    def _broken(self) -> bool:
        return bool(self._stream and self._stream.broken)

    def take_out(self, path: str, into: Path, *, most: int) -> None:
        """Copy a folder of the container, running or not, into one of ours; `most` is the limit in bytes.

        Raises EngineError or OSError, and RunError if it is more.
        """
        taking_out.take_out(self._api, self.id, path, into, most=most, where=self._order.reference)

    def kill(self) -> None:
        """Kill it, if it has not ended."""
        with suppress(EngineError), self._engine.tidying() as api:
            api.kill(self.id)

    def remove(self) -> None:
        """Remove it and its volumes; what can't be removed is removed at the next start."""
        with suppress(EngineError):
            if self.id:
                remove_container(self._engine, self.id, kept=recipe.named_volumes(self._order.create))
        for name in self._volumes:
            with suppress(EngineError), self._engine.tidying() as api:
                api.remove_volume(name, force=True)
        self.id, self._volumes = "", []

    def _attach(self, *, stdin: bool) -> Any:
        return self._api.attach_socket(self.id, params={"stdin": int(stdin), "stdout": 1, "stderr": 1, "stream": 1})
