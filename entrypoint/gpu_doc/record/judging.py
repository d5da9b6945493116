"""Tells whether the inputs of an earlier run are the same here, and if not, which of them differ."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gpu_doc.errors import NotebookFileError
from gpu_doc.git import checkout
from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.configuration import Run
from gpu_doc.model.values import Json
from gpu_doc.record.contents import DIGITS, Contents
from gpu_doc.record.inputs import (
    CHANGED,
    Inputs,
    Names,
    digest_of_files,
    digest_of_names,
    from_json,
    kept_as,
    stamp_of,
)
from gpu_doc.record.never_inputs import NeverInputs

_PATIENCE = 4 << 20
"""Bytes to hash before state is asked, which takes a few milliseconds, too."""
_PER_FILE = 20_000
"""To open a file takes as long as to hash so many bytes."""

_FILES = ("file", "code")
NOT_COMPARABLE = "?"
_SAID = 5
"""So many inputs of a kind are named, then a count."""


@dataclass(frozen=True)
class Judgement:
    """Why a set of inputs differs from what is here, and what could not be compared."""

    reasons: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


class Hashes:
    """Hashes files as they are here, each once as long as it does not change.

    Where many or large files are to be hashed, `stamps` is asked first: what state says of how they looked, and of
    their hashes, by path.
    """

    def __init__(self, line_ends: LineEnds) -> None:
        self._line_ends = line_ends
        self._known: dict[str, tuple[str, str, bool]] = {}
        self._patience = _PATIENCE
        self.stamps: Callable[[], Mapping[str, tuple[str, str]]] = dict

    def of(self, full: str, before: str) -> str | None:
        """Return the hash of a file's bytes or, if that is not `before`, as git stores it; None if there is none."""
        try:
            status = os.stat(full)  # noqa: PTH116 - a Path for each of many files takes longer than all else
        except OSError:
            return "" if os.path.lexists(full) else None
        stamp = stamp_of(status)
        known = self._known.get(full)
        if known is None or known[0] != stamp:
            self._patience -= status.st_size + _PER_FILE
            if self._patience < 0 and (said := self.stamps().get(full)) and said[0] == stamp:
                return said[1].partition(".")[0]
            contents = Contents()
            known = self._known[full] = stamp, _hash(contents, full), contents.crlf
        _, digest, has_crlf = known
        return _hash(Contents(self._line_ends), full) if has_crlf and digest != before else digest

    def of_source(self, full: str, before: str) -> str | None:
        """The same for an imported source: `before` if it does the same, NOT_COMPARABLE if that can't be known."""
        content, _, form = before.partition(".")
        digest = self.of(full, content)
        if digest == content or not digest or not form:
            return before if digest == content else digest
        from gpu_doc.record import forms  # nothing is parsed where all is as it was

        return forms.judged(full, form, same=before, other=digest, unknown=NOT_COMPARABLE)


def _hash(contents: Contents, full: str) -> str:
    try:
        return contents.hash(Path(full))[:DIGITS]
    except NotebookFileError:
        return ""


