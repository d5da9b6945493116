"""What a report shows is whole, or the report stays as it was, and somebody says so."""

from __future__ import annotations

import pytest

from .conftest import Project, code, notebook

FIGURES = """\
from IPython.display import HTML, display
from PIL import Image
for number in range(20):
    display(Image.effect_noise((150, 100), 90))
"""
CELLS = (
    code(FIGURES, "figures"),
    code("6 * 7", "answer"),
    code("print('x' * 300_000)\ndisplay(HTML('<b>beside</b>'))", "log"),
    code("6 * 8", "late"),
    code("HTML('<div style=\"overflow: hidden; height: 30px\">one<br>two<br>three</div>')", "box"),
    code("HTML('<img src=\"dot.png\">')", "dot"),
    code("HTML('<p></p>')", "nothing"),
)
CONFIG = """\
defaults: {limits: {output: 100kB}}
reports:
"""


def report(name: str, *calls: str) -> tuple[dict[str, str], str]:
    text = "".join(f"<!-- gpu-doc: {call} -->\nas it was\n<!-- gpu-doc: end -->\n\n" for call in calls)
    return {f"docs/{name}.md": text}, f"  - {{path: docs/{name}.md, runs: {{run: {{notebook: notebooks/n.ipynb}}}}}}\n"


REPORTS = (
    report("good", 'shot("run/figures", output=19)', 'value("run/answer")', 'value("run/late")'),
    report("log", 'text("run/log")'),
    report("beside", 'shot("run/log", output=2)'),
    report("box", 'shot("run/box")'),
    report("dot", 'shot("run/dot")', 'shot("run/nothing")'),
)


@pytest.mark.needs("chromium")
def test_nothing_is_cut_without_a_word(empty: Project) -> None:
    empty.write({name: text for files, _ in REPORTS for name, text in files.items()})
    empty.write({"notebooks/n.ipynb": notebook(*CELLS), "gpu-doc.yml": CONFIG + "".join(line for _, line in REPORTS)})
    before = empty.files()

    said = empty.gpu_doc("run", code=2).stderr
    assert "Warning: notebooks/n.ipynb, cell 3 (log): output cut at 100 kB, the most" in said
    assert said.count("output cut at 100 kB") == 3, "once as a warning, once for each report that needs it"
    assert "set `limits: {output: 1MB}`" in said
    assert "The picture of run/box would be cut: a <div> that begins with “one two three” is 30 CSS pixels high" in said
    assert "The picture of run/dot would lack an image: it did not load: dot.png" in said
    assert "in docs/dot.md:1, which shows notebooks/n.ipynb, cell 6 (dot)" in said
    assert "The picture of run/nothing came out blank" in said, "all are told at once"
    assert "which shows notebooks/n.ipynb, cell 7 (nothing)" in said
    after = empty.files()
    assert {name for name in after if after[name] != before.get(name)} == {
        "docs/good.md",
        *(name for name in after if name.startswith("docs/good.assets/")),
    }
    good = empty.read("docs/good.md")
    assert "42" in good
    assert "48" in good

    # What the remedy says helps: what was cut is made again, and the log is whole.
    empty.edit("gpu-doc.yml", "100kB", "1MB")
    said = empty.gpu_doc("run", "docs/log.md", "docs/beside.md").stderr
    assert "cut at" not in said
    assert "x" * 300_000 in empty.read("docs/log.md")
