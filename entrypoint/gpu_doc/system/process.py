"""Starts other programs, talks to children in lines, and ends whole process trees.

A child is a module of ours with a `main()`. It runs in its own session, so that the terminal's Ctrl-C reaches only us.
It reads messages from its standard input and writes events to its standard output, one a line. When its input ends, we
are gone, and it ends everything that it started. What the lines say is the business of the two.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import psutil

MARKER = "GPU_DOC_RUN"
"""The environment variable by which we find all processes of a run, also daemons that left their parent."""

LONGEST_LINE = 1 << 30
"""Bytes in one event, more than any child of ours has to say: our memory must not go to one that never ends a line."""

LONGEST_SOCKET_NAME = 32
"""Bytes kept free after the runtime folder for the path of a kernel's socket, such as `/k12345/k-5`."""


class ChildEndedError(Exception):
    """The child closed its standard output: it crashed, or was killed. Or it writes what can't be an event."""


_START = """
import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
runpy.run_module(sys.argv.pop(1), run_name="__main__")
"""


class Child:
    """One child process; not safe for several threads, except `kill`."""

    def __init__(self, module: str, *, environment: Mapping[str, str], log: Path, isolated: bool = True) -> None:
        """Start `module`, a dotted name below `gpu_doc`.

        `log` gets what the child writes to its standard error, such as Python's tracebacks. `isolated`: the child
        ignores variables such as PYTHONPATH; they are for the kernels that it starts.
        """
        here = Path(__file__).resolve().parents[2]
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # a run may have removed it
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, *["-I"] * isolated, "-c", _START, str(here), f"gpu_doc.{module}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=dict(environment),
                # Without isolation, Python imports from there first. A user's random.py must not replace Python's.
                cwd=here,
                start_new_session=True,
            )
        self._log = log
        self._buffer = bytearray()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def memory(self) -> int:
        """Resident memory in bytes; 0 if the process is gone."""
        return resident_memory(self.pid)

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def ending(self, seconds: float) -> int | None:
        """Its exit status (negative: a signal) after it closed its output; None if it does not end within `seconds`."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def go_on(self) -> None:
        """Continue it if something stopped it (SIGSTOP): nobody else would."""
        import psutil

        with suppress(psutil.Error, OSError):
            if psutil.Process(self.pid).status() == psutil.STATUS_STOPPED:
                os.kill(self.pid, signal.SIGCONT)

    def send(self, message: bytes) -> None:
        """Send one message. If the child is gone, the next `receive` raises that."""
        assert self._process.stdin
        with suppress(BrokenPipeError, ValueError):
            self._process.stdin.write(message + b"\n")
            self._process.stdin.flush()

    def receive(self, timeout: float) -> bytes | None:
        """Return the next event, or None after `timeout` seconds without one.

        Raises ChildEndedError when there will be no more events.
        """
        assert self._process.stdout
        descriptor = self._process.stdout.fileno()
        end = time.monotonic() + timeout
        seen = 0
        while (found := self._buffer.find(b"\n", seen)) < 0:
            seen = len(self._buffer)
            if seen > LONGEST_LINE:
                raise ChildEndedError("it wrote a line without end")
            readable, _, _ = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))
            if not readable:
                return None
            chunk = os.read(descriptor, 1 << 16)
            if not chunk:
                raise ChildEndedError(self.log_end())
            self._buffer += chunk
        line = bytes(self._buffer[:found])
        del self._buffer[: found + 1]
        return line

    def log_end(self) -> str:
        """The end of what the child wrote to its standard error."""
        with suppress(OSError):
            return self._log.read_bytes()[-4000:].decode("utf-8", "replace")
        return ""

    def close(self, timeout: float) -> None:
        """Close its input, and wait up to `timeout` seconds for it to end by itself; then kill it."""
        assert self._process.stdin
        assert self._process.stdout
        with suppress(OSError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        self.kill()
        self._process.stdout.close()

    def kill(self) -> None:
        """Kill it and all its descendants at once."""
        kill_tree(self.pid)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2)


# POSIX sh. Descriptor 3 keeps our input, since sh gives background commands /dev/null as input.
_WHILE_INPUT_LASTS = """
exec 3<&0
"$@" </dev/null 3<&- & program=$!
{ read -r _ <&3; kill "$program"; } 2>/dev/null & watch=$!
wait "$program"; status=$?
kill "$watch" 2>/dev/null
exit "$status"
"""


class Companion:
    """A program that runs beside us, such as ssh; it ends when we end, however we end."""

    def __init__(self, argv: Sequence[str], *, environment: Mapping[str, str], log: Path) -> None:
        """Start it; `log` gets all that it writes. Raises OSError if there is no shell, or the log can't be written."""
        with log.open("wb") as words:
            self._process = subprocess.Popen(
                ["sh", "-c", _WHILE_INPUT_LASTS, "sh", *argv],
                stdin=subprocess.PIPE,
                stdout=words,
                stderr=words,
                env=dict(environment),
                start_new_session=True,
            )
        self._log = log

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def printed(self) -> str:
        """What it has written so far."""
        return self._log.read_text("utf-8", "replace").strip()

    def close(self) -> None:
        """End it; wait up to 2 seconds before it is killed."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            kill_tree(self._process.pid)
            self._process.wait()


def resident_memory(pid: int) -> int:
    """Return the resident memory of a process in bytes; 0 if it is gone."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def kill_tree(pid: int) -> None:
    """Kill a process and its descendants, including those that start while we look."""
    tree: list[int] = []
    while found := [each for each in (pid, *(child.pid for child in children(pid))) if each not in tree]:
        for each in found:
            with suppress(OSError):
                os.kill(each, signal.SIGSTOP)  # a stopped process starts no more children
        tree += found
    for each in tree:
        _kill(each)


