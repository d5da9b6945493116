"""JupyterLab in a container, as a person and as others on the machine meet it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]  # ships no types
import pytest
from tests.components import require
from tests.integration.engines import Engine, image
from tests.integration.users import PlainUser, alone
from tests.waiting import PATIENCE
from websockets.client import connect

from gpu_doc.execution.gpus.inventory import Gpu
from gpu_doc.execution.gpus.leases import Leases, shared_folder

pytestmark = [pytest.mark.full, pytest.mark.needs("docker")]

CONFIG = """\
defaults: {{limits: {{memory: 1g}}, {more}}}
reports:
  - path: docs/report.md
    runs:
      other-{mark}: {{notebook: notebooks/other.ipynb}}
      train-{mark}: {{notebook: notebooks/train.ipynb, image: "{image}", data: [data]}}
"""
LISTENING = "0A"
"""In /proc/net/tcp: https://docs.kernel.org/networking/proc_net_tcp.html"""
EMPTY = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@dataclass
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class PublishTools:
    """A project, and `gpu-doc lab` in it."""

    folder: Path
    user: PlainUser
    image: str
    environment: Mapping[str, str] = field(default_factory=dict)
    more: str = ""
    mark: str = field(default_factory=lambda: secrets.token_hex(4))

    def __post_init__(self) -> None:
        files = {
            "gpu-doc.yml": CONFIG.format(image=self.image, mark=self.mark, more=self.more),
            "docs/report.md": "# Report\n",
            "notebooks/train.ipynb": json.dumps(EMPTY),
            "notebooks/other.ipynb": json.dumps(EMPTY),
            "data/rows.csv": "1\n2\n",
            ".git/config": "[http]\n\textraheader = AUTHORIZATION: basic dG9rZW4=\n",
        }
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)
        self.folder.chmod(0o700)
        self.user.give(self.folder)
        self.environment = self.user.environment(**self.environment)
        self.user = alone(self.user, self.mark)

    def start(self, *words: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "gpu_doc", *words]
        return self.user.start(*argv, cwd=self.folder, environment=self.environment)

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "gpu_doc", *words]
        return self.user.call(*argv, cwd=self.folder, environment=self.environment)

    @contextmanager
    def lab(self, *words: str) -> Iterator[Lab]:
        with self.start("lab", *words) as process:
            try:
                assert process.stdout
                said = [process.stdout.readline(), process.stdout.readline()]
                found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/(lab\S*)\?token=(\w+)\n", said[-1])
                if not found:
                    pytest.fail(f"{said}\n{process.communicate()[1]}")
                yield Lab(process, int(found[1]), found[2], found[3])
            finally:
                process.terminate()
                process.wait(PATIENCE)

    def left(self) -> list[Any]:
        """Containers of this project, and volumes."""
        with closing(docker.from_env()) as client:
            found = [*client.containers.list(all=True, ignore_removed=True), *client.volumes.list()]
        return [each for each in found if self.mark in str((each.attrs.get("Config") or each.attrs).get("Labels"))]

    def container(self) -> Any:
        [found] = [each for each in self.left() if hasattr(each, "exec_run")]
        return found


@dataclass
class Lab:
    process: subprocess.Popen[str]
    port: int
    path: str
    token: str

    def ask(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> Answer:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            given = self.token if token is None else token
            headers = {"Authorization": f"token {given}"} if given else {}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())

    def run(self, code: str) -> str:
        """What a cell prints, in a kernel beside the notebook."""
        session = {"path": "notebooks/train.ipynb", "name": "", "type": "notebook", "kernel": {"name": "python3"}}
        kernel = self.ask("POST", "/api/sessions", session).json["kernel"]["id"]
        return asyncio.run(self._printed(kernel, code))

    async def _printed(self, kernel: str, code: str) -> str:
        address = f"ws://127.0.0.1:{self.port}/api/kernels/{kernel}/channels?token={self.token}"
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "version": "5.3", "session": "s"}
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        said = ""
        async with connect(address) as websocket:
            await websocket.send(json.dumps(message))
            async for answer in websocket:
                event = json.loads(answer)
                if event["parent_header"].get("msg_id") == header["msg_id"]:
                    if event["msg_type"] == "stream":
                        said += event["content"]["text"]
                    assert event["msg_type"] != "error", event["content"]
                    if event["content"].get("execution_state") == "idle":
                        return said
        raise AssertionError("the connection was closed")


