"""The action's step on a push where nothing is stale, on a runner that has run it before: what it costs under act."""

from __future__ import annotations

import subprocess

from benchmarks import corpus
from benchmarks.measure import Bench, BrokenComparisonError, Row, Times, say

NOTEBOOKS = 10
STEP, OURS = 2.0, 0.5
"""Seconds: of the step as act reports it, and of gpu-doc's process itself."""

WORKFLOW = """\
on: push
jobs:
  refresh:
    runs-on: self-hosted
    steps:
      - uses: actions/checkout@v6
      - uses: org/gpu-doc-action@v1
        id: refresh
"""


def rows(bench: Bench) -> list[Row]:
    """Two rows: the step as it is by default, with a look at the branch of its pull request on a real git server."""
    # The harness of the tests, which only this needs.
    from tests.e2e.act import CHECKOUT, Runner, commit
    from tests.integration.git_server import WRITER, git, serving

    folder = bench.folder("action")
    corpus.write_project(folder, NOTEBOOKS)
    say(f"action: {NOTEBOOKS} notebooks are executed, then act finds them fresh")
    subprocess.run([bench.tool("gpu-doc"), "run"], cwd=folder, env=dict(bench.environment), check=True)
    commit(folder)
    runner = Runner(bench.folder("runner"))
    whole, ours = [], []
    with serving(bench.folder("server")) as server:
        server.create("octo/docs")
        git(folder, "push", "-q", str(server.path("octo/docs")), "main")
        for number in range(3 * bench.rounds + 1):
            done = runner.run(
                folder,
                WORKFLOW,
                remote=server.url("octo/docs"),
                secrets={"GITHUB_TOKEN": WRITER},
                environment={"VIRTUAL_ENV": str(bench.python.parents[1])},
                actions={"actions/checkout@v6": CHECKOUT},
            )
            if done.code or done.outputs("refresh")["changed"] != "false" or "All fresh" not in done.log:
                raise BrokenComparisonError(f"the action's step found something to do, or failed:\n{done.log}")
            if number:  # the first sets it up
                whole.append(done.step("refresh").seconds)
                ours.append(done.step("refresh/main").seconds)
    what = f"the action's step, {NOTEBOOKS} fresh notebooks, warm"
    return [_row(f"{what}: all of it", Times(whole), STEP), _row(f"{what}: our process", Times(ours), OURS)]


def _row(what: str, times: Times, most: float) -> Row:
    return Row(
        what=what,
        ours=str(times),
        peer="",
        measured=f"{times.median:.2f} s",
        target=f"≤ {most} s",
        met=times.median <= most,
    )
