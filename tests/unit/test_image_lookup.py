from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import pytest

from gpu_doc.execution.containers.image_lookup import ImageLookup
from gpu_doc.model.configuration import ImageIdentity

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


@dataclass
class Engine:
    """Answers GET /images/NAME/json on a socket, and remembers who asked."""

    path: Path
    images: dict[str, dict[str, object]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                name = unquote(connection.recv(4096).split(b" ")[1].decode()).removeprefix("/images/")
                name = name.removesuffix("/json")
                self.asked.append(name)
                found = self.images.get(name)
                status = b"200 OK" if found else b"404 Not Found"
                connection.sendall(b"HTTP/1.0 " + status + b"\r\n\r\n" + json.dumps(found).encode())

    def look(self, reference: str, *, pull: str = "missing", known: str | None = None) -> str | None:
        before = ImageIdentity(known) if known else None
        found = ImageLookup({}).identity(reference, docker_host=f"unix://{self.path}", pull=pull, known=before)
        return found.digest if found else None


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    here = Engine(tmp_path / "engine")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(here.path))
        listener.listen()
        thread = threading.Thread(target=here.serve, args=(listener,))
        thread.start()
        yield here
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_without_evidence_it_is_what_the_reference_means_here(engine: Engine) -> None:
    engine.images["x:1"] = {"Id": A, "RepoDigests": [f"x@{B}"]}
    assert engine.look("x:1") == f"x@{B}"
    assert engine.look("y:1") is None


@pytest.mark.parametrize("pull", ["missing", "never"])
def test_a_run_stays_on_the_digest_in_evidence_while_it_is_here(engine: Engine, pull: str) -> None:
    engine.images |= {"x:1": {"Id": A, "RepoDigests": [f"x@{A}"]}, f"x@{B}": {"Id": B, "RepoDigests": [f"x@{B}"]}}
    assert engine.look("x:1", pull=pull, known=f"x@{B}") == f"x@{B}"


def test_a_digest_of_a_registry_can_be_pulled_unless_that_is_forbidden(engine: Engine) -> None:
    engine.images["x:1"] = {"Id": A, "RepoDigests": [f"x@{B}"]}
    assert engine.look("x:1", known=f"x@{C}") == f"x@{C}"
    assert engine.look("x:1", known=f"x@{C}", pull="never") == f"x@{B}"
    assert engine.look("x:1", known=f"other@{C}") == f"x@{B}"


def test_an_image_that_no_registry_has_is_what_its_name_means_now(engine: Engine) -> None:
    assert engine.look("x:1", known=B) is None
    engine.images |= {"x:1": {"Id": A}, B: {"Id": B}}  # rebuilt, and the old one still there without a name
    assert engine.look("x:1", known=B) == A
    assert engine.look("x:1", known=A) == A


def test_pulling_always_looks_at_the_reference(engine: Engine) -> None:
    engine.images |= {"x:1": {"Id": A}, f"x@{B}": {"Id": B}}
    assert engine.look("x:1", pull="always", known=f"x@{B}") == A


def test_a_tag_that_moved_is_seen_without_asking_again(engine: Engine) -> None:
    engine.images |= {"x:1": {"Id": A}, f"x@{B}": {"Id": C, "RepoDigests": [f"x@{B}"]}}
    image_lookup, host = ImageLookup({"DOCKER_HOST": f"unix://{engine.path}"}), None
    known = ImageIdentity(f"x@{B}")
    assert image_lookup.identity("x:1", docker_host=host, pull="missing", known=known) == known
    assert image_lookup.moved("x:1", docker_host=host, known=known)
    assert not image_lookup.moved("x:1", docker_host=host, known=ImageIdentity(A))
    assert not image_lookup.moved("gone", docker_host=host, known=known)
    assert engine.asked == ["x:1", f"x@{B}", "gone"]


@pytest.mark.parametrize(
    "host", ["tcp://127.0.0.1:1", "ssh://nowhere.invalid", "unix:///nowhere/engine.sock", "nonsense"]
)
def test_an_engine_that_is_not_on_this_machine_is_not_seen(host: str) -> None:
    assert ImageLookup({}).identity("x:1", docker_host=host, pull="missing", known=ImageIdentity(f"x@{A}")) is None


def test_something_else_on_the_socket_is_no_engine(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "engine"))
        listener.listen()

        def answer() -> None:
            with listener.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello")

        thread = threading.Thread(target=answer)
        thread.start()
        assert (
            ImageLookup({}).identity("x", docker_host=f"unix://{tmp_path}/engine", pull="missing", known=None) is None
        )
        thread.join()
