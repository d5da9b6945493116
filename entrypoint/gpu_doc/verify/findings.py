"""What `verify` says: findings with their places, and what was not checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gpu_doc.model.location import Location
from gpu_doc.model.values import Json

Kind = Literal["evidence", "checksum", "form", "file", "foreign", "text", "answer", "run", "source", "settings"]
"""What a finding is about: evidence that can't be read; an entry that doesn't fit its checksum; evidence that is not
written as gpu-doc writes it; a file beside the report; a file that is none of the report's; the report's text or a
block; an answer in evidence; a run in evidence; what a run or the text is made from; other settings."""

_WORD = re.compile(r"[A-Za-z_][\w-]*")

Key = str | int


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that doesn't agree with the rest."""

    kind: Kind
    what: str
    """In words, without the place."""
    where: Location
    path: str = ""
    """Where in evidence, as in JSONPath; empty if it is not about evidence."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.path})" if self.path else "")

    def to_json(self) -> dict[str, Json]:
        """Return it as in `verify --json`."""
        place = self.where
        told: dict[str, Json] = {"kind": self.kind, "what": self.what, "file": place.file}
        told |= {"line": place.line or None, "cell": place.cell or None, "path": self.path or None}
        return told


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found of one report."""

    report: str
    findings: tuple[Finding, ...] = ()
    unchecked: tuple[str, ...] = ()
    """What could not be compared here, or never can."""
    counts: tuple[tuple[str, int], ...] = ()
    """How many of what were compared."""

    @property
    def intact(self) -> bool:
        """Whether everything that was compared agrees."""
        return not self.findings

    def to_json(self) -> dict[str, Json]:
        """Return it as in `verify --json`."""
        return {
            "report": self.report,
            "intact": self.intact,
            "findings": [finding.to_json() for finding in self.findings],
            "compared": dict(self.counts),
            "unchecked": list(self.unchecked),
        }


def json_path(keys: Sequence[Key]) -> str:
    """Return a place in a JSON text as JSONPath writes it."""
    import json

    words = [f".{key}" if isinstance(key, str) and _WORD.fullmatch(key) else f"[{json.dumps(key)}]" for key in keys]
    return "".join(["$", *words])
