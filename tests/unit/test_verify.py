"""`verify`: kinds of tampering with a published report, each found with its place; and what is no tampering."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit import tampering
from tests.unit.tampering import ASSETS, CURVE, EVIDENCE, NOTES, REPORT, SAMPLES, Copy, digest

from gpu_doc.errors import ConfigError

ACCURACY = '["value", ["baseline/accuracy"], {}]'
COMPARE = '["compare", ["sweep[*]"], {"values": ["accuracy", "test-loss", "mistakes"]}]'
TABLE = '["table", ["baseline/per-digit"], {}]'
TRAINING = '["code", ["baseline/training"], {}]'
NOTES_EVIDENCE = "docs/notes.assets/evidence.json"
PNG = CURVE.rpartition("/")[2]

Tamper = Callable[[Copy], object]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Copy]]:
    with tampering.copies(tmp_path_factory.mktemp("tampering")) as copied:
        yield copied


def answer(key: str, name: str, value: Any) -> Tamper:
    return lambda copy: copy.evidence(lambda whole: whole["answers"][key].update({name: value}))


def run(name: str, **parts: Any) -> Tamper:
    """Change entries of a run's source, machine or made."""

    def change(whole: Any) -> None:
        for part, entries in parts.items():
            whole["runs"][name][part].update({key.replace("_", "-"): value for key, value in entries.items()})

    return lambda copy: copy.evidence(change)


def both(*tampers: Tamper) -> Tamper:
    return lambda copy: [tamper(copy) for tamper in tampers]


def edit(name: str, before: str, after: str, count: int = 1) -> Tamper:
    return lambda copy: copy.edit(name, before, after, count)


def whole(change: Callable[[Any], object], name: str = EVIDENCE) -> Tamper:
    return lambda copy: copy.evidence(change, name)


def rehash(copy: Copy) -> None:
    """Make the hash of the text in evidence that of the report."""
    copy.evidence(lambda found: found.update(text=digest(copy.read())))


def resum(copy: Copy) -> None:
    copy.resum()


def swap(copy: Copy) -> None:
    first, second = copy.path(CURVE), copy.path(SAMPLES)
    contents = first.read_bytes(), second.read_bytes()
    second.write_bytes(contents[0])
    first.write_bytes(contents[1])


def replaced(name: str, make: Callable[[Path], object]) -> Tamper:
    def tamper(copy: Copy) -> None:
        copy.path(name).unlink()
        make(copy.path(name))

    return tamper


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(5 << 30)


def linked(copy: Copy) -> None:
    outside = copy.root.with_name(f"{copy.root.name}.png")
    copy.path(CURVE).rename(outside)
    copy.path(CURVE).symlink_to(os.path.relpath(outside, copy.path(ASSETS)))


def older(copy: Copy) -> None:
    now = copy.path(CURVE).read_bytes()
    copy.write(CURVE, now + b"older")
    copy.commit()
    copy.write(CURVE, now)
    copy.commit()
    copy.write(CURVE, now + b"older")


def conflict(copy: Copy) -> None:
    text = copy.read(EVIDENCE)
    copy.write(EVIDENCE, text.replace(' "format"', '<<<<<<< ours\n "format"', 1))


def reordered(copy: Copy) -> None:
    found = json.loads(copy.read(EVIDENCE))
    copy.write(EVIDENCE, json.dumps(dict(reversed(found.items())), indent=1, ensure_ascii=False) + "\n")


def twice(copy: Copy) -> None:
    copy.edit(EVIDENCE, '   "value": 0.9755555555555555', '   "value": 0.99,\n   "value": 0.9755555555555555')


def of_another_report(copy: Copy) -> None:
    copy.write(EVIDENCE, copy.read(NOTES_EVIDENCE))


