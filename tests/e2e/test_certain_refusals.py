"""What is certain to be refused is refused before anything runs; what might work is not."""

from __future__ import annotations

import re

import pytest

from .conftest import Project, code, notebook

pytestmark = pytest.mark.needs("chromium")

IMPORT = "from IPython.display import HTML, IFrame, Image, Video, YouTubeVideo, display"
CERTAIN = [
    "IFrame('https://example.org/a', 600, 300)",
    "YouTubeVideo('abc')",
    "Image(url='https://example.org/a.png', width=300)",
    "Video(url='https://example.org/a.mp4')",
    """HTML('<iframe width="560" height="315" src="https://example.org/a"></iframe>')""",
    """HTML('<img src="https://example.org/a.png">')""",
    "print(1)\ndisplay(IFrame('https://example.org/a', 600, 300))",
]
"""Each by itself the source of a cell."""
OTHER = [
    "YouTubeVideo('abc');",
    "address = 'data:text/html,a'\nIFrame(address, 600, 300)",
    "IFrame('https://example.org/a', 0, 0)",
    "Image(url='data:image/png;base64,')",
    "if False:\n    display(YouTubeVideo('abc'))",
    "%%html\n<b>bold</b>",
    "HTML('<!-- <iframe src=\"https://example.org/a\"></iframe> -->')",
    "from IPython.display import clear_output\ndisplay(YouTubeVideo('abc'))\nclear_output()\nprint(1)",
]


def project(root: Project, sources: list[str], more: str = "") -> Project:
    cells = [code(f"{IMPORT}\nopen('ran', 'w').close()", "begin"), *([code(more, "more")] if more else [])]
    cells += [code(source, f"c{number}") for number, source in enumerate(sources)]
    blocks = [f'<!-- gpu-doc: shot("n/c{number}") -->none<!-- gpu-doc: end -->\n' for number in range(len(sources))]
    root.write({"n.ipynb": notebook(*cells), "a.md": "".join(blocks)})
    root.write({"gpu-doc.yml": "reports:\n  - path: a.md\n    runs: {n: {notebook: n.ipynb}}\n"})
    return root


def told(project: Project) -> list[tuple[str, ...]]:
    """The head and place of each error."""
    return re.findall(r"^Error: (.*)\n  in (.*)$", project.gpu_doc("run", code=2).stderr, re.MULTILINE)


def test_what_is_certain_is_refused_before_it_runs_as_it_would_be_afterwards(empty: Project) -> None:
    before = told(project(empty, CERTAIN))
    assert [place for _, place in before] == [
        f"a.md:{number + 1}, which shows n.ipynb, cell {number + 2} (c{number})" for number in range(len(CERTAIN))
    ]
    assert not (empty.root / "ran").exists()
    assert "would lack an <iframe>" in empty.gpu_doc("plan").stdout
    # The same, where nobody can know: a star may give names another meaning.
    after = told(project(empty, CERTAIN, more="from math import *"))
    assert (empty.root / "ran").exists()
    known = r", cell \d+"
    assert [(what, re.sub(known, "", place)) for what, place in after] == [
        (what, re.sub(known, "", place)) for what, place in before
    ]


@pytest.mark.parametrize("more", ["IFrame = YouTubeVideo = HTML = str", pytest.param("", marks=pytest.mark.full)])
def test_what_may_be_shown_is_not_refused_before_it_runs(empty: Project, more: str) -> None:
    made = project(empty, [*OTHER, *(CERTAIN[:2] if more else [])], more)
    made.gpu_doc("run", code=None)
    assert (empty.root / "ran").exists()
