"""The remedies that refusals name: each is run in a kernel, and its output is pictured."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.errors import CaptureError
from gpu_doc.model.pictures import Photograph
from gpu_doc.pictures.browser import find_chromium
from gpu_doc.pictures.capture import Camera
from gpu_doc.system.python_environment import PythonEnvironment

from .pictures import exhibit

pytestmark = pytest.mark.needs("chromium")

BEGIN = """\
from IPython.display import *
import wave
import matplotlib
matplotlib.use("agg")
from matplotlib import pyplot
figure = pyplot.figure(figsize=(2, 1))
figure.text(0.1, 0.5, r"$\\alpha$")
figure.savefig("figure.png")
pyplot.close(figure)
with wave.open("sound.wav", "wb") as file:
    file.setparams((1, 2, 8000, 0, "NONE", ""))
    file.writeframes(b"\\0" * 16000)
open("page.html", "w").write("<p>a page</p>")
"""
DATA_ADDRESS = """\
from base64 import b64encode
HTML(f'<img src="data:image/png;base64,{b64encode(open("figure.png", "rb").read()).decode()}">')
"""
MERMAID = """\
HTML('<pre class=mermaid></pre><script src="https://cdn.jsdelivr.net/npm/mermaid@11/dist/mermaid.min.js"></script>'
     '<script>require(["mermaid"])</script>')
"""
FORMULA = """\
f = pyplot.figure(figsize=(2, 1))
f.text(0.1, 0.5, r'$\\sqrt{x}$')
f.savefig('formula.png')
pyplot.close(f)
Image(filename='formula.png')
"""
CASES = {
    "frame of a file": ("IFrame('page.html', 300, 200)", "HTML(filename=", "HTML(filename='page.html')"),
    "frame": ("YouTubeVideo('abc')", "Image(filename=", "Image(filename='figure.png')"),
    "image": ("Image(url='https://example.org/a.png')", "Image(filename=", "Image(filename='figure.png')"),
    "image in HTML": (
        "HTML('<img src=figure.png>')",
        "as a data: address",
        DATA_ADDRESS,
    ),
    "sound": ("Audio(url='https://example.org/a.wav')", "Audio(filename=", "Audio(filename='sound.wav')"),
    "canvas": ("HTML('<canvas></canvas>')", "Image(filename=...)", "Image(filename='figure.png')"),
    "JavaScript": ("Javascript('1')", "element.append(", "Javascript('element.append(\"text\")')"),
    "formula": (
        "Latex(r'$\\nocommand$')",
        "as Matplotlib draws one",
        FORMULA,
    ),
    "widget": (
        "display({'application/vnd.jupyter.widget-view+json': {'model_id': 'none'}}, raw=True)",
        "Print the widget's result",
        "print(42)",
    ),
    "mermaid": (
        MERMAID,
        "between ```mermaid",
        "Image(filename='figure.png')",
    ),
}
PLOTLY = "import plotly.io, plotly.graph_objects as go\nfigure = go.Figure(go.Bar(y=[1, 2]))\n"
BOKEH = """\
import bokeh.embed, bokeh.io, bokeh.resources, bokeh.plotting
figure = bokeh.plotting.figure(width=300, height=200)
figure.line([1, 2], [1, 2])
"""
TABLE = "import itables, pandas\nframe = pandas.DataFrame({'a': [1, 2]})\n"
LIBRARIES = {
    "itables without its script": (TABLE + "itables.show(frame, connected=False)", "the data frame itself", "frame"),
    "plotly": (
        PLOTLY + "plotly.io.renderers.default = 'plotly_mimetype'\nfigure.show()",
        'plotly.io.renderers.default = "notebook"',
        PLOTLY + 'plotly.io.renderers.default = "notebook"\nfigure.show()',
    ),
    "plotly from the network": (
        PLOTLY + "HTML(figure.to_html(include_plotlyjs='cdn'))",
        "HTML(figure.to_html(include_plotlyjs=True))",
        PLOTLY + "HTML(figure.to_html(include_plotlyjs=True))",
    ),
    "bokeh": (
        BOKEH + "bokeh.io.output_notebook(bokeh.resources.CDN, hide_banner=True)\nbokeh.io.show(figure)",
        "HTML(bokeh.embed.file_html(figure, bokeh.resources.INLINE))",
        BOKEH + "HTML(bokeh.embed.file_html(figure, bokeh.resources.INLINE))",
    ),
    "itables": (
        TABLE
        + "itables.init_notebook_mode(all_interactive=False, connected=True)\nitables.show(frame, connected=True)",
        "the data frame itself",
        TABLE + "frame",
    ),
}


def outputs(folder: Path, sources: Sequence[str], path: str = "") -> list[Any]:
    """What cells show, in one kernel."""
    import nbformat
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    begin = f"import sys\nsys.path.append({path!r})\n" if path else BEGIN
    extra = "from IPython.display import HTML\n" if path else ""
    notebook = new_notebook(cells=[new_code_cell(begin + extra), *map(new_code_cell, sources)])
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    plain = nbformat.from_dict(notebook)
    return [[dict(output) for output in cell.outputs] for cell in plain.cells[1:]]


def assert_remedied(cases: dict[str, tuple[str, str, str]], shown: Sequence[Any]) -> None:
    nothing = PythonEnvironment(Path(sys.executable), "3.11", ())
    environ = os.environ
    with Camera(lambda: find_chromium(None, environ), environ=environ, environment=lambda: nothing) as room:
        shots = room.photograph([exhibit(*each) for each in shown])
    for name, (_, remedy, _), bad, good in zip(cases, cases.values(), shots[::2], shots[1::2], strict=True):
        assert isinstance(bad, CaptureError), name
        assert remedy in bad.remedy, (name, bad.what, bad.remedy)
        assert isinstance(good, Photograph), (name, good)


def test_a_remedy_gives_a_picture(tmp_path: Path) -> None:
    assert_remedied(CASES, outputs(tmp_path, [source for bad, _, good in CASES.values() for source in (bad, good)]))


@pytest.mark.full
@pytest.mark.needs("packages")
def test_a_remedy_for_a_library_gives_a_picture(tmp_path: Path) -> None:
    packages = ["plotly", "bokeh", "itables", "narwhals", "xyzservices", "contourpy"]
    words = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path / "packages")]
    subprocess.run([*words, *packages], check=True, capture_output=True)
    sources = [source for bad, _, good in LIBRARIES.values() for source in (bad, good)]
    assert_remedied(LIBRARIES, outputs(tmp_path, sources, str(tmp_path / "packages")))
