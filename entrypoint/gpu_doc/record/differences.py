"""Describes the differences of two fingerprints: "parameters.lr 0.01 → 0.02", "src/model.py changed"."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gpu_doc.model.configuration import ImageIdentity
from gpu_doc.model.values import Json
from gpu_doc.record.fingerprint import OUTPUT, Fingerprint, short_hash

_LONGEST = 60


@dataclass(frozen=True)
class Verdict:
    """Why a run is stale, and what this machine can't check. For that, `now` has the earlier value."""

    reasons: tuple[str, ...]
    unchecked: tuple[str, ...]
    now: Fingerprint


def compare(before: Fingerprint, now: Fingerprint, *, cell_name: Callable[[int], str]) -> Verdict:
    """Compare a fingerprint of this machine with an earlier one; `cell_name` returns a code cell's name by number."""
    machine, unchecked = _seen(before.machine, now.machine)
    data, absent = _data(before, now)
    seen = Fingerprint(_with(now.source, data=data.source), _with(machine, data=data.machine))
    reasons = [
        reason
        for part in _keys(before.source, now.source)
        if part != "data" and (part != OUTPUT or OUTPUT in before.source)
        for reason in _source_reasons(part, before.source.get(part), now.source.get(part), cell_name)
    ]
    reasons += [*_machine_reasons(before.machine, machine), *data.reasons]
    if absent:
        unchecked.append(f"data outside git ({', '.join(absent)} not here)")
    return Verdict(tuple(reasons), tuple(unchecked), seen if reasons else before)


def _with(part: Mapping[str, Json], *, data: Mapping[str, Json]) -> dict[str, Json]:
    """Return the part with other data; a source part without data has no such key."""
    changed = {**part, "data": dict(data)}
    return changed if data or "data" in part else {key: value for key, value in changed.items() if key != "data"}


def _seen(before: Mapping[str, Json], now: Mapping[str, Json]) -> tuple[dict[str, Json], list[str]]:
    """Return this machine's part, with the earlier value wherever this machine has none to compare."""
    machine, unchecked = dict(now), []
    packages = before["packages"]
    # A package that was missing then too, such as google.colab in a `try`, does not prevent a comparison of the rest.
    missing = [
        name for name, version in now["packages"].items() if version is None and packages.get(name, "?") is not None
    ]
    if missing:
        unchecked.append(f"package versions ({', '.join(missing)} not installed here)")
        machine["packages"] = packages
    if before.get("device") == "gpu" and now["device"] == "cpu":
        unchecked.append("GPU")
        machine["device"] = "gpu"
    if before.get("image-digest") and not now["image-digest"]:
        unchecked.append("image digest")
        machine |= {key: before[key] for key in ("image-digest", "image-content") if key in before}
    return machine, unchecked


@dataclass
class _Data:
    """Declared data; what can't be checked has the earlier value."""

    source: dict[str, Json]
    machine: dict[str, Json]
    reasons: list[str]


def _data(before: Fingerprint, now: Fingerprint) -> tuple[_Data, list[str]]:
    """Compare declared data, and list what is not here.

    If git has all of the data, its hash is in the source part, else in the machine part; a move from one to the other,
    for example by `git add`, is no change.
    """
    earlier, earlier_all = (dict(part.get("data") or {}) for part in (before.source, before.machine))
    carried, whole = (dict(part.get("data") or {}) for part in (now.source, now.machine))
    found, absent = _Data(carried, whole, []), []
    for path in _keys({**earlier, **earlier_all}, {**carried, **whole}):
        if path not in carried and path not in whole:
            found.reasons.append(f"{path} is no longer used")
            continue
        before_hash, hash_now = earlier_all.get(path, earlier.get(path)), whole.get(path, carried.get(path))
        not_here = earlier_all.get(path) and not whole.get(path) and earlier.get(path) == carried.get(path)
        if not_here and before_hash != hash_now:
            absent.append(path)
        elif before_hash != hash_now:
            known = path in earlier or path in earlier_all
            missing = hash_now in (None, "missing")
            found.reasons.append(f"{path} {'is missing' if missing else 'changed' if known else 'is new'}")
            continue
        for part, old in ((carried, earlier), (whole, earlier_all)):
            part.pop(path, None)
            part.update({path: old[path]} if path in old else {})
    return found, absent


def _source_reasons(part: str, before: Json, now: Json, cell_name: Callable[[int], str]) -> list[str]:
    if _equal(before, now):
        return []
    if part == "code":
        return _code_reasons(before or [], now or [], cell_name)
    if part == "parameters":
        return _mapping_reasons("parameters.", before or {}, now or {})
    if part in ("modules", "files"):
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
        if (key in before) != (key in now) or not _equal(before.get(key), now.get(key))
    ]


def _equal(before: Json, now: Json) -> bool:
    """Return whether two values are the same JSON, as in fingerprints: 1 is neither 1.0 nor true, NaN is NaN."""
    return short_hash(before) == short_hash(now)


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
    if before.get("device") != now["device"]:
        reasons.append(f"device {_show(before.get('device'))} → {_show(now['device'])}")
    image, image_now = ImageIdentity.of_machine(before), ImageIdentity.of_machine(now)
    if (image and image_now and not image.same(image_now)) or (image is None) != (image_now is None):
        reasons.append(f"image digest changed ({_short(before.get('image-digest'))} → {_short(now['image-digest'])})")
    return reasons


def _short(digest: str | None) -> str:
    """Return the beginning of a digest, without its repository: enough to tell two apart."""
    return digest.rpartition("@")[2].removeprefix("sha256:")[:12] if digest else "none"


def _keys(before: Mapping[str, Json], now: Mapping[str, Json]) -> list[str]:
    return list(dict.fromkeys([*before, *now]))


def _show(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