def children(pid: int | None = None, *, spare: frozenset[int] = frozenset()) -> list[psutil.Process]:
    """The children of this process, except `spare`; or, given a `pid`, all descendants of that process.

    After `adopt_orphans`, our children include orphaned descendants.
    """
    import psutil

    with suppress(psutil.Error):
        found = psutil.Process(pid).children(recursive=pid is not None)
        return [child for child in found if child.pid not in spare]
    return []


def end_children(chosen: Sequence[psutil.Process] | None = None, *, seconds: float = 2.0) -> None:
    """End all children of this process, or the chosen ones; in rounds, since their orphans become our children.

    A child keeps its id until we have waited for it, so that we can't hit another process.
    """
    import psutil

    end = time.monotonic() + seconds
    left = list(children() if chosen is None else chosen)
    while left and time.monotonic() < end:
        for child in left:
            with suppress(psutil.Error):
                child.kill()  # checks first that it is still the same process
        _, left = psutil.wait_procs(left, timeout=0.2)
        left = children() if chosen is None else left


def sweep(marker: str, *, spare: frozenset[int] = frozenset(), seconds: float = 1.0) -> None:
    """Kill every process whose environment carries `marker`, until none is left or `seconds` have passed.

    Several rounds, since a process may fork while we look.
    """
    end = time.monotonic() + seconds
    while found := [pid for pid in marked(marker) if pid not in spare]:
        for pid in found:
            _kill(pid)
        if time.monotonic() > end:
            return
        time.sleep(0.005)


def marked(marker: str) -> Iterator[int]:
    """Yield the ids of processes with a marker in their environment that begins with `marker`, without ours."""
    wanted = f"\0{MARKER}={marker}".encode()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            # Other users' processes can't be read. A zombie's environment is empty, so it is not found.
            with suppress(OSError):
                if wanted in b"\0" + Path(entry.path, "environ").read_bytes():
                    yield int(entry.name)


def remove_folder(folder: Path) -> None:
    """Remove a folder with everything in it; what can't be removed stays."""
    shutil.rmtree(folder, ignore_errors=True)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def output(argv: Sequence[str], *, limit: float, environment: Mapping[str, str] | None = None) -> str:
    """Run a short program and return what it prints. Raises OSError if it fails or takes over `limit` seconds."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=limit, check=False, env=environment)
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"{argv[0]} gave no answer in {limit:g} seconds") from error
    if done.returncode:
        raise OSError(f"{argv[0]} ended with status {done.returncode}: {done.stderr.strip()[-200:]}")
    return done.stdout
