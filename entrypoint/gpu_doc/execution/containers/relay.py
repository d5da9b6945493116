"""Our end of a container's standard input and output: it carries the agent's frames and a kernel's sockets."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from gpu_doc.execution.agent import frames
from gpu_doc.execution.agent.frames import Frame
from gpu_doc.execution.agent.messages import Event, Request, read_event
from gpu_doc.execution.agent.wire import WireError

_DIGITS = 20
"""Of a number of bytes, more than any has."""


class Attached:
    """The stream of an attached container, whose agent speaks frames on its standard output."""

    def __init__(self, stream: Any, complaints: Callable[[bytes], None]) -> None:
        """`stream` is the SDK's; `complaints` gets standard error, such as the agent's traceback."""
        self.complaints = complaints
        # The SDK wraps the connection in a file object that can only be read.
        self._socket: socket.socket = getattr(stream, "_sock", stream)
        self._socket.settimeout(None)
        self._stream = stream
        self._unread = b""
        self.broken = False
        """Whether something else in the container wrote to the stream: from then on, we can't trust it."""
        self.closed = threading.Event()
        self.out = frames.Writer(self._socket.sendall)

    def heard(self) -> Iterator[Event | Frame]:
        """Yield events, and other frames as they come, until the container has ended or the engine is gone."""
        try:
            for frame in frames.frames(self._read):
                yield _believed(frame)
        except (frames.BrokenError, WireError):
            self.broken = True
        except OSError:
            return

    def speaks(self) -> bool:
        """Wait for the agent's first frame; False if the container ended without one."""
        with suppress(OSError):
            self._unread = self._read(frames.LARGEST) + self._unread
        return bool(self._unread)

    def ask(self, request: Request) -> None:
        """Send the agent a request. If the agent is gone, reading frames shows that."""
        with suppress(OSError):
            self.out.tell(request)

    def close(self) -> None:
        """Close the connection, which ends the agent and so the container."""
        self.closed.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._stream.close()
        self._socket.close()

    def _read(self, size: int) -> bytes:
        """Read standard output, which the engine sends in blocks between those of standard error."""
        # https://docs.docker.com/reference/api/engine/ - ContainerAttach, stream format
        while not self._unread:
            header = self._exactly(8)
            if not header:
                return b""
            block = self._exactly(int.from_bytes(header[4:], "big"))
            if header[0] == 1:
                self._unread = block
            else:
                self.complaints(block)
        chunk, self._unread = self._unread[:size], self._unread[size:]
        return chunk

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            chunk = self._socket.recv(size - len(data))
            if not chunk:
                return b""
            data += chunk
        return bytes(data)


def _believed(frame: Frame) -> Event | Frame:
    """Return what an agent could have sent. Raises WireError: nobody but a run sends that."""
    if frame.kind == frames.EVENT:
        return read_event(frame.payload)
    if frame.kind == frames.TAKEN and not (frame.payload.isdigit() and len(frame.payload) < _DIGITS):
        raise WireError("no number of bytes")
    return frame


class Relay:
    """Unix sockets on our side that lead to a kernel's sockets in its container."""

    def __init__(self, prefix: str, sockets: int, attached: Attached) -> None:
        """Listen at `prefix`-1 to `prefix`-N, as Jupyter's ipc transport names them."""
        self._attached = attached
        self._numbers = count(1)
        self._channels: dict[int, socket.socket] = {}
        self._carried: set[int] = set()
        self._lock = threading.Lock()
        self._listeners = [self._listen(f"{prefix}-{number}", number) for number in range(1, sockets + 1)]

    def take(self, kind: int, channel: int, payload: bytes) -> None:
        """Handle a frame from the agent."""
        connection = self._channels.get(channel)
        if connection is None:
            return
        if kind == frames.OPEN and channel not in self._carried:
            self._carried.add(channel)
            threading.Thread(target=self._carry, args=(channel, connection), daemon=True).start()
        elif kind == frames.DATA:
            with suppress(OSError):
                connection.sendall(payload)
        elif kind == frames.CLOSE:
            self._forget(channel)

    def close(self) -> None:
        """Close all sockets."""
        for listener in self._listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()
        for channel in list(self._channels):
            self._forget(channel)

    def _listen(self, path: str, number: int) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        threading.Thread(target=self._accept, args=(listener, number), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket, number: int) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                channel = next(self._numbers)
                self._channels[channel] = connection
            with suppress(OSError):
                self._attached.out.send(frames.OPEN, str(number).encode(), channel)

    def _carry(self, channel: int, connection: socket.socket) -> None:
        with suppress(OSError):
            while chunk := connection.recv(frames.LARGEST):
                self._attached.out.send(frames.DATA, chunk, channel)
            self._attached.out.send(frames.CLOSE, channel=channel)

    def _forget(self, channel: int) -> None:
        with self._lock:
            connection = self._channels.pop(channel, None)
        if connection:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


def write_connection(path: Path, prefix: str, key: str) -> None:
    """Write the connection file by which a Jupyter client finds the relayed sockets."""
    # https://jupyter-client.readthedocs.io/en/stable/kernels.html#connection-files
    names = ("shell", "iopub", "stdin", "control", "hb")
    ports = {f"{name}_port": number for number, name in enumerate(names, 1)}
    facts = {"transport": "ipc", "ip": prefix, "signature_scheme": "hmac-sha256", "key": key}
    path.write_text(json.dumps({**facts, **ports}), "utf-8")
