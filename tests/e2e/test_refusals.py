"""What can't be shown is told at once: one refresh is enough to hear of all of it."""

from __future__ import annotations

import json
import re

import pytest

from tests.workflow_commands import found

from .conftest import Project, code, notebook

pytestmark = pytest.mark.needs("chromium")

FRAME = "from IPython.display import HTML\nHTML('<ifr' + 'ame src=\"https://example.org/a\"></iframe>')"
"""Refused, and nobody can see that before the cell has run."""
PICTURE = "from IPython.display import HTML\nHTML('<b>bold</b>')"


def project(root: Project, files: dict[str, str], *reports: str) -> Project:
    root.write({**files, "gpu-doc.yml": "reports:\n" + "".join(reports)})
    return root


def report(path: str, *runs: str, template: str = "") -> str:
    own = f"    template: {template}\n" if template else ""
    names = "".join(f"      {name}: {{notebook: {name}.ipynb}}\n" for name in runs)
    return f"  - path: {path}\n{own}    runs:\n{names}"


def block(call: str) -> str:
    return f"<!-- gpu-doc: {call} -->none<!-- gpu-doc: end -->\n"


def told(project: Project, code: int = 2) -> list[str]:
    """The places of errors, in order."""
    return re.findall(r"^  in (.*)$", project.gpu_doc("run", code=code).stderr, re.MULTILINE)


@pytest.fixture
def eleven(empty: Project) -> Project:
    """A report from a template with eleven frames, and one in place with two of them; a third is well."""
    cells = [code(FRAME, f"c{number}") for number in range(11)]
    files = {
        "n.ipynb": notebook(*cells, code("6 * 7", "answer")),
        "a.md.j2": "# A\n" + "".join(f'{{{{ shot("n/c{number}") }}}}\n' for number in range(11)),
        "b.md": "# B\n\n" + block('shot("n/c3")') + "\n" + block('shot("n/c9")'),
        "c.md": block("value('n/answer')"),
    }
    return project(empty, files, report("a.md", "n", template="a.md.j2"), report("b.md", "n"), report("c.md", "n"))


def test_eleven_refused_pictures_and_those_of_another_report_take_one_refresh(eleven: Project) -> None:
    before = eleven.read("b.md")
    places = [f"a.md.j2:{number + 2}, which shows n.ipynb, cell {number + 1} (c{number})" for number in range(11)]
    others = ["b.md:3, which shows n.ipynb, cell 4 (c3)", "b.md:5, which shows n.ipynb, cell 10 (c9)"]
    assert told(eleven) == [*places, *others]
    assert eleven.read("b.md") == before
    assert not (eleven.root / "a.md").exists()
    assert not (eleven.root / "a.assets").exists()
    assert "42" in eleven.read("c.md")


@pytest.mark.full
def test_a_runner_annotates_the_lines_of_the_template(eleven: Project) -> None:
    errors = [
        each for each in found(eleven.gpu_doc("run", code=2, GITHUB_ACTIONS="true").stderr) if each.name == "error"
    ]
    places = [("a.md.j2", str(number + 2)) for number in range(11)] + [("b.md", "3"), ("b.md", "5")]
    assert [(each.properties["file"], each.properties["line"]) for each in errors] == places
    assert all("would lack an <iframe>" in each.data and "Let the cell show" in each.data for each in errors)


def test_every_kind_of_call_is_told_with_its_line(empty: Project) -> None:
    """Also where a filter or an operator would need the value that is not there."""
    template = """\
{{ value("n/print")|percent }} {{ value("n/print") + 1 }} {% if value("n/frame") > 1 %}{% endif %}

{{ table("n/print") }}
{{ image("n/print") }}
{{ text("n/nothing") }}
{{ shot("n/nothing") }}
{{ shot("n/frame", theme="both") }}
inside {{ text("n/lines") }} a line
"""
    cells = [code("print(1)", "print"), code("pass", "nothing"), code(FRAME, "frame"), code("print('1\\n2')", "lines")]
    made = project(empty, {"n.ipynb": notebook(*cells), "t.j2": template}, report("a.md", "n", template="t.j2"))
    places = told(made)
    lines = ["t.j2:1", "t.j2:1", "t.j2:3", "t.j2:4", "t.j2:5", "t.j2:6", "t.j2:7, which shows n.ipynb, cell 3 (frame)"]
    assert places == lines


