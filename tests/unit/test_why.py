"""`why`: where what stands on a line comes from, over the published example; and what is not established."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit import tampering
from tests.unit.tampering import EVIDENCE, NOTES, REPORT, Copy

from gpu_doc.cli import commands
from gpu_doc.cli.arguments import parse
from gpu_doc.cli.call import Call
from gpu_doc.console.console import Console
from gpu_doc.errors import GpuDocError


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Copy]]:
    with tampering.copies(tmp_path_factory.mktemp("why")) as copied:
        yield copied


@pytest.fixture(scope="module")
def example(copied: Callable[[str], Copy]) -> Copy:
    return copied("example")


def called(copy: Copy, *words: str) -> tuple[int, str, str]:
    """Call the command line in a copy: exit code, output, what is said on standard error."""
    out, err = io.StringIO(), io.StringIO()
    console = Console(out, err, interactive=False, colour=False, ci=False)
    code = commands.ALL[words[0]](Call(parse(words), console, {}, copy.root))
    return int(code), out.getvalue(), err.getvalue()


def line(copy: Copy, text: str, report: str = REPORT) -> int:
    return next(number for number, each in enumerate(copy.read(report).split("\n"), start=1) if text in each)


def told(copy: Copy, text: str, report: str = REPORT) -> Any:
    code, out, _ = called(copy, "why", f"{report}:{line(copy, text, report)}", "--json")
    assert code == 0
    return json.loads(out)


def test_a_line_with_numbers(example: Copy) -> None:
    found = told(example, "97.6 %")
    assert [each["address"] for each in found["shown"]] == [
        f"baseline/{name}" for name in ("test-pictures", "accuracy", "mistakes")
    ]
    accuracy = found["shown"][1]
    assert (accuracy["shows"], accuracy["sure"], found["exact"]) == ("0.9755555555555555", True, True)
    [run] = accuracy["runs"]
    assert (run["run"], run["what"], run["parameters"]) == (
        "baseline",
        "notebooks/train.ipynb",
        {"learning_rate": 0.05},
    )
    assert run["cell"]["name"] == "accuracy"
    first, last = run["cell"]["lines"]
    notebook = example.read("notebooks/train.ipynb").split("\n")
    assert "probabilities = net.predict" in notebook[first - 1]
    assert "float((read == split.test_digits).mean())" in notebook[last - 1]
    assert run["image"] == "local"
    assert run["started"].startswith("20")
    assert {"which commit", "packages beyond"} <= {" ".join(each.split()[:2]) for each in run["not-established"]}


def test_a_row_of_a_table_has_the_values_and_runs_of_that_row(example: Copy) -> None:
    [shown] = told(example, "| 0.5 | 0.6711")["shown"]
    assert [value["address"] for value in shown["values"]] == [
        f"sweep[learning_rate=0.5]/{name}" for name in ("accuracy", "test-loss", "mistakes")
    ]
    assert shown["values"][0] == {
        "address": "sweep[learning_rate=0.5]/accuracy",
        "value": 0.6711111111111111,
        "shown": "0.6711",
    }
    assert [run["run"] for run in shown["runs"]] == ["sweep[learning_rate=0.5]"]
    [head] = told(example, "| learning_rate | accuracy")["shown"]
    assert len(head["runs"]) == 3


def test_a_picture_and_its_caption(example: Copy) -> None:
    for text in ("baseline-loss-curve-412d1102.png", "*The loss at the learning rate that we chose"):
        [shown] = told(example, text)["shown"]
        assert (shown["address"], shown["files"]) == ("baseline/loss-curve", ["baseline-loss-curve-412d1102.png"])


def test_a_block_in_a_text_that_people_write(example: Copy) -> None:
    [shown] = told(example, "97.6 %", NOTES)["shown"]
    assert (shown["address"], shown["asked"]) == ("baseline/accuracy", f"{NOTES}:{line(example, '97.6 %', NOTES)}")


def test_a_line_with_nothing_generated_names_the_nearest(example: Copy) -> None:
    _, out, _ = called(example, "why", f"{REPORT}:3")
    assert "nothing generated stands here" in out
    assert f"The nearest: {REPORT}:{line(example, '2410')}" in out


def test_all_of_a_report(example: Copy) -> None:
    code, out, _ = called(example, "why", REPORT)
    assert code == 0
    answers = json.loads(example.read(EVIDENCE))["answers"]
    assert sum(row.startswith(f"{REPORT}:") for row in out.splitlines()) == len(answers)
    assert 'value("baseline/accuracy"): 0.9755555555555555' in out


def test_in_words(example: Copy) -> None:
    _, out, _ = called(example, "why", f"{REPORT}:{line(example, '97.6 %')}")
    for words in (
        "asked in   templates/report.md.j2:",
        "cell       #13 (accuracy), notebooks/train.ipynb:",
        "| float((read",
        "learning_rate = 0.05",
        "not established: ",
    ):
        assert words in out
    assert out.count("parameters") == 1, "a run's facts are told once"


def test_what_contradicts_itself_is_warned_of(copied: Callable[[str], Copy]) -> None:
    copy = copied("forged")
    copy.edit(EVIDENCE, '"value": 0.9755555555555555\n  }', '"value": 0.99\n  }')
    place = f"{REPORT}:{line(copy, '97.6 %')}"
    _, _, err = called(copy, "why", place)
    assert 'what evidence says of value("baseline/accuracy") does not fit its checksum' in err
    assert f"the report is not what evidence gives, from line {line(copy, '97.6 %')} on" in err


def test_a_source_that_has_changed_since(copied: Callable[[str], Copy]) -> None:
    copy = copied("changed")
    copy.edit("gpu-doc.yml", "learning_rate: 0.05}", "learning_rate: 0.06}")
    [run] = told(copy, "97.6 %")["shown"][1]["runs"]
    assert "what today's source would give: parameters.learning_rate 0.05 → 0.06" in run["not-established"]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (f"{REPORT}:0", "names no line"),
        (f"{REPORT}:9999", "lines"),
        ("docs/nothing.md:3", "no report `docs/nothing.md`"),
    ],
)
def test_what_is_no_line(place: str, words: str, example: Copy) -> None:
    with pytest.raises(GpuDocError) as caught:
        called(example, "why", place)
    assert words in caught.value.what


def test_without_evidence_nothing_is_known(copied: Callable[[str], Copy]) -> None:
    copy = copied("without")
    copy.path(EVIDENCE).unlink()
    with pytest.raises(GpuDocError, match="where this report comes from is not known"):
        called(copy, "why", REPORT)


# --- the commands' words ----------------------------------------------------------------------------------------------


def test_verify_in_words_and_as_json(copied: Callable[[str], Copy]) -> None:
    copy = copied("verified")
    code, out, _ = called(copy, "verify")
    assert code == 0
    assert f"{REPORT}: intact (pictures: 9, answers: 21, runs: 5)" in out
    assert "Intact proves that these files agree with each other, not who made them." in out
    code, out, _ = called(copy, "verify", REPORT, "--json")
    found = json.loads(out)
    assert (code, found["intact"], [each["report"] for each in found["reports"]]) == (0, True, [REPORT])
    copy.edit(REPORT, "97.6 %", "99.6 %")
    copy.path("docs/notes.assets/more.png").touch()
    code, out, _ = called(copy, "verify", "--json")
    found = json.loads(out)
    assert (code, found["intact"]) == (1, False)
    findings = [finding for report in found["reports"] for finding in report["findings"]]
    assert [(each["kind"], each["file"], each["line"]) for each in findings] == [
        ("text", REPORT, line(copy, "99.6 %")),
        ("foreign", "docs/notes.assets/more.png", None),
    ]
    code, out, _ = called(copy, "verify")
    assert code == 1
    assert f"  {REPORT}:{line(copy, '99.6 %')}: `" in out


def test_glued_values_come_from_the_cell_that_glues_them(copied: Callable[[str], Copy]) -> None:
    copy = copied("glued")
    notebook = json.loads(copy.read("notebooks/train.ipynb"))
    cell = next(cell for cell in notebook["cells"] if "accuracy" in cell["metadata"].get("tags", []))
    cell["metadata"]["tags"] = ["measured"]
    cell["source"] = [*cell["source"], "\n", "sb.glue('accuracy', 1)"]
    copy.write("notebooks/train.ipynb", json.dumps(notebook, indent=1))
    [run] = told(copy, "97.6 %")["shown"][1]["runs"]
    assert (run["cell"]["name"], run["cell"]["glues"]) == ("measured", "accuracy")


def test_nothing_is_written(example: Copy) -> None:
    before = {path: path.stat().st_mtime_ns for path in Path(example.root).rglob("*")}
    called(example, "verify")
    called(example, "why", REPORT)
    assert {path: path.stat().st_mtime_ns for path in Path(example.root).rglob("*")} == before
