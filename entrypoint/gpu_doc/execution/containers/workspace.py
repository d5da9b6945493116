"""Packs what goes into a container before it starts: the agent, the user's entry, and perhaps the checkout."""

from __future__ import annotations

import io
import os
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from gpu_doc.errors import MachineError
from gpu_doc.execution.agent.patterns import BESIDE
from gpu_doc.execution.containers.recipe import HOME, WORKSPACE
from gpu_doc.model.location import Location

_AGENT = Path(__file__).resolve().parents[1] / "agent"

_BLOCK = 1 << 20
"""Bytes."""


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """Everything to put into a container."""

    user: tuple[int, int]
    """The owner of the files in the container."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Small files by their absolute path."""
    agent: bool = True
    """Whether to add our agent and the folders that a run needs."""
    checkout: Path | None = None
    """The checkout to copy to the workspace; None if the engine can see it."""
    only: frozenset[str] | None = None
    """The files and folders of the checkout to copy, relative to it; None: all."""
    left_out: frozenset[str] = frozenset()
    """Paths, relative to the checkout, that are mounted, not copied."""
    copies: tuple[tuple[Path, str], ...] = ()
    """More files and folders, and their read-only places."""
    own_folders: tuple[str, ...] = ()
    """Existing folders that become the user's."""


class Archive(tarfile.TarFile):
    """A tar stream (`mode="w|"`) that an engine reads to its last byte.

    Python pads the end to a multiple of 10,240 bytes. Podman 4 stops reading at the two empty blocks that end an
    archive, and then sometimes fails because it did not read the rest.
    """

    closed: bool

    def close(self) -> None:
        """Write the two empty blocks and nothing more."""
        if not self.closed:
            self.closed = True
            self.fileobj.write(tarfile.NUL * (2 * tarfile.BLOCKSIZE))
            self.fileobj.close()


@contextmanager
def packed(parcel: Parcel) -> Iterator[Iterator[bytes]]:
    """Yield a parcel as blocks of a tar stream, packed while they are read: it may be larger than memory and disk.

    The blocks are large: the HTTP client would read a file in small ones, nine times as slow.

    Raises MachineError if a file can't be read.
    """
    reader, writer = os.pipe()
    failed: list[OSError] = []

    def write() -> None:
        try:
            with os.fdopen(writer, "wb") as sink, Archive.open(fileobj=sink, mode="w|") as archive:
                _Packer(archive, parcel).pack()
        except BrokenPipeError:
            return  # the reader stopped, and knows why
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    with os.fdopen(reader, "rb") as stream:
        yield iter(lambda: stream.read(_BLOCK), b"")
    thread.join()
    if failed:
        what = f"the checkout can't be copied: {failed[0].strerror}"
        where = Location(str(failed[0].filename or ""))
        raise MachineError(what, where=where, remedy="Make it readable for this user.")


def packed_texts(texts: Mapping[str, str]) -> IO[bytes]:
    """Return a tar stream of small files, given by their absolute path."""
    stream = io.BytesIO()
    with Archive.open(fileobj=stream, mode="w|") as archive:
        for path, text in texts.items():
            add_text(archive, path, text)
    stream.seek(0)
    return stream


def add_text(archive: tarfile.TarFile, path: str, text: str) -> None:
    """Add a small file that everybody may read."""
    _add(archive, path, text.encode())


def _add(archive: tarfile.TarFile, path: str, content: bytes) -> None:
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.size, entry.mode = len(content), 0o644
    archive.addfile(entry, io.BytesIO(content))


