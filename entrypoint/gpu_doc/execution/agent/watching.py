"""Has a run's processes record what they look at, by a library that their loader preloads (watcher/watcher.c).

Used for local runs and for those in containers. Only the standard library of Python 3.8, since the agent uses this file
inside the user's image.
"""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Iterable, Iterator, Mapping, NamedTuple, Sequence

SETTINGS, PRELOAD = "GPU_DOC_WATCH", "LD_PRELOAD"

MACHINES = ("x86_64", "aarch64")
"""What we have a library for: `os.uname().machine`."""

MOST = 256 << 20
"""The most bytes of a log that are read."""

_HEADER = struct.Struct("<8sQII40x")
"""A log's header (watcher/log.h): magic, bytes used, flags, processes."""
_MAGIC = b"gpu-doc1"
_MAPPED = 2 << 20
"""The bytes of a log that processes write to in memory: some 20,000 records. What is more costs three system calls."""

_FAILED, _FULL, _LONG = 1, 2, 4

_SANITIZERS = (b"libasan.so", b"libclang_rt.asan")
"""How the names of AddressSanitizer's runtime begin."""

PROBLEM = b"!"
"""The letter of a record that we add: why not everything was recorded."""

_LONGEST_SETTINGS = 8000


_loaded: set[Path] = set()
"""The libraries that were tried."""


class UnwatchedError(Exception):
    """A run can't be watched; the text says why."""


class Rules(NamedTuple):
    """Which paths are recorded. The longest prefix decides."""

    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    """An empty one: all that is not kept."""


def library(folder: Path | None = None) -> Path:
    """Return the library for this machine. Raises UnwatchedError."""
    machine = os.uname().machine
    if machine not in MACHINES or struct.calcsize("P") != 8:
        raise UnwatchedError(f"runs are not watched on this kind of machine ({machine})")
    return (folder or Path(__file__).parent / "watcher") / f"watcher-{machine}.so"


def begin(log: Path, rules: Rules, spare: Path | None = None) -> dict[str, str]:
    """Make an empty log; return the variables by which processes are watched.

    `spare` is a folder for a copy of the library, should its path not fit into a list of libraries.

    Raises UnwatchedError.
    """
    path = library()
    try:
        if not _fits(path) and spare:
            path = Path(shutil.copy(path, spare))
        if not _fits(path):
            raise UnwatchedError(f"the path of the library that watches has a blank or a colon ({path})")
        lines = [str(path), str(log), *(f"-{each}" for each in rules.dropped), *(f"+{each}" for each in rules.kept)]
        settings = "\n".join(lines)
        if any("\n" in line for line in lines) or len(os.fsencode(settings)) > _LONGEST_SETTINGS:
            raise UnwatchedError("the paths of its folders are too long, or have a line break")
        _make(log)
        if path not in _loaded:
            _try(path)
            _loaded.add(path)
    except OSError as error:
        raise UnwatchedError(f"what it looks at can't be recorded: {error}") from error
    return {PRELOAD: str(path), SETTINGS: settings}


def _fits(path: Path) -> bool:
    return not set(" :\t\n$") & set(str(path))


