"""Reads `evidence.json` strictly: each thing in it that gpu-doc would not have written is told, with its line.

Plans read it leniently: for them, what has a wrong shape counts as absent (record/evidence.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from gpu_doc.git import lfs
from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json
from gpu_doc.notebooks import json_places
from gpu_doc.record import checksums, evidence
from gpu_doc.record.evidence import Evidence
from gpu_doc.verify import plain_files
from gpu_doc.verify.findings import Finding, Key, Kind, json_path

_MOST = 20
"""The most differences that are told one by one."""
_EMPTY: Json = {"sources": {}, "settings": {}, "runs": {}, "answers": {}, "text": "", "files": {}}
_MISSHAPEN = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What reading something of another shape raises."""
_SHAPE = "is nothing that gpu-doc writes"


@dataclass
class EvidenceFile:
    """The evidence of a report, as it lies in the checkout."""

    name: str
    """Its path from root, for messages."""
    text: str = ""
    """Its content, with the line ends that git would store."""
    findings: list[Finding] = field(default_factory=list)
    known: Evidence | None = None
    """Everything in it, whether or not it fits its checksums; None if it can't be read."""
    raw_runs: Mapping[str, Json] = field(default_factory=dict)
    """The runs, as they stand there."""
    wrong: tuple[tuple[str, str], ...] = ()
    """The parts that don't fit their checksums (record/checksums.py)."""

    def add(self, kind: Kind, what: str, *keys: Key) -> None:
        """Add a finding at a place in the file."""
        path = json_path(keys) if keys else ""
        self.findings.append(Finding(kind=kind, what=what, where=self.at(*keys), path=path))

    def at(self, *keys: Key) -> Location:
        """Return the line of a place; that of what is around it where there is none."""
        position = 0
        with suppress(ValueError, LookupError, RecursionError):
            position = json_places.blanks(self.text, 0)
            for depth, key in enumerate(keys):
                position = self._positions(keys[:depth], position)[key]
        return Location(self.name, self.text.count("\n", 0, position) + 1 if keys else 0)

    @cached_property
    def _known_positions(self) -> dict[tuple[Key, ...], dict[Key, int]]:
        return {}

    def _positions(self, keys: tuple[Key, ...], position: int) -> dict[Key, int]:
        """Return the positions of the members of what lies at a position."""
        if keys not in self._known_positions:
            found: dict[Key, int] = {}
            if self.text[position] == "{":
                found.update(json_places.members(self.text, position))
            elif self.text[position] == "[":
                found.update(enumerate(json_places.items(self.text, position)))
            self._known_positions[keys] = found
        return self._known_positions[keys]


def read(path: Path, name: str, within: Path, line_ends: LineEnds) -> EvidenceFile:
    """Read evidence; `within` is the checkout."""
    file = EvidenceFile(name)
    try:
        content = plain_files.content(path, within)
    except FileNotFoundError:
        file.add("evidence", "is missing: nothing says what this report was made of; `gpu-doc run` makes it")
        return file
    except plain_files.NotPlainError as error:
        file.add("evidence", str(error))
        return file
    if lfs.oid(content):
        file.add("evidence", f"was not fetched: a pointer of Git LFS stands in its place. {lfs.remedy(name)}")
        return file
    whole = _decoded(file, line_ends.stored(path, content))
    if whole is not None:
        _understand(file, whole)
    return file


def _decoded(file: EvidenceFile, content: bytes) -> Json | None:
    """Return the JSON in a file; None, with a finding, if it is none."""
    try:
        file.text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        file.findings.append(Finding(kind="evidence", what="is not UTF-8", where=Location(file.name, line)))
        return None
    if file.text.startswith("\ufeff"):
        file.add("form", "begins with a byte order mark, which gpu-doc doesn't write")
        file.text = file.text.removeprefix("\ufeff")
    twice: list[str] = []

    def members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [key for key, _ in pairs]
            twice.extend({key for key in names if names.count(key) > 1})
        return found

    try:
        whole = json.loads(file.text, object_pairs_hook=members)
    except json.JSONDecodeError as error:
        where = Location(file.name, error.lineno, error.colno)
        conflict = "it holds a merge conflict" if "<<<<<<<" in file.text else f"{error.msg}"
        file.findings.append(Finding(kind="evidence", what=f"is not JSON: {conflict}", where=where))
        return None
    except (RecursionError, ValueError):
        file.add("evidence", "is not JSON: it is nested too deeply, or holds a number of thousands of digits")
        return None
    for key in twice:
        word = json.dumps(key, ensure_ascii=False) + ":"
        line = file.text.count("\n", 0, file.text.rfind(word)) + 1
        what = f"`{key}` stands twice in the same place: programs differ on which one counts"
        file.findings.append(Finding(kind="form", what=what, where=Location(file.name, line)))
    return whole


