"""Claims: each is judged right, with its line, from evidence alone; what is wrong in one is told in words."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from gpu_doc.claims import files
from gpu_doc.claims.condition_text import NotACondition, parse
from gpu_doc.claims.conditions import Facts
from gpu_doc.claims.mending import taken_over
from gpu_doc.claims.numbers import tolerance
from gpu_doc.claims.printed import read as printed
from gpu_doc.claims.prose import Document, sentence
from gpu_doc.config import load
from gpu_doc.errors import ClaimError, ClaimTextError, ConfigError, Exit, ReportError
from gpu_doc.functions.expect import fact
from gpu_doc.model.configuration import Report
from gpu_doc.model.values import Json
from gpu_doc.plan.claims import EvidentClaims, judged
from gpu_doc.record import evidence
from gpu_doc.record.evidence import Evidence, KeptAnswer
from gpu_doc.record.kept_claims import KeptClaim

TABLE = {"rows": 10, "columns": ["epoch", "loss", "a b", "d"]}
CONDITIONS: list[tuple[Json, str, bool]] = [
    # the raw value counts, not a rounded one
    (0.92, ">= 0.92", True),
    (0.9199999, ">= 0.92", False),
    (0.92, "> 0.92", False),
    (0.920001, "> 0.92", True),
    (179.9, "< 3 min", True),
    (180, "< 3 min", False),
    (180, "<= 3 min", True),
    (7200.5, "<= 2 h", False),
    (0.3, "== 0.3", True),
    (0.1 + 0.2, "== 0.3", False),
    (5, "== 5", True),
    (5.0, "== 5", True),
    (6, "== 5", False),
    (6, "!= 5", True),
    (5, "≠ 5", False),
    (0.93, ">= 92 %", True),
    (0.91, "≥ 92 %", False),
    (10**30 + 1, "== 1000000000000000000000000000001", True),
    (10**30, "== 1000000000000000000000000000001", False),
    (8e9, "< 8 GiB", True),
    (8.6e9, "< 8 GiB", False),
    (-0.5, "== \N{MINUS SIGN}0.5", True),
    (True, "== true", True),
    (False, "== true", False),
    ("v2", '== "v2"', True),
    ("v3", "== 'v2'", False),
    ("v3", '!= "v2"', True),
    # near a number, both ends included
    (0.94, "0.93 ± 0.01", True),
    (0.92, "0.93 +/- 0.01", True),
    (0.9401, "0.93 ± 0.01", False),
    (101, "100 ± 1 %", True),
    (101.01, "100 ± 1 %", False),
    (-101, "-100 ± 1 %", True),
    # ranges
    (0.9, "0.9..0.95", True),
    (0.95, "between 0.9 and 0.95", True),
    (0.951, "0.9..0.95", False),
    (0.899, "between 90 % and 95 %", False),
    (-3, "-5..-2", True),
    # text
    ("v2.7.1", "/^v\\d+/", True),
    ("cuda v2", "/^v\\d+/", False),
    ("NVIDIA H100", "/h100/i", True),
    ("NVIDIA H100", "/h100/", False),
    ("a/b", "/a/b/", True),
    # the shape of a table
    (TABLE, "rows == 10", True),
    (TABLE, "rows > 10", False),
    (TABLE, "columns >= 4", True),
    (TABLE, "columns != 4", False),
    (TABLE, "10 x 4", True),
    (TABLE, "4 × 10", False),  # noqa: RUF001 - the sign between them
    (TABLE, 'columns == [epoch, loss, "a b", d]', True),
    (TABLE, "columns == [epoch, loss]", False),
    # NaN fulfils nothing, infinity is a number
    ("nan", ">= 0", False),
    ("nan", "< 0", False),
    ("nan", "!= 5", False),
    ("nan", "0..1", False),
    ("nan", "0 ± 5", False),
    ("nan", ">= last", False),
    ("inf", "> 5", True),
    ("-inf", "> 5", False),
    # the trend; without noise, each digit counts
    (0.93, ">= last", True),
    (0.929, ">= last", False),
    (0.93, "> last", False),
    (0.92, ">= last - 0.01", True),
    (0.919, ">= last - 0.01", False),
    (0.9208, ">= last - 1 %", True),
    (0.92, ">= last - 1 %", False),
    (0.94, "<= last + 0.01", True),
    (0.9401, "<= last + 0.01", False),
]
LAST = 0.93

README = """\
---
title: It reaches 1 % of it
---
# Our model

