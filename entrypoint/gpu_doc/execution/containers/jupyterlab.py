"""JupyterLab in a container, and a port of this machine that leads to it, though the container may have no network."""

from __future__ import annotations

import queue
import signal
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from gpu_doc.errors import MachineError
from gpu_doc.execution.agent import frames
from gpu_doc.execution.agent.connections import Connections
from gpu_doc.execution.agent.frames import Frame
from gpu_doc.execution.agent.jupyterlab import GRACE, HERE
from gpu_doc.execution.agent.messages import Event, Finish, LabEnded, LabReady, LabRefused, NoJupyterlab
from gpu_doc.execution.containers.container import Container
from gpu_doc.execution.containers.engine import Engine
from gpu_doc.execution.containers.order import Order
from gpu_doc.execution.containers.relay import Attached

_KEPT = 20_000
"""Bytes of JupyterLab's log that are kept, to say why it ended."""


@dataclass(frozen=True)
class Ended:
    """JupyterLab has ended."""

    status: int | None
    """Negative for a signal; None if the container was removed."""
    out_of_memory: bool = False


Refused = NoJupyterlab | LabRefused


def reserve(port: int) -> socket.socket:
    """Take a port of this machine, 0 for any free one; nobody can connect yet. Raises MachineError."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HERE, port))
    except (OSError, OverflowError) as error:
        listener.close()
        remedy = "Name another with --port, or leave it out."
        raise MachineError(f"port {port} of {HERE} can't be used: {error}", remedy=remedy) from error
    return listener


class Lab:
    """One JupyterLab, gone at the end of the `with` block."""

    def __init__(self, engine: Engine, order: Order, listener: socket.socket) -> None:
        """The listener is closed with the block."""
        self._container = Container(engine, order)
        self._listener = listener
        self._attached: Attached | None = None
        self._reading: threading.Thread | None = None
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._log = b""

    @property
    def log(self) -> str:
        """The end of what JupyterLab wrote."""
        return self._log.decode("utf-8", "replace")

    def start(self) -> LabReady | Refused | Ended:
        """Start it, and let connections in once it is ready. Says why it is not, or that it ended at once.

        Raises EngineError, NoPythonError.
        """
        attached = self._attached = self._container.start(self._keep)
        assert attached
        connections = Connections(attached.out)
        self._reading = threading.Thread(target=self._read, args=(attached, connections), daemon=True)
        self._reading.start()
        event = self._events.get()
        if isinstance(event, LabReady):
            self._listener.listen()
            threading.Thread(target=self._accept, args=(connections,), daemon=True).start()
        return event if isinstance(event, LabReady | Refused) else self._ended(event)

    def wait(self) -> Ended:
        """Wait until it has ended. Raises EngineError."""
        return self._ended(self._events.get())

    def _ended(self, event: Event | None) -> Ended:
        if isinstance(event, LabEnded) and event.status != -signal.SIGKILL:
            return Ended(event.status)
        # Only the engine knows why something in the container was killed.
        ended = self._container.ended()
        return Ended(event.status if isinstance(event, LabEnded) else ended.status, ended.out_of_memory)

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it politely, so that what is being written is whole; then remove the container."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        try:
            if self._attached and self._reading:
                self._attached.ask(Finish())
                self._reading.join(2 * GRACE)
        finally:
            if self._attached:
                self._attached.close()
            self._container.remove()

    def _read(self, attached: Attached, connections: Connections) -> None:
        for heard in attached.heard():
            if not isinstance(heard, Frame):
                self._events.put(heard)
            elif heard.kind == frames.LOG:
                self._keep(heard.payload)
            else:
                connections.take(*heard)
        connections.close()
        self._events.put(None)

    def _keep(self, text: bytes) -> None:
        self._log = (self._log + text)[-_KEPT:]

    def _accept(self, connections: Connections) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connections.open(connection)