CASES: dict[str, tuple[Tamper, str]] = {
    # --- the report ---
    "a number in prose": (edit(REPORT, "97.6 %", "99.6 %"), r"report.md:\d+: `.*99\.6`"),
    "a number in a table": (edit(REPORT, "0.8356", "0.1356"), r"report.md:\d+: `.*0\.1356"),
    "a word of the template's own": (edit(REPORT, "network", "netwerk"), r"report.md:\d+: `"),
    "a look-alike letter": (edit(REPORT, "a", "\u0430"), r"report.md:\d+: .*U\+0430"),
    "a look-alike digit": (edit(REPORT, "97.6 %", "9\uff17.6 %"), r"report.md:\d+: .*U\+FF17"),
    "a space without a width": (edit(REPORT, "97.6 %", "97.6\u200b %"), r"report.md:\d+: .*U\+200B"),
    "a byte order mark": (lambda c: c.write(REPORT, "\ufeff" + c.read()), r"report.md:1: .*U\+FEFF"),
    "a blank at the end of a line": (edit(REPORT, "\n\n", " \n\n"), r"report.md:\d+: .*blanks"),
    "an empty line at the end": (lambda c: c.write(REPORT, c.read() + "\n"), r"report.md:\d+: `` is none of its text"),
    "a line taken out": (
        lambda c: c.write(REPORT, re.sub(r"\n\| 0.05 .*", "", c.read())),
        r"report.md:\d+: here is missing `\| 0.05",
    ),
    "a line put in": (edit(REPORT, "\n\n", "\n\nIt is the best.\n\n"), r"report.md:\d+: `It is the best\.` is none"),
    "two lines in the other order": (
        lambda c: c.write(REPORT, re.sub(r"(\n\| 1 \|.*)(\n\| 2 \|.*)", r"\2\1", c.read())),
        r"report.md:\d+: ",
    ),
    "carriage returns without git": (
        lambda c: c.write(REPORT, c.read().replace("\n", "\r\n")),
        r"report.md:1: ends in CR",
    ),
    "a path to another picture": (edit(REPORT, PNG, SAMPLES.rpartition("/")[2]), r"report.md:\d+: `"),
    "other alternative text": (
        edit(REPORT, "![Two loss curves that fall", "![One loss curve that rises"),
        r"report.md:\d+: `",
    ),
    "not a report's bytes": (lambda c: c.write(REPORT, b"\xff" + c.path(REPORT).read_bytes()), r"report.md:1: "),
    "no report": (lambda c: c.path(REPORT).unlink(), r"report.md: is missing"),
    "a folder for the report": (replaced(REPORT, Path.mkdir), r"report.md: is a folder"),
    "a pipe for the report": (replaced(REPORT, os.mkfifo), r"report.md: is no plain file"),
    "a number, and the text's hash": (
        both(edit(REPORT, "97.6 %", "99.6 %"), rehash),
        r"report.md:\d+: evidence says otherwise: .*99\.6",
    ),
    "a number, the text's hash and checksums": (
        both(edit(REPORT, "97.6 %", "99.6 %"), rehash, resum),
        r"report.md:\d+: evidence says otherwise: .*99\.6",
    ),
    "the text's hash alone": (
        whole(lambda e: e.update(text="0" * 64)),
        r"evidence.json:\d+: this is not the SHA-256 .*\(\$\.text\)",
    ),
    # --- the template ---
    "the template's words": (edit("templates/report.md.j2", "network", "netwerk"), r"report.md.j2: changed since"),
    "the template's hash": (
        whole(lambda e: e["sources"].update({"templates/report.md.j2": "0" * 64})),
        r"report.md.j2: changed since",
    ),
    "another template in evidence": (
        whole(lambda e: e.update(sources={"templates/other.j2": "0" * 64})),
        r"evidence.json:\d+: was made from another template",
    ),
    # --- pictures ---
    "an edited picture": (lambda c: c.write(CURVE, c.path(CURVE).read_bytes() + b"\0"), rf"{PNG}: was changed"),
    "two pictures swapped": (swap, rf"{PNG}: is the file that belongs at baseline-samples"),
    "no picture": (lambda c: c.path(CURVE).unlink(), rf"{PNG}: is missing"),
    "a foreign picture": (
        lambda c: c.write(f"{ASSETS}/other.png", b"x"),
        r"other\.png: is not one of the report's files",
    ),
    "a foreign folder": (lambda c: c.path(f"{ASSETS}/more").mkdir(), r"assets/more: is not one of"),
    "a picture of an older run": (older, rf"{PNG}: is as commit [0-9a-f]+ of [\d-]+ left it"),
    "a head like a pointer's": (
        lambda c: c.write(CURVE, "version https://git-lfs.github.com/spec/v1\n" + c.path(CURVE).read_bytes().hex()),
        rf"{PNG}: begins like a pointer",
    ),
    "a pointer to another picture": (
        lambda c: c.write(CURVE, f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 3\n"),
        rf"{PNG}: (was changed|begins)",
    ),
    "a link out of the checkout": (linked, rf"{PNG}: is a link that leads out"),
    "a link to an absolute path": (
        replaced(CURVE, lambda path: path.symlink_to(path.parent / "evidence.json")),
        rf"{PNG}: is a link to /",
    ),
    "a link to another picture": (
        replaced(CURVE, lambda path: path.symlink_to(SAMPLES.rpartition("/")[2])),
        rf"{PNG}: is the file that belongs at baseline-samples",
    ),
    "a link that leads to itself": (replaced(CURVE, lambda path: path.symlink_to(path.name)), rf"{PNG}: "),
    "a folder for a picture": (replaced(CURVE, Path.mkdir), rf"{PNG}: is a folder"),
    "a pipe for a picture": (replaced(CURVE, os.mkfifo), rf"{PNG}: is no plain file"),
    "a picture without end": (replaced(CURVE, sparse), rf"{PNG}: has 5,368,709,120 bytes"),
    "a picture, and its hash": (
        both(
            lambda c: c.write(CURVE, "x"),
            whole(lambda e: e["files"][PNG].update(sha256=digest("x"))),
        ),
        r"evidence.json:\d+: shot\(.* does not fit its checksum",
    ),
    "what a picture is made from": (
        whole(lambda e: e["files"][PNG].update({"made-from": "0" * 64})),
        r"does not fit its checksum",
    ),
    "a digest that is none": (
        both(whole(lambda e: e["files"][PNG].update({"made-from": "0"})), resum),
        r"evidence.json:\d+: this is no SHA-256",
    ),
    "a file that no answer shows": (
        both(
            whole(lambda e: e["files"].update({"x.png": e["files"][PNG]})),
            lambda c: c.write(f"{ASSETS}/x.png", c.path(CURVE).read_bytes()),
        ),
        r"evidence.json:\d+: no answer shows this file .*x\.png",
    ),
    "a file's entry taken out": (whole(lambda e: e["files"].pop(PNG)), r"says nothing of its file baseline-loss-curve"),
    # --- answers ---
    "a value alone": (
        answer(ACCURACY, "value", 0.9955),
        r"evidence.json:\d+: value\(\"baseline/accuracy\"\): what stands here does not fit",
    ),
    "a value and its checksum": (
        both(answer(ACCURACY, "value", 0.9955), resum),
        r"report.md:\d+: evidence says otherwise: .*97\.6",
    ),
    "a table's Markdown alone": (answer(TABLE, "value", "| digit |\n| --- |\n| 1 |"), r"\$\.answers\[.*\.cells"),
    "a table's Markdown and its checksum": (
        both(answer(TABLE, "value", "| digit |\n| --- |\n| 1 |"), resum),
        r"say another table than its Markdown",
    ),
    "a table's cells alone": (
        both(answer(TABLE, "cells", [["digit"], ["7"]]), resum),
        r"evidence.json:\d+: table\(.*say another table",
    ),
    "a cell's value in a comparison": (
        both(whole(lambda e: e["answers"][COMPARE]["cells"][1][1].update(value=0.9)), resum),
        r"evidence.json:\d+: compare\(.*values that the table doesn't show so, first in row 1",
    ),
    "an answer of another run": (
        both(answer(ACCURACY, "runs", ["methods"]), resum),
        r"comes from baseline, and here from methods",
    ),
    "an answer of no run": (
        both(answer(ACCURACY, "runs", ["nowhere"]), resum),
        r"evidence says nothing of run nowhere",
    ),
    "an answer with another's picture": (
        both(
            whole(
                lambda e: [
                    a.update(assets=[SAMPLES.rpartition("/")[2]]) for a in e["answers"].values() if PNG in a["assets"]
                ]
            ),
            resum,
        ),
        r"baseline-samples-75b07576\.png is the file of another call",
    ),
    "an answer taken out": (
        whole(lambda e: e["answers"].pop(ACCURACY)),
        r"j2:\d+: can't be rendered .* no answer to this call",
    ),
    "an answer put in": (
        both(
            whole(lambda e: e["answers"].update({'["value", ["baseline/extra"], {}]': e["answers"][ACCURACY]})), resum
        ),
        r"evidence.json:\d+: value\(\"baseline/extra\"\): the report asks for no such thing",
    ),
    "a call's key": (
        lambda c: c.edit(EVIDENCE, json.dumps(ACCURACY), json.dumps(ACCURACY.replace("accuracy", "accurocy"))),
        r"accurocy.*does not fit its checksum",
    ),
    "a call's key with other blanks": (
        lambda c: c.edit(EVIDENCE, json.dumps(ACCURACY), json.dumps(ACCURACY.replace(", ", ","))),
        r"not written as gpu-doc writes it",
    ),
    # --- runs ---
    "a parameter in configuration and evidence": (
        both(
            edit("gpu-doc.yml", "learning_rate: 0.05}", "learning_rate: 0.06}"),
            run("baseline", source={"parameters": {"learning_rate": 0.06}}),
        ),
        r"evidence.json:\d+: run baseline: what stands here does not fit",
    ),
    "a parameter in configuration and evidence, and checksums": (
        both(
            edit("gpu-doc.yml", "learning_rate: 0.05}", "learning_rate: 0.06}"),
            run("baseline", source={"parameters": {"learning_rate": 0.06}}),
            resum,
        ),
        r"evidence.json:\d+: environment\(\"baseline\"\): say other parameters than the run has: learning_rate = 0.06",
    ),
    "a package's version and its checksum": (
        both(whole(lambda e: e["runs"]["baseline"]["machine"]["packages"].update(numpy="1.0")), resum),
        r"environment\(\"baseline\"\): don't say that the run had numpy 1.0",
    ),
    "a part taken out": (whole(lambda e: e.pop("answers")), r"evidence.json: `answers` is missing"),
    "a parameter in the configuration": (
        edit("gpu-doc.yml", "learning_rate: 0.05}", "learning_rate: 0.06}"),
        r"gpu-doc.yml:\d+: run baseline was made of something else: parameters.learning_rate 0.05 → 0.06",
    ),
    "a fingerprint": (
        whole(lambda e: e["runs"]["baseline"].update(fingerprint="0-0")),
        r"evidence.json:\d+: run baseline: .*fingerprint",
    ),
    "a fingerprint and its checksum": (
        lambda c: c.edit(EVIDENCE, '"fingerprint": "d', '"fingerprint": "e'),
        r"evidence.json:\d+: run \S+: .*\(\$\.runs",
    ),
    "a run taken out": (
        whole(lambda e: e["runs"].pop("methods")),
        r"gpu-doc.yml:\d+: evidence says nothing of run methods",
    ),
    "a run put in": (
        whole(lambda e: e["runs"].update(more=e["runs"]["baseline"])),
        r"run more is not configured for this report",
    ),
    "a run's name": (
        whole(lambda e: e["runs"].update(more=e["runs"].pop("methods"))),
        r"run more: what stands here does not fit",
    ),
    "a run's time": (run("baseline", made={"seconds": 1.0}), r"run baseline: what stands here does not fit"),
    "a run's commit": (run("sweep[learning_rate=0.05]", made={"commit": "0" * 40}), r"run sweep.*does not fit"),
    "a commit that is none": (
        both(run("baseline", made={"commit": "main"}), resum),
        r"evidence.json:\d+: run baseline: this is no commit",
    ),
    "a time that is none": (
        both(run("baseline", made={"started": "yesterday"}), resum),
        r"run baseline: this is no time",
    ),
    "an image digest that is none": (
        both(run("baseline", machine={"image_digest": "sha256:12"}), resum),
        r"this is no digest of an image",
    ),
    "an image digest of a local run": (
        both(run("baseline", machine={"image_digest": f"sha256:{'0' * 64}"}), resum),
        r"a local run has no image digest",
    ),
    "a package's version": (
        run("baseline", machine={"packages": {"numpy": "1"}}),
        r"run baseline: what stands here does not fit",
    ),
    # --- source ---
    "a cell of the notebook": (
        edit("notebooks/train.ipynb", "learning_rate=learning_rate", "learning_rate=1"),
        r"train.ipynb, cell \d+: run .*code cell #",
    ),
    "a module": (
        edit("src/digitnet.py", "def ", "x = 1\n\n\ndef "),
        r"src/digitnet.py: run baseline was made of something else",
    ),
    "a module's hash": (
        both(run("methods", source={"modules": {"src/digitnet.py": "0" * 64}}), resum),
        r"src/digitnet.py: run methods was made of something else",
    ),
    "a command": (
        edit("gpu-doc.yml", "[python, scripts/compare_methods.py]", "[python, scripts/compare_methods.py, -q]"),
        r"gpu-doc.yml:\d+: run methods .*command",
    ),
    "how pictures are taken": (
        edit("gpu-doc.yml", "width: 880", "width: 600"),
        r"gpu-doc.yml:\d+: its pictures were taken with other settings",
    ),
    "how the data was prepared": (
        edit("gpu-doc.yml", "every fourth", "every fifth"),
        r"gpu-doc.yml:\d+: run baseline: the report shows other settings",
    ),
    # --- evidence as a file ---
    "evidence of another report": (of_another_report, r"evidence is of blocks in a text"),
    "evidence of a report of another name": (
        both(whole(lambda e: e.update(report="docs/other.md")), resum),
        r"evidence.json:\d+: is evidence of docs/other.md, not of this report \(\$\.report\)",
    ),
    "a cell that an address named": (
        both(answer(ACCURACY, "meaning", {"cells": {"accuracy": 3}}), resum),
        r"train.ipynb: since the report was made: `accuracy` is now cell #13",
    ),
    "no evidence": (lambda c: c.path(EVIDENCE).unlink(), r"evidence.json: is missing"),
    "a pointer for evidence": (
        lambda c: c.write(EVIDENCE, f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 3\n"),
        r"evidence.json: was not fetched",
    ),
    "a merge conflict": (conflict, r"evidence.json:\d+:\d+: is not JSON: it holds a merge conflict"),
    "half of evidence": (lambda c: c.write(EVIDENCE, c.read(EVIDENCE)[:9000]), r"evidence.json:\d+:\d+: is not JSON"),
    "evidence that is a list": (lambda c: c.write(EVIDENCE, "[]\n"), r"evidence.json: names no format"),
    "a later format": (whole(lambda e: e.update(format=99)), r"evidence.json:\d+: format 99 is unknown"),
    "an earlier format": (whole(lambda e: e.update(format=2)), r"evidence.json:\d+: "),
    "no bound to nesting": (lambda c: c.write(EVIDENCE, "[" * 200_000), r"evidence.json: is not JSON"),
    "an unknown key": (whole(lambda e: e.update(more=1)), r"evidence.json:\d+: `more` is no key .*\(\$\.more\)"),
    "an unknown key in a run": (
        both(whole(lambda e: e["runs"]["baseline"].update(more=1))),
        r"`more` is no key .*\$\.runs\.baseline\.more",
    ),
    "a key that stands twice": (twice, r"evidence.json:\d+: `value` stands twice"),
    "a part of another shape": (
        whole(lambda e: e["runs"]["baseline"].update(source=[])),
        r"evidence.json:\d+: is nothing that gpu-doc writes .*\$\.runs\.baseline",
    ),
    "a part that is missing": (whole(lambda e: e.pop("files")), r"evidence.json: `files` is missing"),
    "no checksum of an answer": (
        whole(lambda e: e["answers"][ACCURACY].pop("checksum")),
        r"its checksum is missing .*accuracy",
    ),
    "another order": (reordered, r"evidence.json:\d+: says what gpu-doc wrote, but in another order"),
    "other blanks": (
        lambda c: c.write(EVIDENCE, c.read(EVIDENCE).replace("\n ", "\n  ")),
        r"evidence.json:\d+: says what gpu-doc wrote",
    ),
    "a blank at its end": (
        lambda c: c.write(EVIDENCE, c.read(EVIDENCE) + "\n"),
        r"evidence.json:\d+: says what gpu-doc wrote",
    ),
    "a byte order mark in evidence": (
        lambda c: c.write(EVIDENCE, "\ufeff" + c.read(EVIDENCE)),
        r"evidence.json: begins with a byte order mark",
    ),
    "evidence that is not UTF-8": (
        lambda c: c.write(EVIDENCE, c.path(EVIDENCE).read_bytes().replace(b"\xe2\x80\xa6", b"\xff")),
        r"evidence.json:\d+: is not UTF-8",
    ),
    "a pipe for evidence": (replaced(EVIDENCE, os.mkfifo), r"evidence.json: is no plain file"),
    "evidence without end": (replaced(EVIDENCE, sparse), r"evidence.json: has 5,368,709,120 bytes"),
}


@pytest.mark.parametrize("case", CASES)
def test_tampering_is_found_with_its_place(case: str, copied: Callable[[str], Copy]) -> None:
    tamper, expected = CASES[case]
    copy = copied(case.replace(" ", "-").replace("/", "-"))
    tamper(copy)
    said = "\n".join(map(str, copy.verify().findings))
    assert re.search(expected, said), said


# --- blocks in a text that people write -------------------------------------------------------------------------------

BLOCKS: dict[str, tuple[Tamper, str]] = {
    "a number in a block": (
        edit(NOTES, "-->97.6 %<!--", "-->99.6 %<!--"),
        r"notes.md:\d+: this block was changed: `99\.6` stands",
    ),
    "what a block asks for": (
        edit(NOTES, 'value("baseline/accuracy")', 'value("baseline/mistakes")'),
        r"notes.md:\d+: this block asks for",
    ),
    "a marker": (edit(NOTES, "<!-- gpu-doc: end -->", ""), r"notes.md:\d+: "),
    "a block's hash": (
        whole(lambda e: e["text"][1].__setitem__(1, "0" * 64), NOTES_EVIDENCE),
        r"evidence.json:\d+: this is not the SHA-256 of the block on line \d+",
    ),
    "a block's entry": (
        whole(lambda e: e["text"].append(["x", "0", "1"]), NOTES_EVIDENCE),
        r"the report has no such block: x",
    ),
    "a number, its hash and checksums": (
        both(
            edit(NOTES, "-->97.6 %<!--", "-->99.6 %<!--"),
            whole(
                lambda e: [b.__setitem__(1, digest("99.6 %")) for b in e["text"] if b[1] == digest("97.6 %")],
                NOTES_EVIDENCE,
            ),
            lambda c: c.resum(NOTES_EVIDENCE),
        ),
        r"notes.md:\d+: this block was changed: `99\.6` stands for `97\.6`",
    ),
}


@pytest.mark.parametrize("case", BLOCKS)
def test_tampering_with_blocks_is_found(case: str, copied: Callable[[str], Copy]) -> None:
    tamper, expected = BLOCKS[case]
    copy = copied(f"block-{case.replace(' ', '-')}")
    tamper(copy)
    said = "\n".join(map(str, copy.verify(NOTES).findings))
    assert re.search(expected, said), said


# --- what is no tampering ---------------------------------------------------------------------------------------------


def carriage_returns(copy: Copy) -> None:
    """As git checks files out with core.autocrlf."""
    copy.commit()
    copy.git("config", "core.autocrlf", "true")
    for name in (REPORT, EVIDENCE, "templates/report.md.j2", "src/digitnet.py"):
        copy.write(name, copy.read(name).replace("\n", "\r\n"))


def as_pointers(copy: Copy) -> None:
    for path in copy.path(ASSETS).glob("*.png"):
        oid = hashlib.sha256(path.read_bytes()).hexdigest()
        path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {path.stat().st_size}\n")


def link_inside(copy: Copy) -> None:
    copy.path(CURVE).rename(copy.path("docs/moved.png"))
    copy.path(CURVE).symlink_to("../moved.png")


INTACT: dict[str, Tamper] = {
    "nothing": lambda _: None,
    "git makes CRLF": carriage_returns,
    "pictures that Git LFS did not fetch": as_pointers,
    "a link within the checkout": link_inside,
    "what file managers leave": lambda c: c.write(f"{ASSETS}/.DS_Store", b"x"),
    "another time of a file": lambda c: os.utime(c.path(CURVE), (0, 0)),
}


@pytest.mark.parametrize("case", INTACT)
def test_what_is_no_tampering(case: str, copied: Callable[[str], Copy]) -> None:
    copy = copied(f"intact-{case.replace(' ', '-')}")
    INTACT[case](copy)
    for report in (REPORT, NOTES):
        assert list(map(str, copy.verify(report).findings)) == []


@pytest.mark.parametrize("name", ["templates/report.md.j2", "notebooks/train.ipynb"])
def test_what_the_configuration_names_has_to_be_there(name: str, copied: Callable[[str], Copy]) -> None:
    copy = copied(f"without-{name.partition('/')[0]}")
    copy.path(name).unlink()
    with pytest.raises(ConfigError) as caught:
        copy.verify()
    assert any(name in str(problem) for problem in caught.value.problems)


def test_words_outside_of_blocks_are_a_persons_own(copied: Callable[[str], Copy]) -> None:
    copy = copied("words")
    copy.write(NOTES, copy.read(NOTES) + "\nMore.\n")
    verdict = copy.verify(NOTES)
    assert verdict.intact
    assert "the text outside of blocks: people write it" in verdict.unchecked


# --- bytes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(1, 17))])
def test_each_flip_of_a_byte_is_found(seed: int, copied: Callable[[str], Copy]) -> None:
    copy = copied(f"flips-{seed}")
    chance = random.Random(seed)
    files = [copy.path(name) for name in (REPORT, "templates/report.md.j2")]
    files += sorted(copy.path(ASSETS).iterdir())
    missed = []
    for number in range(60):
        path = files[number % 2] if number < 10 else copy.path(EVIDENCE) if number < 40 else chance.choice(files)
        before = path.read_bytes()
        at, new = chance.randrange(len(before)), chance.randrange(1, 256)
        path.write_bytes(before[:at] + bytes([before[at] ^ new]) + before[at + 1 :])
        name = path.relative_to(copy.root).as_posix()
        if not any(finding.where.file == name for finding in copy.verify().findings):
            missed.append((name, at, new))
        path.write_bytes(before)
    assert missed == []
