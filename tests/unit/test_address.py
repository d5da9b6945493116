"""Addresses: what they name, and what is said when they name nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_doc.errors import ReportError
from gpu_doc.functions.shared.address import Address, covered, find_run, find_runs, parse
from gpu_doc.model.configuration import Report, Run


def run(address: str, **point: str) -> Run:
    return Run(report="a.md", name=address.partition("[")[0], address=address, line=1, point=point)


REPORT = Report(
    path="docs/a.md",
    line=1,
    runs=(
        run("baseline"),
        run("sweep[lr=0.1,seed=1]", lr="0.1", seed="1"),
        run("sweep[lr=0.01,seed=1]", lr="0.01", seed="1"),
        run("paths[file=data/a.csv]", file="data/a.csv"),
    ),
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("baseline/loss-curve", Address("baseline", cell="loss-curve")),
        ("baseline/#3", Address("baseline", cell="#3")),
        ("baseline", Address("baseline")),
        ("log/file:out/loss.png", Address("log", file="out/loss.png")),
        ("sweep[lr=0.1,seed=1]/accuracy", Address("sweep[lr=0.1,seed=1]", cell="accuracy")),
        ("paths[file=data/a.csv]/x/y", Address("paths[file=data/a.csv]", cell="x/y")),
        ("sweep[*]", Address("sweep[*]")),
        ("run/a tag with blanks", Address("run", cell="a tag with blanks")),
        ("r/[x]", Address("r", cell="[x]")),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    ["", "/x", "baseline/", "baseline/ ", "[x]/y", "a b/c", "r/file:", "r/file:/etc/passwd", "r/file:../x",
     "r/file:a//b", "r[x/y", "r[x]y/z", "r/file:a\\b"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ReportError) as caught:
        parse(text)
    assert caught.value.remedy


NAME = st.text(st.characters(codec="utf-8", exclude_characters="/[]"), min_size=1).filter(
    lambda t: not any(map(str.isspace, t))
)
POINT = st.text(st.characters(codec="utf-8", exclude_characters="[]"))
CELL = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda t: t == t.strip() and not t.startswith("file:"))


@given(NAME, st.none() | POINT, CELL)
def test_addresses_are_read_as_they_are_written(name: str, point: str | None, cell: str) -> None:
    address = Address(name if point is None else f"{name}[{point}]", cell=cell)
    assert parse(str(address)) == address


@given(st.text())
def test_any_text_is_an_address_or_an_error(text: str) -> None:
    try:
        address = parse(text)
    except ReportError:
        return
    assert parse(str(address)) == address


def test_finding_a_run() -> None:
    assert find_run(parse("baseline/x"), REPORT).address == "baseline"
    assert find_run(parse("sweep[lr=0.01,seed=1]/x"), REPORT).point["lr"] == "0.01"
    assert find_run(parse("sweep[seed=1,lr=0.01]"), REPORT).address == "sweep[lr=0.01,seed=1]"
    assert find_run(parse("paths[file=data/a.csv]/x"), REPORT).name == "paths"


def test_a_run_that_is_not_there() -> None:
    with pytest.raises(
        ReportError, match=r"no run `basline` in docs/a\.md; it has: baseline, sweep\[lr=0\.1"
    ) as caught:
        find_run(parse("basline/x"), REPORT)
    assert caught.value.remedy == "Did you mean `baseline`?"
    for name in ("sweep", "sweep[*]"):
        with pytest.raises(ReportError, match="matrix of 2 runs") as caught:
            find_run(parse(f"{name}/x"), REPORT)
        assert caught.value.remedy.endswith("compare() takes sweep[*].")
    with pytest.raises(ReportError, match="no run `sweep"):
        find_run(parse("sweep[lr=0.1,seed=2]/x"), REPORT)


def test_all_runs_of_a_matrix() -> None:
    assert [r.point["lr"] for r in find_runs(parse("sweep[*]"), REPORT)] == ["0.1", "0.01"]
    with pytest.raises(ReportError, match="not a whole matrix"):
        find_runs(parse("sweep[*]/accuracy"), REPORT)
    with pytest.raises(ReportError, match=r"no matrix `sweeep`.*it has: sweep\[\*\]") as caught:
        find_runs(parse("sweeep[*]"), REPORT)
    assert "sweep[*]" in caught.value.remedy


@pytest.mark.parametrize(
    ("file", "produces", "is_covered"),
    [
        ("loss.png", ["loss.png"], True),
        ("loss.png", ["./loss.png"], True),
        ("out/a/b.png", ["out/"], True),
        ("out/b.png", ["out/*.png"], True),
        ("out/b.png", ["**/*.png"], True),
        ("outside.png", ["out"], False),
        ("loss.csv", ["*.png"], False),
        ("loss.csv", [], False),
    ],
)
def test_files_that_a_run_declares(file: str, produces: list[str], is_covered: bool) -> None:  # noqa: FBT001 - a table of cases
    assert covered(file, produces) is is_covered
