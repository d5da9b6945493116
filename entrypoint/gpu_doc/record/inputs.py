"""What a run read and looked for, besides what its fingerprint contains: part of what its result was made of.

The whole of it is in state. Evidence has it without what only this machine may know: the hashes of files that git
ignores, and of the values of `env`. There, of a folder with many files, one hash stands for all of them.

Under one fingerprint there may be several sets of inputs. A run is fresh if one of them matches what is here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gpu_doc.model.values import Json
from gpu_doc.record.fingerprint import short_hash

if TYPE_CHECKING:
    from gpu_doc.record.evidence import RunEvidence

MOST_SETS = 8
"""The most sets of inputs to keep for one fingerprint."""

CHANGED = "changed meanwhile"
"""In place of the hash of a file that changed while the run went on: what the run read is not known."""

RECENT = 2.0
"""Seconds for which another change of a file may not show in its times: on some file systems they are coarse."""

_TOGETHER = 24
"""So many files of a folder have a hash each in evidence; of more, one hash is kept."""

_PACKAGE = "/__init__.py"
"""The importer looks for it wherever it looks for a module: in evidence, the folder's name is enough."""

Paths = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Names:
    """The names in a folder that a run listed, without those that are never inputs."""

    digest: str
    """The hash of the names; without `written`, and without those that git ignores."""
    written: frozenset[str] = frozenset()
    """Names that the run itself made there."""
    outside: frozenset[str] = frozenset()
    """Names that are not in git: another machine may lack them."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """One set of inputs. Paths are relative to root, with `/`."""

    read: Paths = field(default_factory=dict)
    """The hash of each file that was read."""
    code: Paths = field(default_factory=dict)
    """Of each Python source that was imported the hash of its bytes and, after a point, its form (record/forms.py)."""
    together: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """In evidence: the files of a folder that were read, with one hash for all of them."""
    listed: Mapping[str, Names] = field(default_factory=dict)
    present: frozenset[str] = frozenset()
    """Looked for and found; their content was not read."""
    absent: frozenset[str] = frozenset()
    """Looked for in vain."""
    outside: frozenset[str] = frozenset()
    """Those of `read`, `code` and `present` that are not in git: another machine may lack them. `FOLDER/` stands for
    the files of a folder in `together`."""
    hidden: Paths = field(default_factory=dict)
    """The hash of each file that git ignores, of a folder's names with those that git ignores, and of each value of
    `env`, under `file PATH`, `code PATH`, `names PATH`, `env NAME`. Evidence has no hashes of these."""
    kept: tuple[str, ...] = ()
    """In evidence: which hidden parts of sets in state belong to it, by a keyed hash of each."""

    def shown(self, code: Callable[..., str]) -> Inputs:
        """What evidence may say of it; `code` makes a keyed hash."""
        folders: dict[str, dict[str, str]] = {}
        for path, digest in self.read.items():
            folder, _, name = path.rpartition("/")
            if digest != CHANGED:
                folders.setdefault(folder, {})[name] = path
        large = {folder: files for folder, files in folders.items() if len(files) > _TOGETHER}
        grouped = {path for files in large.values() for path in files.values()}
        outside = self.outside - grouped
        outside |= {f"{folder or '.'}/" for folder, files in large.items() if self.outside.issuperset(files.values())}
        hidden = {name: "" for name in self.hidden if not name.startswith("names ")}
        return Inputs(
            read={path: digest for path, digest in self.read.items() if path not in grouped},
            code=self.code,
            together={
                folder: (digest_of_files((name, self.read[path]) for name, path in files.items()), tuple(sorted(files)))
                for folder, files in large.items()
            },
            listed=self.listed,
            present=self.present,
            absent=self.absent,
            outside=outside,
            hidden=hidden,
            kept=(kept_as(self.hidden, code),) if self.hidden else (),
        )

    def by_bytes(self) -> Inputs:
        """Return the same without the forms of sources."""
        sources = {name for name in self.hidden if name.startswith("code ")}
        hidden = {**self.hidden, **{name: self.hidden[name].partition(".")[0] for name in sources}}
        code = {path: digest.partition(".")[0] for path, digest in self.code.items()}
        return replace(self, code=code, hidden=hidden)

    def __bool__(self) -> bool:
        return any((self.read, self.code, self.together, self.listed, self.present, self.absent, self.hidden))


def kept_as(hidden: Paths, code: Callable[..., str]) -> str:
    """Return what evidence calls the hidden part of a set in state."""
    return code("hidden inputs", dict(hidden))[:16]


def digest_of_files(files: Iterable[tuple[str, str]]) -> str:
    """Return one hash for files of a folder, given with their own hashes."""
    return short_hash(sorted(map(list, files)))


def stamp_of(status: os.stat_result) -> str:
    """Return what changes with a file's content: its size and times, and which file it is."""
    return f"{status.st_ino:x} {status.st_size:x} {status.st_mtime_ns:x} {status.st_ctime_ns:x}"


def digest_of_names(names: Iterable[str]) -> str:
    """Return the hash of the names in a folder."""
    return short_hash(sorted(names))


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def with_inputs(run: RunEvidence, record: Mapping[str, Json], code: Callable[..., str]) -> RunEvidence:
    """Return a run's evidence with what the record of a result says that it read; `code` makes a keyed hash."""
    unobserved = str(record.get("unobserved", ""))
    if "inputs" not in record:
        return run if run.inputs else replace(run, unobserved=unobserved)
    new = from_json(record["inputs"]).shown(code)
    return replace(run, inputs=with_set(run.inputs, new), unobserved=unobserved)


