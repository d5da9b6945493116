"""A git server on this machine's loopback: `git http-backend`, with tokens and refusals as GitHub has them."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import pytest
from tests.components import require

Rights = Literal["read", "write", "none"]

WRITER = "ghs_writer-0123456789abcdefghijklmnopqrs"
"""A token that may push to every repository of a new server."""

_SETTINGS = """
[http]
    receivepack = true
[uploadpack]
    allowFilter = true
    allowAnySHA1InWant = true
"""
_PATH = re.compile(r"/(?P<name>.+?)(?:\.git)?/(?P<service>info/refs|git-(?:upload|receive)-pack|info/lfs/.+)")


def git(folder: Path, *words: str, **environment: str) -> str:
    """Run git as somebody else would; gives what it writes, without the last line end."""
    identity = {"NAME": "A Person", "EMAIL": "person@example.org"}
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in identity.items()}
    settings = ("protocol.file.allow=always", "init.defaultBranch=main", "safe.directory=*")
    argv = ["git", *(word for setting in settings for word in ("-c", setting)), *words]
    done = subprocess.run(argv, cwd=folder, env=_environment(who | environment), capture_output=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr.decode(errors='replace')}"
    return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")


def _environment(more: dict[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    ours = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
    return inherited | ours | more


@dataclass(frozen=True)
class Request:
    """What somebody asked."""

    method: str
    path: str
    """With its query."""
    token: str | None
    """The password of its Authorization header."""


@dataclass
class GitServer:
    """Repositories, who may do what with them, and how the server behaves; change any of it while it runs."""

    folder: Path
    address: str = ""
    """`http://127.0.0.1:PORT`, as GITHUB_SERVER_URL has it."""
    tokens: dict[str, Rights] = field(default_factory=lambda: {WRITER: "write"})
    public: set[str] = field(default_factory=set)
    """Repositories that can be read without a token."""
    archived: set[str] = field(default_factory=set)
    moved: dict[str, str] = field(default_factory=dict)
    """Renamed repositories: old name to new one, answered with 301."""
    failures: int = 0
    """How many of the next requests are answered with 502."""
    lost_answers: int = 0
    """How many of the next pushes are taken, and answered with 502 all the same."""
    latency: float = 0.0
    """Seconds before each answer."""
    requests: list[Request] = field(default_factory=list)
    large_files: dict[str, bytes] = field(default_factory=dict)
    """What Git LFS uploaded, by its SHA-256."""
    takes_large_files: bool = True

    def create(self, name: str, *, object_format: str = "sha1") -> Path:
        """Make an empty repository, `owner/name`; gives its folder."""
        folder = self.path(name)
        folder.mkdir(parents=True)
        git(folder, "init", "-q", "--bare", f"--object-format={object_format}")
        with (folder / "config").open("a") as file:
            file.write(_SETTINGS)
        return folder

    def path(self, name: str) -> Path:
        """The folder of a repository, to look into or to push to past all rights."""
        return self.folder / f"{name}.git"

    def url(self, name: str) -> str:
        """Where it is pushed to."""
        return f"{self.address}/{name}"

    def seed(
        self, name: str, files: Mapping[str, str | bytes | Path], *, branch: str = "main", message: str = "a commit"
    ) -> str:
        """Put files into a branch as a person does, on top of what is there by then; gives the commit.

        A Path becomes a symbolic link.
        """
        while True:
            tip = self.tip(name, branch)
            stream = b"".join(_import_stream(files, f"refs/heads/{branch}", tip, message))
            argv = ["git", "-C", str(self.path(name)), "fast-import", "--quiet"]
            done = subprocess.run(argv, input=stream, env=_environment({}), capture_output=True, check=False)
            if done.returncode == 0:
                return done.stdout.decode().strip()
            assert self.tip(name, branch) != tip, done.stderr.decode(errors="replace")

    def clone(self, name: str, into: Path, *words: str) -> Path:
        """Clone as a runner's checkout step does: over HTTP, leaving no token behind."""
        login = {"COUNT": "1", "KEY_0": f"http.{self.address}/.extraheader", "VALUE_0": authorization(WRITER)}
        variables = {f"GIT_CONFIG_{key}": value for key, value in login.items()}
        git(into.parent, "clone", "-q", *words, self.url(name), str(into), **variables)
        return into

    def tip(self, name: str, branch: str = "main") -> str | None:
        """The commit that a branch is at."""
        return git(self.path(name), "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}") or None

    def log(self, name: str, branch: str = "main", pattern: str = "%s") -> list[str]:
        """The commits of a branch, newest first: their subjects, or what `pattern` says."""
        return git(self.path(name), "log", f"--format={pattern}", branch, "--").splitlines()

    def show(self, name: str, path: str, branch: str = "main") -> bytes:
        """The bytes of a file in a branch."""
        argv = ["git", "cat-file", "blob", f"{branch}:{path}"]
        done = subprocess.run(argv, cwd=self.path(name), env=_environment({}), check=True, capture_output=True)
        return done.stdout

    def files(self, name: str, branch: str = "main") -> list[str]:
        """The paths in a branch."""
        listed = git(self.path(name), "ls-tree", "-r", "-z", "--name-only", branch)
        return [path for path in listed.split("\0") if path]

    def hook(self, name: str, *lines: str, kind: str = "pre-receive") -> None:
        """Have each push judged by a shell script."""
        script = self.path(name) / "hooks" / kind
        script.parent.mkdir(exist_ok=True)
        script.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        script.chmod(0o755)

    def refuse(self, name: str, *words: str) -> None:
        """Refuse each push with these lines."""
        self.hook(name, "cat >/dev/null", *(f"echo '{line}' >&2" for line in words), "exit 1")

    def pushes(self) -> list[Request]:
        """The requests that brought commits."""
        return [request for request in self.requests if request.path.endswith("/git-receive-pack")]


