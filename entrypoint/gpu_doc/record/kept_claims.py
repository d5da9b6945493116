"""Claims as evidence keeps them: what was claimed, about which value, and whether it held."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from gpu_doc.model.values import Json


@dataclass(frozen=True, kw_only=True)
class KeptClaim:
    """A claim at the time when its report was published."""

    address: str
    expected: str
    """The condition, or the sentence."""
    holds: bool
    value: Json
    """The value that it was judged by; of a table its shape."""
    last: Json = None
    """What was published before, if it compares with that."""
    file: str = ""
    """The file with the sentence; empty for a condition."""
    in_text: bool = False
    """Whether the report's own text has it, as `expect()`."""
    mend: bool = False
    """Whether the sentence is kept right."""

    @property
    def identity(self) -> tuple[str, str, str, bool, bool]:
        """The same as that of the claim (model/claims.py)."""
        return self.file, self.address, self.expected, self.in_text, self.mend


def to_json(claims: Iterable[KeptClaim]) -> list[Json]:
    """Return claims as mappings; what is not set is left out."""
    return [{"where": _where(claim), **_entries(claim)} for claim in claims]


def _where(claim: KeptClaim) -> str:
    return claim.file or ("text" if claim.in_text else "configuration")


def _entries(claim: KeptClaim) -> dict[str, Json]:
    found = {"address": claim.address, "expected": claim.expected, "holds": claim.holds, "value": claim.value}
    more = {"last": claim.last, "mend": claim.mend or None, "sentence": bool(claim.file) or None}
    return found | {name: value for name, value in more.items() if value is not None}


def from_json(claims: Json) -> tuple[KeptClaim, ...]:
    """Return claims from what may be anything. Raises ValueError, KeyError or TypeError if it is not as we write it."""
    if not isinstance(claims, list):
        raise TypeError("no list of claims")
    return tuple(map(_claim, claims))


def _claim(kept: Json) -> KeptClaim:
    json.dumps([kept["value"], kept.get("last")], ensure_ascii=False).encode()
    sentence, where = kept.get("sentence", False), kept["where"]
    texts, flags = (kept["address"], kept["expected"], where), (kept["holds"], sentence, kept.get("mend", False))
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(flag, bool) for flag in flags):
        raise TypeError("no claim as we write it")
    return KeptClaim(
        address=kept["address"],
        expected=kept["expected"],
        holds=kept["holds"],
        value=kept["value"],
        last=kept.get("last"),
        file=where if sentence else "",
        in_text=not sentence and where == "text",
        mend=kept.get("mend", False),
    )
