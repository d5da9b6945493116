"""What changed between two fingerprints, in words: "parameters.lr 0.01 → 0.02", "src/model.py changed"."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gpu_doc.model import Json
from gpu_doc.stages.fingerprint import Fingerprint

_LONGEST = 60


@dataclass(frozen=True)
class Verdict:
    """Why a run is stale, and what this machine cannot judge. `now` holds the earlier value where it cannot."""

    reasons: tuple[str, ...]
    unchecked: tuple[str, ...]
    now: Fingerprint


def compare(before: Fingerprint, now: Fingerprint, *, cell_name: Callable[[int], str]) -> Verdict:
    """Hold a fingerprint of this machine against an earlier one; `cell_name` names a code cell by its number."""
    machine, unchecked = _seen(before.machine, now.machine)
    reasons = [
        reason
        for part in _keys(before.source, now.source)
        for reason in _source_reasons(part, before.source.get(part), now.source.get(part), cell_name)
    ]
    reasons += _machine_reasons(before.machine, machine)
    return Verdict(tuple(reasons), tuple(unchecked), Fingerprint(now.source, machine))


def _seen(before: Mapping[str, Json], now: Mapping[str, Json]) -> tuple[dict[str, Json], list[str]]:
    """This machine's part, with the earlier value wherever this machine has none to compare."""
    machine, unchecked = dict(now), []
    if None in now["packages"].values():
        missing = [name for name, version in now["packages"].items() if version is None]
        unchecked.append(f"package versions ({', '.join(missing)} not installed here)")
        machine["packages"] = before.get("packages")
    if before.get("device") == "gpu" and now["device"] == "cpu":
        unchecked.append("GPU")
        machine["device"] = "gpu"
    if before.get("image-digest") and not now["image-digest"]:
        unchecked.append("image digest")
        machine["image-digest"] = before["image-digest"]
    absent = [path for path, digest in now["data"].items() if digest is None]
    if absent:
        unchecked.append(f"data outside git ({', '.join(absent)} not here)")
        known = before.get("data") or {}
        machine["data"] = {path: digest or known.get(path) for path, digest in now["data"].items()}
    return machine, unchecked


def _source_reasons(part: str, before: Json, now: Json, cell_name: Callable[[int], str]) -> list[str]:
    if before == now:
        return []
    if part == "code":
        return _code_reasons(before or [], now or [], cell_name)
    if part == "parameters":
        return _mapping_reasons("parameters.", before or {}, now or {})
    if part in ("modules", "files", "data"):
        return _file_reasons(before or {}, now or {})
    return [f"{part} {_show(before)} → {_show(now)}"]


def _code_reasons(before: Sequence[str], now: Sequence[str], cell_name: Callable[[int], str]) -> list[str]:
    if len(before) != len(now):
        pairs = enumerate(zip(before, now, strict=False), start=1)
        first = next((number for number, (a, b) in pairs if a != b), min(len(before), len(now)) + 1)
        name = cell_name(first) if first <= len(now) else f"#{first}"
        return [f"code changed from cell {name} on ({len(before)} → {len(now)} code cells)"]
    changed = [cell_name(i + 1) for i, (a, b) in enumerate(zip(before, now, strict=True)) if a != b]
    return [f"code cell {', '.join(changed)} changed"]


def _mapping_reasons(prefix: str, before: Mapping[str, Json], now: Mapping[str, Json]) -> list[str]:
    return [
        f"{prefix}{key} {_show(before.get(key, 'unset'))} → {_show(now.get(key, 'unset'))}"
        for key in _keys(before, now)
        if before.get(key, ...) != now.get(key, ...)
    ]


def _file_reasons(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    reasons = []
    for path in _keys(before, now):
        if before.get(path) == now.get(path):
            continue
        verb = "is new" if path not in before else "is no longer used" if path not in now else "changed"
        reasons.append(f"{path} is missing" if now.get(path) == "missing" else f"{path} {verb}")
    return reasons


def _machine_reasons(before: Mapping[str, Json], now: Mapping[str, Json]) -> list[str]:
    reasons = _mapping_reasons("", before.get("packages") or {}, now["packages"] or {})
    reasons += _file_reasons(before.get("data") or {}, now["data"] or {})
    for part, name in (("device", "device"), ("image-digest", "image digest")):
        if before.get(part) != now[part]:
            reasons.append(f"{name} {_show(before.get(part))} → {_show(now[part])}")
    return reasons


def _keys(before: Mapping[str, Json], now: Mapping[str, Json]) -> list[str]:
    return list(dict.fromkeys([*before, *now]))


def _show(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
