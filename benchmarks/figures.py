"""100 figures of Plotly's that are data: against Playwright's element screenshots of a finished page.

The peer is given a page that loads Plotly once and draws all figures; ours starts from the outputs. Both have the same
script, from the peers' environment, and the same Chromium. Pictures must have the same size when what is white around
them is cut off, and but for the edges of lines, which depend on where on a page they are, the same pixels.
"""

from __future__ import annotations

import json
import math
import os
import random
from pathlib import Path
from typing import Any

from PIL import ImageChops

from benchmarks.measure import Bench, BrokenComparisonError, Contender, Row, interleave, say
from benchmarks.our_pictures import WIDTH
from benchmarks.pictures import FLAGS, ROOT, VIEWPORT, seen

FIGURES = 100
OF_PLAYWRIGHT = 0.5
SCALE = 2
EDGES = 0.005
"""The share of pixels that may differ."""

_PAGE = """\
<!doctype html><meta charset="utf-8">
<style>body {{ margin: 0; text-rendering: geometricPrecision }} .modebar-container {{ display: none }}</style>
<script src="{script}"></script>
<body>{figures}</body>
"""
_FIGURE = """\
<div id="figure-{number}" style="width:{width}px"><div></div><script>
(({{ data, layout }}, place) => Plotly.newPlot(place, data, layout, {{ responsive: true }}))(
  {figure}, document.currentScript.previousElementSibling
);
</script></div>
"""


def rows(bench: Bench) -> list[Row]:
    """The time against Playwright, and whether the pictures are the same."""
    count = 10 if bench.quick else FIGURES
    say(f"{count} figures of Plotly")
    script = next(bench.peers.glob("lib/python*/site-packages/plotly/package_data/plotly.min.js"), None)
    if script is None:
        raise BrokenComparisonError(f"there is no plotly in {bench.peers}")
    figures = _figures(count)
    ours, peer = _ours(figures, script, bench), _playwright(figures, script, bench)
    [measured] = interleave(ours, [peer], rounds=bench.rounds)
    pairs = [(path, peer.folder / path.name) for path in sorted(ours.folder.glob("*.png"))]
    alike = sum(_alike(mine, other) for mine, other in pairs)
    if len(pairs) != count or alike != count:
        raise BrokenComparisonError(f"{alike} of {len(pairs)} pictures are alike")
    return [measured.row(f"{count} Plotly figures, scale {SCALE}", at_most=OF_PLAYWRIGHT)]


def _alike(one: Path, other: Path) -> bool:
    first, second = seen(one), seen(other)
    if first.size != second.size:
        return False
    difference = ImageChops.difference(first, second).convert("L").histogram()
    return sum(difference[1:]) < EDGES * first.width * first.height


def _figures(count: int) -> list[dict[str, Any]]:
    """Lines, bars, heat maps, and histograms beside boxes: small, as reports show them."""
    numbers = random.Random(7)
    steps = [*range(40)]
    figures = []
    for number in range(count):
        loss = [math.exp(-step / 12) + numbers.random() / 10 for step in steps]
        kinds: list[list[dict[str, Any]]] = [
            [
                {"type": "scatter", "mode": "lines+markers", "x": steps, "y": loss, "name": "train"},
                {"type": "scatter", "mode": "lines", "x": steps, "y": [1.1 * each for each in loss], "name": "test"},
            ],
            [{"type": "bar", "x": [*"abcdef"], "y": [numbers.random() for _ in range(6)]}],
            [{"type": "heatmap", "z": [[numbers.random() for _ in range(12)] for _ in range(8)]}],
            [{"type": "histogram", "x": [numbers.gauss(0, 1) for _ in range(300)]}, {"type": "box", "y": loss}],
        ]
        layout = {
            "title": {"text": f"Figure {number}"},
            "xaxis": {"title": {"text": "step"}},
            "height": 360,
            "font": {"family": "DejaVu Sans"},  # the one that both find
        }
        figures.append({"data": kinds[number % len(kinds)], "layout": layout})
    return figures


def _ours(figures: list[dict[str, Any]], script: Path, bench: Bench) -> Contender:
    folder = bench.folder("figures-gpu-doc")
    job = {
        "figures": figures,
        "packages": str(script.parents[2]),
        "outputs": [str(folder / f"{number:03}.png") for number in range(len(figures))],
        "chromium": str(bench.chromium),
        "scale": SCALE,
    }
    (folder / "job.json").write_text(json.dumps(job), "utf-8")
    command = [str(bench.python), "-m", "benchmarks.our_pictures", str(folder / "job.json")]
    search = os.pathsep.join(filter(None, [str(ROOT), bench.environment.get("PYTHONPATH")]))
    environment = {**bench.environment, "PYTHONPATH": search}
    return Contender(name="gpu-doc", commands=[command], folder=folder, environment=environment)


def _playwright(figures: list[dict[str, Any]], script: Path, bench: Bench) -> Contender:
    folder = bench.folder("figures-playwright")
    blocks = [
        _FIGURE.format(number=number, width=WIDTH, figure=json.dumps(figure)) for number, figure in enumerate(figures)
    ]
    page = folder / "page.html"
    page.write_text(_PAGE.format(script=script.as_uri(), figures="".join(blocks)), "utf-8")
    shots = [
        {"selector": f"#figure-{number}", "output": str(folder / f"{number:03}.png")} for number in range(len(figures))
    ]
    job = {
        "chromium": str(bench.chromium),
        "flags": [*FLAGS, f"--force-device-scale-factor={SCALE}"],
        "viewport": VIEWPORT,
        "scale": SCALE,
        "sheets": [{"url": page.as_uri(), "shots": shots}],
    }
    (folder / "job.json").write_text(json.dumps(job), "utf-8")
    command = [bench.peer("python"), str(ROOT / "benchmarks/playwright_shots.py"), str(folder / "job.json")]
    return Contender(name="Playwright", commands=[command], folder=folder, environment=bench.environment)
