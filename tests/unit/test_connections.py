"""Connections through frames: two ends, and sockets on both sides."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from gpu_doc.execution.agent import frames
from gpu_doc.execution.agent.connections import WINDOW, Connections


class Wire:
    """Both ends of connections that lead to a server."""

    def __init__(self, server: socket.socket) -> None:
        self.server = server
        self.sockets = socket.socketpair()
        self.near, self.far = (Connections(frames.Writer(end.sendall)) for end in self.sockets)
        self.threads = [
            threading.Thread(target=self.serve, args=(self.sockets[0], self.near), daemon=True),
            threading.Thread(target=self.serve, args=(self.sockets[1], self.far), daemon=True),
        ]
        for thread in self.threads:
            thread.start()

    def serve(self, end: socket.socket, connections: Connections) -> None:
        for kind, channel, payload in frames.frames(end.recv):
            connections.take(kind, channel, payload, self.connect if connections is self.far else None)
        connections.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(self.server.getsockname())

    def client(self) -> socket.socket:
        ours, carried = socket.socketpair()
        self.near.open(carried)
        ours.settimeout(10)
        return ours

    def accepted(self) -> socket.socket:
        connection, _ = self.server.accept()
        connection.settimeout(10)
        return connection

    def close(self) -> None:
        for end in self.sockets:
            end.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(10)
        for end in self.sockets:
            end.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server, closing(Wire(server)) as made:
        yield made


def all_of(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_both_directions_and_their_ends(wire: Wire) -> None:
    with wire.client() as client, wire.accepted() as server:
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert all_of(server) == b"question"
        server.sendall(b"answer")
        server.close()
        assert all_of(client) == b"answer"


def test_who_does_not_read_holds_up_nobody_else(wire: Wire) -> None:
    much = bytes(8 * WINDOW)
    with wire.client() as slow, wire.accepted() as source, wire.client() as other, wire.accepted() as server:
        pouring = threading.Thread(target=source.sendall, args=(much,))
        pouring.start()
        pouring.join(0.3)
        assert pouring.is_alive(), "more is taken in than may be on the way"
        other.sendall(b"ping")
        assert server.recv(4) == b"ping"
        server.sendall(b"pong")
        assert other.recv(4) == b"pong"
        taken = 0
        while taken < len(much):
            taken += len(slow.recv(1 << 16))
        pouring.join(10)
        assert not pouring.is_alive()


def test_who_goes_away_stops_nobody(wire: Wire) -> None:
    with wire.client() as client, wire.accepted() as server:
        client.close()
        with pytest.raises(ConnectionError):
            server.sendall(bytes(64 * WINDOW))


def test_nobody_is_there_to_connect_to(wire: Wire) -> None:
    wire.connect = lambda: socket.create_connection(("127.0.0.1", 1))  # type: ignore[method-assign]  # this test only
    with wire.client() as client:
        assert client.recv(1) == b""


def test_all_end_with_the_wire(wire: Wire) -> None:
    with wire.client() as client, wire.accepted() as server:
        wire.sockets[0].shutdown(socket.SHUT_RDWR)
        assert client.recv(1) == b""
        assert server.recv(1) == b""
