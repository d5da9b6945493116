"""Reaches an engine over ssh, with the system's `ssh` program: so the user's configuration, keys and jump hosts apply.

One connection serves every call, also those of our child processes. The SDK's own `ssh://` takes a third of a second
per call and supports little of the configuration.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from gpu_doc.execution.containers.failures import Cause, EngineError
from gpu_doc.system.process import Companion

PATIENCE = 40.0
"""Seconds to wait for the tunnel; ssh itself gives up connecting after 20."""

_OPTIONS = {
    "BatchMode": "yes",  # nobody can type a password
    "ClearAllForwardings": "no",
    "ConnectTimeout": "20",
    "ControlPath": "none",  # a shared connection would keep the tunnel open after we end
    "ExitOnForwardFailure": "yes",
    "RemoteCommand": "none",
    "ServerAliveInterval": "15",
}


class Tunnel:
    """An ssh connection that forwards `socket` on this machine to a remote engine's socket."""

    def __init__(self, address: str, environ: Mapping[str, str], runtime: Path) -> None:
        """Connect, and wait until the tunnel works. `address`: `ssh://[user@]host[:port][/path/of/the/socket]`.

        Raises EngineError if ssh fails.
        """
        parts = urlsplit(address)
        self.destination = f"ssh://{parts.netloc}"
        self.remote_socket = parts.path.rstrip("/") or "/var/run/docker.sock"
        self.socket = runtime / "engine"
        options = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
        forward = ["-L", f"{self.socket}:{self.remote_socket}"]
        argv = ["ssh", "-NT", *options, *forward, "--", self.destination]
        try:
            self._ssh = Companion(argv, environment=environ, log=runtime / "ssh.log")
        except OSError as error:
            raise _failure(self.destination, str(error)) from error
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        end = time.monotonic() + PATIENCE
        while not _is_listened_to(self.socket):
            if self._ssh.ended or time.monotonic() > end:
                raise _failure(self.destination, self._ssh.printed())
            time.sleep(0.02)

    def failure(self, words: str) -> EngineError:
        """Return the error if no engine answers through the open tunnel. `words` is the client's message."""
        said = self._ssh.printed()
        if self._ssh.ended:
            return _failure(self.destination, said)
        if "administratively prohibited" in said:
            what = f"the ssh server of {self.destination} doesn't let us reach the engine's socket"
            remedy = "Allow it in its sshd_config: AllowStreamLocalForwarding yes"
        else:
            what = f"no container engine that we may use answers at {self.destination}, socket {self.remote_socket}"
            remedy = (
                "There: start it, or let the user in: sudo usermod -aG docker USER. Is its socket elsewhere (`docker"
                f" context inspect`)? Then add its path: docker-host: {self.destination}/run/user/1000/docker.sock"
            )
        return EngineError(what, cause="engine", remedy=remedy, details="\n".join(filter(None, (said, words))))

    def close(self) -> None:
        """Close the connection."""
        self._ssh.close()
        self.socket.unlink(missing_ok=True)


def _is_listened_to(socket: Path) -> bool:
    """Whether a socket accepts connections. ssh creates it a moment before it listens; until then, it refuses them.

    We ask the kernel (proc_pid_net(5), unix: flag __SO_ACCEPTCON), since connecting would already reach the engine.
    """
    lines = Path("/proc/net/unix").read_text("utf-8", "surrogateescape").splitlines()
    fields = (line.split(maxsplit=7) for line in lines)
    return any(len(field) == 8 and field[7] == str(socket) and int(field[3], 16) & 0x10000 for field in fields)


def _failure(destination: str, words: str) -> EngineError:
    for pattern, cause, what, remedy in _SENTENCES:
        if re.search(pattern, words):
            return EngineError(f"{what}: {destination}", cause=cause, remedy=remedy, details=words)
    return EngineError(
        f"ssh can't connect to {destination}",
        cause="engine",
        remedy=f"Try it by hand: ssh {destination}",
        details=words,
    )


_SENTENCES: tuple[tuple[str, Cause, str, str], ...] = (
    (
        r"Host key verification failed|HOST IDENTIFICATION HAS CHANGED",
        "engine",
        "ssh doesn't know the engine's machine, or it is another one now",
        "Look at its key, and accept it once by hand with `ssh`, as the user that gpu-doc runs as.",
    ),
    (
        r"Permission denied|Too many authentication failures|no mutual signature",
        "engine",
        "ssh was not let in",
        "Give the user that gpu-doc runs as a key without passphrase, or an agent; `ssh -o BatchMode=yes` must work.",
    ),
    (
        r"Connection refused|timed out|[Cc]ould not resolve|No route to host|Network is unreachable|Connection reset",
        "network",
        "ssh can't reach the engine's machine",
        "Look at its name, its port and the network; try the same by hand with `ssh`.",
    ),
    (
        r"ssh: not found|No such file or directory: 'sh'",
        "engine",
        "a remote engine needs the `ssh` program, which is not here",
        "Install it: apt-get install openssh-client",
    ),
)
