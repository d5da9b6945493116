"""Shows the progress of runs: live lines on a terminal, plain lines in a log, folded ones on a CI runner."""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from gpu_doc.console.console import GREEN, RED
from gpu_doc.text.units import readable_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gpu_doc.console.console import Console

HEARTBEAT = 30.0
"""Seconds after which a log mentions a run again that still goes on."""

REDRAW = 0.2
"""Seconds between two redraws of the live lines."""

MOST_CELLS = 50
"""The most cells of a run whose times are shown: those that took longest."""


class Progress(Protocol):
    """Is told the progress of runs, from any thread. An address names a run; `of` is the number of code cells."""

    def started(self, address: str, cells: int) -> None:
        """Note that a run has started; `cells` is 0 if not known yet."""

    def cell(self, address: str, number: int, of: int, name: str) -> None:
        """Note that a cell has started; number 0 is the injected parameters."""

    def finished(self, address: str, seconds: float, *, ok: bool, more: Callable[[], Sequence[str]]) -> None:
        """Note that a run has ended; `more` returns further lines about it."""

    def message(self, text: str) -> None:
        """Show a message while runs go on."""


class Ticker:
    """Calls a function at intervals, in its own thread, until stopped."""

    def __init__(self, function: Callable[[], None], seconds: float) -> None:
        self._function = function
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            self._function()

    def stop(self) -> None:
        """Stop it, and wait until the thread has ended."""
        self._over.set()
        self._thread.join()


@dataclass
class _Going:
    """A run that is going on."""

    began: float = field(default_factory=time.monotonic)
    heard: float = field(default_factory=time.monotonic)
    cells: list[tuple[str, float]] = field(default_factory=list)
    """Each cell's name, and when it began."""

    def enter(self, number: int, of: int, name: str) -> None:
        label = f"cell {number}/{of}" + f" {name}" * bool(name) if number else name or "parameters"
        self.cells.append((label, time.monotonic()))

    def text(self, now: float) -> str:
        if not self.cells:
            return "starting" if now - self.began < 5 else "running"
        at, cell_began = self.cells[-1]
        return f"{at}, {readable_time(now - cell_began)}"

    def times(self, now: float) -> Iterator[str]:
        """Return the cells with their times; if there are many, those that took longest."""
        ends = [*(began for _, began in self.cells[1:]), now]
        took = [(label, end - began) for (label, began), end in zip(self.cells, ends, strict=False)]
        least = sorted((seconds for _, seconds in took), reverse=True)[:MOST_CELLS][-1] if took else 0.0
        told = [(label, seconds) for label, seconds in took if seconds >= least]
        width = max((len(label) for label, _ in told), default=0)
        yield from (f"{label:<{width}}  {readable_time(seconds)}" for label, seconds in told)
        if len(told) < len(took):
            yield f"and {len(took) - len(told)} that took less"


class Log:
    """Prints plain lines for a log: each run's start and end, and from time to time that it still goes on."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._going: dict[str, _Going] = {}

    def started(self, address: str, cells: int) -> None:
        """Print that a run has started."""
        with self._console.lock:
            self._going[address] = _Going()
        self._console.line(f"{address}: started" + f", {cells} cells" * (cells > 0))

    def cell(self, address: str, number: int, of: int, name: str) -> None:
        """Keep the cell for the next line about the run."""
        with self._console.lock:
            self._going.setdefault(address, _Going()).enter(number, of, name)

    def finished(self, address: str, seconds: float, *, ok: bool, more: Callable[[], Sequence[str]]) -> None:
        """Print that a run has ended; on a runner, with the times of its cells and further lines, folded."""
        with self._console.lock:
            gone = self._going.pop(address, _Going())
        line = f"{address}: {'done' if ok else 'failed'} after {readable_time(seconds)}"
        if self._console.on_runner:
            self._console.fold(line, [*gone.times(time.monotonic()), *more()])
        else:
            self._console.line(line)

    def message(self, text: str) -> None:
        """Print it."""
        self._console.line(text)

    def tick(self) -> None:
        """Print where the runs are that no line has mentioned for long."""
        now = time.monotonic()
        with self._console.lock:
            for address, going in self._going.items():
                if now - going.heard >= HEARTBEAT:
                    going.heard = now
                    self._console.line(f"{address}: {going.text(now)} ({readable_time(now - going.began)} in all)")


class Live:
    """Draws one line for each run that goes on, redrawn in place below what was printed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._going: dict[str, _Going] = {}
        self._drawn = 0

    def started(self, address: str, cells: int) -> None:
        """Add a line for the run."""
        del cells
        with self._console.lock:
            self._going[address] = _Going()
            self.tick()

    def cell(self, address: str, number: int, of: int, name: str) -> None:
        """Keep the cell: the next redraw shows it."""
        with self._console.lock:
            self._going.setdefault(address, _Going()).enter(number, of, name)

    def finished(self, address: str, seconds: float, *, ok: bool, more: Callable[[], Sequence[str]]) -> None:
        """Print the end of the run above the live lines."""
        del more
        with self._console.lock:
            self._going.pop(address, None)
            mark, style = ("✓", GREEN) if ok else ("✗", RED)
            self._console.line(f"{mark} {address}  {readable_time(seconds)}", style)

    def message(self, text: str) -> None:
        """Print it above the live lines."""
        self._console.line(text)

    def tick(self) -> None:
        """Redraw the live lines."""
        with self._console.lock:
            self.clear()
            self.draw()

    def clear(self) -> None:
        """Remove the live lines."""
        if self._drawn:
            self._console.redraw(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0

    def draw(self) -> None:
        """Write the live lines. More than the terminal is high could not be removed again, and are left out."""
        size = shutil.get_terminal_size()
        now = time.monotonic()
        lines = [
            f"  {address}  {going.text(now)} ({readable_time(now - going.began)})"
            for address, going in self._going.items()
        ][: max(1, size.lines - 2)]
        if lines:
            self._console.redraw("".join(self._console.shorten(line, size.columns - 1) + "\n" for line in lines))
        self._drawn = len(lines)
