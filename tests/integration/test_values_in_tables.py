"""Texts that `value()` gives to a table's row, from templates and in place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from gpu_doc.model.answers import Answer, Call
from gpu_doc.model.configuration import Report, Run
from gpu_doc.report.report import render
from gpu_doc.report.template import TemplateWorker

RUN = Run(report="docs/a.md", name="a", address="a", line=1, notebook="n.ipynb")
VALUES = {
    "a/pipe": "x|y",
    "a/formula": "$x_1$ and $y$",
    "a/emoji": ":smile:",
    "a/tag": "<0.01 *b* [c](d) & \\",
    "a/lines": "one\ntwo",
    "a/fence": "```\n|",
    "a/plain": "resnet_50",
    "a/number": 0.5,
}
CALL = {name: f'value("{name}")' for name in VALUES}


@pytest.fixture(scope="module")
def worker() -> Iterator[TemplateWorker]:
    with TemplateWorker() as worker:
        yield worker


def answered(call: Call) -> Answer:
    return Answer(value=VALUES[str(call.args[0])], runs=("a",))


def from_template(root: Path, worker: TemplateWorker, text: str) -> str:
    (root / "a.md.j2").write_text(text, "utf-8")
    report = Report(path="a.md", line=1, template="a.md.j2", runs=(RUN,))
    return render(report, root, worker, answered).text.split("\n", 2)[2]


def in_place(root: Path, worker: TemplateWorker, text: str) -> str:
    (root / "a.md").write_text(text, "utf-8")
    return render(Report(path="a.md", line=1, runs=(RUN,)), root, worker, answered).text


def shown(markdown: str) -> list[str]:
    """The second cell of each row, as text."""
    inline = [token for token in MarkdownIt("js-default", {"html": True}).parse(markdown) if token.type == "inline"]
    cells = ["".join(part.content for part in token.children or () if part.type != "html_inline") for token in inline]
    assert cells[2::3] == ["end"] * (len(cells) // 3), "three cells in each row"
    return cells[4::3]


@pytest.mark.parametrize("way", ["template", "in place"])
def test_each_value_shows_itself_in_its_cell(tmp_path: Path, worker: TemplateWorker, way: str) -> None:
    names = list(VALUES)
    if way == "template":
        rows = "".join(f"| a | {{{{ {CALL[name]} }}}} | end |\n" for name in names)
        text = from_template(tmp_path, worker, f"| a | b | end |\n|---|---|---|\n{rows}")
    else:
        rows = "".join(f"| a | <!-- gpu-doc: {CALL[name]} -->?<!-- gpu-doc: end --> | end |\n" for name in names)
        text = in_place(tmp_path, worker, f"| a | b | end |\n|---|---|---|\n{rows}")
    assert shown(text) == [" ".join(str(VALUES[name]).split()) for name in names]


def test_in_code_outside_of_tables_and_as_markdown_it_stays_as_it_is(tmp_path: Path, worker: TemplateWorker) -> None:
    text = "It is {{ V }}.\n\n```\n| {{ V }} |\n```\n\n| a |\n|---|\n| `{{ V }}` |\n| {{ V|safe }} |\n"
    asked = text.replace("V", CALL["a/tag"])
    tag = VALUES["a/tag"]
    assert from_template(tmp_path, worker, asked) == text.replace("{{ V }}", str(tag)).replace("{{ V|safe }}", str(tag))
    line = f"It is <!-- gpu-doc: {CALL['a/emoji']} -->?<!-- gpu-doc: end -->.\n"
    assert in_place(tmp_path, worker, line) == line.replace("?", ":smile:")


def test_a_pipe_ends_no_code_in_a_cell(tmp_path: Path, worker: TemplateWorker) -> None:
    assert from_template(tmp_path, worker, f"| `{{{{ {CALL['a/pipe']} }}}}` |\n") == "| `x\\|y` |\n"


def test_what_a_filter_makes_of_a_value_ends_no_cell(tmp_path: Path, worker: TemplateWorker) -> None:
    for work in ("upper", "trim", "replace('x', 'z')|lower", "string"):
        text = from_template(tmp_path, worker, f"| a | b |\n|---|---|\n| {{{{ {CALL['a/pipe']}|{work} }}}} | end |\n")
        assert "&#124;" in text, work


def test_what_a_value_holds_opens_nothing(tmp_path: Path, worker: TemplateWorker) -> None:
    text = f"{{{{ {CALL['a/fence']} }}}}\n\n- | {{{{ {CALL['a/pipe']} }}}} |\n"
    assert from_template(tmp_path, worker, text) == "```\n|\n\n- | x&#124;y |\n"


def test_templates_see_values_without_marks(tmp_path: Path, worker: TemplateWorker) -> None:
    text = "{% set v = V %}{{ v == 'x|y' }} {{ v|length }} {{ v|upper }} {{ v ~ v }} {{ [v] }}\n"
    assert from_template(tmp_path, worker, text.replace("V", CALL["a/pipe"])) == "True 3 X|Y x|yx|y ['x|y']\n"
