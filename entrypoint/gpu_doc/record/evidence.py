"""Reads and writes `evidence.json`: the fingerprint of each run of a report, and the SHA-256 of every file.

It is beside the report's pictures. Deleting it is always safe, and a file with a merge conflict counts as deleted. It
contains every answer that the report was rendered from. So a template whose prose changed is rendered again without
running anything, also on a machine without state.

Format 2 has the cells of tables besides their Markdown. Format 3 has what runs read (record/inputs.py), the forms of
code, the claims, and checksums: what does not fit its own counts as absent. Earlier formats are still read, and kept
until something in them changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.configuration import ImageIdentity, Report
from gpu_doc.model.values import Json
from gpu_doc.record.contents import is_file_as
from gpu_doc.record.fingerprint import Fingerprint

if TYPE_CHECKING:
    from gpu_doc.model.answers import Call, Cells
    from gpu_doc.record.inputs import Inputs
    from gpu_doc.record.kept_claims import KeptClaim

FORMAT = 3
_FORMATS = (1, 2, FORMAT)
CHECKSUMS_SINCE = 3
"""The first format that has checksums."""
NAME = "evidence.json"
_LARGEST = 256 << 20
"""The most bytes of evidence. A report is at most 5 MB and shows its answers: a larger file is not ours."""


@dataclass(frozen=True, kw_only=True)
class RunEvidence:
    """A run's inputs. `made` says when, how long and from which commit; it is never compared."""

    source: Mapping[str, Json]
    machine: Mapping[str, Json]
    made: Mapping[str, Json]
    forms: Mapping[str, Json] = field(default_factory=dict, compare=False)
    """What its code does, however it is written (`record/forms.py`); empty where it counts by bytes, and in formats 1
    and 2."""
    inputs: tuple[Inputs, ...] = ()
    """What it read besides: one of these sets. Before format 3, nobody knew."""
    unobserved: str = ""
    """Why not everything that it read is known."""

    @property
    def fingerprint(self) -> Fingerprint:
        """The fingerprint at that time."""
        return Fingerprint(self.source, self.machine)

    def image(self, reference: str | None) -> ImageIdentity | None:
        """Return the image's identity at that time; None if the run had an image of another name, or none."""
        return ImageIdentity.of_machine(self.machine) if self.source.get("image") == reference else None


@dataclass(frozen=True, kw_only=True)
class KeptAnswer:
    """A call's answer, its runs, and the files that it needs."""

    value: Json
    runs: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    cells: Cells | None = field(default=None, compare=False)
    """The cells of a table; None in answers of format 1. They are not compared: digits of a value that a table doesn't
    show may differ from run to run."""
    meaning: Mapping[str, Json] = field(default_factory=dict, compare=False)
    """What the call named and showed of its notebook's source, as `plan/meanings.py` says; empty in formats 1 and 2."""


@dataclass(frozen=True, kw_only=True)
class KeptFile:
    """A file beside the report: the SHA-256 of its bytes, and the digest of its source."""

    sha256: str
    made_from: str


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The content of `evidence.json`."""

    sources: Mapping[str, str] = field(default_factory=dict)
    """The SHA-256 of the files that the text is made from, by path; empty for blocks in place."""
    settings: Mapping[str, Json] = field(default_factory=dict)
    runs: Mapping[str, RunEvidence] = field(default_factory=dict)
    answers: Mapping[str, KeptAnswer] = field(default_factory=dict)
    text: str | tuple[tuple[str, str], ...] = ""
    """The SHA-256 of a generated report; for blocks in place, each expression with the SHA-256 of its body."""
    files: Mapping[str, KeptFile] = field(default_factory=dict)
    claims: tuple[KeptClaim, ...] = ()
    """What the report was published with: which claims about its values held."""
    format: int = field(default=FORMAT, compare=False)
    """The format in which it was read, and will be written."""
    report: str = field(default="", compare=False)
    """The report's path; empty in formats 1 and 2."""
    contradictions: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    """The parts that were left out since they don't fit their checksums (record/checksums.py)."""

    def to_bytes(self) -> bytes:
        """Return the file's text: sorted by name, one entry per line, so that diffs are readable."""
        from gpu_doc.record.evidence_text import to_bytes

        return to_bytes(self)


def read(path: Path) -> Evidence | None:
    """Return the evidence in a file; None if it is missing or can't be understood."""
    try:
        with path.open("rb") as file:
            return parse(file.read(_LARGEST + 1))
    except OSError:
        return None


