"""Guards the folder for a run's files: a local run can reach it, and may remove or replace it."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from gpu_doc.errors import RunError
from gpu_doc.execution.runs.failure import place
from gpu_doc.execution.runs.job import Job


class Keeping:
    """Guards a job's folder while its run goes on; the folder exists before and after."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._folder = job.folder

    def __enter__(self) -> Keeping:
        self._folder.mkdir(parents=True, exist_ok=True)  # an earlier run may have removed it
        # While it is open, no other folder can get its inode number.
        self._known = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_gone():
            remove(self._folder)
        os.close(self._known)
        self._folder.mkdir(parents=True, exist_ok=True)

    def problem(self, *, well: bool) -> RunError | None:
        """Return an error if the folder was removed, or lacks a file of a successful run."""
        kept = self._folder / ("executed.ipynb" if self._job.run.notebook else "terminal.log")
        if not self._is_gone() and not (well and not _is_plain(kept)):
            return None
        return RunError(
            "the folder in which gpu-doc keeps what it leaves was removed while it went on",
            where=place(self._job.run),
            remedy="A run must leave .gpu-doc/ alone, which is in use.",
        )

    def _is_gone(self) -> bool:
        with suppress(OSError):
            return not os.path.samestat(os.fstat(self._known), self._folder.lstat())
        return True


def _is_plain(path: Path) -> bool:
    with suppress(OSError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with everything below it; does nothing if there is none."""
    with suppress(FileNotFoundError):
        if stat.S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path)
        else:
            path.unlink()