class Judge:
    """Compares sets of inputs with what is here."""

    def __init__(
        self,
        never: NeverInputs,
        *,
        line_ends: LineEnds,
        environ: Mapping[str, str],
        code: Callable[..., str],
    ) -> None:
        """`code` makes a keyed hash; `environ` has the variables that runs get."""
        self.never = never
        self._environ = environ
        self._code = code
        self._hashes = Hashes(line_ends)

    def variables(self, run: Run) -> dict[str, str]:
        """Return the keyed hash of each value of `env`, by name."""
        return {name: self._variable(name) for name in run.env}

    def _variable(self, name: str) -> str:
        return self._code("env", name, self._environ.get(name))[:DIGITS]

    def of_sets(self, sets: Iterable[Inputs], run: Run, in_state: Callable[[], Sequence[Json]]) -> Judgement:
        """Judge the sets in evidence: the first that matches, else that with the fewest differences.

        `in_state` returns the records that state has for the same fingerprint: with what evidence does not say.
        """
        kept = cache(lambda: [(from_json(record["inputs"]), record.get("stamps") or {}) for record in in_state()])

        def read() -> list[Inputs]:
            return [inputs for inputs, _ in kept()]

        self._hashes.stamps = cache(lambda: self._stamped(kept()))
        judged: list[Judgement] = []
        for one in sets:
            judged.append(self.of(one, run, read))
            if not judged[-1].reasons:
                return judged[-1]
        return min(judged, key=lambda each: len(each.reasons))

    def _stamped(self, kept: Iterable[tuple[Inputs, Mapping[str, str]]]) -> dict[str, tuple[str, str]]:
        """Return how files looked that were hashed, and their hashes, by their full path."""
        found = {}
        for inputs, stamps in kept:
            hidden = {name.partition(" ")[2]: digest for name, digest in inputs.hidden.items() if name[:4] in _FILES}
            for path, digest in {**hidden, **inputs.code, **inputs.read}.items():
                if path in stamps and digest != CHANGED and (path not in inputs.code or path not in inputs.read):
                    found[self.never.full(path)] = stamps[path], digest
        return found

    def of(self, inputs: Inputs, run: Run, in_state: Callable[[], Sequence[Inputs]] = tuple) -> Judgement:
        """Judge one set, of evidence or of state."""
        one = _One(inputs, run, self.never, self._hashes)
        hidden: list[Mapping[str, str]] = [inputs.hidden]
        if inputs.kept:
            whole = [each for each in in_state() if kept_as(each.hidden, self._code) in inputs.kept]
            hidden = [{**inputs.hidden, **each} for each in _alternatives(each.hidden for each in whole)] or hidden
        one.judge(in_state)
        judged = [one.with_hidden(each, self._variable) for each in hidden]
        return next((each for each in judged if not each.reasons), judged[0])


