"""The stand-in as a server on loopback: it can be told to fail, and holds each exchange to the description."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.standin.bodies import Bodies, error
from tests.standin.description import Exchange, wrong_request, wrong_response
from tests.standin.routes import Asked, RefusedError, Reply, find
from tests.standin.state import Account, Branches, Repository, World


@dataclass
class Failure:
    """How to answer the next requests that fit."""

    status: int = 502
    """0: the connection is closed without an answer."""
    message: str = "Server Error"
    headers: dict[str, str] = field(default_factory=dict)
    method: str = ".*"
    path: str = ".*"
    """Both are regular expressions for the whole."""
    times: int = 1
    done: bool = False
    """Whether what was asked is done all the same."""

    def fits(self, method: str, path: str) -> bool:
        """Whether it is meant for a request, still."""
        return self.times > 0 and bool(re.fullmatch(self.method, method) and re.fullmatch(self.path, path))

    @property
    def reply(self) -> Reply:
        """The answer."""
        return Reply(self.status, error(self.status, self.message), dict(self.headers))


@dataclass(frozen=True)
class Record:
    """A request and how it ended."""

    method: str
    path: str
    query: dict[str, str]
    login: str
    """Whose token it had; empty where it had none that is known."""
    sent: Any
    status: int
    answer: Any
    wrong_request: str = ""
    """What GitHub's description has against the request; empty where it is as described."""
    wrong_response: str = ""


class StandIn:
    """GitHub's API. Change `world` and `failures` while it runs."""

    def __init__(self, branches: Branches, tokens: Mapping[str, Account], record: Path | None = None) -> None:
        """`record` is a file that gets a line of JSON for each request."""
        self.world = World(branches, tokens)
        self.failures: list[Failure] = []
        self.records: list[Record] = []
        self.address = ""
        """What GITHUB_API_URL is to be: `http://127.0.0.1:PORT`."""
        self._lock = threading.Lock()
        self._file = record

    def repository(self, full_name: str) -> Repository:
        """A repository, to look at or to change."""
        with self._lock:
            return self.world.repository(full_name)

    def fail(self, status: int = 502, message: str = "Server Error", **how: Any) -> None:
        """Have the next request fail; `how` has more fields of Failure."""
        self.failures.append(Failure(status, message, **how))

    def asked(self, method: str = ".*", path: str = ".*") -> list[Record]:
        """The requests so far whose method and path fit two regular expressions."""
        return [r for r in self.records if re.fullmatch(method, r.method) and re.fullmatch(path, r.path)]

    def writes(self) -> list[Record]:
        """The requests so far that are to change something."""
        return [record for record in self.records if record.method != "GET"]

    def mismatches(self) -> list[str]:
        """Where a request or an answer was not as GitHub describes it."""
        return [
            f"{record.method} {record.path} -> {record.status}: {wrong}"
            for record in self.records
            for wrong in (record.wrong_request, record.wrong_response)
            if wrong
        ]

    def answer(self, method: str, target: str, token: str | None, body: bytes, content_type: str) -> Reply | None:
        """Answer a request; None closes the connection."""
        with self._lock:
            url = urlsplit(target)
            query = parse_qs(url.query, keep_blank_values=True)
            path = self._by_name(url.path.removeprefix("/api/v3"))  # where Enterprise Server has it
            exchange = Exchange(method, path, query, body, content_type)
            flat = {name: values[-1] for name, values in query.items()}
            account = self.world.tokens.get(token or "")
            wrong = wrong_request(exchange)
            reply = self._reply(method, path, flat, token, body, wrong)
            data = json.dumps(reply.body).encode() if reply else b""
            headers = {"Content-Type": "application/json"}
            against = wrong_response(exchange, reply.status, data, headers) if reply and find(method, path) else ""
            record = Record(
                method,
                path,
                flat,
                account.login if account else "",
                _json(body),
                reply.status if reply else 0,
                reply.body if reply else None,
                wrong,
                against,
            )
            self._keep(record)
            return reply

    def _reply(
        self, method: str, path: str, query: dict[str, str], token: str | None, body: bytes, wrong: str
    ) -> Reply | None:
        failure = next((failure for failure in self.failures if failure.fits(method, path)), None)
        if failure:
            failure.times -= 1
            if failure.done:
                self._serve(method, path, query, token, body, wrong)
            return failure.reply if failure.status else None
        return self._serve(method, path, query, token, body, wrong)

    def _serve(
        self, method: str, path: str, query: dict[str, str], token: str | None, body: bytes, wrong: str
    ) -> Reply:
        account = self.world.tokens.get(token or "")
        if account is None:
            message = "Bad credentials" if token else "Requires authentication"
            return Reply(401, error(401, message))
        found = find(method, path)
        if found is None:
            return Reply(404, error(404, "Not Found"))
        if moved := self._moved(path):
            headers = {"Location": moved}
            return Reply(301 if method == "GET" else 307, {"message": "Moved Permanently", "url": moved}, headers)
        handler, names = found
        sent = _json(body) or {}
        if wrong:
            return Reply(422, error(422, "Invalid request.", [{"code": "invalid", "message": wrong}]))
        try:
            return handler(Asked(self.world, Bodies(self.address), account, path, names, query, sent))
        except RefusedError as refused:
            return refused.reply

    def _by_name(self, path: str) -> str:
        """A path with the repository's name; GitHub sends to its number where it was renamed."""
        if match := re.match(r"/repositories/(\d+)", path):
            repository = self.world.by_id(int(match[1]))
            return f"/repos/{repository.full_name}{path[match.end() :]}" if repository else path
        return path

    def _moved(self, path: str) -> str:
        match = re.match(r"/repos/([^/]+/[^/]+)", path)
        new = self.world.moved.get(match[1]) if match else None
        if match is None or new is None:
            return ""
        return f"{self.address}/repositories/{self.world.repository(new).id}{path[match.end() :]}"

    def _keep(self, record: Record) -> None:
        self.records.append(record)
        if self._file:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(record)) + "\n")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode(errors="replace")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body of an answer are two writes
    stand_in: StandIn

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = (self.headers.get("Authorization") or "").partition(" ")[2].strip() or None
        reply = self.stand_in.answer(self.command, self.path, token, body, self.headers.get("Content-Type", ""))
        if reply is None:
            self.close_connection = True
            return
        data = json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json; charset=utf-8", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with suppress(ConnectionError):  # who asked has gone
            self.wfile.write(data)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Whatever the method: do_GET, do_PATCH and the rest are one."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *words: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: `records` holds it."""


class _Listener(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


@contextmanager
def serving(stand_in: StandIn, port: int = 0) -> Iterator[StandIn]:
    """Serve a stand-in on loopback, on any port or on one."""
    handler = type("Handler", (_Handler,), {"stand_in": stand_in})
    with _Listener(("127.0.0.1", port), handler) as listener:
        stand_in.address = f"http://127.0.0.1:{listener.server_port}"
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield stand_in
        finally:
            listener.shutdown()
            thread.join()
