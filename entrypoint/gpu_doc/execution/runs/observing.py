"""What a run looked at: begins the record of a local run, and makes an `Observed` of what a record says."""

from __future__ import annotations

import os
import posixpath
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from gpu_doc.execution.agent import watching
from gpu_doc.execution.containers.recipe import WORKSPACE
from gpu_doc.execution.runs.job import Job
from gpu_doc.model.observed import Observed

_PROGRAM = str(Path(__file__).parents[2])
"""Our own: a kernel loads some of it."""

_SYSTEM = tuple(
    f"/{name}"
    for name in ["bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "proc", "run", "sbin", "sys", "usr", "var"]
)
"""What is installed, or no file at all. Folders below them that a run declares are kept."""

_SCRATCH = ("/tmp", "/var/tmp")  # noqa: S108 - nothing is written there

_OF_PROGRAMS = (".cache/fontconfig", ".cache/matplotlib", ".cache/pip", ".local", ".nv")
"""What programs keep in the user's folder, by themselves or as they were installed."""

_INSTALLED = re.compile(r"/(site-packages|dist-packages|lib/python3\.\d+|__pycache__)(/|$)|/python3\d+\.zip")
_LONGEST = 4200
"""The most bytes of a record: a path and some letters."""

_COMPILED = re.compile(r"(.*)/__pycache__/([^/.]+)\.[^/]+")
"""https://peps.python.org/pep-3147/"""

_WHY = {
    "s": "is linked statically",
    "a": "was built with AddressSanitizer, which has to be loaded first",
    "c": "is for another kind of machine",
    "S": "gets rights of its own (set-user-ID)",
    "g": "is written in Go, which opens files in its own way",
    "l": "does not see the library that watches",
    "x": "may not write to the record",
    "q": "limits its own system calls",
    "v": "gets too many environment variables",
}
"""Why a program can't be watched: `Why` in watcher/exec.h."""

_READ_NOTHING = frozenset({"/sbin/ldconfig", "/usr/sbin/ldconfig", "/sbin/ldconfig.real", "/usr/sbin/ldconfig.real"})
"""Static programs that read nothing of a project: Python's `ctypes.util.find_library` starts this one."""


class Places:
    """Where a run's files are: which paths are of interest, and what they are called here."""

    def __init__(self, job: Job) -> None:
        self._in_container = job.place is not None
        self._checkout = str(job.place.checkout) if job.place else ""
        self._roots = tuple(f"{each}/" for each in dict.fromkeys((str(job.root), os.path.realpath(job.root))))
        declared = [os.path.normpath(job.root / source.path) for source in job.run.data]
        self._declared = tuple(f"{each}/" for each in (*declared, *job.run.caches.values()))
        home = job.environment.get("HOME", "")
        scratch = filter(None, (*_SCRATCH, tempfile.gettempdir(), job.environment.get("TMPDIR", "")))
        programs = [f"{home}/{name}" for name in _OF_PROGRAMS if home]
        python = _environment(job.python)
        mine = [each for folder in (_PROGRAM, str(job.folder), *python) for each in _both(folder)]
        self._own = tuple(f"{each}/" for each in mine)
        self._foreign = tuple(f"{each}/" for each in (*_SYSTEM, *scratch, *programs, *mine))
        written = [f"{path}/" for path in job.ours]
        self._hidden = tuple(
            each[len(root) :]
            for each in (*self._foreign, *written)
            for root in self._roots
            if each.startswith(root) and each != root
        )
        """What is of no interest below the root, relative to it."""

    def rules(self) -> watching.Rules:
        """Return the rules for a local run's library."""
        kept = {each[:-1] for each in (*self._roots, *self._declared)} - {each[:-1] for each in self._own}
        return watching.Rules(tuple(kept), tuple({each[:-1] for each in self._foreign} - kept))

    def declares(self, path: str) -> bool:
        """Return whether it is data of the run, or in one of its caches."""
        return f"{path}/".startswith(self._declared)

    def name(self, path: str) -> str | None:
        """Return what `Observed` calls an absolute path; None if it is of no interest."""
        if self._in_container:
            path = posixpath.normpath(path)
            if f"{path}/".startswith(f"{WORKSPACE}/"):
                path = self._checkout + path[len(WORKSPACE) :]
            elif not self.declares(path):
                return None  # the image's
        elif "/.." in path:
            path = os.path.realpath(path)
        elif "//" in path or "/." in path or path[-1] == "/":
            path = posixpath.normpath(path)
        if _INSTALLED.search(path):
            return None
        whole = f"{path}/"
        for root in self._roots:
            if whole.startswith(root):
                below = whole[len(root) :]
                return None if below.startswith(self._hidden) else below[:-1] or "."
        return None if whole.startswith(self._foreign) and not whole.startswith(self._declared) else path


def _both(path: str) -> set[str]:
    return {path, os.path.realpath(path)}


def _environment(python: Path) -> list[str]:
    """Return the folders of a Python environment, and of the one that it was made from."""
    prefixes = {each.parent.parent for each in (python, python.resolve())}
    marks = ("pyvenv.cfg", "conda-meta", "lib/libpython3.so", "include")
    return [str(each) for each in prefixes if any((each / mark).exists() for mark in marks) and each != Path("/")]


class Watch:
    """One attempt of a run, watched: `variables` are for its processes, `observed` is known at the end."""

    def __init__(self, job: Job, spare: Path) -> None:
        """`spare` is a folder whose path has no blanks, if there is one."""
        self._job = job
        self._spare = spare
        self._log = job.folder / "watched"
        self.variables: Mapping[str, str] = {}
        self.observed = Observed(unobserved="it was not watched")

    def __enter__(self) -> Watch:
        if not self._job.place:  # a container's agent begins and ends it
            try:
                rules = Places(self._job).rules()
                self.variables = watching.begin(self._log, rules, self._spare)
            except watching.UnwatchedError as why:
                self.observed = Observed(unobserved=str(why))
        return self

    def __exit__(self, *_: object) -> None:
        if self._job.place:
            self.observed = observed(self._job, _carried(self._log))
        elif self.variables:
            self.observed = observed(self._job, watching.end(self._log))
        with suppress(OSError):
            self._log.unlink(missing_ok=True)


def _carried(log: Path) -> Iterator[bytes]:
    """Yield the records that a container's agent has sent."""
    try:
        with log.open("rb") as file:
            yield from watching.records(file.read(watching.MOST))
    except OSError:
        yield watching.PROBLEM + b"its container did not tell what it looked at"


def observed(job: Job, records: Iterable[bytes]) -> Observed:
    """Return what the records of a run say, whoever wrote them."""
    found: dict[str, set[str]] = {kind: set() for kind in "ribwmplnN"}
    places, why = Places(job), []
    version = ""
    for record in records:
        if len(record) > _LONGEST:
            continue  # no path: the run wrote it
        kind, text = chr(record[0]), os.fsdecode(record[1:])
        if kind == watching.PROBLEM.decode():
            why.append(text)
        elif kind == "u":
            why += _unwatched(places, text[:1], text[1:])
        elif kind == "v":
            version = text
        elif kind in found and text.startswith("/"):
            if kind == "i" and (compiled := _COMPILED.fullmatch(text)):
                text = f"{compiled[1]}/{compiled[2]}.py"
            name = places.name(text)
            if name is not None and _is_text(name):
                found[kind].add(name)
            elif name is not None:
                why.append(f"it used a file whose name is not in UTF-8 ({name!a})")
    return _sorted_out(job, places, found, version, "; ".join(dict.fromkeys(why)))


def _unwatched(places: Places, letter: str, program: str) -> list[str]:
    program = posixpath.normpath(program)
    if program in _READ_NOTHING or letter not in _WHY:
        return []
    shown = places.name(program) or program
    return [f"it started `{shown}`, which {_WHY[letter]}"] if shown.isprintable() else []


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _sorted_out(job: Job, places: Places, found: Mapping[str, set[str]], version: str, why: str) -> Observed:
    # A folder that was only opened is no file: a shell looks whether it is one before it changes to it.
    folders = set() if job.place else {each for each in found["r"] if os.path.isdir(job.root / each)}  # noqa: PTH112
    read = (found["r"] | found["b"]) - folders
    # Programs list folders of their own settings; elsewhere a listing counts beside what was read there.
    listed = {each for each in found["l"] if each[0] != "/" or any(file.startswith(f"{each}/") for file in read)}
    written = found["w"] | found["b"]
    there = read | found["i"] | listed | written
    missing = found["m"] | _sought(found, there, version)
    outside = {each for each in (*found["p"], *missing) if each[0] == "/" and not places.declares(each)}
    return Observed(
        read=frozenset(read),
        imported=frozenset(found["i"]),
        missing=frozenset(missing - found["i"] - (read - written) - outside),
        present=frozenset((found["p"] | folders) - there - outside),
        listed=frozenset(listed),
        written=frozenset(written),
        unobserved=why,
    )


def _sought(found: Mapping[str, set[str]], there: set[str], version: str) -> set[str]:
    """Return the files that would have been imported in place of, or for want of, what was.

    The order is that of the importer: a package, then extension modules, then a source.
    """
    number = "".join(version.split(".")[:2])
    machine = os.uname().machine
    built = [f".cpython-{number}-{machine}-linux-gnu.so"] * number.isdigit() + [".abi3.so", ".so"]
    missing: set[str] = set()
    for kind in "nN":
        for stem in found[kind]:
            files = [f"{stem}/__init__.py", *(stem + ending for ending in built), f"{stem}.py"]
            at = next((n for n, file in enumerate(files) if file in there), None)
            if at is not None:
                missing.update(files[:at])
            elif kind == "N":
                missing.update(files)
            else:  # found elsewhere: nobody builds an extension module beside the project by the name of a package
                missing.update((files[0], files[-1]))
    return missing - there