def _understand(file: EvidenceFile, whole: Json) -> None:
    if not isinstance(whole, dict) or not isinstance(whole.get("format"), int):
        file.add("evidence", "names no format, so it is not gpu-doc's")
        return
    if evidence.parse(_bytes({**_EMPTY, "format": whole["format"]})) is None:
        file.add(
            "evidence", f"format {whole['format']} is unknown: a later version wrote it, or it was changed", "format"
        )
        return
    try:
        file.known = evidence.parse(_bytes(_without_checksums(whole)))
    except _MISSHAPEN:
        file.known = None
    if file.known is None:
        _tell_shapes(file, whole)
        return
    file.raw_runs = whole["runs"]
    file.wrong = tuple(checksums.wrong(whole)) if file.known.format >= evidence.CHECKSUMS_SINCE else ()
    for part, name in file.wrong:
        keys: tuple[Key, ...] = (part, int(name) if part == "text" else name) if part else ()
        file.add("checksum", f"{checksums.told(part, name)}: what stands here does not fit its checksum", *keys)
    written = json.loads(file.known.to_bytes())
    unlike = [keys for keys in _unlike(whole, written) if not file.wrong or keys[-1] != checksums.KEY]
    for keys in unlike[:_MOST]:
        file.add("form", _told(keys, whole, written), *keys)
    if not file.findings and file.text.encode() != file.known.to_bytes():
        _tell_form(file)


def _without_checksums(whole: Mapping[str, Json]) -> Json:
    """Return evidence without checksums, so that none of its parts is left out."""
    without: Json = {key: value for key, value in whole.items() if key != checksums.KEY}
    for part in ("runs", "answers"):
        entries = whole[part].items()
        without[part] = {name: {k: v for k, v in entry.items() if k != checksums.KEY} for name, entry in entries}
    if isinstance(whole["text"], list):
        without["text"] = [block[:2] for block in whole["text"]]
    return without


def _tell_shapes(file: EvidenceFile, whole: Mapping[str, Json]) -> None:
    """Add a finding for each part that can't be understood, found by reading it alone."""
    base = {**_EMPTY, "format": whole["format"]}
    before = len(file.findings)
    for part in _EMPTY:
        if part not in whole:
            file.add("evidence", f"`{part}` is missing")
        elif isinstance(whole[part], dict) and part != "settings":
            for name, entry in whole[part].items():
                if not _is_understood({**base, part: {name: entry}}):
                    file.add("evidence", _SHAPE, part, name)
        elif not _is_understood({**base, part: whole[part]}):
            file.add("evidence", _SHAPE, part)
    if len(file.findings) == before:
        file.add("evidence", _SHAPE)


def _is_understood(whole: Json) -> bool:
    try:
        return evidence.parse(_bytes(_without_checksums(whole))) is not None
    except _MISSHAPEN:
        return False


def _bytes(whole: Json) -> bytes:
    return json.dumps(whole).encode()


def _unlike(here: Json, written: Json, *keys: Key) -> Iterator[tuple[Key, ...]]:
    """Yield the places where two JSON values differ."""
    if isinstance(here, dict) and isinstance(written, dict):
        for key in dict.fromkeys([*here, *written]):
            if key not in here or key not in written:
                yield (*keys, key)
            else:
                yield from _unlike(here[key], written[key], *keys, key)
    elif isinstance(here, list) and isinstance(written, list) and len(here) == len(written):
        for index, pair in enumerate(zip(here, written, strict=True)):
            yield from _unlike(*pair, *keys, index)
    elif type(here) is not type(written) or repr(here) != repr(written):  # not a number is like no other number
        yield keys


def _told(keys: tuple[Key, ...], whole: Json, written: Json) -> str:
    if keys[0] == "runs" and keys[-1] == "fingerprint":
        return f"run {keys[1]}: this is not the fingerprint of its source and machine"
    if keys[-1] == checksums.KEY:
        return "its checksum is missing"
    try:
        for key in keys:
            whole, written = whole[key], written[key]
    except LookupError:
        return (
            f"`{keys[-1]}` is no key that gpu-doc writes here"
            if keys[-1] not in written
            else f"`{keys[-1]}` is missing"
        )
    return "gpu-doc would write this in another way"


def _tell_form(file: EvidenceFile) -> None:
    """Say where the text differs although it says the same: order, blanks, escapes."""
    assert file.known
    lines, ours = file.text.split("\n"), file.known.to_bytes().decode().split("\n")
    pairs = enumerate(zip(lines, ours, strict=False), start=1)
    line = next((number for number, (a, b) in pairs if a != b), min(len(lines), len(ours)) + 1)
    what = (
        "says what gpu-doc wrote, but in another order, or with other blanks or escapes: keep formatters away from it"
    )
    file.findings.append(Finding(kind="form", what=what, where=Location(file.name, line)))
