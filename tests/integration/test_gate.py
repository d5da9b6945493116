"""The hosts that `allow-hosts` names, asked for real: a server with a certificate of its own on the loopback."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gpu_doc.pictures.gate import Gate


class _Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/css")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    words += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(words, check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


class _AnyPort(Gate):
    """The gate, for a test that can't have port 443."""

    def opens(self, address: str, method: str = "GET") -> bool:
        return super().opens(address.replace(f":{address.split(':')[2].partition('/')[0]}", "", 1), method)


def test_a_named_host_answers_and_its_redirects_end_at_named_hosts(port: int) -> None:
    gate, here = _AnyPort(["localhost"]), f"https://localhost:{port}"
    answer = gate.answer(f"{here}/a.css", "GET")
    assert answer is not None
    assert (answer.body, answer.type, answer.status) == (b"hello", "text/css", 200)
    assert gate.answer(f"{here}/to/{here}/b", "GET") is not None
    assert gate.answer(f"{here}/to/https://127.0.0.1:{port}/b", "GET") is None
    assert gate.answer(f"{here}/to/http://localhost:{port}/b", "GET") is None
    assert _AnyPort(["example.org"]).answer(f"{here}/a.css", "GET") is None


def test_a_certificate_that_nobody_vouches_for_is_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    assert _AnyPort(["localhost"]).answer(f"https://localhost:{port}/a.css", "GET") is None