def _import_stream(
    files: Mapping[str, str | bytes | Path], branch: str, tip: str | None, message: str
) -> Iterator[bytes]:
    """A commit, for git-fast-import."""
    yield f"commit {branch}\nmark :1\ncommitter A Person <person@example.org> {int(time.time())} +0000\n".encode()
    yield f"data {len(message.encode())}\n{message}\n".encode()
    yield f"from {tip}\n".encode() if tip else b""
    for path, content in files.items():
        mode = "120000" if isinstance(content, Path) else "100644"
        body = content if isinstance(content, bytes) else str(content).encode()
        quoted = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        yield f'M {mode} inline "{quoted}"\ndata {len(body)}\n'.encode() + body + b"\n"
    yield b"get-mark :1\n"


def authorization(token: str) -> str:
    """The header that carries a token."""
    return f"Authorization: basic {base64.b64encode(f'x-access-token:{token}'.encode()).decode()}"


def _token(header: str | None) -> str | None:
    with suppress(ValueError, binascii.Error):
        scheme, _, word = (header or "").partition(" ")
        if scheme.lower() == "basic":
            return base64.b64decode(word).decode().partition(":")[2]
    return None


class _Handler(BaseHTTPRequestHandler):
    """Answers as GitHub does where we know it; what is right goes to `git http-backend`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body of an answer are two writes
    state: GitServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def handle_one_request(self) -> None:
        with suppress(ConnectionError):  # git-lfs leaves without a word
            super().handle_one_request()

    def log_message(self, format: str, *words: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: `requests` holds it."""

    def _serve(self) -> None:
        server = self.state
        body = self._body()
        token = _token(self.headers.get("Authorization"))
        server.requests.append(Request(self.command, self.path, token))
        time.sleep(server.latency)
        path, _, query = self.path.partition("?")
        match = _PATH.fullmatch(path)
        if server.failures > 0:
            server.failures -= 1
            self._answer(502, "Bad Gateway")
        elif len(self.headers.get_all("Authorization") or []) > 1:
            self._answer(400, "Duplicate header: Authorization")
        elif not match:
            self._answer(404, "Not Found")
        elif new := server.moved.get(match["name"]):
            place = f"{server.address}/{new}.git/{match['service']}" + f"?{query}" * bool(query)
            self._answer(301, "Moved Permanently", Location=place)
        elif self._refused(match["name"], token, pushes="git-receive-pack" in self.path):
            pass
        elif match["service"].startswith("info/lfs/"):
            self._keep_large(match["service"], body)
        else:
            self._hand_on(match["name"], match["service"], query, body)

    def _refused(self, name: str, token: str | None, *, pushes: bool) -> bool:
        server = self.state
        rights = server.tokens.get(token or "")
        if rights is None and (token or pushes or name not in server.public):
            self._answer(401, "Invalid username or token.", **{"WWW-Authenticate": 'Basic realm="GitHub"'})
        elif not server.path(name).exists() or rights == "none":
            self._answer(404, "Repository not found.")
        elif pushes and name in server.archived:
            self._answer(403, "This repository was archived so it is read-only.")
        elif pushes and rights != "write":
            self._answer(403, f"Permission to {name}.git denied to github-actions[bot].")
        else:
            return False
        return True

    def _hand_on(self, name: str, service: str, query: str, body: bytes) -> None:
        environment = {
            "GIT_PROJECT_ROOT": str(self.state.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{name}.git/{service}",
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "somebody",
            "REMOTE_ADDR": "127.0.0.1",
        }
        argv = ["git", "http-backend"]
        done = subprocess.run(argv, input=body, env=_environment(environment), capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        if service == "git-receive-pack" and self.state.lost_answers > 0:
            self.state.lost_answers -= 1
            self._answer(502, "Bad Gateway")
        else:
            status = int(headers.pop("Status", "200").split()[0]) if head else 500
            self._answer(status, content, **headers)

    def _keep_large(self, service: str, body: bytes) -> None:
        """Git LFS: say where objects are to be uploaded, and take them. https://github.com/git-lfs/git-lfs/tree/main/docs/api"""
        server, kind = self.state, {"Content-Type": "application/vnd.git-lfs+json"}
        if not server.takes_large_files:
            self._answer(422, json.dumps({"message": "This repository is over its data quota."}), **kind)
        elif self.command == "PUT":
            server.large_files[service.rpartition("/")[2]] = body
            self._answer(200, "")
        else:
            place = f"{server.address}{self.path.removesuffix('/objects/batch')}"
            objects = [
                wanted | {"actions": {"upload": {"href": f"{place}/{wanted['oid']}"}}}
                for wanted in json.loads(body)["objects"]
            ]
            self._answer(200, json.dumps({"transfer": "basic", "objects": objects}), **kind)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, content: str | bytes, **headers: str) -> None:
        body = content.encode() if isinstance(content, str) else content
        headers.setdefault("Content-Type", "text/plain")  # git shows text of this type to people
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):  # who asked has gone
            self.wfile.write(body)


class _Listener(ThreadingHTTPServer):
    request_queue_size = 256  # a hundred publish at once
    daemon_threads = True


@contextmanager
def serving(folder: Path) -> Iterator[GitServer]:
    """A server that keeps its repositories in `folder`."""
    require("git")
    server = GitServer(folder)
    handler = type("Handler", (_Handler,), {"state": server})
    with _Listener(("127.0.0.1", 0), handler) as listener:
        server.address = f"http://127.0.0.1:{listener.server_port}"
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()


@pytest.fixture
def git_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """A git server for one test."""
    with serving(tmp_path_factory.mktemp("git-server")) as server:
        yield server
