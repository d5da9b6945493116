"""The notebooks that are measured: six small cells.

Text, a data frame, a Matplotlib figure, a coloured log, a value; no two notebooks have the same outputs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

PICTURES = ("text", "frame", "figure", "log")
"""The tags of the cells whose outputs are photographed."""

_CELLS = {
    "setup": """
%config InlineBackend.figure_formats = ["retina"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

rng = np.random.default_rng({number})
""",
    "text": """
for step in range(8):
    print(f"step {{step}}: {{rng.normal():+.6f}}")
""",
    "frame": """
frame = pd.DataFrame(rng.normal(size=(8, 4)), columns=list("abcd")).round(4)
frame
""",
    "figure": """
figure, ax = plt.subplots(figsize=(6, 3))
ax.plot(rng.normal(size=(60, 3)).cumsum(axis=0))
ax.set(title="Notebook {number}", xlabel="step", ylabel="sum");
""",
    "log": r"""
for level, colour in (("debug", 90), ("info", 32), ("warning", 33), ("error", "1;31")) * 2:
    print(f"\x1b[{{colour}}m{{level:>8}}\x1b[0m  {{rng.integers(10**6)}} rows read")
""",
    "total": """
float(frame.to_numpy().sum())
""",
}

_TEMPLATE = """\
{% for name in runs %}## Notebook {{ name }}

The sum is {{ value(name ~ "/total")|round(3) }}.

{% for cell in ["text", "frame", "figure", "log"] %}{{ shot(name ~ "/" ~ cell) }}

{% endfor %}{% endfor %}
"""


def notebook(number: int) -> dict[str, object]:
    """The notebook of that number, as nbformat 4.5."""
    cells: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": tag,
            "metadata": {"tags": [tag]},
            "outputs": [],
            "source": source.strip("\n").format(number=number),
        }
        for tag, source in _CELLS.items()
    ]
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def write_notebooks(folder: Path, count: int) -> list[str]:
    """Write `count` notebooks; gives their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"nb{number:03}.ipynb" for number in range(count)]
    for number, name in enumerate(names):
        (folder / name).write_text(json.dumps(notebook(number), indent=1) + "\n", encoding="utf-8")
    return names


def write_project(folder: Path, count: int, *, scale: int = 2) -> list[str]:
    """Write notebooks, and a report with four pictures and a number of each; gives the notebooks' names."""
    names = write_notebooks(folder, count)
    (folder / "gpu-doc.yml").write_text(_configuration(names, scale), encoding="utf-8")
    runs = json.dumps([Path(name).stem for name in names])
    (folder / "report.md.j2").write_text(f"{{% set runs = {runs} %}}\n{_TEMPLATE}", encoding="utf-8")
    return names


def _configuration(names: Sequence[str], scale: int) -> str:
    runs = "".join(f"      {Path(name).stem}: {{notebook: {name}}}\n" for name in names)
    return f"capture: {{scale: {scale}}}\nreports:\n  - path: report.md\n    template: report.md.j2\n    runs:\n{runs}"