def _alternatives(parts: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Put together what agrees: runs with other values, but the same results, are several ways to be fresh."""
    found: list[Mapping[str, str]] = []
    for part in parts:
        for place, before in enumerate(found):
            if all(part[name] == before[name] for name in part.keys() & before.keys()):
                found[place] = {**before, **part}
                break
        else:
            found.append(part)
    return found


class _One:
    """One set of inputs, compared with what is here."""

    def __init__(self, inputs: Inputs, run: Run, never: NeverInputs, hashes: Hashes) -> None:
        self._inputs = inputs
        self._run = run
        self._never = never
        self._hashes = hashes
        self._reasons: list[str] = []
        self._away: list[str] = []
        """Not in git, and not here."""
        self._other_forms: dict[str, None] = {}

    def judge(self, in_state: Callable[[], Sequence[Inputs]]) -> None:
        """Compare what evidence says."""
        for what, paths in (("read", self._inputs.read), ("imported", self._inputs.code)):
            for path, before in paths.items():
                self._file(path, before, what)
        for folder, (digest, names) in self._inputs.together.items():
            self._together(folder, digest, names, in_state)
        for path in sorted(self._inputs.absent):
            if os.path.lexists(self._never.full(path)) and not self._never.holds(path, self._run):
                self._reasons.append(f"{path} is new (looked for by the run)")
        for path in sorted(self._inputs.present):
            if not os.path.lexists(self._never.full(path)):
                self._missing(path, "looked for")

    def with_hidden(self, hidden: Mapping[str, str], variable: Callable[[str], str]) -> Judgement:
        """Compare what only state may know, too: what git ignores, and variables. A hash that is not known is empty."""
        before = list(self._reasons), list(self._away)
        unknown: list[str] = []
        for folder, expected in self._inputs.listed.items():
            self._names(folder, expected, hidden)
        for entry, digest in hidden.items():
            kind, _, path = entry.partition(" ")
            if kind in ("file", "code") and not digest and os.path.lexists(self._never.full(path)):
                unknown.append(path)
            elif kind in ("file", "code"):
                self._file(path, digest, "imported" if kind == "code" else "read", in_git=False)
        unset = [name for name in self._run.env if hidden.get(f"env {name}") == ""]
        for name in self._run.env:
            if f"env {name}" not in hidden:
                self._reasons.append(f"`env: {name}` is new")
            elif name not in unset and hidden[f"env {name}"] != variable(name):
                self._reasons.append(f"the value of {name} changed (`env`)")
        said = {
            "inputs outside git ({} not here)": self._away,
            "inputs that git ignores ({})": unknown,
            "variables ({})": unset,
            "code that is written otherwise than before ({})": [*self._other_forms],
        }
        judged = Judgement(
            tuple(self._reasons), tuple(text.format(_some(paths)) for text, paths in said.items() if paths)
        )
        self._reasons, self._away = before
        return judged

    def _file(self, path: str, before: str, what: str, *, in_git: bool = True) -> None:
        if self._never.holds(path, self._run):
            return
        hashed = self._hashes.of_source if what == "imported" else self._hashes.of
        now = hashed(self._never.full(path), before)
        if now == NOT_COMPARABLE:
            self._other_forms[path] = None
        elif now is None and before != CHANGED:
            self._missing(path, what, in_git=in_git)
        elif before == CHANGED:
            self._reasons.append(f"{path} changed while the run went on")
        elif now != before:
            self._reasons.append(f"{path} changed ({what} by the run)")

    def _missing(self, path: str, what: str, *, in_git: bool = True) -> None:
        if self._never.holds(path, self._run):
            return
        marks = (path, f"{path.rpartition('/')[0] or '.'}/")  # itself, or all files of its folder
        if in_git and self._inputs.outside.isdisjoint(marks):
            self._reasons.append(f"{path} is missing ({what} by the run)")
        else:
            self._away.append(path)

    def _together(
        self, folder: str, before: str, names: Sequence[str], in_state: Callable[[], Sequence[Inputs]]
    ) -> None:
        paths = {name: f"{folder}/{name}" if folder else name for name in names}
        files = {name: self._hashes.of(self._never.full(path), "") for name, path in paths.items()}
        for path in [paths[name] for name, digest in files.items() if digest is None][:_SAID]:
            self._missing(path, "read")
        if digest_of_files((name, digest or "") for name, digest in files.items()) == before or None in files.values():
            return
        for kept in in_state():
            known = {name: kept.read.get(path, "") for name, path in paths.items()}
            if digest_of_files(known.items()) == before:
                changed = [paths[name] for name in names if known[name] != files[name]]
                self._reasons += [f"{path} changed (read by the run)" for path in changed[:_SAID]]
                return
        self._reasons.append(f"files in {f'{folder}/' if folder else 'the root'} changed (read by the run)")

    def _names(self, folder: str, expected: Names, hidden: Mapping[str, str]) -> None:
        shown = "the root" if folder == "." else f"{folder}/"
        if expected.digest == CHANGED:
            self._reasons.append(f"the names in {shown} changed while the run went on")
            return
        found = self._never.names_in(folder, self._run)
        here = (found or frozenset()) - expected.written
        if digest_of_names(here) in (expected.digest, hidden.get(f"names {folder}")):
            return
        away = expected.outside - here
        rest = here - self._ignored(folder, here)
        if digest_of_names(rest) == expected.digest and f"names {folder}" not in hidden:
            return
        if away and digest_of_names(rest | away) == expected.digest:
            self._away += [name if folder == "." else f"{folder}/{name}" for name in sorted(away)]
        elif not (found is None and folder in self._inputs.outside):
            self._reasons.append(f"the names in {shown} changed (listed by the run)")

    def _ignored(self, folder: str, names: Iterable[str]) -> frozenset[str]:
        tree = self._never.tree
        place = os.path.relpath(self._never.full(folder), tree)
        paths = {name if place == "." else f"{place}/{name}": name for name in names}
        return frozenset(paths[path] for path in checkout.ignored_files(Path(tree), paths.keys()))


def _some(names: Sequence[str]) -> str:
    paths = sorted(set(names))
    more = f" and {len(paths) - _SAID} more" if len(paths) > _SAID else ""
    return ", ".join(paths[:_SAID]) + more
