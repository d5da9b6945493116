"""Decides which local runs may go on at once: they all work in the checkout itself, and could mix up their files.

A run with `produces` has the checkout alone; otherwise another run's file could count as its own. Other runs share the
checkout. Runs of the same source write the same names, if any. So the first of them runs without its siblings; if it
changed something in the checkout, they take turns. Runs in containers each have their own view of the checkout.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gpu_doc.execution.agent.patterns import BESIDE, is_wild
from gpu_doc.execution.runs.job import Job
from gpu_doc.git.checkout import work_tree

Wanted = tuple[tuple[Path, ...], tuple[Path, ...]]

_TICK = 0.02
"""Seconds by which file times may lag behind the clock."""


class Turns:
    """The turns of one refresh's runs. Several threads may call `note` at a time."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        local = [job for job in jobs if not job.place]
        self._folders = {id(job): _folders(job) for job in local}
        self._sources = {id(job): source for job in local if (source := _source(job))}
        self._siblings = Counter(self._sources.values())
        self._changes: dict[Path, str] = {}
        """By source: the path that changed in the checkout during a run of it, or empty."""
        self._told: set[Path | None] = set()

    def wanted(self, job: Job) -> Wanted:
        """The folders and files that a run must have alone, and those that it shares; none in a container."""
        if job.place:
            return (), ()
        folders, source = self._folders[id(job)], self._sources.get(id(job))
        sources = (source,) if source else ()
        if job.run.produces:
            return folders, sources
        if source and self._changes.get(source) != "":
            return sources, folders
        return (), (*folders, *sources)

    def waiting(self, job: Job) -> str:
        """Return a sentence about what a run waits for; empty if that was said before."""
        source = None if job.run.produces else self._sources.get(id(job))
        if source in self._told:
            return ""
        self._told.add(source)
        if source is None:
            what = "it leaves files (`produces`), and other runs are at work in this checkout"
            return f"waits for its turn: {what}. With an `image`, each has a view of its own"
        return "waits for its turn: another run of its source is at work here, or one that leaves files (`produces`)"

    def note(self, job: Job, began: float, *, well: bool) -> str:
        """Check what changed since a run without its siblings began. Return a sentence if they must take turns."""
        source = self._sources.get(id(job))
        if job.run.produces or source is None or source in self._changes or self._siblings[source] < 2:
            return ""
        changed = first_change(_top(job.root), began, job.ours)
        if well or changed:
            self._changes[source] = changed
        if not changed:
            return ""
        name = os.path.relpath(source, job.root.resolve())
        what = f"{changed} changed in the checkout while it went on: runs of {name} take turns"
        return f"{what}. With an `image`, each has a view of its own"


def _top(root: Path) -> Path:
    real = root.resolve()
    return work_tree(real) or real


def _folders(job: Job) -> tuple[Path, ...]:
    """The folders that a run may write to: the checkout, and the targets of links that lead out of it."""
    top = _top(job.root)
    places = {_real(folder / _base(pattern)) for pattern in job.run.produces for folder in (job.cwd, job.root)}
    outside = [place for place in (_real(job.cwd), *sorted(places)) if not place.is_relative_to(top)]
    there = (next(each for each in (place, *place.parents) if each.is_dir()) for place in outside)
    return tuple(dict.fromkeys((top, *there)))


def _real(path: Path) -> Path:
    """Resolve links. `Path.resolve()` raises RuntimeError for links that lead to themselves (before Python 3.13)."""
    return Path(os.path.realpath(path))


def _base(pattern: str) -> str:
    """The folder in a pattern before its first wildcard; without one, the pattern itself if it is a folder."""
    words = pattern.split("/")
    wild = next((number for number, word in enumerate(words) if is_wild(word)), len(words))
    return "/".join(words[:wild])


def _source(job: Job) -> Path | None:
    """The file that makes runs siblings: a notebook, a command's script, or its program in the checkout."""
    top = _top(job.root)
    for word in (job.run.notebook,) if job.run.notebook else job.run.command or ():
        with suppress(OSError, ValueError):
            file = _real(job.root / word)
            # For `.venv/bin/python train.py`, it is the script.
            ours = file.is_relative_to(top) and not (file.parents[1] / "pyvenv.cfg").exists()
            if ours and file.is_file() and os.access(file, os.R_OK):
                return file
    return None


def first_change(top: Path, since: float, ours: Iterable[Path]) -> str:
    """The first path below `top` that has changed since a time, by the file system's clock; empty if none."""
    todo, known = [str(top)], frozenset(map(str, ours))
    while todo:
        with suppress(OSError):  # not readable for us, or gone
            folders, changed = _look(todo.pop(), since - _TICK, known)
            if changed:
                return os.path.relpath(changed, top)
            todo += folders
    return ""


def _look(folder: str, since: float, ours: frozenset[str]) -> tuple[list[str], str]:
    """Return the folders in a folder, and a changed path in it; the folder itself if a file came and went."""
    folders, explained = [], 0.0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == "pyvenv.cfg":
                return [], ""
            changed = entry.stat(follow_symlinks=False).st_ctime
            if entry.name in BESIDE or entry.path in ours:
                explained = max(explained, changed)
            elif entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif changed >= since:
                return [], entry.path
    changed = Path(folder).stat().st_mtime
    return folders, folder if changed >= since and changed > explained else ""
