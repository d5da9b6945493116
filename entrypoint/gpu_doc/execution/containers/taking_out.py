"""Copies files out of a container: a run's results, and small files that describe the image."""

from __future__ import annotations

import io
import shutil
import tarfile
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

from gpu_doc.errors import RunError
from gpu_doc.execution.agent.produced import MOST_FILES
from gpu_doc.execution.containers import container_answers
from gpu_doc.execution.containers.engine import sentences
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.system.retrying import patiently

_PAUSES = (0.1, 0.3, 1.0)
"""Seconds between tries."""


def take_out(api: Any, container: str, path: str, into: Path, *, most: int, where: str) -> None:
    """Copy a folder of a container, running or not, into one of ours; at most `most` bytes.

    `where`, the image's name, is for errors. Raises EngineError, OSError; RunError if there is more.
    """
    # While a container is ending, Podman refuses or gives nothing.
    take = partial(_take_once, api, container, path, into, most, where)
    patiently(take, EngineError, pauses=_PAUSES, when=lambda error: error.cause == "settings")


def _take_once(api: Any, container: str, path: str, into: Path, most: int, where: str) -> None:
    with sentences():
        chunks, _ = api.get_archive(container, path)
        try:
            # Close the stream at once when we stop: the engine can't remove a container that it still reads from.
            with closing(chunks), io.BufferedReader(_Chunks(chunks)) as stream:
                _unpack(stream, into, most)
        except RunError:
            shutil.rmtree(into, ignore_errors=True)
            raise
        except tarfile.TarError as error:
            what = f"the engine handed out no whole copy of {path}: {error}"
            raise EngineError(what, cause="settings", where=where) from error


def _unpack(stream: IO[bytes], into: Path, most: int) -> None:
    """Unpack a container's tar stream below a folder: only files and folders, and none outside of it.

    Raises OSError if it can't be written; RunError if there are more than `most` bytes, or too many files.
    """
    total = files = 0
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for entry in archive:
            inner = Path(*Path(entry.name).parts[1:])  # the first part is the requested folder
            target = into / inner
            if not (entry.isdir() or entry.isreg()) or not _inside(target, into):
                continue
            if entry.isdir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            total += entry.size
            files += 1
            if files > MOST_FILES:
                raise RunError(f"the run left more than {MOST_FILES} files to take out of its container")
            if total > most:
                raise RunError(f"the run left files of more than {most / 1e9:.0f} GB to take out of its container")
            target.parent.mkdir(parents=True, exist_ok=True)
            content = archive.extractfile(entry)
            assert content
            with content, target.open("wb") as file:
                while chunk := content.read(1 << 20):
                    file.write(chunk)


def _inside(target: Path, folder: Path) -> bool:
    return ".." not in target.relative_to(folder).parts if target.is_relative_to(folder) else False


def small_file(api: Any, container: str, path: str) -> str:
    """Return a text file of a container; follows links; empty if there is none. Raises EngineError."""
    try:
        with sentences():
            chunks, known = api.get_archive(container, path)
            if target := container_answers.link_target(known):
                chunks.close()
                chunks, _ = api.get_archive(container, target)
            packed = b"".join(chunks)
    except EngineError as error:
        if error.cause == "engine":
            raise
        return ""
    with suppress(tarfile.TarError, StopIteration), tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        file = archive.extractfile(next(iter(archive)))
        return file.read().decode("utf-8", "replace") if file else ""
    return ""


class _Chunks(io.RawIOBase):
    """An iterator of bytes as a file."""

    def __init__(self, chunks: Any) -> None:
        self._chunks = iter(chunks)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            try:
                self._left = next(self._chunks)
            except StopIteration:
                return 0
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size