# --- several sets -----------------------------------------------------------------------------------------------------


def with_set(known: tuple[Inputs, ...], new: Inputs) -> tuple[Inputs, ...]:
    """Return the sets in evidence with one more; if it agrees with one of them, that gets what is newly seen."""
    for place, before in enumerate(known):
        if (merged := _merged(before, new)) is not None:  # a set may be empty
            return (*known[:place], merged, *known[place + 1 :])
    return (*known, new)[-MOST_SETS:]


def _merged(before: Inputs, new: Inputs) -> Inputs | None:
    """Return what both sets say; None if they disagree."""
    for one, other in (
        (before.read, new.read),
        (before.code, new.code),
        (before.together, new.together),
        (before.listed, new.listed),
    ):
        if any(other[path] != value for path, value in one.items() if path in other):
            return None
    there = {*before.read, *before.code, *before.listed, *before.present}
    there_now = {*new.read, *new.code, *new.listed, *new.present}
    if there & new.absent or there_now & before.absent:
        return None
    return Inputs(
        read={**before.read, **new.read},
        code={**before.code, **new.code},
        together={**before.together, **new.together},
        listed={**before.listed, **new.listed},
        present=before.present | new.present,
        absent=before.absent | new.absent,
        outside=before.outside | new.outside,
        hidden={**before.hidden, **new.hidden},
        kept=tuple(dict.fromkeys([*before.kept, *new.kept]))[-MOST_SETS:],
    )


# --- as JSON ----------------------------------------------------------------------------------------------------------


def to_json(inputs: Inputs) -> dict[str, Json]:
    """Return a set as in evidence and state: by folders, so that a line has all that was looked for in one of them."""
    whole: dict[str, Json] = {
        "read": _by_folder(inputs.read),
        "read-together": {folder: [digest, "/".join(names)] for folder, (digest, names) in inputs.together.items()},
        "code": _by_folder(inputs.code),
        "listed": {folder: _names_to_json(names) for folder, names in inputs.listed.items()},
        "present": _names_by_folder(inputs.present),
        "absent": _names_by_folder(path for path in inputs.absent if not path.endswith(_PACKAGE)),
        "absent-packages": _names_by_folder(
            path.removesuffix(_PACKAGE) for path in inputs.absent if path.endswith(_PACKAGE)
        ),
        "outside-git": _names_by_folder(inputs.outside),
        "hidden": dict(inputs.hidden),
        "kept": list(inputs.kept),
    }
    return {part: value for part, value in whole.items() if value}


def _by_folder(paths: Paths) -> dict[str, dict[str, str]]:
    folders: dict[str, dict[str, str]] = {}
    for path, digest in sorted(paths.items()):
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, {})[name] = digest
    return folders


def _names_by_folder(paths: Iterable[str]) -> dict[str, str]:
    """No name contains a slash."""
    return {folder: "/".join(names) for folder, names in _by_folder(dict.fromkeys(paths, "")).items()}


def _names_to_json(names: Names) -> Json:
    if not names.written and not names.outside:
        return names.digest
    return [names.digest, "/".join(sorted(names.written)), "/".join(sorted(names.outside))]


def from_json(whole: Json) -> Inputs:
    """Read a set. Raises ValueError, KeyError, TypeError or AttributeError if something has a wrong shape."""
    return Inputs(
        read=_from_folders(whole.get("read", {})),
        together={
            _path(folder): (_text(digest), tuple(_text(names).split("/")))
            for folder, (digest, names) in whole.get("read-together", {}).items()
        },
        code=_from_folders(whole.get("code", {})),
        listed={_path(folder): _names(names) for folder, names in whole.get("listed", {}).items()},
        present=_from_names(whole.get("present", {})),
        absent=_from_names(whole.get("absent", {}))
        | frozenset(f"{path}{_PACKAGE}" for path in _from_names(whole.get("absent-packages", {}))),
        outside=_from_names(whole.get("outside-git", {})),
        hidden={_path(name): _text(digest) for name, digest in whole.get("hidden", {}).items()},
        kept=tuple(map(_text, whole.get("kept", []))),
    )


def _from_folders(folders: Json) -> dict[str, str]:
    return {
        _path(_joined(folder, name)): _text(digest)
        for folder, names in folders.items()
        for name, digest in names.items()
    }


def _from_names(folders: Json) -> frozenset[str]:
    return frozenset(
        _path(_joined(folder, name)) for folder, names in folders.items() for name in _text(names).split("/")
    )


def _names(value: Json) -> Names:
    if isinstance(value, str):
        return Names(digest=value)
    digest, written, outside = map(_text, value)
    return Names(digest=digest, written=_set(written), outside=_set(outside))


def _set(names: str) -> frozenset[str]:
    return frozenset(filter(None, names.split("/")))


def _path(path: Json) -> str:
    """A path that evidence may name: the judge looks whether it is in the checkout."""
    if "\0" in _text(path) or path.startswith("/"):
        raise ValueError("not as we write it")
    return str(path)


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise TypeError("not as we write it")
    return value
