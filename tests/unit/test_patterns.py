"""What `produces` names: what a plan takes for covered is what a run finds, and the other way round."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_doc.execution.agent.patterns import DEEPEST, names
from gpu_doc.execution.agent.produced import Produced
from gpu_doc.execution.agent.searching import Search
from gpu_doc.functions.shared.address import covered

NAMES = ["a", "ab", "b", ".d", "a\nb", "[a]", "*", "a b", "é", ".git", ".gpu-doc"]
PARTS = [*NAMES, "**", "?", "??", "a*", "*b", ".*", "[ab]", "[!a]", "[", "[a", "[[]a]", "a**", "***", ".", ""]


def found(folder: Path, pattern: str) -> set[str]:
    with closing(Search(str(folder))) as search:
        return {entry.path for entry in search.find(pattern)}


def written(folder: Path, files: list[str]) -> set[str]:
    """The files that could be made: a folder may have the name already."""
    made = set()
    for name in files:
        file = folder / name
        if not any(part.is_file() for part in file.parents) and not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
            made.add(name)
    return made


joined = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join)
patterns = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("/".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(joined, min_size=1, max_size=6), st.lists(patterns, min_size=1, max_size=8))
def test_a_plan_covers_what_a_run_finds(files: list[str], wanted: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = written(Path(folder), files)
        for pattern in wanted:
            assert found(Path(folder), pattern) == {file for file in made if names(pattern, file)}, pattern


@given(patterns)
def test_the_form_that_a_configuration_gives_a_pattern_names_the_same(pattern: str) -> None:
    tidied = "/".join(part for part in pattern.split("/") if part not in ("", "."))
    files = ["a", "a/ab", "b/.d/a", "a\nb", "a/b/a", ".git/a"]
    assert [names(pattern, file) for file in files] == [names(tidied, file) for file in files]


@pytest.mark.parametrize(
    ("file", "pattern", "is_named"),
    [
        ("loss.png", "loss.png", True),
        ("loss.png", "./loss.png", True),
        ("figures/loss.png", "figures", True),
        ("figures/loss.png", "figures/", True),
        ("figures/a/loss.png", "./figures//", True),
        ("figures/loss.png", "fig*", True),
        ("figures/loss.png", "*.png", False),  # a plan took it, no run found it
        ("figures/a/loss.png", "figures/*.png", False),  # the same
        ("figures/a/loss.png", "figures/*", True),
        ("loss.png", "**/*.png", True),
        ("figures/a/loss.png", "**/*.png", True),
        ("figures/a/loss.png", "**/figures", True),  # a run found it, the plan refused it
        ("out/figures/loss.png", "**/figures", True),
        ("figures/loss.png", "figures/**", True),
        ("figures", "figures/**", False),
        ("x.png/loss.csv", "*.png", True),
        (".hidden", "*", True),
        ("figures/.hidden", "figures", True),
        (".git/config", "*", False),
        (".git/config", "**", False),
        ("out/.gpu-doc/x", "out", False),
        ("run-1.csv", "run-?.csv", True),
        ("run-12.csv", "run-?.csv", False),
        ("run-1.csv", "run-[12].csv", True),
        ("run-3.csv", "run-[!12].csv", True),
        ("run-[1].csv", "run-[1].csv", False),
        ("run-[1].csv", "run-[[]1].csv", True),
        ("a\nb.csv", "*.csv", True),
        ("a\nb.csv", "a?b.csv", True),
        ("Loss.png", "loss.png", False),
        ("Loss.png", "l*.png", False),
        ("/".join(["a"] * DEEPEST + ["b"]), "**/b", True),
        ("/".join(["a"] * (DEEPEST + 1) + ["b"]), "**/b", False),
    ],
)
def test_patterns(tmp_path: Path, file: str, pattern: str, is_named: bool) -> None:  # noqa: FBT001 - a table of cases
    assert covered(file, [pattern]) is is_named
    place = tmp_path / "place"
    place.mkdir()
    with closing(Produced([pattern], [str(place)])) as produced:
        written(place, [file])
        produced.take(str(tmp_path / "taken"))
        told = produced.found()
    assert (tmp_path / "taken" / file).is_file() is is_named, told


def test_many_folders_for_any_number_cost_no_time() -> None:
    assert not names("/".join(["**", "a"] * 20) + "/b", "/".join(["a"] * 60))
