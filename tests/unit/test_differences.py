from __future__ import annotations

from typing import Any

import pytest

from gpu_doc.stages.differences import compare
from gpu_doc.stages.fingerprint import Fingerprint

SOURCE: dict[str, Any] = {
    "kernel": "python3",
    "code": ["a", "b", "c"],
    "parameters": {"lr": 0.01, "epochs": 5},
    "modules": {"src/model.py": "1"},
}
MACHINE: dict[str, Any] = {
    "device": "cpu",
    "image-digest": None,
    "packages": {"python": "3.11", "numpy": "2.0"},
    "data": {},
}


def verdict(before: Fingerprint, now: Fingerprint) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = compare(before, now, cell_name=lambda number: f"#{number} (name)")
    return found.reasons, found.unchecked


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"parameters": {"lr": 0.02, "epochs": 5}}, "parameters.lr 0.01 → 0.02"),
        ({"parameters": {"lr": 0.01}}, "parameters.epochs 5 → unset"),
        ({"parameters": {"lr": None, "epochs": 5}}, "parameters.lr 0.01 → null"),
        ({"code": ["a", "x", "c"]}, "code cell #2 (name) changed"),
        ({"code": ["a", "b"]}, "code changed from cell #3 on (3 → 2 code cells)"),
        ({"code": ["a", "n", "b", "c"]}, "code changed from cell #2 (name) on (3 → 4 code cells)"),
        ({"modules": {"src/model.py": "2"}}, "src/model.py changed"),
        ({"modules": {}}, "src/model.py is no longer used"),
        ({"files": {"conf.json": "1"}}, "conf.json is new"),
        ({"kernel": "ir"}, "kernel python3 → ir"),
    ],
)
def test_a_change_of_source_is_said_in_words(change: dict[str, Any], reason: str) -> None:
    assert verdict(Fingerprint(SOURCE, MACHINE), Fingerprint({**SOURCE, **change}, MACHINE)) == ((reason,), ())


@pytest.mark.parametrize(
    ("before", "now", "reasons", "unchecked"),
    [
        ({}, {"packages": {"python": "3.11", "numpy": "2.1"}}, ("numpy 2.0 → 2.1",), ()),
        ({}, {"packages": {"python": "3.12", "numpy": None}}, (), ("package versions (numpy not installed here)",)),
        ({"device": "gpu"}, {}, (), ("GPU",)),
        ({}, {"device": "gpu"}, ("device cpu → gpu",), ()),
        ({"image-digest": "sha256:1"}, {}, (), ("image digest",)),
        ({"data": {"/srv/d": "1"}}, {"data": {"/srv/d": "2"}}, ("/srv/d changed",), ()),
        ({"data": {"/srv/d": "1"}}, {"data": {"/srv/d": None}}, (), ("data outside git (/srv/d not here)",)),
    ],
)
def test_the_machine_part_is_judged_only_where_it_can_be_seen(
    before: dict[str, Any], now: dict[str, Any], reasons: tuple[str, ...], unchecked: tuple[str, ...]
) -> None:
    earlier = Fingerprint(SOURCE, {**MACHINE, **before})
    assert verdict(earlier, Fingerprint(SOURCE, {**MACHINE, **now})) == (reasons, unchecked)


def test_what_cannot_be_seen_keeps_the_fingerprint_as_it_was() -> None:
    earlier = Fingerprint(SOURCE, {**MACHINE, "device": "gpu"})
    poor = Fingerprint(SOURCE, {**MACHINE, "packages": {"python": "3.12", "numpy": None}})
    assert compare(earlier, poor, cell_name=str).now.text == earlier.text