@pytest.fixture
def tools(plain_user: PlainUser) -> PublishTools:
    return PublishTools(plain_user.folder / "project", plain_user, image("lab"))


def test_a_person_writes_to_the_checkout(tools: PublishTools) -> None:
    with tools.lab("notebooks/train.ipynb") as lab:
        assert lab.path == "lab/tree/notebooks/train.ipynb"
        assert lab.ask("GET", f"/{lab.path}").status == 200
        saved = {"type": "notebook", "format": "json", "content": EMPTY}
        assert lab.ask("PUT", "/api/contents/notebooks/new.ipynb", saved).status == 201
        said = lab.run("import os; open('../written', 'w').close(); print(os.getuid(), os.listdir('../.git'))")
        assert said == f"{tools.user.uid} []\n"
        assert lab.ask("DELETE", "/api/contents/written").status == 204
        more = {"type": "file", "format": "text", "content": "3"}
        assert lab.ask("PUT", "/api/contents/data/more.csv", more).status == 500
    new = tools.folder / "notebooks/new.ipynb"
    assert json.loads(new.read_text())["nbformat"] == 4
    assert new.stat().st_uid == tools.user.uid
    assert {path.name for path in tools.folder.iterdir()} == {
        ".git",
        "data",
        "docs",
        "gpu-doc.yml",
        "notebooks",
        ".ipynb_checkpoints",
    }
    assert [path.name for path in (tools.folder / ".git").iterdir()] == ["config"]
    assert tools.folder.stat().st_mode & 0o777 == 0o700


def test_nobody_else_does(tools: PublishTools) -> None:
    with tools.lab("notebooks/train.ipynb") as lab:
        for path in ("/api/contents", "/lab/api/settings", "/api/kernels"):
            for token in ("", "wrong"):
                assert lab.ask("GET", path, token=token).status == 403
        container = tools.container()
        processes = "\n".join(" ".join(row) for row in container.top()["Processes"])
        assert "jupyterlab" in processes
        assert lab.token not in processes
        sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
        listening = [here for _, here, _, state, *_ in sockets if state == LISTENING]
        assert [here for here in listening if here.endswith(f":{lab.port:04X}")] == [f"0100007F:{lab.port:04X}"]
        host = container.attrs["HostConfig"]
        assert (host["NetworkMode"], host["PortBindings"], host["CapDrop"]) == ("none", None, ["ALL"])
        assert host["Memory"] == 1 << 30
        assert container.labels["io.gpu-doc.kind"] == "lab"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_gpu_doc(tools: PublishTools, how: signal.Signals) -> None:
    with tools.lab() as lab:
        assert lab.path == "lab"
        assert tools.left()
        lab.process.send_signal(how)
        assert lab.process.wait(PATIENCE) == 0
        assert lab.process.stderr
        assert "ending JupyterLab" in lab.process.stderr.read()
    assert tools.left() == []
    assert_nobody_listens(lab.port)


def test_it_ends_from_within(tools: PublishTools) -> None:
    with tools.lab() as lab:
        assert lab.ask("POST", "/api/shutdown").status == 200
        assert lab.process.wait(PATIENCE) == 0
    assert tools.left() == []


def test_what_a_killed_one_left_is_cleaned_up(tools: PublishTools) -> None:
    with tools.lab() as lab:
        container = tools.container()
        lab.process.kill()
        assert container.wait(timeout=PATIENCE)["StatusCode"] != 0
    assert_nobody_listens(lab.port)
    done = tools.call("clean")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("removed 1 container (unix:///var/run/docker.sock)\n")
    assert tools.left() == []
    assert tools.call("clean").stdout == "nothing to remove\n"