The model **reaches
*92.3* %** accuracy ([see](x.md "t")) after `5` epochs on an H100 with a seed of 7.

> It took 1,234 steps,
> which is 3 min.

```
It has 99 layers
```

<!-- It has 98 layers -->

- a loss of \N{MINUS SIGN}0.05 with v2.7
- trained on 1\u202f234\u00a0567 tokens
- a rate of 1.5e-04
| size | 12,5 kg in all |
"""
SENTENCES: list[tuple[Json, str, int, bool]] = [
    # value, text, line of the number, whether it holds
    (0.923, "reaches 92 % accuracy", 7, True),
    (0.9226, "reaches [0 %] accuracy", 7, True),
    (0.9235, "reaches {accuracy} accuracy", 7, True),
    (0.9236, "reaches 92.3 % accuracy", 7, False),
    (92.3, "reaches 92.3 % accuracy", 7, False),
    (92.3, "reaches [92.3] % accuracy", 7, True),
    (0.922, "The model reaches **92.3 %** accuracy (see)", 7, False),
    (5, "after 5 epochs", 7, True),
    (6, "after `5` epochs", 7, False),
    (5.4, "after 5 epochs", 7, True),
    (7, "a seed of 7", 7, True),
    (8, "a seed of 1", 7, False),
    (1234, "It took 1 steps", 9, True),
    (1234.6, "It took {} steps, which is 3 min", 9, False),
    (180, "steps, which is [3 min]", 10, True),
    (209, "which is [3 min]", 10, True),
    (211, "which is [3 min]", 10, False),
    (3, "which is [3] min", 10, True),
    (-0.05, "a loss of 0.1 with v2.7", 18, True),
    (0.05, "a loss of 0.1 with v2.7", 18, False),
    (1234567, "trained on 5 tokens", 19, True),
    (1234568, "trained on 5 tokens", 19, False),
    (0.00015, "a rate of 1e-3", 20, True),
    (0.00016, "a rate of 1e-3", 20, False),
    (12.52, "12,5 kg in all", 21, True),
    (12.6, "[1] kg in all", 21, False),
    ("nan", "after 5 epochs", 7, False),
    ("inf", "after 5 epochs", 7, False),
]


def test_there_are_enough_of_each() -> None:
    holds = [holds for *_, holds in (*CONDITIONS, *SENTENCES)]
    assert holds.count(True) >= 40
    assert holds.count(False) >= 40


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def evident(root: Path, config: str, value: Json, last: Json = None) -> EvidentClaims:
    """The claims of a configuration, judged by evidence that has this value of `train/x`."""
    (root / "gpu-doc.yml").write_text(config, "utf-8")
    (root / "report.md.j2").write_text("x", "utf-8")
    (report,) = load(root / "gpu-doc.yml").reports
    answers = {
        fact("train/x", about).key: KeptAnswer(value=value, runs=("train",)) for about in ("value", "table") if about
    }
    kept = tuple(
        KeptClaim(
            address=claim.address,
            expected=claim.expected,
            holds=True,
            value=value,
            last=last,
            file=claim.file,
            mend=claim.mend,
        )
        for claim in report.claims
    )
    written = Evidence(answers=answers, claims=kept).to_bytes()
    known = evidence.parse(written)
    assert known
    return judged(report, known, root, lambda _: ())


CONFIG = """\
reports:
  - path: report.md
    template: report.md.j2
    runs:
      train: {command: [x]}