def parse(content: bytes) -> Evidence | None:
    """Return the evidence in a file's content; None if it can't be understood.

    A pull request may bring any content: what has a wrong shape counts as absent.
    """
    try:
        return None if len(content) > _LARGEST else _consistent(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _consistent(whole: Json) -> Evidence:
    """Return evidence without the parts that don't fit their checksums. Raises what `_parse` raises."""
    known = _parse(whole)
    if known.format < CHECKSUMS_SINCE:
        return known
    from gpu_doc.record import checksums

    return checksums.consistent(known, whole)


def _parse(whole: Json) -> Evidence:
    """Return evidence. Raises ValueError, KeyError, TypeError or AttributeError if something has a wrong shape."""
    _require(type(whole["format"]) is int and whole["format"] in _FORMATS)
    text = whole["text"]
    return Evidence(
        sources={_inside(path): _text(digest) for path, digest in whole["sources"].items()},
        settings={part: _mapping(setting) for part, setting in whole["settings"].items()},
        runs={address: _run(run) for address, run in whole["runs"].items()},
        answers={_call_key(key): _answer(kept) for key, kept in whole["answers"].items()},
        text=text
        if isinstance(text, str)
        else tuple((_text(expression), _text(digest)) for expression, digest, *_ in text),
        files={
            _plain_name(name): KeptFile(sha256=_text(kept["sha256"]), made_from=_text(kept["made-from"]))
            for name, kept in whole["files"].items()
        },
        claims=_claims(whole["claims"]) if "claims" in whole else (),
        format=whole["format"],
        report=_text(whole.get("report", "")),
    )


def _run(run: Json) -> RunEvidence:
    source, machine = _mapping(run["source"]), _mapping(run["machine"])
    for part, value in source.items():
        if part in ("modules", "files", "data"):
            _require(all(isinstance(digest, str) for digest in _mapping(value).values()))
        elif part == "parameters":
            _mapping(value)
        elif part == "code":
            _texts(value)
    for part in ("packages", "data"):
        _require(all(value is None or isinstance(value, str) for value in _mapping(machine[part]).values()))
    sets: tuple[Inputs, ...] = ()
    if run.get("inputs"):
        from gpu_doc.record import inputs

        sets = tuple(map(inputs.from_json, run["inputs"]))
    return RunEvidence(
        source=source,
        machine=machine,
        made=_mapping(run["made"]),
        forms=_forms(run.get("forms", {})),
        inputs=sets,
        unobserved=_text(run.get("unobserved", "")),
    )


def _forms(forms: Json) -> dict[str, Json]:
    _texts(_mapping(forms).get("code", []))
    _require(all(isinstance(form, str) for form in _mapping(forms.get("modules", {})).values()))
    return _mapping(forms)


def _answer(kept: Json) -> KeptAnswer:
    value = kept["value"]
    _require(isinstance(value, str) or not kept["assets"])  # a cell's JSON may be a mapping, and has no picture
    cells = kept.get("cells")
    json.dumps([value, cells], ensure_ascii=False).encode()  # half of a surrogate pair can't be written
    if cells is not None:
        from gpu_doc.record import kept_cells  # few reports have tables

        cells = kept_cells.from_json(cells)
    return KeptAnswer(
        value=value,
        runs=_texts(kept["runs"]),
        assets=_texts(kept["assets"]),
        cells=cells,
        meaning=_meaning(kept.get("meaning", {})),
    )


def _meaning(said: Json) -> dict[str, Json]:
    _require(all(type(place) is int for place in _mapping(said.get("cells", {})).values()))
    _require(all(isinstance(said.get(part, ""), str) for part in ("source", "notebook")))
    return _mapping(said)


def _claims(kept: Json) -> tuple[KeptClaim, ...]:
    from gpu_doc.record import kept_claims  # few reports have claims

    return kept_claims.from_json(kept)


def _call_key(key: str) -> str:
    function, args, kwargs = json.loads(key)
    _require(isinstance(function, str) and isinstance(args, list) and isinstance(kwargs, dict))
    return key


def _inside(path: str) -> str:
    place = PurePosixPath(path)
    _require(not place.is_absolute() and ".." not in place.parts and "\0" not in path)
    return path


def _plain_name(name: str) -> str:
    _require(name not in ("", ".", "..", NAME) and "/" not in name and "\0" not in name)
    _require(len(name.encode()) <= 255)  # what Linux takes; half of a surrogate pair is none of it
    return name


def _mapping(value: Json) -> dict[str, Json]:
    _require(isinstance(value, dict))
    return dict(value)


def _texts(value: Json) -> tuple[str, ...]:
    _require(isinstance(value, list))
    return tuple(map(_text, value))


def _text(value: Json) -> str:
    _require(isinstance(value, str))
    return str(value)


def _require(condition: bool) -> None:  # noqa: FBT001 - it reads as a sentence
    if not condition:
        raise ValueError("not as we write it")


def path_of(report: Report, root: Path) -> Path:
    """Return the path of a report's evidence."""
    return root / report.assets / NAME


def calls_of(evidence: Evidence) -> list[Call]:
    """Return the calls whose answers are in evidence."""
    from gpu_doc.model.answers import Call

    return [Call.from_key(key) for key in evidence.answers]


def missing_files(evidence: Evidence, report: Report, root: Path, line_ends: LineEnds) -> dict[str, str]:
    """Return what is wrong with files that are missing or differ from evidence, by name."""
    wrong, folder = {}, root / report.assets
    for name, kept in evidence.files.items():
        path = folder / name
        if not is_file_as(path, kept.sha256, line_ends):
            wrong[name] = "was changed" if path.is_file() else "is missing"
    return wrong