def _make(log: Path) -> None:
    """Make a log whose blocks are allocated, so that no process can fail for want of them."""
    file = os.open(str(log), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        try:
            os.posix_fallocate(file, 0, _MAPPED)
        except OSError:
            for _ in range(_MAPPED >> 16):
                os.write(file, bytes(1 << 16))
        os.pwrite(file, _HEADER.pack(_MAGIC, 0, 0, 0), 0)
        mmap.mmap(file, _MAPPED).close()
    finally:
        os.close(file)


def _try(path: Path) -> None:
    """Start a program with the library: where that can't be loaded, the loader says so in each program's output."""
    program = shutil.which("true")
    if program:
        environment = {"PATH": os.environ.get("PATH", ""), PRELOAD: str(path)}
        done = subprocess.run(
            [program],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode or done.stdout:
            said = done.stdout.decode("utf-8", "replace").strip() or f"status {done.returncode}"
            raise UnwatchedError(f"the library that watches can't be loaded here: {said}")


def watched(environment: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the variables; libraries that are preloaded already stay, after ours."""
    if not variables:
        return dict(environment)
    own = environment.get(PRELOAD)
    both = f"{variables[PRELOAD]}:{own}" if own else variables[PRELOAD]
    return {**environment, **variables, PRELOAD: both}


def bears_watching(words: Sequence[str], folder: str, environment: Mapping[str, str]) -> bool:
    """Return whether a run's first program can have the library: what it starts is judged by the library itself.

    A program that was built with AddressSanitizer ends at once if anything is loaded before its runtime.
    https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.dynamic.html
    """
    program = shutil.which(words[0], path=environment.get("PATH"))
    try:
        with open(os.path.join(folder, program or words[0]), "rb") as file:  # noqa: PTH118, PTH123 - Python 3.8
            return not any(name.startswith(_SANITIZERS) for name in _needed(file))
    except (OSError, struct.error, ValueError):
        return True  # it can't be started, or is none of the kind


def _needed(file: BinaryIO) -> Iterator[bytes]:
    """Yield the first 16 bytes of the name of each library that a 64-bit ELF program needs."""

    def read(at: int, shape: str) -> tuple[int, ...]:
        file.seek(at)
        return struct.unpack(shape, file.read(struct.calcsize(shape)))

    if file.read(5) != b"\x7fELF\x02":
        return
    [table] = read(32, "<Q")
    [count] = read(56, "<H")
    # Of each: type, flags, offset, address, physical address, size in the file.
    parts = [read(table + index * 56, "<IIQQQQ") for index in range(min(count, 64))]
    dynamic = [(part[2], part[5] // 16) for part in parts if part[0] == 2]
    entries = [read(at + index * 16, "<QQ") for at, size in dynamic for index in range(min(size, 512))]
    strings = [value for tag, value in entries if tag == 5]
    for part in parts:
        if part[0] == 1 and strings and part[3] <= strings[0] < part[3] + part[5]:
            for value in (value for tag, value in entries if tag == 1):
                file.seek(strings[0] - part[3] + part[2] + value)
                yield file.read(16)


def end(log: Path) -> Iterator[bytes]:
    """Yield each record of a log once, without its NUL; records of problems at the end. Removes the log.

    A run may have written anything into it.
    """
    more = log.with_name(f"{log.name}.more")
    try:
        data, flags, processes = _mapped(log)
        seen = set(records(data))
        if more.exists():
            with more.open("rb") as file:
                rest = file.read(MOST + 1)
            flags |= _FULL if len(rest) > MOST else 0
            seen.update(records(rest))
        yield from sorted(seen)
        yield from (PROBLEM + text.encode() for text in _problems(flags, processes))
    except (OSError, struct.error) as error:
        yield PROBLEM + f"the record of what it looked at is gone: {error}".encode("utf-8", "replace")
    finally:
        for each in (log, more):
            with suppress(OSError):
                each.unlink()


def _mapped(log: Path) -> tuple[bytes, int, int]:
    with log.open("rb") as file:
        magic, used, flags, processes = _HEADER.unpack(file.read(_HEADER.size))
        if magic != _MAGIC:
            raise OSError("something overwrote it")
        return file.read(min(used, _MAPPED)), flags, processes


def records(data: bytes) -> Iterable[bytes]:
    """Return the records in a log, each perhaps more than once; what is no record is left out."""
    return (record for record in data.split(b"\0") if record[:1].isalpha() or record[:1] == PROBLEM)


def _problems(flags: int, processes: int) -> Iterator[str]:
    if not processes:
        yield "its program does not load the library that watches"
    if flags & _FAILED:
        yield "not all could be recorded: the disk is full, or a program limits its own system calls"
    if flags & _FULL:
        yield f"it looked at so much that the record of that is longer than {MOST >> 20} MB"
    if flags & _LONG:
        yield "it used a path of more than 4,096 bytes"
