"""How places and problems are written, which is done here only."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpu_doc.errors import ConfigError, RunError
from gpu_doc.model.location import Location, Problem


@pytest.mark.parametrize(
    ("location", "text"),
    [
        (Location("docs/a.md"), "docs/a.md"),
        (Location("docs/a.md", 12), "docs/a.md:12"),
        (Location("gpu-doc.yml", 12, 5), "gpu-doc.yml:12:5"),
        (Location("a.ipynb", cell=3), "a.ipynb, cell 3"),
        (Location("a.ipynb", 2, cell=3, cell_name="loss-curve"), "a.ipynb, cell 3 (loss-curve)"),
        (Location("a.ipynb", cell_name="injected parameters"), "a.ipynb, injected parameters"),
    ],
)
def test_a_place_reads_as_people_write_it(location: Location, text: str) -> None:
    assert str(location) == text
    assert RunError("it broke", where=location).where == text
    assert str(Problem(location, "an unknown key")) == f"{text}: an unknown key"


def test_what_lies_below_root_is_named_from_there() -> None:
    root = Path("/home/me/project")
    assert Location(f"{root}/a.ipynb", 3, cell=1).relative_to(root) == Location("a.ipynb", 3, cell=1)
    for elsewhere in ("a.ipynb", f"{root}s/a.ipynb", "/etc/a.ipynb"):
        assert Location(elsewhere).relative_to(root) == Location(elsewhere)


def test_an_error_carries_its_place_or_only_words() -> None:
    assert RunError("it broke", where=Location("a.md", 1)).location == Location("a.md", 1)
    assert RunError("no such image", where="docs/a.md:1").location is None
    error = RunError("it broke")
    assert (error.where, error.location) == ("", None)
    error.locate(Location("a.md", 2))
    assert (error.where, error.location) == ("a.md:2", Location("a.md", 2))


def test_problems_of_a_configuration_are_its_details() -> None:
    problems = [Problem(Location("gpu-doc.yml", line, 1), "empty") for line in (3, 9)]
    assert ConfigError("2 problems", problems=problems).details == "gpu-doc.yml:3:1: empty\ngpu-doc.yml:9:1: empty"