def test_what_stands_inside_a_line_is_told_together(empty: Project) -> None:
    cells = [code("print('1\\n2')", "one"), code("print('3\\n4')", "other")]
    template = 'a {{ text("n/one") }}\nb {{ text("n/other") }}\n'
    made = project(empty, {"n.ipynb": notebook(*cells), "t.j2": template}, report("a.md", "n", template="t.j2"))
    assert told(made) == ["t.j2:1", "t.j2:2"]


def test_what_a_condition_leaves_out_is_not_told(empty: Project) -> None:
    """A condition on a value that is there decides; on one that is not, nobody knows what would be asked."""
    template = """\
{% if value("n/answer") == 42 %}{{ shot("n/one") }}{% else %}{{ shot("n/other") }}{% endif %}
{% if value("n/print") %}
{{ shot("n/one", width=300) }}
{% else %}
{{ shot("n/other", width=300) }}
{% endif %}
"""
    cells = [code("6 * 7", "answer"), code("print(1)", "print"), code(FRAME, "one"), code(FRAME, "other")]
    made = project(empty, {"n.ipynb": notebook(*cells), "t.j2": template}, report("a.md", "n", template="t.j2"))
    assert told(made) == ["t.j2:1, which shows n.ipynb, cell 3 (one)", "t.j2:2"]


def test_all_addresses_that_fit_nothing_are_told_at_once(empty: Project) -> None:
    files = {
        "n.ipynb": notebook(code("1", "one")),
        "a.md": "".join(block(f"code('n{each}')") for each in ("/#2", "", "/#3")),
    }
    made = project(empty, files, report("a.md", "n"))
    assert told(made) == ["a.md:1", "a.md:2", "a.md:3"]
    assert "no cell #3" in made.gpu_doc("plan").stdout


def test_pictures_of_runs_that_are_fresh_are_refused_before_others_run(empty: Project) -> None:
    files = {
        "n.ipynb": notebook(code(FRAME, "frame"), code(PICTURE, "bold")),
        "slow.ipynb": notebook(code("open('ran', 'w').close()", "slow"), code("print(1)", "print")),
        "a.md": block("text('n/frame')") + block("shot('n/bold')"),
    }
    made = project(empty, files, report("a.md", "n"))
    made.gpu_doc("run")
    made.write({"a.md": block("shot('n/frame')") + block("shot('slow/print')") + block("shot('n/bold')")})
    made.write({"gpu-doc.yml": "reports:\n" + report("a.md", "n", "slow")})
    assert told(made) == ["a.md:1, which shows n.ipynb, cell 1 (frame)"]
    assert not (made.root / "ran").exists()
    made.write({"a.md": block("shot('slow/print')") + block("shot('n/bold')")})
    made.gpu_doc("run")
    assert (made.root / "ran").exists()


@pytest.mark.full
def test_beside_a_run_that_fails_the_others_are_judged(empty: Project) -> None:
    files = {
        "n.ipynb": notebook(code(FRAME, "frame"), code("1", "one")),
        "bad.ipynb": notebook(code("1 / 0", "error")),
        "a.md": block("shot('bad/error')") + block("shot('n/frame')") + block("table('n/one')"),
    }
    made = project(empty, files, report("a.md", "n", "bad"))
    assert told(made, code=2) == ["bad.ipynb, cell 1 (error)", "a.md:2, which shows n.ipynb, cell 1 (frame)", "a.md:3"]


def test_a_picture_that_is_refused_keeps_the_others_of_its_report_in_state(eleven: Project) -> None:
    cells = [json.loads(eleven.read("n.ipynb"))["cells"][number] for number in range(11)]
    eleven.write({"n.ipynb": notebook(*cells, code("6 * 7", "answer"), code(PICTURE, "bold"))})
    eleven.write({"a.md.j2": '{{ shot("n/bold") }}\n{{ shot("n/c0") }}\n'})
    assert told(eleven)[0] == "a.md.j2:2, which shows n.ipynb, cell 1 (c0)"
    eleven.write({"a.md.j2": '{{ shot("n/bold") }}\n', "b.md": block("value('n/answer')")})
    done = eleven.gpu_doc("run", GPU_DOC_CHROMIUM="/nothing")
    assert "0 runs executed" in done.stdout
