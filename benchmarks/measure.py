"""Timing whole processes, interleaved: A B A B, so that a machine that slows down slows both."""

from __future__ import annotations

import gc
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class BrokenComparisonError(Exception):
    """A contender failed, or did not do what is being compared: its time would mean nothing."""


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _nothing() -> None:
    return


def _accept(_output: str) -> None:
    return


@dataclass(frozen=True, kw_only=True)
class Contender:
    """Commands that are timed from the start of the first to the end of the last."""

    name: str
    commands: Sequence[Sequence[str]]
    folder: Path
    environment: Mapping[str, str]
    prepare: Callable[[], object] = _nothing
    """Called before each round, outside the time."""
    check: Callable[[str], object] = _accept
    """Given what was printed, after each round; raises BrokenComparisonError."""
    seconds: Callable[[str], float] | None = None
    """What of a round counts, found in what was printed; all of it where this is None."""

    def round(self) -> tuple[float, float]:
        """Seconds of one round, and of the processors: of all processes that somebody waited for."""
        self.prepare()
        gc.collect()
        used, started = _of_children(), time.perf_counter()
        printed = [self._run(command) for command in self.commands]
        seconds, processor = time.perf_counter() - started, _of_children() - used
        self.check("".join(printed))
        return self.seconds("".join(printed)) if self.seconds else seconds, processor

    def _run(self, command: Sequence[str]) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise BrokenComparisonError(
                f"{self.name}: exit {done.returncode} of {' '.join(command)}\n{done.stdout[-4000:]}"
            )
        return done.stdout


@dataclass(frozen=True)
class Times:
    """Seconds of each round."""

    rounds: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        return f"{self.median:.2f} s ({min(self.rounds):.2f} to {max(self.rounds):.2f})"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table."""

    what: str
    ours: str
    peer: str
    measured: str
    target: str
    met: bool

    def __str__(self) -> str:
        """As a row of a Markdown table."""
        verdict = "yes" if self.met else "**no**"
        return f"| {self.what} | {self.ours} | {self.peer} | {self.measured} | {self.target} | {verdict} |"


@dataclass(frozen=True)
class Comparison:
    """Rounds of ours and of a peer, and the ratio of their medians."""

    ours: Times
    peer: Times
    peer_name: str
    processor: tuple[Times, Times]
    """The same of the processors: a busy machine changes it little."""

    @property
    def ratio(self) -> float:
        return self.ours.median / self.peer.median

    def row(self, what: str, *, at_most: float) -> Row:
        return Row(
            what=what,
            ours=str(self.ours),
            peer=f"{self.peer_name}: {self.peer}",
            measured=f"{self.ratio:.3f}",
            target=f"≤ {at_most:.2f}",
            met=self.ratio <= at_most,
        )

    def processor_row(self, what: str, *, at_most: float) -> Row:
        """Return a row of processor time."""
        ours, peer = self.processor
        return Comparison(ours, peer, self.peer_name, self.processor).row(what, at_most=at_most)


def interleave(ours: Contender, peers: Sequence[Contender], *, rounds: int, warm_up: bool = True) -> list[Comparison]:
    """Run all of them in turn, `rounds` times, after a round that does not count: it fills caches for each alike."""
    contenders = [ours, *peers]
    if warm_up:
        for contender in contenders:
            contender.round()
    times: dict[str, list[tuple[float, float]]] = {contender.name: [] for contender in contenders}
    for number in range(1, rounds + 1):
        for contender in contenders:
            times[contender.name].append(contender.round())
        latest = ", ".join(f"{name} {rounds[-1][0]:.2f} s" for name, rounds in times.items())
        say(f"  round {number} of {rounds}: {latest}")
    seconds = {name: Times([round_[0] for round_ in rounds]) for name, rounds in times.items()}
    processor = {name: Times([round_[1] for round_ in rounds]) for name, rounds in times.items()}
    return [
        Comparison(seconds[ours.name], seconds[name], name, (processor[ours.name], processor[name]))
        for name in (peer.name for peer in peers)
    ]


def say(text: str) -> None:
    """Progress, on standard error: standard output is the table's."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where things are, and how thoroughly to measure."""

    python: Path
    """The interpreter of gpu-doc's environment."""
    peers: Path
    """The environment of jupyter-cache, Playwright and shot-scraper."""
    chromium: Path
    scratch: Path
    environment: Mapping[str, str]
    """What every contender is given."""
    rounds: int
    quick: bool = False

    def tool(self, name: str) -> str:
        """A program of gpu-doc's environment."""
        return str(self.python.parent / name)

    def peer(self, name: str) -> str:
        """A program of the peers' environment."""
        return str(self.peers / "bin" / name)

    def folder(self, name: str) -> Path:
        """An empty folder; what was there from a round before is removed."""
        folder = self.scratch / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder
