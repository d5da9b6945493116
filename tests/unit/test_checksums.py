"""Checksums in evidence: what was changed by hand is left out, and told by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gpu_doc.model.answers import Call, Cell
from gpu_doc.record import checksums, evidence
from gpu_doc.record.evidence import Evidence, KeptAnswer, KeptFile, RunEvidence

VALUE = Call(function="value", args=("a/x",)).key
SHOT = Call(function="shot", args=("a/x",)).key
MACHINE: dict[str, Any] = {"device": "cpu", "image-digest": None, "packages": {}, "data": {}}
KNOWN = Evidence(
    sources={"a.md.j2": "ab"},
    settings={"capture": {"width": 880}},
    runs={
        name: RunEvidence(source={"parameters": {"lr": 0.1}}, machine=MACHINE, made={"seconds": 1.5}) for name in "ab"
    },
    answers={
        VALUE: KeptAnswer(value=0.5, runs=("a",)),
        SHOT: KeptAnswer(value="![](a.png)", runs=("a",), assets=("a.png",), cells=((Cell(text="1"),),)),
    },
    text="cd",
    files={"a.png": KeptFile(sha256="ef", made_from="01")},
)


def changed(change: Callable[[Any], object], known: Evidence = KNOWN) -> Evidence:
    whole = json.loads(known.to_bytes())
    change(whole)
    read = evidence.parse(json.dumps(whole).encode())
    assert read is not None
    return read


def test_what_nobody_changed_contradicts_nothing() -> None:
    read = changed(lambda _: None)
    assert (read, read.contradictions) == (KNOWN, ())
    assert read.to_bytes() == KNOWN.to_bytes()


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda whole: whole["answers"][VALUE].update(value=0.6), ("answers", VALUE)),
        (lambda whole: whole["answers"][SHOT].update(cells=[["2"]]), ("answers", SHOT)),
        (lambda whole: whole["files"]["a.png"].update(sha256="ee"), ("answers", SHOT)),
        (lambda whole: whole["runs"]["b"]["source"]["parameters"].update(lr=0.2), ("runs", "b")),
        (lambda whole: whole["runs"]["b"]["made"].update(seconds=1.4), ("runs", "b")),
        (lambda whole: whole["runs"]["b"].update(fingerprint="0-0"), ("runs", "b")),
        (lambda whole: whole.update(text="ce"), ("", "")),
        (lambda whole: whole["sources"].update({"a.md.j2": "ac"}), ("", "")),
        (lambda whole: whole["settings"]["capture"].update(width=100), ("", "")),
        (lambda whole: whole.update(checksum="0"), ("", "")),
    ],
)
def test_what_was_changed_is_named_and_left_out(change: Callable[[Any], object], part: tuple[str, str]) -> None:
    read = changed(change)
    assert read.contradictions == (part,)
    assert (part[0] != "answers") == (read.answers == KNOWN.answers)
    assert set(read.runs) == {"a", "b"} - {part[1]}
    assert read.text == ("" if part == ("", "") else "cd")


def test_each_block_has_its_own() -> None:
    blocks = Evidence(text=(("a", "01"), ("b", "02")))

    def change(whole: Any) -> None:
        whole["text"][1][1] = "03"

    read = changed(change, blocks)
    assert read.contradictions == (("text", "1"),)
    assert read.text == (("a", "01"), ("b", ""))


def test_evidence_of_earlier_formats_has_none() -> None:
    for earlier in (1, 2):
        whole = json.loads(Evidence(answers={VALUE: KeptAnswer(value=1)}, format=earlier).to_bytes())
        assert "checksum" not in json.dumps(whole)
        whole["answers"][VALUE]["value"] = 2
        read = evidence.parse(json.dumps(whole).encode())
        assert read is not None
        assert read.contradictions == ()


def test_half_a_character_that_cannot_be_written_is_no_contradiction() -> None:
    odd = RunEvidence(source={"files": {"\udce9": "a"}}, machine=MACHINE, made={})
    read = changed(lambda _: None, Evidence(runs={"a": odd}, answers={VALUE: KeptAnswer(value="\ud800")}))
    assert read.contradictions == ()


def test_the_parts_in_words() -> None:
    told = [checksums.told(*part) for part in (("runs", "a"), ("answers", VALUE), ("text", "0"), ("", ""))]
    assert told == ["run a", 'value("a/x")', "block 1 of the text", "the text and what it is made from"]
