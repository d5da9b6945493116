"""Carries connections in frames: the code of both ends, in the container and on our side.

Each end reads its own socket, and writes to it what the other end has read. No more than `WINDOW` bytes of a connection
are on the way that the other end's socket has not accepted: a browser that reads slowly delays its own connection and
no other. Only the standard library of Python 3.8.
"""

from __future__ import annotations

import queue
import socket
import struct
import threading
from contextlib import suppress
from typing import Callable

from gpu_doc.execution.agent import frames

WINDOW = 1 << 20
_AT_ONCE = struct.pack("ii", 1, 0)


class Connections:
    """One end of all connections."""

    def __init__(self, out: frames.Writer) -> None:
        self._out = out
        self._number = 0
        self._open: dict[int, _Connection] = {}

    def open(self, connection: socket.socket) -> None:
        """Carry a new connection; the other end decides where it leads."""
        self._number += 1
        carried = self._open[self._number] = _Connection(connection, self._number, self._out, self._open)
        with suppress(OSError):
            self._out.send(frames.OPEN, channel=carried.channel)
            carried.start()

    def take(self, kind: int, channel: int, payload: bytes, connect: Callable[[], socket.socket] | None = None) -> None:
        """Handle a frame. Only `connect`, which opens the socket of a new connection, may block."""
        if kind == frames.OPEN and connect:
            try:
                connection = connect()
            except OSError:
                self._out.send(frames.CLOSE, channel=channel)
                return
            self._open[channel] = _Connection(connection, channel, self._out, self._open)
            self._open[channel].start()
        elif channel in self._open:
            self._open[channel].take(kind, payload)

    def close(self) -> None:
        """Close all connections, because the other end is gone."""
        for connection in list(self._open.values()):
            connection.close()


class _Connection:
    def __init__(
        self, connection: socket.socket, channel: int, out: frames.Writer, registry: dict[int, _Connection]
    ) -> None:
        self.channel = channel
        self._socket = connection
        self._out = out
        self._registry = registry
        self._arrived: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._change = threading.Condition()
        self._credit = WINDOW
        self._ended = 0

    def start(self) -> None:
        for work in (self._read, self._write):
            threading.Thread(target=self._until_end, args=(work,), daemon=True).start()

    def take(self, kind: int, payload: bytes) -> None:
        if kind == frames.DATA:
            self._arrived.put(payload)
        elif kind == frames.CLOSE:
            if payload:
                self._reset()
            self._arrived.put(b"")
        elif kind == frames.TAKEN:
            self._grant(int(payload))

    def close(self) -> None:
        self._hang_up(socket.SHUT_RDWR)
        self._grant(WINDOW)
        self._arrived.put(b"")

    def _until_end(self, work: Callable[[], None]) -> None:
        with suppress(OSError):  # of the stream of frames; `work` handles errors of our own socket
            work()
        with self._change:
            self._ended += 1
            over = self._ended == 2
        if over:
            self._registry.pop(self.channel, None)
            self._socket.close()

    def _read(self) -> None:
        """Send what comes from our socket, until it ends."""
        while chunk := self._received():
            self._grant(-len(chunk))
            self._out.send(frames.DATA, chunk, self.channel)
        self._out.send(frames.CLOSE, channel=self.channel)

    def _received(self) -> bytes:
        with self._change:
            self._change.wait_for(lambda: self._credit > 0)
            size = min(self._credit, frames.LARGEST)
        try:
            return self._socket.recv(size)
        except OSError:
            return b""

    def _write(self) -> None:
        """Write what arrives to our socket, until the other end's socket has ended."""
        while chunk := self._arrived.get():
            try:
                self._socket.sendall(chunk)
            except OSError:
                # What is on the way is dropped; the other end learns that nobody reads it.
                self._hang_up(socket.SHUT_RDWR)
                self._out.send(frames.CLOSE, b"gone", self.channel)
            self._out.send(frames.TAKEN, str(len(chunk)).encode(), self.channel)
        self._hang_up(socket.SHUT_WR)

    def _grant(self, size: int) -> None:
        with self._change:
            self._credit += size
            self._change.notify_all()

    def _reset(self) -> None:
        """Close the socket with a reset, so that writing to it fails; after a shutdown, a writer would only wait."""
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._hang_up(socket.SHUT_RDWR)

    def _hang_up(self, how: int) -> None:
        with suppress(OSError):
            self._socket.shutdown(how)
