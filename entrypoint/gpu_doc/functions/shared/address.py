"""Addresses: `run/cell`, `run/#3`, `run/file:PATH`, `sweep[lr=0.1,seed=1]/accuracy`, `sweep[*]`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gpu_doc.errors import ReportError
from gpu_doc.execution.agent.patterns import names
from gpu_doc.model.configuration import Report, Run
from gpu_doc.text.nearest import did_you_mean, listed

_FILE = "file:"
# A run's name has no slash or bracket, and a point's values no bracket, so the first `]` ends the point.
_SHAPE = re.compile(r"(?P<run>[^\s/\[\]]+(?:\[[^\[\]]*\])?)(?:/(?P<rest>.*))?", re.DOTALL)


@dataclass(frozen=True)
class Address:
    """What an address names: a run, and of it a cell (or glued value), or a file, or nothing further."""

    run: str
    cell: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        if self.file is not None:
            return f"{self.run}/{_FILE}{self.file}"
        return self.run if self.cell is None else f"{self.run}/{self.cell}"


def parse(text: str) -> Address:
    """Parse an address. Raises ReportError if it is not one; does not check whether what it names exists."""
    match = _SHAPE.fullmatch(text.strip())
    if not match:
        raise ReportError(f"`{_short(text)}` is no address", remedy="Write run/cell, such as baseline/loss-curve.")
    run, rest = match["run"], match["rest"]
    if rest is None:
        return Address(run)
    if rest.startswith(_FILE):
        return Address(run, file=_file(rest[len(_FILE) :], text))
    if not rest.strip():
        raise ReportError(f"`{_short(text)}` names no cell", remedy="Write a cell's tag or number after the slash.")
    return Address(run, cell=rest.strip())


def _file(path: str, text: str) -> str:
    parts = path.split("/")
    if not path or path.startswith("/") or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise ReportError(
            f"`{_short(text)}` names no file",
            remedy="Write the path as in `produces`, relative to root: run/file:loss.png.",
        )
    return path


def find_run(address: Address, report: Report) -> Run:
    """Return the run that an address names. Raises ReportError, with near misses, if there is none."""
    for run in report.runs:
        if run.address == address.run:
            return run
    name = address.run.removesuffix("[*]")
    if points := [run for run in report.runs if run.point and run.name == name]:
        raise ReportError(
            f"`{address.run}` is a matrix of {len(points)} runs",
            remedy=f"Name one of them, such as {points[0].address}; compare() takes {name}[*].",
        )
    same = [run for run in report.runs if run.point and _point(address.run) == (run.name, dict(run.point))]
    if same:  # the same values, written in another order
        return same[0]
    known = [run.address for run in report.runs]
    raise ReportError(
        f"no run `{address.run}` in {report.path}; it has: {listed(known)}", remedy=did_you_mean(address.run, known)
    )


def find_runs(address: Address, report: Report) -> tuple[Run, ...]:
    """Return all runs of a matrix, from `sweep[*]`. Raises ReportError if the address is not a matrix."""
    if address.cell is not None or address.file is not None or not address.run.endswith("[*]"):
        raise ReportError(
            f"`{_short(str(address))}` is not a whole matrix", remedy="Write the run's name and [*]: sweep[*]."
        )
    name = address.run[: -len("[*]")]
    runs = tuple(run for run in report.runs if run.point and run.name == name)
    if not runs:
        known = list(dict.fromkeys(f"{run.name}[*]" for run in report.runs if run.point))
        has = f"it has: {listed(known)}" if known else "it has none"
        raise ReportError(f"no matrix `{name}` in {report.path}; {has}", remedy=did_you_mean(address.run, known))
    return runs


def _point(run: str) -> tuple[str, dict[str, str]] | None:
    """Return name and values of `sweep[lr=0.1,seed=1]`."""
    name, bracket, rest = run.partition("[")
    if not bracket:
        return None
    pairs = [pair.partition("=") for pair in rest.removesuffix("]").split(",")]
    return name, {key.strip(): value.strip() for key, _, value in pairs}


def covered(file: str, produces: Iterable[str]) -> bool:
    """Return whether a run's `produces` contains a file; a run's search uses the same rule."""
    return any(names(pattern, file) for pattern in produces)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else f"{text[:77]}…"
