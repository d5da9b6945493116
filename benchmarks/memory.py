"""Memory: the peak of our own process while it refreshes 10, 50 and 200 notebooks, from nothing.

Kernels are the user's, Chromium has its own; both are reported, not bounded. Our worker processes are reported too.
"""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Iterable

import psutil

from benchmarks import corpus
from benchmarks.measure import Bench, BrokenComparisonError, Row, say

NOTEBOOKS = (10, 50, 200)
AT_MOST_MIB = 300
GROWTH_AT_MOST = 1.10
"""The largest refresh against the smallest: what an allocator may add, and no more."""

_INTERVAL = 0.05
"""Seconds between looks. The kernel keeps each process's peak, so that only a process's last moments can be missed."""


def rows(bench: Bench) -> list[Row]:
    """A row for each number of notebooks, and one for growth."""
    counts = NOTEBOOKS[:2] if bench.quick else NOTEBOOKS
    peaks = {count: _refresh(bench, count) for count in counts}
    made = [
        Row(
            what=f"peak memory of our process, {count} notebooks",
            ours=f"{peak['gpu-doc']:.0f} MiB",
            peer=f"its children: {_children(peak)}",
            measured=f"{peak['gpu-doc']:.0f} MiB",
            target=f"≤ {AT_MOST_MIB} MiB",
            met=peak["gpu-doc"] <= AT_MOST_MIB,
        )
        for count, peak in peaks.items()
    ]
    return [*made, _growth(peaks)]


def _children(peak: dict[str, float]) -> str:
    return ", ".join(f"{name} {mib:.0f} MiB" for name, mib in sorted(peak.items()) if name != "gpu-doc" and mib >= 1)


def _growth(peaks: dict[int, dict[str, float]]) -> Row:
    least, most = min(peaks), max(peaks)
    ours, base = peaks[most]["gpu-doc"], peaks[least]["gpu-doc"]
    return Row(
        what=f"the same, {most} notebooks against {least}",
        ours=f"{ours:.0f} MiB",
        peer=f"{base:.0f} MiB",
        measured=f"{ours / base:.3f}",
        target=f"≤ {GROWTH_AT_MOST:.2f}",
        met=ours / base <= GROWTH_AT_MOST,
    )


def _refresh(bench: Bench, count: int) -> dict[str, float]:
    """The peak in MiB of the largest process of each kind."""
    say(f"memory: {count} notebooks")
    folder = bench.folder(f"memory-{count}")
    corpus.write_project(folder, count)
    log = folder / "printed.txt"
    with log.open("wb") as output:
        process = psutil.Popen(
            [bench.tool("gpu-doc"), "run"],
            cwd=folder,
            env=dict(bench.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        peaks = _watch(process)
    if process.returncode:
        raise BrokenComparisonError(f"gpu-doc run: exit {process.returncode}\n{log.read_text('utf-8')[-4000:]}")
    return peaks


def _watch(process: psutil.Popen) -> dict[str, float]:
    peaks: dict[str, float] = defaultdict(float)
    while True:
        for kind, mib in _look(process):
            peaks[kind] = max(peaks[kind], mib)
        try:
            process.wait(timeout=_INTERVAL)
        except psutil.TimeoutExpired:
            continue
        return dict(peaks)


def _look(process: psutil.Popen) -> Iterable[tuple[str, float]]:
    yield "gpu-doc", _peak(process.pid)
    try:
        children = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for child in children:
        try:
            yield _kind(child.cmdline()), _peak(child.pid)
        except psutil.Error:  # it has ended since
            continue


def _peak(pid: int) -> float:
    """The peak resident size of a process in MiB, 0 once it has ended; Linux's `VmHWM`, see proc_pid_status(5)."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:  # noqa: PTH123 - 20 times a second
            lines = dict(line.split(":", 1) for line in status if ":" in line)
        return int(lines["VmHWM"].split()[0]) / 1024
    except (OSError, KeyError):
        return 0.0


def _kind(command: list[str]) -> str:
    line = " ".join(command)
    if "ipykernel" in line:
        return "kernel"
    if "chrom" in line or "headless" in line:
        return "Chromium"
    module = next((word for word in command if word.startswith("gpu_doc")), "")
    return module.rpartition(".")[2].replace("_", " ") or "another process"
