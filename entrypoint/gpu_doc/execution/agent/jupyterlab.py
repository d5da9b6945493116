"""Runs JupyterLab in a container, and carries the connections of browsers over the agent's frames."""

from __future__ import annotations

import http.client
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing

from gpu_doc.execution.agent import frames
from gpu_doc.execution.agent.agent import Agent
from gpu_doc.execution.agent.connections import Connections
from gpu_doc.execution.agent.jobs import LabJob
from gpu_doc.execution.agent.kernels import closed_folders
from gpu_doc.execution.agent.messages import Finish, LabEnded, LabReady, LabRefused, NoJupyterlab, read_request

HERE = "127.0.0.1"
START_LIMIT = 120.0
"""The seconds that JupyterLab has to answer for the first time."""
GRACE = 5.0
"""The seconds that it has to end its kernels by itself."""


class Lab(Agent):
    """JupyterLab, for as long as gpu-doc runs."""

    def __init__(self, job: LabJob, out: frames.Writer) -> None:
        super().__init__(out)
        self._job = job
        self._connections = Connections(out)
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Run JupyterLab to its end."""
        refusal = self._refusal()
        if refusal:
            self.out.tell(refusal)
            return
        process = self._process = self._start()
        log = threading.Thread(target=self._keep_log, args=(process,), daemon=True)
        log.start()
        refusal = self._judge(process)
        if refusal:
            self.out.tell(refusal)
            return
        status = process.wait()
        log.join(1)
        self.out.tell(LabEnded(status))

    def take(self, kind: int, channel: int, payload: bytes) -> None:
        """Handle a frame."""
        if kind != frames.EVENT:
            self._connections.take(kind, channel, payload, self._connect)
        elif isinstance(read_request(payload), Finish):
            threading.Thread(target=self._finish, daemon=True).start()

    def _refusal(self) -> NoJupyterlab | LabRefused | None:
        """Return why JupyterLab can't run here; None if it can."""
        if not os.access(self._job.workspace, os.W_OK):
            return LabRefused("read-only")
        if importlib.util.find_spec("jupyterlab") is None:
            return NoJupyterlab(sys.executable, tuple(closed_folders()))
        return None

    def _judge(self, process: subprocess.Popen[bytes]) -> LabRefused | None:
        """Wait until it answers; refuse it unless it answers only those who know the token."""
        end = time.monotonic() + START_LIMIT
        while process.poll() is None and time.monotonic() < end:
            answer = self._answer(self._job.token)
            if answer:
                # The image's own configuration overrides ours here, and may switch tokens off.
                if answer == 200 and self._answer("") in (401, 403):
                    self.out.tell(LabReady())
                    return None
                return LabRefused("token")
            time.sleep(0.05)
        return LabRefused("no answer") if process.poll() is None else None

    def _start(self) -> subprocess.Popen[bytes]:
        # https://jupyter-server.readthedocs.io/en/stable/other/full-config.html; these arguments override the image's
        # own configuration. The token is not among them, since everybody on the machine can read arguments.
        settings = {
            "ServerApp.ip": HERE,
            "ServerApp.port": self._port,
            "ServerApp.port_retries": 0,
            "ServerApp.base_url": "/",
            "ServerApp.root_dir": self._job.workspace,
            "ServerApp.open_browser": False,
            # The trash of a mounted folder is a folder in it: it would be in the checkout.
            "FileContentsManager.delete_to_trash": False,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in settings.items())],
            cwd=self._job.workspace,
            env={**os.environ, "JUPYTER_TOKEN": self._job.token},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _keep_log(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        while chunk := os.read(process.stdout.fileno(), frames.LARGEST):
            self.out.send(frames.LOG, chunk)

    def _answer(self, token: str) -> int:
        """Return the status of its answer to a request with this token; 0 if it does not answer."""
        connection = http.client.HTTPConnection(HERE, self._port, timeout=10)
        with closing(connection):
            try:
                connection.request("GET", "/api/status", headers={"Authorization": f"token {token}"} if token else {})
                return connection.getresponse().status
            except (OSError, http.client.HTTPException):
                return 0

    def _connect(self) -> socket.socket:
        return socket.create_connection((HERE, self._port))

    def _finish(self) -> None:
        """End JupyterLab, which ends us too."""
        if self._process is None:
            os._exit(0)
        self._process.send_signal(signal.SIGTERM)
        time.sleep(GRACE)
        self._process.kill()


def _free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind((HERE, 0))
        port: int = free.getsockname()[1]
        return port