def assert_nobody_listens(port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()


def test_it_asks_for_the_gpus_of_the_run_and_waits_for_them(plain_user: PlainUser) -> None:
    device = f"GPU-{secrets.token_hex(8)}"
    there = {"NVIDIA_VISIBLE_DEVICES": device}
    tools = PublishTools(plain_user.folder / "project", root(plain_user), image("ipykernel"), there, more="gpus: 1")
    held = Leases(shared_folder()).try_lease([Gpu(id=device, index="0", name="", memory=0, free=0)], 1)
    assert held
    with held, tools.start("lab") as process:
        assert process.stderr
        assert process.stderr.readline() == "JupyterLab waits for 1 GPU: other runs hold GPU 0\n"
        held.close()
        assert process.wait(PATIENCE) == 5
        assert "the engine can't give GPUs to containers" in process.stderr.read()


# --- why there is none -----------------------------------------------------------------------------------------------


def test_an_image_without_jupyterlab(plain_user: PlainUser) -> None:
    tools = PublishTools(plain_user.folder / "project", plain_user, image("ipykernel"))
    done = tools.call("lab")
    assert done.returncode == 5
    assert f"the image {tools.image} has no jupyterlab in its Python (/opt/venv/bin/python3)" in done.stderr
    assert "Add to its Dockerfile: RUN python3 -m pip install jupyterlab" in done.stderr
    assert tools.left() == []


def test_a_checkout_that_cannot_be_written_to(plain_user: PlainUser) -> None:
    tools = PublishTools(plain_user.folder / "project", plain_user, image("ipykernel"))
    tools.folder.chmod(0o555)
    done = tools.call("lab")
    assert done.returncode == 5
    assert "JupyterLab could not write to the checkout" in done.stderr


def test_too_little_memory(tools: PublishTools) -> None:
    config = tools.folder / "gpu-doc.yml"
    config.write_text(config.read_text().replace("memory: 1g", "memory: 40m"))
    done = tools.call("lab")
    assert done.returncode == 3
    assert "JupyterLab died: it needed more memory than it may use" in done.stderr
    assert tools.left() == []


def test_a_port_that_is_taken(tools: PublishTools) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        done = tools.call("lab", "--port", str(other.getsockname()[1]))
    assert done.returncode == 5
    assert "can't be used: [Errno 98]" in done.stderr
    assert "Name another with --port" in done.stderr


def test_an_engine_that_does_not_see_the_checkout(plain_user: PlainUser, far_engine: Engine) -> None:
    there = {"DOCKER_HOST": far_engine.host}
    done = PublishTools(plain_user.folder / "project", root(plain_user), far_engine.load("ipykernel"), there).call(
        "lab"
    )
    assert done.returncode == 5
    assert "doesn't see this machine's files" in done.stderr
    assert "python -m jupyterlab" in done.stderr


def test_an_engine_that_maps_users(plain_user: PlainUser, remapped_engine: Engine) -> None:
    there = {"DOCKER_HOST": remapped_engine.host}
    done = PublishTools(plain_user.folder / "project", root(plain_user), remapped_engine.load("ipykernel"), there).call(
        "lab"
    )
    assert done.returncode == 5
    assert "has other user ids" in done.stderr, done.stderr


def test_an_image_that_lets_everybody_in(tools: PublishTools) -> None:
    settings = json.dumps({"IdentityProvider": {"token": ""}}).encode()
    with closing(docker.from_env()) as client:
        container = client.api.create_container(tools.image, "true")["Id"]
        try:
            client.api.put_archive(container, "/", archive("opt/venv/etc/jupyter/jupyter_server_config.json", settings))
            made = client.api.commit(container)["Id"]
        finally:
            client.api.remove_container(container)
        try:
            done = replace(tools, image=made).call("lab")
        finally:
            client.api.remove_image(made)
    assert done.returncode == 5
    assert "does not ask for our token" in done.stderr
    assert tools.left() == []


def archive(path: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as made:
        entry = tarfile.TarInfo(path)
        entry.size = len(content)
        made.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


# --- a runner that is root -------------------------------------------------------------------------------------------


def root(user: PlainUser) -> PlainUser:
    """Who runs the tests, with the files of the other one."""
    require("root")
    return replace(user, prefix=())


def test_root_works_as_the_owner_of_the_checkout(tools: PublishTools) -> None:
    with replace(tools, user=root(tools.user)).lab() as lab:
        assert lab.run("import os; open('written', 'w').close(); print(os.getuid())") == f"{tools.user.uid}\n"
    assert (tools.folder / "notebooks/written").stat().st_uid == tools.user.uid


def test_nothing_runs_as_root(tools: PublishTools) -> None:
    here = replace(tools, user=root(tools.user))
    os.chown(tools.folder, 0, 0)
    done = here.call("lab")
    assert done.returncode == 5
    assert "JupyterLab would run as root" in done.stderr