class _Packer:
    def __init__(self, archive: tarfile.TarFile, parcel: Parcel) -> None:
        self._archive = archive
        self._parcel = parcel

    def pack(self) -> None:
        if self._parcel.agent:
            self._agent()
        for target, text in self._parcel.texts.items():
            add_text(self._archive, target, text)
        for folder in self._parcel.own_folders:
            self._folder(folder, 0o755)
        if self._parcel.checkout and self._parcel.only is not None:
            self._chosen(self._parcel.checkout, self._parcel.only)
        elif self._parcel.checkout:
            self._tree(self._parcel.checkout, WORKSPACE, own=True)
        for source, target in self._parcel.copies:
            self._tree(source, target, own=False)

    def _agent(self) -> None:
        for name in ("home", "runtime", "produced", "outcome"):
            self._folder(f"{HOME}/{name}", 0o700)
        for package in ("", "execution/", "execution/agent/"):
            add_text(self._archive, f"{HOME}/gpu_doc/{package}__init__.py", "")
        for path in sorted(_AGENT.glob("*.py")):
            add_text(self._archive, f"{HOME}/gpu_doc/execution/agent/{path.name}", path.read_text("utf-8"))
        for path in sorted(_AGENT.glob("watcher/*.so")):
            _add(self._archive, f"{HOME}/gpu_doc/execution/agent/watcher/{path.name}", path.read_bytes())

    def _folder(self, path: str, mode: int) -> None:
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        entry.uid, entry.gid = self._parcel.user
        self._archive.addfile(entry)

    def _chosen(self, checkout: Path, names: frozenset[str]) -> None:
        """Add some files and folders of the checkout, the latter empty, and the folders above them."""
        above = {str(folder) for name in names for folder in PurePosixPath(name).parents}
        folders = {name for name in names if (checkout / name).is_dir()} | above
        for name in (*sorted(folders - {"."}), *sorted(names - folders)):
            self._entry(checkout / name, f"{WORKSPACE}/{name}", own=True)

    def _tree(self, source: Path, target: str, *, own: bool) -> None:
        """Add a folder or a file; skip what vanishes meanwhile."""
        if not source.is_dir():
            self._entry(source, target, own=own)
            return
        for folder, folders, names in os.walk(source):
            place = Path(folder).relative_to(source)
            left_out = self._parcel.left_out
            folders[:] = [name for name in folders if not own or _wanted(Path(folder, name), place / name, left_out)]
            for name in (*folders, *names):
                # git's own files may contain a token; the rest is useless in another environment.
                if name not in BESIDE or not own:
                    self._entry(Path(folder, name), f"{target}/{place / name}", own=own)

    def _entry(self, path: Path, target: str, *, own: bool) -> None:
        with suppress(FileNotFoundError):
            if path.is_socket():
                return
            entry = self._archive.gettarinfo(str(path), target.lstrip("/"))
            entry.uid, entry.gid = self._parcel.user if own else (0, 0)
            entry.uname = entry.gname = ""
            if not own:
                entry.mode = entry.mode & ~0o222 | 0o444 | (0o111 if entry.isdir() else 0)
            if entry.isreg():
                with path.open("rb") as file:
                    self._archive.addfile(entry, file)
            elif entry.isdir() or entry.issym() or entry.islnk():
                self._archive.addfile(entry)


def _wanted(folder: Path, place: Path, left_out: frozenset[str]) -> bool:
    """Return whether to copy a folder of the checkout; `place` is its path in the container."""
    # A virtual environment refers to its interpreter by a path on this machine.
    return not (folder.name in BESIDE or str(place) in left_out or (folder / "pyvenv.cfg").exists())


def size(parcel: Parcel, patience: float) -> tuple[int, bool]:
    """Return the bytes to copy, and whether all were counted within `patience` seconds."""
    end = time.monotonic() + patience
    total = 0
    for path in _files(parcel):
        with suppress(OSError):
            total += path.lstat().st_size
        if time.monotonic() > end:
            return total, False
    return total, True


def _files(parcel: Parcel) -> Iterator[Path]:
    for source in filter(None, (parcel.checkout, *(path for path, _ in parcel.copies))):
        if source.is_file():
            yield source
        for folder, folders, names in os.walk(source):
            place = Path(folder).relative_to(source)
            if source == parcel.checkout:
                folders[:] = [name for name in folders if _wanted(Path(folder, name), place / name, parcel.left_out)]
            yield from (Path(folder, name) for name in names)
