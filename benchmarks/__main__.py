"""`python -m benchmarks`: measure, print a Markdown table, end with 1 where a target is missed.

All of it takes a quarter of an hour on two cores, and wants a machine that does nothing else meanwhile.
Examples: `python -m benchmarks`, `python -m benchmarks --quick pictures`, `python -m benchmarks --write`.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import action, containers, figures, from_nothing, memory, nothing_changed, pictures
from benchmarks.measure import Bench, BrokenComparisonError, Row, say
from gpu_doc.pictures.browser import find_chromium

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results.md"

BENCHMARKS: dict[str, Callable[[Bench], list[Row]]] = {
    "nothing-changed": nothing_changed.rows,
    "action": action.rows,
    "from-nothing": from_nothing.rows,
    "pictures": pictures.rows,
    "figures": figures.rows,
    "memory": memory.rows,
    "containers": containers.rows,
}

# Compiled modules are kept for everybody: without them the peers would take three times as long.
_UNSET = ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "CONDA_PREFIX", "CI", "GITHUB_ACTIONS", "JUPYTER_PATH")


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="gpu-doc-bench-") as scratch:
        bench = Bench(
            # As it is, not resolved: the program beside it makes the environment.
            python=Path(sys.executable),
            peers=options.peers.absolute(),
            chromium=find_chromium(options.chromium or environ.get("GPU_DOC_CHROMIUM"), environ),
            scratch=Path(scratch).resolve(),
            environment={name: value for name, value in environ.items() if name not in _UNSET},
            rounds=1 if options.quick else options.rounds,
            quick=options.quick,
        )
        rows, broken = _measured(bench, options.benchmarks or list(BENCHMARKS))
        text = _page(bench, rows)
    print(text)
    if broken:
        say(f"Not measured, since the comparison broke: {', '.join(broken)}")
        return 3
    if options.write:
        RESULTS.write_text(text + "\n", encoding="utf-8")
        say(f"Written to {RESULTS.relative_to(ROOT)}")
    return 0 if all(row.met for row in rows) else 1


def _measured(bench: Bench, names: Sequence[str]) -> tuple[list[Row], list[str]]:
    """Return the rows of all benchmarks that could be measured, and the names of the others, which are told."""
    rows: list[Row] = []
    broken: list[str] = []
    for name in names:
        try:
            rows += BENCHMARKS[name](bench)
        except Exception as error:  # noqa: BLE001 - whatever a peer does, the others are measured
            if not isinstance(error, BrokenComparisonError):
                traceback.print_exc()
            say(f"{name}: the comparison broke: {error}")
            broken.append(name)
    return rows, broken


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("benchmarks", nargs="*", metavar="BENCHMARK", help=f"of {', '.join(BENCHMARKS)}; all if none")
    parser.add_argument("--quick", action="store_true", help="one round, fewer notebooks: to see that it works")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each contender (default: 5)")
    parser.add_argument("--write", action="store_true", help="keep the table in benchmarks/results.md")
    parser.add_argument("--chromium", help="the Chromium of all contenders (default: the one that gpu-doc would use)")
    parser.add_argument("--peers", type=Path, default=ROOT / ".bench", help="the peers' environment (default: .bench)")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.benchmarks if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    return options


_PAGE = """\
# Measured side by side

Each ratio is one of medians, ours to the peer's, of whole processes that ran in turn on the same machine with the same
notebooks; in brackets the fastest and the slowest round. Made by `make bench`.

Machine: {cores} cores, {processor}. Python {python}, {chromium}. Rounds: {rounds}. Date: {date}.

| what | ours | peer | measured | target | met |
|---|---|---|---|---|---|
{rows}"""


def _page(bench: Bench, rows: Sequence[Row]) -> str:
    return _PAGE.format(
        cores=os.cpu_count(),
        processor=_processor(),
        python=platform.python_version(),
        chromium=_version(bench.chromium),
        rounds=f"{bench.rounds} (quick: not a result)" if bench.quick else bench.rounds,
        date=f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}",
        rows="\n".join(map(str, rows)),
    )


def _processor() -> str:
    with Path("/proc/cpuinfo").open(encoding="utf-8") as info:
        names = [line.partition(":")[2].strip() for line in info if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(chromium: Path) -> str:
    return subprocess.run([chromium, "--version"], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
