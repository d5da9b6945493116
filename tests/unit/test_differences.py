from __future__ import annotations

from typing import Any

import pytest

from gpu_doc.record.differences import compare
from gpu_doc.record.fingerprint import Fingerprint

SOURCE: dict[str, Any] = {
    "kernel": "python3",
    "code": ["a", "b", "c"],
    "parameters": {"lr": 0.01, "epochs": 5},
    "modules": {"src/model.py": "1"},
    "limits.output": 10_000_000,
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
        ({"limits.output": 1000}, "limits.output 10000000 → 1000"),
    ],
)
def test_a_change_of_source_is_said_in_words(change: dict[str, Any], reason: str) -> None:
    assert verdict(Fingerprint(SOURCE, MACHINE), Fingerprint({**SOURCE, **change}, MACHINE)) == ((reason,), ())


def test_evidence_of_before_there_was_a_limit_in_it_says_nothing_of_it() -> None:
    earlier = {part: value for part, value in SOURCE.items() if part != "limits.output"}
    assert verdict(Fingerprint(earlier, MACHINE), Fingerprint(SOURCE, MACHINE)) == ((), ())


@pytest.mark.parametrize(
    ("before", "now", "reasons", "unchecked"),
    [
        ({}, {"packages": {"python": "3.11", "numpy": "2.1"}}, ("numpy 2.0 → 2.1",), ()),
        ({}, {"packages": {"python": "3.12", "numpy": None}}, (), ("package versions (numpy not installed here)",)),
        ({"device": "gpu"}, {}, (), ("GPU",)),
        ({}, {"device": "gpu"}, ("device cpu → gpu",), ()),
        ({"image-digest": "sha256:1"}, {}, (), ("image digest",)),
        ({"image-digest": "x@sha256:1", "image-content": "sha256:2"}, {}, (), ("image digest",)),
        ({"image-digest": "x@sha256:1"}, {"image-digest": "x@sha256:2"}, ("image digest changed (1 → 2)",), ()),
        # The same image by another name: of an index and of what it lists, and before any registry had it.
        ({"image-digest": "x@sha256:1", "image-content": "a"}, {"image-digest": "b", "image-content": "a"}, (), ()),
        ({"image-digest": "sha256:a"}, {"image-digest": "x@sha256:1", "image-content": "sha256:a"}, (), ()),
        ({"image-digest": "x@sha256:1"}, {"image-digest": "x@sha256:1", "image-content": "a"}, (), ()),
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


@pytest.mark.parametrize(
    ("before", "now", "reasons"),
    [
        (1, 1.0, ("parameters.x 1 → 1.0",)),
        (1, True, ("parameters.x 1 → true",)),
        (float("nan"), float("nan"), ()),
    ],
)
def test_values_are_compared_as_fingerprints_see_them(before: Any, now: Any, reasons: tuple[str, ...]) -> None:
    earlier, later = ({**SOURCE, "parameters": {"x": value}} for value in (before, now))
    assert verdict(Fingerprint(earlier, MACHINE), Fingerprint(later, MACHINE)) == (reasons, ())


def test_a_package_that_was_missing_then_too_keeps_nobody_from_judging_the_rest() -> None:
    earlier = Fingerprint(SOURCE, {**MACHINE, "packages": {"google": None, "numpy": "2.0"}})
    now = Fingerprint(SOURCE, {**MACHINE, "packages": {"google": None, "numpy": "2.1"}})
    assert verdict(earlier, now) == (("numpy 2.0 → 2.1",), ())


@pytest.mark.parametrize(
    ("before", "now", "reasons", "unchecked"),
    [
        # Hashes of what git carries, and of all of it where there is more.
        (({}, {"d": "all"}), ({"d": "all"}, {}), (), ()),  # added to git
        (({"d": "all"}, {}), ({}, {"d": "all"}), (), ()),
        (({"d": "some"}, {"d": "all"}), ({"d": "some"}, {}), (), ("data outside git (d not here)",)),
        (({"d": "some"}, {"d": "all"}), ({"d": "other"}, {}), ("d changed",), ()),
        (({"d": "some"}, {"d": "all"}), ({"d": "some"}, {"d": "new"}), ("d changed",), ()),
        (({"d": "some"}, {"d": "all"}), ({}, {}), ("d is no longer used",), ()),
        (({"d": "all"}, {}), ({"d": "missing"}, {}), ("d is missing",), ()),
        (({}, {}), ({"d": "all"}, {}), ("d is new",), ()),
    ],
)
def test_data_is_the_same_whoever_carries_it(
    before: tuple[Any, Any], now: tuple[Any, Any], reasons: tuple[str, ...], unchecked: tuple[str, ...]
) -> None:
    earlier, later = (
        Fingerprint({**SOURCE, "data": source}, {**MACHINE, "data": machine}) for source, machine in (before, now)
    )
    found = compare(earlier, later, cell_name=str)
    assert (found.reasons, found.unchecked) == (reasons, unchecked)
    if not reasons:
        assert found.now.text == earlier.text