"""


@pytest.mark.parametrize(("value", "condition", "holds"), CONDITIONS)
def test_a_condition_is_judged_right_at_its_line(tmp_path: Path, value: Json, condition: str, holds: bool) -> None:  # noqa: FBT001
    config = f"{CONFIG}    expect:\n      train/x:\n        - {quoted(condition)}\n"
    found = evident(tmp_path, config, value, LAST)
    assert not found.changes
    assert [each.holds for each in found.judged] == [holds]
    assert [error.where for error in found.broken] == ([] if holds else ["gpu-doc.yml:8"])
    for error in found.broken:
        assert isinstance(error, ClaimError)
        assert error.exit_code is Exit.FINDING
        assert condition.strip() in error.what


@pytest.mark.parametrize(("value", "text", "line", "holds"), SENTENCES)
def test_a_sentence_is_judged_right_at_its_line(tmp_path: Path, value: Json, text: str, line: int, holds: bool) -> None:  # noqa: FBT001
    for newline in ("\n", "\r\n"):
        (tmp_path / "README.md").write_bytes(README.replace("\n", newline).encode())
        config = f"{CONFIG}claims:\n  README.md:\n    - text: {quoted(text)}\n      value: train/x\n"
        found = evident(tmp_path, config, value)
        assert [(each.holds, str(each.where)) for each in found.judged] == [(holds, f"README.md:{line}")]
        assert [error.where for error in found.broken] == ([] if holds else [f"README.md:{line}"])


def test_tolerances(tmp_path: Path) -> None:
    assert parse("== 5").holds(Facts(5.01, noise=tolerance("0.01")))
    assert not parse("== 5").holds(Facts(5.02, noise=tolerance("0.01")))
    assert not parse(">= 5").holds(Facts(4.999, noise=tolerance("0.01"))), "a bound is a bound"
    assert parse(">= last").holds(Facts(4.999, 5, tolerance("0.01")))
    assert not parse("> last").holds(Facts(5.001, 5, tolerance("0.01")))
    assert parse("!= 5").holds(Facts(5.02, noise=tolerance("0.01")))
    assert not parse("!= 5").holds(Facts(5.01, noise=tolerance("0.01")))
    (tmp_path / "README.md").write_text("It reaches 92 % accuracy.\n")
    claim = "claims: {README.md: [{text: reaches 92 %% accuracy, value: train/x%s}]}\n"
    noisy = CONFIG.replace("[x]}", "[x], tolerance: {train/x: 0.02}}")
    assert evident(tmp_path, CONFIG + claim % ", tolerance: 0.02", 0.94).judged[0].holds
    assert evident(tmp_path, CONFIG + claim % ", tolerance: 2 %", 0.938).judged[0].holds
    assert not evident(tmp_path, CONFIG + claim % ", tolerance: 2 %", 0.939).judged[0].holds
    assert evident(tmp_path, noisy + claim % "", 0.94).judged[0].holds
    assert evident(tmp_path, noisy + claim % ", tolerance: 0.001", 0.924).judged[0].holds, "92 % says no more"
    assert not evident(tmp_path, noisy + claim % ", tolerance: 0.001", 0.93).judged[0].holds


def test_the_first_publication_has_nothing_to_be_worse_than() -> None:
    assert parse(">= last").holds(Facts(0.1))
    assert not parse(">= last").holds(Facts("nan"))


@pytest.mark.parametrize(
    ("value", "condition", "said"),
    [
        ("0.93", ">= 0.92", 'it is the text `"0.93"`, and the claim is about a number'),
        (True, ">= 0.92", "the truth value"),
        (None, "== 5", "it is nothing, and the claim is about a number"),
        ({"a": 1}, "0..1", "the mapping"),
        ([1], "/a/", "it is the list"),
        (5, "/5/", "it is the number `5`, and the claim is about a text"),
        (5, '== "5"', "about a text"),
        ("yes", "== true", "about true or false"),
        (5, "rows == 5", "about a table"),
        ({"rows": "5", "columns": []}, "rows == 5", "about a table"),
        ({"rows": 5}, "5 x 5", "about a table"),
    ],
)
def test_a_value_of_another_kind_is_an_error_in_words(value: Json, condition: str, said: str) -> None:
    with pytest.raises(ReportError) as caught:
        parse(condition).holds(Facts(value))
    assert said in caught.value.what
    assert caught.value.remedy


def test_a_regular_expression_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_doc.claims.conditions._SECONDS", 0.5)
    with pytest.raises(ReportError, match=r"took more than 0\.5 s"):
        parse("/^(a+)+$/").holds(Facts("a" * 40 + "b"))


# --- what is written wrong -------------------------------------------------------------------------------------------

WRONG = {
    "=> 0.92": "did you mean `>= 0.92`?",
    "= 5": "did you mean `== 5`?",
    "0.92": "write `== 0.92`, or with a tolerance `0.92 ± 0.01`",
    "5": "write `== 5`",
    ">= lst": "did you mean `last`?",
    ">= before": "did you mean `last`?",
    "== last": "`last` goes with >=, <=, > or <",
    "== v2": 'a text is in quotes: == "v2"',
    '>= "v2"': "compares numbers",
    ">= 0,92": "write it with a point, 0.92",
    "< 3 mn": "did you mean `min`?",
    "92 % ± 1 %": "write `0.92 ± 0.0092` or `0.92 ± 0.01`",
    "5 ± -1": "is no tolerance",
    "0.95..0.9": "write the smaller one first",
    "betwen 1 and 2": "did you mean `between 1 and 2`?",
    "/(/": "is no regular expression",
    "/a": "ends with a slash",
    "/a/x": "can only have `i` behind it",
    "colums == 4": "did you mean `columns == 4`?",
    "rows ~ 4": "write `rows == 10`",
    "rows == many": "`many` is no number of rows",
    "columns > [a]": "are compared with == or !=",
    "very good": "is no claim; write `>= 0.92`",
    "== 1e99999999": "is no number",
    "== " + "9" * 2000: "is no claim: it is longer than 1000 characters",
}


@pytest.mark.parametrize("condition", WRONG)
def test_a_condition_that_is_none_says_what_is_meant(condition: str) -> None:
    with pytest.raises(NotACondition) as caught:
        parse(condition)
    assert WRONG[condition] in str(caught.value)


def problems(root: Path, text: str) -> list[str]:
    (root / "report.md.j2").write_text("x")
    (root / "README.md").write_text("It reaches 92 % accuracy.\n")
    (root / "gpu-doc.yml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(root / "gpu-doc.yml")
    return caught.value.details.splitlines()


def test_all_that_is_wrong_in_claims_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    text = """\
reports:
  - path: report.md
    template: report.md.j2
    runs:
      train: {command: [x], tolerance: {train/x: 1 mn, trian/x: 0.1}}
      sweep: {notebook: report.md, matrix: {p: [1, 2]}}
    expect:
      train/x: ["=> 1", "> 1", "0.92"]
      sweep/x: "> 1"
      trian/x: "> 1"
