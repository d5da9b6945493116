"""How evidence is written; only what is refreshed needs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gpu_doc.model.values import Json
from gpu_doc.record import checksums, kept_cells, kept_claims
from gpu_doc.record.evidence import CHECKSUMS_SINCE
from gpu_doc.record.inputs import to_json

if TYPE_CHECKING:
    from gpu_doc.record.evidence import Evidence, KeptAnswer


def to_bytes(evidence: Evidence) -> bytes:
    """As it is written: sorted by name, a line each, so that a difference in git reads well."""
    runs = {
        address: {
            "fingerprint": run.fingerprint.text,
            "source": dict(run.source),
            "machine": dict(run.machine),
            "made": dict(run.made),
            **({"forms": dict(run.forms)} if run.forms else {}),
            **({"inputs": list(map(to_json, run.inputs))} if run.inputs else {}),
            **({"unobserved": run.unobserved} if run.unobserved else {}),
        }
        for address, run in evidence.runs.items()
    }
    answers = {key: _answer_to_json(kept) for key, kept in evidence.answers.items()}
    files = {name: {"sha256": kept.sha256, "made-from": kept.made_from} for name, kept in evidence.files.items()}
    text = evidence.text if isinstance(evidence.text, str) else [list(block) for block in evidence.text]
    whole: dict[str, Json] = {
        "format": evidence.format,
        "sources": dict(evidence.sources),
        "settings": dict(evidence.settings),
        "runs": runs,
        "answers": answers,
        "text": text,
        "files": files,
        **({"report": evidence.report} if evidence.report else {}),
    }
    if evidence.claims:
        whole["claims"] = kept_claims.to_json(evidence.claims)
    if evidence.format >= CHECKSUMS_SINCE:
        # As it will be read: half of a surrogate pair can't be written.
        whole = json.loads(json.dumps(whole, ensure_ascii=False).encode("utf-8", "replace"))
        checksums.add(whole)
    return (json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _answer_to_json(kept: KeptAnswer) -> dict[str, Json]:
    answer: dict[str, Json] = {"value": kept.value, "runs": list(kept.runs), "assets": list(kept.assets)}
    if kept.meaning:
        answer["meaning"] = dict(kept.meaning)
    return answer if kept.cells is None else answer | {"cells": kept_cells.to_json(kept.cells)}
