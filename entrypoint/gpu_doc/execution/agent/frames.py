"""Frames on a stream of bytes: how the agent in a container and we talk over the container's standard input and output.

A frame is a kind (1 byte), a channel (4 bytes), a length (4 bytes, all big-endian), and so many bytes. Kept to what
Python 3.8 has in its standard library: the agent uses this file inside the user's image.
"""

from __future__ import annotations

import struct
import threading
from typing import Any, Callable, Iterator, NamedTuple

from gpu_doc.execution.agent.wire import write

EVENT = 1
"""What happened, or what to do (messages.py)."""
OPEN = 2
"""Connect a new channel; the payload is the number of the kernel's socket, where there are several to connect to."""
DATA = 3
"""Bytes of a channel."""
CLOSE = 4
"""A channel has ended; with a payload, nothing that is sent to it is taken any more either."""
LOG = 5
"""What the kernel process wrote to its own standard output and error."""
TERMINAL = 6
"""What a command wrote to its terminal."""
TAKEN = 7
"""So many bytes of a channel (decimal digits) have gone where they were sent: as many may follow."""

LARGEST = 1 << 16
"""Bytes that a sender puts into one frame."""

MOST = 1 << 20
"""Bytes in any frame. Events are small."""

_HEADER = struct.Struct(">BII")


class Frame(NamedTuple):
    """One of what a stream is made of."""

    kind: int
    channel: int
    payload: bytes


class BrokenError(Exception):
    """What comes is nothing that a sender of ours sends."""


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
        """Send what messages.py has."""
        self.send(EVENT, write(message))


def frames(read: Callable[[int], bytes]) -> Iterator[Frame]:
    """Yield frames until the stream ends; `read` gives up to so many bytes, none at the end.

    Raises BrokenError: something else has written to the stream.
    """
    while (header := _exactly(read, _HEADER.size)) is not None:
        kind, channel, size = _HEADER.unpack(header)
        if not EVENT <= kind <= TAKEN or size > MOST:
            raise BrokenError(f"no frame begins with {header!r}")
        payload = _exactly(read, size)
        if payload is None:
            return
        yield Frame(kind, channel, payload)


def _exactly(read: Callable[[int], bytes], size: int) -> bytes | None:
    """Return so many bytes, None where the stream ends before."""
    data = b""
    while len(data) < size:
        chunk = read(size - len(data))
        if not chunk:
            return None
        data += chunk
    return data