claims:
  README.md:
    - {text: reaches 92 % in 3 epochs, value: train/x}
    - {text: reaches it, value: train/x}
    - {text: reaches 92 % accuracy, value: trian/x, tolerance: little}
    - {text: reaches 92 % accuracy, vaule: train/x}
  REEDME.md: [{text: reaches 92 % accuracy, value: train/x}]
  report.md: [{text: reaches 92 % accuracy, value: train/x, mend: true}]
  ../x.md: []
  a.txt: []
"""
    (tmp_path / "report.md").write_text("# x\n")
    found = problems(tmp_path, text)
    wanted = {
        "gpu-doc.yml:5:50": "`train/x`: `mn` is no unit; did you mean `min`?",
        "gpu-doc.yml:5:56": "`trian/x`: there is no run `trian`; did you mean `train`?",
        "gpu-doc.yml:8:17": "did you mean `>= 1`?",
        "gpu-doc.yml:8:32": "write `== 0.92`",
        "gpu-doc.yml:9:7": "`sweep`, which is a matrix; did you mean `sweep[p=1]` or `sweep[*]`?",
        "gpu-doc.yml:10:7": "this report has no run `trian`; did you mean `train`?",
        "gpu-doc.yml:13:14": "it has several numbers (`92 %`, `3`): put the one that is meant in brackets",
        "gpu-doc.yml:14:14": "it has no number",
        "gpu-doc.yml:15:44": "no report has a run `trian`; did you mean `train`?",
        "gpu-doc.yml:15:64": "`little` is no number",
        "gpu-doc.yml:16:37": "unknown key `vaule`; did you mean `value`?",
        "gpu-doc.yml:17:3": "there is no file `REEDME.md`; did you mean `README.md`?",
        "gpu-doc.yml:18:67": "report.md is made from report.md.j2; write value() there",
        "gpu-doc.yml:19:3": "expected a relative path",
        "gpu-doc.yml:20:3": "ending in .md",
    }
    for place, said in wanted.items():
        assert any(line.startswith(f"{place}: ") and said in line for line in found), (place, said, "\n".join(found))


@pytest.mark.parametrize(
    "claims",
    [
        "[]",
        "x",
        "{README.md: x}",
        "{README.md: {text: a 1 bc}}",
        "{README.md: [x]}",
        "{README.md: [{}]}",
        "{? [a] : b}",
    ],
)
def test_claims_of_another_shape_are_refused(tmp_path: Path, claims: str) -> None:
    assert problems(tmp_path, f"{CONFIG}claims: {claims}\n")


def test_a_value_that_two_reports_give_in_two_ways_is_no_value(tmp_path: Path) -> None:
    two = CONFIG + CONFIG.replace("reports:\n", "").replace("report.md\n", "other.md\n").replace("[x]", "[y]")
    claim = "claims: {README.md: [{text: reaches 92 % accuracy, value: train/x}]}\n"
    (found,) = problems(tmp_path, two + claim)
    assert "report.md and other.md have different runs of this name" in found
    (tmp_path / "gpu-doc.yml").write_text(two.replace("[y]", "[x]") + claim)
    assert [len(report.claims) for report in load(tmp_path / "gpu-doc.yml").reports] == [1, 0]


# --- sentences -------------------------------------------------------------------------------------------------------


def missing(text: str, wanted: str) -> ClaimTextError:
    with pytest.raises(ClaimTextError) as caught:
        Document("README.md", text).find(sentence(wanted))
    assert caught.value.exit_code is Exit.USAGE
    return caught.value


def test_a_sentence_that_is_gone_is_an_error_with_what_is_nearest() -> None:
    error = missing(README, "The model reach 92 % of accurac after 5 epoch".replace("92 %", "[92 %]"))
    assert error.where == "README.md:6"
    assert "Nearest is “The model reaches 92.3 % accuracy (see)" in error.remedy
    assert missing(README, "nothing like 5 of it").where == "README.md"


def test_words_in_the_place_of_a_number_are_told() -> None:
    error = missing("# x\n\nIt reaches ninety percent accuracy.\n", "reaches 92 % accuracy")
    assert error.where == "README.md:3"
    assert "There it reads “reaches ninety percent accuracy" in error.remedy


def test_code_comments_and_front_matter_are_no_prose() -> None:
    assert missing(README, "It has 99 layers").where == "README.md:13"
    assert "in code or in a comment" in missing(README, "It has 98 layers").remedy
    missing(README, "It reaches 1 % of it")


def test_a_sentence_in_two_places_is_an_error_with_both() -> None:
    error = missing("It reaches 92 % here.\n\nAnd\nit reaches 93 % here.\n", "reaches 5 % here")
    assert "stands in 2 places, in lines 1, 4" in error.what
    assert error.where == "README.md:4"


@pytest.mark.parametrize(
    "text",
    [
        "It reaches 92 % there.",
        "- It\n  *reaches*\n  92&nbsp;% there.",
        "> It __reaches__ `92` %\n> there.",
        "| It reaches **92** % there. |",
        "It reaches\u00a092\u202f% there.",
        'It reaches <b>92 %</b> [there](x.md "a").',
        "It reaches <!-- gpu-doc: value('train/x') -->92 %<!-- gpu-doc: end --> there.",
        "It reaches ~~92 %~~ [there][1].",
        "1. It reaches 92\\% there.",
    ],
)
def test_a_sentence_is_found_whatever_its_markup(text: str) -> None:
    found = Document("a.md", f"# 92\n\n{text}\n").find(sentence("It reaches 5 % there"))
    assert found.printed.value == Fraction(92, 100)


def test_names_with_digits_are_no_numbers_and_words_are_whole() -> None:
    assert sentence("On an H100 with v2.7 and ResNet-18 it reaches 92 %").sample == printed("92 %")
    missing("It overreaches 92 % there.", "reaches 92 % there")
    missing("It reaches 92 % thereby.", "reaches 92 % there")
    assert Document("a.md", "It is 92.5.\n").find(sentence("It is 5")).printed.text == "92.5"


FORMS = {
    "92 %": ("0.9346", "93"),
    "92.30 %": ("0.9346", "93.46"),
    "0.923": ("0.93449", "0.934"),
    "1,234": ("7654321.2", "7,654,321"),
    "1_234": ("7654321", "7_654_321"),
    "1,234.5": ("9", "9.0"),
    "12,5": ("13.26", "13,3"),
    "\N{MINUS SIGN}5": ("-6", "\N{MINUS SIGN}6"),
    "-5": ("6", "6"),
    "+1.2": ("3.14", "+3.1"),
    "1.5e-4": ("0.00012", "1.2e-4"),
    "1.5E-04": ("99999", "1.0E05"),
    "9.9e3": ("9960", "1.0e4"),
    "3 min": ("299", "5"),
    "0": ("-0.2", "0"),
    "2 million": ("3100000", "3"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_number_is_mended_in_its_form(form: str) -> None:
    value, digits = FORMS[form]
    number = printed(form)
    assert number
    assert number.of(Fraction(value)) == digits
    again = printed(form.replace(number.digits, digits))
    assert again
    assert abs(again.value - Fraction(value)) <= again.precision


def test_a_mended_file_differs_in_the_digits_alone(tmp_path: Path) -> None:
    before = README.replace("\n", "\r\n").encode()
    (tmp_path / "README.md").write_bytes(before)
    claim = "claims: {README.md: [{text: 'trained on 5 tokens', value: train/x, mend: true}]}\n"
    (each,) = evident(tmp_path, CONFIG + claim, 7654321).judged
    assert each.mend
    text = before.decode()
    assert text[each.mend.start : each.mend.end] == "1\u202f234\u00a0567"
    assert each.mend.digits == "7\u202f654\u202f321"
    assert "to be mended" in evident(tmp_path, CONFIG + claim, 7654321).changes[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It reaches 9**2** % there.", "markup stands between the digits"),
        ("It reaches <!-- gpu-doc: value('a/b') -->92<!-- gpu-doc: end --> % there.", "which gpu-doc writes anyway"),
    ],
)
def test_what_is_not_ours_to_write_is_not_mended(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "README.md").write_text(f"# x\n\n{text}\n")
    claim = "claims: {README.md: [{text: 'reaches [92] % there', value: train/x, mend: true}]}\n"
    (error,) = evident(tmp_path, CONFIG + claim, 50).broken
    assert said in error.what
    assert error.where == "README.md:3"


def test_a_branch_that_moved_keeps_what_others_wrote() -> None:
    ours, theirs = b"It reaches 93 % there.\n", b"# New\n\nIt reaches 92 % there. And more.\n"
    assert taken_over(ours, theirs, ["reaches 5 % there"]) == theirs.replace(b"92", b"93")
    assert taken_over(ours, b"It was reworded.\n", ["reaches 5 % there"]) is None
    assert taken_over(ours, b"It reaches 0.92 there.\n", ["reaches 5 % there"]) is None
    assert taken_over(ours, b"\xff", ["reaches 5 % there"]) is None


# --- hostile files ---------------------------------------------------------------------------------------------------


def linked_outside(root: Path) -> None:
    outside = root.parent / "outside.md"
    outside.write_text("It reaches 92 % accuracy.\n")
    (root / "README.md").symlink_to(outside)


def in_a_submodule(root: Path) -> None:
    (root / "sub").mkdir()
    (root / "sub/.git").write_text("gitdir: ../x\n")
    (root / "sub/README.md").write_text("It reaches 92 % accuracy.\n")
    (root / "README.md").symlink_to("sub/README.md")


HOSTILE: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "not UTF-8": (lambda r: (r / "README.md").write_bytes(b"# x\n\n\xff"), "not UTF-8", "README.md:3"),
    "too large": (lambda r: (r / "README.md").write_bytes(b"a " * 2_600_000), "larger than 5 MB", "README.md"),
    "LFS": (
        lambda r: (r / "README.md").write_text(
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 5\n"
        ),
        "a pointer of Git LFS",
        "README.md",
    ),
    "outside": (linked_outside, "leads out of the project", "README.md"),
    "loop": (lambda r: (r / "README.md").symlink_to("README.md"), "", "README.md"),
    "pipe": (lambda r: os.mkfifo(r / "README.md"), "no such file", "README.md"),
    "folder": (lambda r: (r / "README.md").mkdir(), "no such file", "README.md"),
    "submodule": (in_a_submodule, "another repository, sub", "README.md"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_is_none_gets_a_sentence(tmp_path: Path, kind: str) -> None:
    make, said, where = HOSTILE[kind]
    root = tmp_path / "root"
    root.mkdir()
    make(root)
    with pytest.raises(ClaimTextError) as caught:
        files.read(root, "README.md")
    assert said in caught.value.what
    assert caught.value.where == where


@pytest.mark.parametrize(
    "unit",
    [
        "<!-- ",
        "](",
        '](x "',
        "[",
        "`",
        "&a",
        "<a ",
        "**",
        "_",
        "\\",
        "> ",
        "reaches 5 ",
        "1,234,",
        "a. b! ",
        "\n",
        "<!---->",
    ],
)
def test_a_large_file_takes_seconds_whatever_it_holds(unit: str) -> None:
    text = unit * (100_000 // len(unit)) + "\n\nIt reaches 92 % accuracy.\n"
    began = time.process_time()
    try:
        assert Document("a.md", text).find(sentence("It reaches 5 % accuracy")).printed.text == "92 %"
        Document("a.md", text).find(sentence("It reached 5 % accuracy"))
    except ClaimTextError:
        pass
    assert time.process_time() - began < 10


# --- evidence --------------------------------------------------------------------------------------------------------


def test_evidence_tells_what_was_expected_and_is_read_back() -> None:
    claims = (
        KeptClaim(address="a/b", expected=">= last", holds=True, value=0.5, last=0.4),
        KeptClaim(address="a/b", expected="rows == 1", holds=False, value={"rows": 2, "columns": ["x"]}, in_text=True),
        KeptClaim(address="a/b", expected="is 5", holds=True, value=5, file="text", mend=True),
    )
    written = Evidence(claims=claims).to_bytes()
    known = evidence.parse(written)
    assert known
    assert known.claims == claims
    assert b"claims" not in Evidence().to_bytes()


@pytest.mark.parametrize(
    "claims", ["x", {}, [1], [{}], [{"where": 1, "address": "a/b", "expected": "x", "holds": True, "value": 1}]]
)
def test_claims_in_evidence_of_another_shape_count_as_none_of_ours(claims: Json) -> None:
    import json

    whole = json.loads(Evidence(format=2).to_bytes()) | {"claims": claims}
    assert evidence.parse(json.dumps(whole).encode()) is None


def test_a_claim_that_is_new_gone_or_holds_again_is_a_reason_to_render(tmp_path: Path) -> None:
    found = evident(tmp_path, f"{CONFIG}    expect: {{train/x: '> 1'}}\n", 2)
    assert not found.changes
    report = load(tmp_path / "gpu-doc.yml").reports[0]

    def changes(report: Report, *kept: KeptClaim) -> list[str]:
        answers = {fact("train/x", "value").key: KeptAnswer(value=2, runs=("train",))}
        return judged(report, Evidence(answers=answers, claims=kept), tmp_path, lambda _: ()).changes

    held = KeptClaim(address="train/x", expected="> 1", holds=True, value=2)
    marked = KeptClaim(address="train/x", expected="> 1", holds=False, value=1)
    other = KeptClaim(address="train/x", expected="> 0", holds=True, value=2)
    assert changes(report) == ["the claim `train/x > 1` is new"]
    assert changes(report, held) == []
    assert changes(report, held, other) == ["the claim `train/x: > 0` is gone"]
    assert changes(report, marked) == ["the claim `train/x > 1` holds again"]
