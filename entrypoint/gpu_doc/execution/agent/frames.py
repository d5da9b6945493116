"""Frames on a stream of bytes: the protocol between us and the agent, over the container's standard input and output.

A frame is a kind (1 byte), a channel (4 bytes), a length (4 bytes, all big-endian), and as many bytes. Only the
standard library of Python 3.8, since the agent uses this file inside the user's image.
"""

from __future__ import annotations

import struct
import threading
from typing import Any, Callable, Iterator, NamedTuple

from gpu_doc.execution.agent.wire import write

EVENT = 1
"""An event or a request (messages.py)."""
OPEN = 2
"""Opens a new channel; the payload is the number of the kernel's socket, if there are several."""
DATA = 3
"""Bytes of a channel."""
CLOSE = 4
"""A channel has ended; with a payload, what is sent to it is no longer read either."""
LOG = 5
"""What the kernel process wrote to its own standard output and error."""
TERMINAL = 6
"""What a command wrote to its terminal."""
TAKEN = 7
"""So many bytes of a channel (decimal digits) have reached their socket: as many may follow."""
WATCHED = 8
"""A part of the record of what the run looked at (watching.py)."""

LARGEST = 1 << 16
"""The most bytes that a sender puts into one frame."""

MOST = 1 << 20
"""The most bytes that a reader accepts in a frame."""

_HEADER = struct.Struct(">BII")


class Frame(NamedTuple):
    """One frame."""

    kind: int
    channel: int
    payload: bytes


class BrokenError(Exception):
    """What was read is no frame."""


class Writer:
    """Sends frames, from any thread; `write` takes all the bytes it is given, or raises OSError."""

    def __init__(self, write: Callable[[bytes], Any]) -> None:
        self._write = write
        self._lock = threading.Lock()

    def send(self, kind: int, payload: bytes = b"", channel: int = 0) -> None:
        """Send one frame."""
        with self._lock:
            self._write(_HEADER.pack(kind, channel, len(payload)) + payload)

    def tell(self, message: Any) -> None:
        """Send a message of messages.py."""
        self.send(EVENT, write(message))


def frames(read: Callable[[int], bytes]) -> Iterator[Frame]:
    """Yield frames until the stream ends; `read` returns up to so many bytes, none at the end.

    Raises BrokenError if something else has written to the stream.
    """
    while (header := _exactly(read, _HEADER.size)) is not None:
        kind, channel, size = _HEADER.unpack(header)
        if not EVENT <= kind <= WATCHED or size > MOST:
            raise BrokenError(f"no frame begins with {header!r}")
        payload = _exactly(read, size)
        if payload is None:
            return
        yield Frame(kind, channel, payload)


def _exactly(read: Callable[[int], bytes], size: int) -> bytes | None:
    """Return exactly `size` bytes; None if the stream ends before."""
    data = b""
    while len(data) < size:
        chunk = read(size - len(data))
        if not chunk:
            return None
        data += chunk
    return data
