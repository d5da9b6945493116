"""Runs a kernel in a container: finds it, starts it, and carries its sockets over the agent's frames."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from gpu_doc.execution.agent import frames
from gpu_doc.execution.agent.agent import RUNTIME, Agent
from gpu_doc.execution.agent.jobs import KernelJob
from gpu_doc.execution.agent.kernel_names import INTERPRETERS, PYTHON, SHELL, is_any_python
from gpu_doc.execution.agent.messages import AskShortages, Finish, KernelDied, KernelStarted, Signal, read_request
from gpu_doc.execution.agent.outcomes import NoIpykernel, NoKernel, NoStart
from gpu_doc.execution.agent.shortages import shortages
from gpu_doc.execution.agent.watching import watched

SOCKET = str(RUNTIME / "k")
"""Jupyter's ipc transport appends `-1` to `-5`."""

PORTS = ("shell", "iopub", "stdin", "control", "hb")
"""The kernel's sockets, numbered from 1."""


class Kernel(Agent):
    """A kernel process and its sockets."""

    def __init__(self, job: KernelJob, out: frames.Writer) -> None:
        super().__init__(out)
        self._job = job
        self._process: subprocess.Popen[bytes] | None = None
        self._channels: dict[int, socket.socket] = {}
        self._finish = threading.Event()

    def run(self) -> None:
        """Start the kernel, and stay until Finish comes, even if the kernel dies: it may have left files."""
        spec = find_kernel(self._job.kernel)
        if not isinstance(spec, Specification):
            self.out.tell(spec)
            return
        self.begin(self._job)
        self._write_connection()
        try:
            process = self._start(spec)
        except OSError as error:
            self.out.tell(NoStart(spec.told.argv, None, str(error), shortages()))
            return
        self.out.tell(spec.told)
        watch = threading.Thread(target=self._watch, args=(process,), daemon=True)
        watch.start()
        self._finish.wait()
        if self._job.produces:
            watch.join()  # a file may be complete only when the kernel has ended
        self.out.tell(self.left())
        watch.join()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Send what the process prints, and how it ends."""
        assert process.stdout
        log = threading.Thread(target=self._keep_log, args=(process.stdout.fileno(),), daemon=True)
        log.start()
        status = process.wait()
        log.join(0.3)  # a process that it started may keep its output open
        self.out.tell(KernelDied(status, shortages()))

    def take(self, kind: int, channel: int, payload: bytes) -> None:
        """Handle a frame."""
        if kind == frames.OPEN:
            threading.Thread(target=self._carry, args=(channel, payload.decode()), daemon=True).start()
        elif kind == frames.DATA:
            self._send(channel, payload)
        elif kind == frames.CLOSE:
            self._close(channel)
        else:
            self._obey(payload)

    def _obey(self, payload: bytes) -> None:
        request = read_request(payload)
        if isinstance(request, Finish):
            self._finish.set()
        elif isinstance(request, AskShortages):
            self.out.tell(shortages())
        elif isinstance(request, Signal) and self._process and self._process.poll() is None:
            # Interrupt the processes that the cell started too, as Ctrl-C in a terminal does.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, request.number)

    def _write_connection(self) -> None:
        # https://jupyter-client.readthedocs.io/en/stable/kernels.html#connection-files
        ports = {f"{name}_port": number for number, name in enumerate(PORTS, 1)}
        facts = {"transport": "ipc", "ip": SOCKET, "signature_scheme": "hmac-sha256", "key": self._job.key}
        (RUNTIME / "k.json").write_text(json.dumps({**facts, **ports}), "utf-8")

    def _start(self, spec: Specification) -> subprocess.Popen[bytes]:
        own = {"JUPYTER_RUNTIME_DIR": str(RUNTIME), "JPY_PARENT_PID": str(os.getpid())}
        process = self._process = subprocess.Popen(
            [word.replace("{connection_file}", str(RUNTIME / "k.json")) for word in spec.told.argv],
            cwd=self._job.cwd,
            env=watched({**os.environ, **spec.env, **own}, self.watch),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return process

    def _keep_log(self, source: int) -> None:
        while chunk := os.read(source, frames.LARGEST):
            self.out.send(frames.LOG, chunk)

    # --- sockets: opened, written to and closed in the order of the frames; only reading has threads -----------------

    def _carry(self, channel: int, number: str) -> None:
        """Send what comes from a socket of the kernel."""
        connection = self._connect(number)
        if connection:
            self._channels[channel] = connection
            self.out.send(frames.OPEN, channel=channel)
            try:
                while chunk := connection.recv(frames.LARGEST):
                    self.out.send(frames.DATA, chunk, channel)
            except OSError:
                pass  # we closed it, or the kernel ended
        self.out.send(frames.CLOSE, channel=channel)

    def _connect(self, number: str) -> socket.socket | None:
        """Connect as soon as the kernel has made the socket; return None if the kernel ended before."""
        while self._process is None or self._process.poll() is None:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(f"{SOCKET}-{number}")
            except OSError:
                connection.close()
                time.sleep(0.005)
            else:
                return connection
        return None

    def _send(self, channel: int, payload: bytes) -> None:
        try:
            self._channels[channel].sendall(payload)
        except (KeyError, OSError):
            return  # the kernel is gone; `_watch` sends that

    def _close(self, channel: int) -> None:
        connection = self._channels.pop(channel, None)
        if connection:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads it
            connection.close()


class Specification(NamedTuple):
    """A kernel, and the environment variables of its specification."""

    told: KernelStarted
    env: dict[str, str]


def find_kernel(name: str) -> Specification | NoKernel | NoIpykernel:
    """Return a kernel's specification, or why there is none."""
    if is_any_python(name):
        return _own_python()
    installed: dict[str, Path] = {}
    for folder in _kernel_folders():
        for path in sorted(folder.glob("*/kernel.json")):
            installed.setdefault(path.parent.name.lower(), path)
    path_of_it = installed.get(name.lower())
    if path_of_it is None:
        return NoKernel(name, tuple(sorted({PYTHON, *installed})))
    spec = json.loads(path_of_it.read_text("utf-8"))
    argv = [sys.executable, *spec["argv"][1:]] if spec["argv"][0] in INTERPRETERS else spec["argv"]
    argv = [word.replace("{resource_dir}", str(path_of_it.parent)) for word in argv]
    mode: Literal["message", "signal"] = "message" if spec.get("interrupt_mode") == "message" else "signal"
    return Specification(KernelStarted(name, spec["language"], tuple(argv), mode), spec.get("env", {}))


def _own_python() -> Specification | NoIpykernel:
    if importlib.util.find_spec("ipykernel") is None:
        version = ".".join(map(str, sys.version_info[:3]))
        return NoIpykernel(sys.executable, version, tuple(closed_folders()))
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    argv += ["--HistoryManager.hist_file=:memory:", f"--config={SHELL}"]
    return Specification(KernelStarted(PYTHON, "python", tuple(argv), "signal"), {})


def closed_folders() -> list[str]:
    """Return the folders of PATH that this user can't enter, as in an image whose Conda is in root's home."""
    closed = []
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        try:
            Path(folder).stat()
        except PermissionError:
            closed.append(folder)
        except OSError:
            continue
    return closed


def _kernel_folders() -> list[Path]:
    # https://docs.jupyter.org/en/latest/use/jupyter-directories.html
    named = [place for place in os.environ.get("JUPYTER_PATH", "").split(os.pathsep) if place]
    home = str(Path("~/.local/share/jupyter").expanduser())
    system = [str(Path(sys.prefix) / "share/jupyter"), "/usr/local/share/jupyter", "/usr/share/jupyter"]
    return [Path(place) / "kernels" for place in (*named, home, *system)]
