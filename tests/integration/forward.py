"""Lets an engine with a network of its own reach a server on this machine's loopback."""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

CLONE_NEWNET = 0x40000000
"""https://man7.org/linux/man-pages/man2/setns.2.html; Python has it from 3.12 on."""


@contextmanager
def forwarded(pid: int, here: int, there: int = 5000) -> Iterator[str]:
    """The address, `127.0.0.1:PORT`, at which the process `pid` and its children reach our port `here`."""
    with closing(_listener(pid, there)) as listener:
        accepting = threading.Thread(target=_serve, args=(listener, here), daemon=True)
        accepting.start()
        try:
            yield f"127.0.0.1:{there}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


def _listener(pid: int, port: int) -> socket.socket:
    """A socket belongs to the network in which it was made, whoever uses it then."""
    made: list[socket.socket | OSError] = []

    def make() -> None:  # a thread can be in another network than the rest of its process
        try:
            _enter(Path(f"/proc/{pid}/ns/net"))
            made.append(socket.create_server(("127.0.0.1", port)))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


def _enter(network: Path) -> None:
    with network.open("rb") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _serve(listener: socket.socket, port: int) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_carry, args=(client, port), daemon=True).start()


def _carry(client: socket.socket, port: int) -> None:
    with client, suppress(OSError), socket.create_connection(("127.0.0.1", port)) as server:
        back = threading.Thread(target=_copy, args=(server, client), daemon=True)
        back.start()
        _copy(client, server)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(1 << 16):
            target.sendall(block)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
