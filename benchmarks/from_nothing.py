"""From nothing: 10 notebooks, 40 pictures and the report, against `papermill` called ten times in a row.

papermill takes no pictures, and each call starts anew: that is how it is used.
"""

from __future__ import annotations

from benchmarks import corpus
from benchmarks.measure import Bench, BrokenComparisonError, Contender, Row, interleave, say

NOTEBOOKS = 10
AT_MOST = 0.46
PROCESSOR_AT_MOST = 0.92
"""Of processor time: twice the above, for papermill keeps one core busy, and we keep two."""


def rows(bench: Bench) -> list[Row]:
    """Two rows: the time, and that of the processors."""
    count = 4 if bench.quick else NOTEBOOKS
    say(f"from nothing: {count} notebooks, {len(corpus.PICTURES)} pictures each, device scale 2")
    [comparison] = interleave(_ours(bench, count), [_papermill(bench, count)], rounds=bench.rounds)
    what = f"{count} notebooks, {count * len(corpus.PICTURES)} pictures, report"
    return [
        comparison.row(what, at_most=AT_MOST),
        comparison.processor_row(f"{what}: processor time", at_most=PROCESSOR_AT_MOST),
    ]


def _ours(bench: Bench, count: int) -> Contender:
    folder = bench.folder("from-nothing")

    def prepare() -> None:
        corpus.write_project(bench.folder("from-nothing"), count)

    def check(_printed: str) -> None:
        pictures = list((folder / "report.assets").glob("*.png"))
        shown = (folder / "report.md").read_text("utf-8").count("](report.assets/")
        if not len(pictures) == shown == count * len(corpus.PICTURES):
            raise BrokenComparisonError(f"gpu-doc made {len(pictures)} pictures, and shows {shown}")

    return Contender(
        name="gpu-doc",
        commands=[[bench.tool("gpu-doc"), "run"]],
        folder=folder,
        environment=bench.environment,
        prepare=prepare,
        check=check,
    )


def _papermill(bench: Bench, count: int) -> Contender:
    folder = bench.folder("papermill")
    names = corpus.write_notebooks(folder, count)
    return Contender(
        name=f"papermill, {count} times",
        commands=[[bench.tool("papermill"), "--no-progress-bar", name, f"done-{name}"] for name in names],
        folder=folder,
        environment=bench.environment,
    )
