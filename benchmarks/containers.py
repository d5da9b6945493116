"""Runs in containers, against `docker run` of the same image that executes the same cells with nbclient inside."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from tests.images import build

from benchmarks.measure import Bench, BrokenComparisonError, Contender, Row, interleave, say

CELLS = ("import json, math", "values = [math.sin(x / 10) for x in range(1000)]", "print(json.dumps(max(values)))")
MANY = 10
ONE_AT_MOST = 1.30
MANY_AT_MOST = 0.70

NBCLIENT = """\
import nbformat, sys
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook).execute()
nbformat.write(notebook, "/tmp/executed.ipynb")
"""

REPORT = '<!-- gpu-doc: text("{run}/#3") -->\n<!-- gpu-doc: end -->\n'


def rows(bench: Bench) -> list[Row]:
    """Two rows: one run, without our own start; ten runs, with it."""
    image = build.image("lab")
    say(f"runs in containers of {image}: one of {len(CELLS)} cells, then {MANY}")
    [one] = interleave(_ours(bench, image, 1), [_docker(bench, image, 1)], rounds=bench.rounds)
    [many] = interleave(_ours(bench, image, MANY), [_docker(bench, image, MANY)], rounds=bench.rounds)
    return [
        one.row(f"one run of {len(CELLS)} cells in a container, our own start left out", at_most=ONE_AT_MOST),
        many.row(f"{MANY} such runs, two at a time, and the report", at_most=MANY_AT_MOST),
    ]


def _ours(bench: Bench, image: str, count: int) -> Contender:
    folder = bench.folder(f"containers-{count}")

    def prepare() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        names = _write_notebooks(folder, count)
        runs = "".join(f"      run{number}: {{notebook: {name}}}\n" for number, name in enumerate(names))
        (folder / "gpu-doc.yml").write_text(
            f"defaults: {{image: {image}}}\nreports:\n  - path: report.md\n    runs:\n{runs}"
        )
        (folder / "report.md").write_text("\n".join(REPORT.format(run=f"run{number}") for number in range(count)))

    def check(_printed: str) -> None:
        shown = (folder / "report.md").read_text("utf-8").count("0.99")
        if shown != count:
            raise BrokenComparisonError(f"gpu-doc shows {shown} results of {count}")

    return Contender(
        name="gpu-doc",
        commands=[[bench.tool("gpu-doc"), "run", "--jobs", "2"]],
        folder=folder,
        environment=bench.environment,
        prepare=prepare,
        check=check,
        seconds=_run_seconds if count == 1 else None,
    )


def _run_seconds(printed: str) -> float:
    """What gpu-doc says that the run took, from before its container is made to its result."""
    found = re.search(r"run0: done after ([\d.]+) s", printed)
    if not found:
        raise BrokenComparisonError(f"gpu-doc does not say how long the run took:\n{printed}")
    return float(found[1])


def _docker(bench: Bench, image: str, count: int) -> Contender:
    folder = bench.folder(f"docker-run-{count}")
    folder.mkdir(exist_ok=True)
    names = _write_notebooks(folder, count)
    mount = ["docker", "run", "--rm", "--network", "none", "-v", f"{folder}:/work", "-w", "/work", image]
    return Contender(
        name=f"docker run with nbclient{f', {count} in a row' if count > 1 else ''}",
        commands=[[*mount, "python3", "-c", NBCLIENT, name] for name in names],
        folder=folder,
        environment=bench.environment,
    )


def _write_notebooks(folder: Path, count: int) -> list[str]:
    names = [f"notebook{number}.ipynb" for number in range(count)]
    for number, name in enumerate(names):
        # Each differs from the others: runs that are the same share one result.
        cells = [_cell(index, f"{source}  # {number}") for index, source in enumerate(CELLS)]
        whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (folder / name).write_text(json.dumps(whole), "utf-8")
    return names


def _cell(index: int, source: str) -> dict[str, object]:
    kind: dict[str, object] = {"cell_type": "code", "execution_count": None, "outputs": []}
    return {**kind, "id": f"cell{index}", "metadata": {}, "source": source}
