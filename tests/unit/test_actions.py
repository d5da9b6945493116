"""Outputs and job summary, as the runner reads them from its files."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gpu_doc.action.step import LONGEST_SUMMARY, add_summary, set_outputs, shortened


def read(file: Path) -> dict[str, str]:
    """What the runner understands: `name=value`, or lines up to a delimiter (actions/runner, FileCommandManager.cs)."""
    found: dict[str, str] = {}
    lines = iter(file.read_bytes().decode().split("\n"))
    for line in lines:
        name, ends, delimiter = line.partition("<<")
        if "=" in name or not ends:
            name, _, found[name] = line.partition("=")
            continue
        value: list[str] = []
        while (following := next(lines)) != delimiter:
            value.append(following)
        found[name] = "\n".join(value)
    found.pop("", None)
    return found


def test_values_of_any_content_stay_values(tmp_path: Path) -> None:
    file = tmp_path / "output"
    values = {"plan": '{"a": 1}\nchanged=true\nEOF\nend-0\n', "reports": "x<<y\r\n::set-output name=a::b", "empty": ""}
    environ = {"GITHUB_OUTPUT": str(file)}
    set_outputs({"changed": "false"}, environ)
    set_outputs(values, environ)
    assert read(file) == {"changed": "false", **values}


def test_where_no_runner_listens_nothing_is_written(tmp_path: Path) -> None:
    set_outputs({"a": "b"}, {})
    add_summary("text", {"GITHUB_STEP_SUMMARY": ""})
    assert list(tmp_path.iterdir()) == []


def test_a_long_summary_ends_with_a_sentence_where_github_would_show_nothing(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    environ = {"GITHUB_STEP_SUMMARY": str(file)}
    add_summary("# First\n", environ)
    add_summary("| ä row |\n" * 200_000, environ)
    add_summary("# Never\n", environ)
    text = file.read_text("utf-8")
    assert LONGEST_SUMMARY - 200 < file.stat().st_size <= LONGEST_SUMMARY
    assert text.startswith("# First\n| ä row |\n")
    assert text.endswith("| ä row |\n\n*The rest is left out: a job summary ends at 1 MiB. The log has all of it.*\n")


@given(st.text(), st.integers(0, 200))
def test_what_is_shortened_fits(text: str, most: int) -> None:
    cut = shortened(text, most)
    assert cut == text or len(cut.encode("utf-8", "replace")) <= most
