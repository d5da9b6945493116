"""The door to the engine: found, reached over ssh too, and its failures in words."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from tests.integration.engines import image
from tests.integration.proxies import Proxy, proxy
from tests.waiting import eventually

from gpu_doc.execution.agent.jobs import KernelJob
from gpu_doc.execution.containers import container, sweep
from gpu_doc.execution.containers import engine as engines
from gpu_doc.execution.containers.container import Container
from gpu_doc.execution.containers.engine import Engine, connect, reconnect, sentences
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.containers.order import Order
from gpu_doc.execution.containers.relay import Attached
from gpu_doc.system.temporary import private_folder


@pytest.fixture
def runtime() -> Iterator[Path]:
    with private_folder(room=32) as folder:
        yield folder


@pytest.fixture
def engine(runtime: Path) -> Iterator[Engine]:
    with connect(None, os.environ, runtime) as here:
        yield here


@pytest.mark.needs("docker")
def test_an_engine_says_what_it_is_and_is_reached_again_from_elsewhere(engine: Engine) -> None:
    facts = engine.facts
    assert facts.cpus == os.cpu_count()
    assert facts.memory == pytest.approx(psutil.virtual_memory().total, rel=0.05)
    assert facts.version == engine.client.version()["Version"]
    assert not engine.remote
    with reconnect(json.loads(json.dumps(engine.address))) as again:
        assert again.facts == facts


# --- failures to connect ---------------------------------------------------------------------------------------------


def refuse(host: str, runtime: Path) -> EngineError:
    with pytest.raises(EngineError) as raised:
        connect(host, os.environ, runtime)
    assert raised.value.cause in ("engine", "network")
    return raised.value


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("unix:///nowhere/engine.sock", "no container engine is here"),
        ("tcp://127.0.0.1:1", "no container engine answers"),
        ("tcp://nowhere.invalid:2375", "no container engine can be at this address"),
        ("tcp://nowhere", "no container engine can be at this address"),
        ("nonsense://x", "no container engine can be at this address"),
    ],
)
def test_an_engine_that_is_not_there_is_told(host: str, words: str, runtime: Path) -> None:
    error = refuse(host, runtime)
    assert error.what == f"{words}: {host} (from docker-host)"
    assert error.remedy


def test_a_socket_that_nobody_listens_on(runtime: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(runtime / "dead"))
        assert "systemctl start docker" in refuse(f"unix://{runtime}/dead", runtime).remedy


def test_certificates_that_are_not_there(runtime: Path) -> None:
    with pytest.raises(EngineError, match=r"trust each other \(TLS\)"):
        connect("tcp://127.0.0.1:1", {"DOCKER_TLS_VERIFY": "1", "HOME": str(runtime)}, runtime)


@pytest.mark.needs("root", "docker")
def test_a_socket_that_is_not_ours(runtime: Path) -> None:
    """As another user, in a process of its own: root may use any socket."""
    code = (
        "import os, sys; from pathlib import Path; from gpu_doc.execution.containers.engine import connect;"
        f"os.setgroups([]); os.setgid(65534); os.setuid(65534); connect(None, {{}}, Path({str(runtime)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "EngineError: the container engine's socket is not ours to use" in done.stderr


@dataclass
class Pretender:
    """Answers as an engine of some version, as often as `answers` says; then it hangs up on every caller."""

    path: Path
    api_version: str
    answers: int

    def serve(self, listener: socket.socket) -> None:
        body = json.dumps({"ApiVersion": self.api_version}).encode()
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                if connection.recv(4096) and self.answers:
                    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + body)
                    self.answers -= 1


@pytest.fixture
def pretend(runtime: Path) -> Iterator[Callable[[str], str]]:
    """An engine that is too old or goes away can't be had here, without harm to the one that others use."""
    with ExitStack() as stack:

        def start(api_version: str) -> str:
            engine = Pretender(runtime / "pretender", api_version, answers=1)
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(engine.path))
            listener.listen()
            thread = threading.Thread(target=engine.serve, args=(listener,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            return f"unix://{engine.path}"

        yield start


def test_an_engine_that_is_too_old_hears_which_one_we_need(pretend: Callable[[str], str], runtime: Path) -> None:
    error = refuse(pretend("1.40"), runtime)
    assert "1.40" in error.what
    assert "20.10" in error.remedy


def test_an_engine_that_goes_away_in_the_middle(pretend: Callable[[str], str], runtime: Path) -> None:
    with connect(pretend("1.41"), os.environ, runtime) as engine, pytest.raises(EngineError) as raised:
        _ = engine.facts
    assert raised.value.cause == "engine"
    assert "went away" in raised.value.what


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.needs("docker")
def test_what_an_engine_refuses_has_its_cause(engine: Engine) -> None:
    api = engine.client.api
    gpu = [{"Driver": "", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}]
    here: dict[str, object] = {"Image": image("nopython"), "Cmd": ["/bin/sh"]}
    wrong: dict[str, dict[str, object]] = {
        "image": {"Image": "gpu-doc-test/none-such:1"},
        "settings": {**here, "HostConfig": {"NanoCpus": 10**14}},
        "gpu": {**here, "HostConfig": {"DeviceRequests": gpu, "NetworkMode": "none"}},
        "program": {**here, "Cmd": ["python3"], "HostConfig": {"NetworkMode": "none"}},
    }

    def start(configuration: dict[str, object]) -> None:
        container = api.create_container_from_config(configuration)["Id"]
        try:
            api.start(container)
        finally:
            api.remove_container(container, force=True)

    causes = {}
    for name, configuration in wrong.items():
        with pytest.raises(EngineError) as raised, sentences("sweep[lr=0.1]"):
            start(configuration)
        assert raised.value.where == "sweep[lr=0.1]"
        causes[name] = raised.value.cause
    with pytest.raises(EngineError) as raised, sentences():
        api.remove_container("gpu-doc-none-such")
    assert raised.value.cause == "vanished"
    assert all(name == cause for name, cause in causes.items()), causes


# --- over ssh --------------------------------------------------------------------------------------------------------


@dataclass
class Remote:
    """An sshd on loopback, and what our `ssh` knows of it."""

    port: int
    configuration: Path

    @property
    def host(self) -> str:
        return f"ssh://127.0.0.1:{self.port}"


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", tmp_path / key], check=True)
    shutil.copy(tmp_path / "user.pub", tmp_path / "authorized")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    settings = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": tmp_path / "host",
        "AuthorizedKeysFile": tmp_path / "authorized",
        "StrictModes": "no",
        "PidFile": "none",
        "UsePAM": "no",
    }
    (tmp_path / "sshd").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    Path("/run/sshd").mkdir(exist_ok=True)
    (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {(tmp_path / 'host.pub').read_text()}")
    (tmp_path / "client").write_text(f"IdentityFile {tmp_path}/user\nUserKnownHostsFile {tmp_path}/known\n")
    # ssh reads its configuration in the home that the system knows: this stands for it.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {tmp_path}/client "$@"\n')
    (tmp_path / "bin/ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=":")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with (tmp_path / "sshd.log").open("w") as log:
        server = subprocess.Popen([str(shutil.which("sshd")), "-D", "-e", "-f", tmp_path / "sshd"], stderr=log)
    try:
        assert eventually(lambda: "listening" in (tmp_path / "sshd.log").read_text())
        yield Remote(port, tmp_path / "client")
    finally:
        server.terminate()
        server.wait()


def _tunnels(runtime: Path) -> list[int]:
    return [
        each.pid for each in psutil.process_iter(["cmdline"]) if str(runtime) in " ".join(each.info["cmdline"] or ())
    ]


@pytest.mark.needs("docker", "root", "ssh")
def test_a_remote_engine_is_reached_by_one_connection_that_ends_with_us(remote: Remote, runtime: Path) -> None:
    with connect(remote.host, os.environ, runtime) as engine:
        assert engine.remote
        assert engine.facts.cpus
        with reconnect(engine.address, remote=True) as again:
            assert again.remote
            assert again.facts == engine.facts
        assert _tunnels(runtime)
    assert not _tunnels(runtime)
    assert not (runtime / "engine").exists()


@pytest.mark.needs("docker", "root", "ssh")
def test_the_connection_ends_when_we_are_killed(remote: Remote, runtime: Path) -> None:
    code = (
        "import os, time; from pathlib import Path; from gpu_doc.execution.containers.engine import connect;"
        f"connect({remote.host!r}, os.environ, Path({str(runtime)!r})); print('up', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as driver:
        assert driver.stdout
        assert driver.stdout.readline() == b"up\n"
        driver.send_signal(signal.SIGKILL)
    assert eventually(lambda: not _tunnels(runtime))


@pytest.mark.needs("docker", "root", "ssh")
def test_a_socket_elsewhere_is_named_by_a_path(remote: Remote, runtime: Path) -> None:
    error = refuse(f"{remote.host}/run/nowhere.sock", runtime)
    assert "socket /run/nowhere.sock" in error.what
    assert f"docker-host: {remote.host}/run/user/1000/docker.sock" in error.remedy
    with connect(f"{remote.host}/var/run/docker.sock", os.environ, runtime) as engine:
        assert engine.facts.cpus


@pytest.mark.needs("root", "ssh")
@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("UserKnownHostsFile /dev/null", "ssh doesn't know the engine's machine"),
        ("IdentityFile /dev/null\nIdentitiesOnly yes", "ssh was not let in"),
        ("Port 1\nHostname 127.0.0.1", "ssh can't reach the engine's machine"),
    ],
)
def test_each_refusal_of_ssh_has_its_sentence(remote: Remote, runtime: Path, setting: str, words: str) -> None:
    # The first of two settings counts; of a Port in the address, none.
    settings = remote.configuration.read_text() if setting.startswith("Port") else ""
    known = "" if setting.startswith("User") else f"UserKnownHostsFile {remote.configuration.parent}/known\n"
    remote.configuration.write_text(f"{setting}\n{settings or known}")
    error = refuse("ssh://gpu-box" if setting.startswith("Port") else remote.host, runtime)
    assert words in error.what
    assert error.details
    assert eventually(lambda: not _tunnels(runtime))


def test_a_machine_without_ssh(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (runtime / "bin").mkdir()
    (runtime / "bin/sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(runtime / "bin"))
    assert "openssh-client" in refuse("ssh://gpu-box", runtime).remedy


# --- looking after what is left --------------------------------------------------------------------------------------


@pytest.fixture
def between(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Proxy, Engine]]:
    """An engine that is asked through something that may keep its answers."""
    monkeypatch.setattr(engines, "_TO_TIDY", 0.3)
    with proxy(path=runtime / "between") as found, connect(found.host, os.environ, runtime) as engine:
        monkeypatch.setattr(engines, "_TO_PING", 0.3)
        yield found, engine


@pytest.mark.needs("docker")
def test_an_engine_that_says_nothing_is_not_asked_again(between: tuple[Proxy, Engine]) -> None:
    found, engine = between
    found.silent.set()
    for _ in range(3):
        with pytest.raises(EngineError, match="gave no answer in time") as raised, engine.tidying() as api:
            api.containers()
        assert raised.value.cause == "engine"
    assert engine.silent


@pytest.mark.needs("docker")
def test_an_engine_that_only_takes_its_time_is_left_to_it(
    between: tuple[Proxy, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_TO_PING", 60)
    found, engine = between
    found.held.append("^DELETE ")
    with pytest.raises(EngineError, match="not done with it yet") as raised, engine.tidying("volume x") as api:
        api.remove_volume("x")
    assert (raised.value.cause, raised.value.where) == ("settings", "volume x")
    assert not engine.silent
    found.slow.append("^GET .*/containers/json")
    assert sweep.detached(engine, sweep.owner(), secrets.token_hex(8), "") == [], "what asks waits for a busy one"


ORDER = Order(
    engine={}, reference="", create={}, job=KernelJob(cwd="/", places=("/",), produces=()), user=None, image_user=""
)


@pytest.mark.needs("docker")
def test_who_hears_nothing_from_an_engine_hangs_up(
    between: tuple[Proxy, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "_LOOK", 0.01)
    monkeypatch.setattr(container, "_MISSED", 3)
    found, engine = between
    ours, theirs = socket.socketpair()
    with ours, theirs, closing(Attached(ours, lambda _: None)) as attached:
        found.silent.set()
        Container(engine, ORDER)._watch(attached)
        assert list(attached.heard()) == [], "it reads to the end"
