"""Makes programs in a run not wait for a person: nobody is there to answer.

Used on this machine, in the user's image, and by the kernel (ipython_shell.py) in its own Python: only the standard
library of Python 3.8, and nothing of ours.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import Collection, Iterator

VARIABLES = {
    # Pagers: print all the text, without waiting for a key. For AWS's program, an empty AWS_PAGER means that.
    "PAGER": "cat",
    "MANPAGER": "cat",
    "GIT_PAGER": "cat",
    "GH_PAGER": "cat",
    "SYSTEMD_PAGER": "cat",
    "AWS_PAGER": "",
    # Editors: accept the proposed text.
    "EDITOR": "true",
    "VISUAL": "true",
    "GIT_EDITOR": "true",
    "GIT_SEQUENCE_EDITOR": "true",
    # Questions, also in windows: the machine may have a desktop.
    "GIT_TERMINAL_PROMPT": "0",
    "SSH_ASKPASS_REQUIRE": "never",
    "DEBIAN_FRONTEND": "noninteractive",
}
"""Environment variables that tell programs that nobody is there to answer."""

TIOCGPTN = 0x80045430
"""The request for the number of a pseudo-terminal; ioctl_tty(2)."""

LOOK = 0.3
"""Seconds between two searches for processes that wait."""

SILENCE = 20
"""Seconds without output after which a program counts as waiting, if its terminal is set to wait for single keys.

Linux tells the time of the last output to within 8 seconds (tty_update_time).
"""


def variables(chosen: Collection[str]) -> dict[str, str]:
    """Return `VARIABLES`, without those that the configuration's `env` lists: these stay as the person set them."""
    return {name: value for name, value in VARIABLES.items() if name not in chosen}


def ask_nobody() -> None:
    """In a new process, before its program starts: make its terminal one for output only.

    There is no controlling terminal, so `/dev/tty` can't be opened, and standard input is at its end. Programs that
    find neither read the terminal that they write to, as `less` does. So that is open for writing only. A program that
    opens it by its name finds the end of input too (termios(3), VMIN), or waits for a key: see `hang_up`.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a session's leader gets this signal when it gives up its terminal
    with suppress(OSError):
        controlling = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
        fcntl.ioctl(controlling, termios.TIOCNOTTY)
        os.close(controlling)
    # nohup starts us with this signal ignored; then `hang_up` could not end a program that waits for a key.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with suppress(OSError, termios.error):
        mode = termios.tcgetattr(1)
        mode[3] &= ~(termios.ICANON | termios.ECHO)
        mode[6][termios.VMIN] = mode[6][termios.VTIME] = 0
        termios.tcsetattr(1, termios.TCSANOW, mode)
        _become(os.open(os.ttyname(1), os.O_WRONLY | os.O_NOCTTY), 1, 2)
    _become(os.open(os.devnull, os.O_RDONLY), 0)


def _become(opened: int, *descriptors: int) -> None:
    for each in descriptors:
        os.dup2(opened, each)
    if opened not in descriptors:
        os.close(opened)


def hang_up(terminal: int, group: int) -> bool:
    """End programs that wait for a key in a run's terminal, as if its window were closed; return whether any did.

    `terminal` is a person's side of it, `group` the process group of its program. Nothing else would end them: a
    terminal that waits for single keys has no end of input. The run's programs got the terminal for writing only, so a
    process that can read it has opened it to ask. Some ask without being able to read (`more`): for these, silence
    tells.
    """
    with suppress(OSError, termios.error):
        mode = termios.tcgetattr(terminal)
        if mode[3] & termios.ICANON or not mode[6][termios.VMIN]:
            return False
        number = int.from_bytes(fcntl.ioctl(terminal, TIOCGPTN, bytes(4)), sys.byteorder)
        facts = Path(f"/dev/pts/{number}").stat()
        asking = list(_readers(facts))
        if not asking and time.time() - facts.st_mtime > SILENCE:
            asking = [-group]
        for pid in asking:
            with suppress(OSError):
                os.kill(pid, signal.SIGHUP)
        return bool(asking)
    return False


def _readers(wanted: os.stat_result) -> Iterator[int]:
    """Yield the processes that have opened a terminal for reading.

    Files are compared, and not names: a container has terminals of the same names.
    """
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            if any(os.path.samestat(each.stat(), wanted) and _reads(process, each.name) for each in _files(process)):
                yield int(process.name)


def _files(process: Path) -> Iterator[Path]:
    return (each for each in (process / "fd").iterdir() if os.readlink(each).startswith("/dev/pts/"))


def _reads(process: Path, descriptor: str) -> bool:
    facts = dict(line.split(":", 1) for line in (process / "fdinfo" / descriptor).read_text().splitlines())
    return int(facts["flags"], 8) & os.O_ACCMODE != os.O_WRONLY
