"""What is printed and how: sentences, failures, and the progress of runs.

Results go to standard output, everything about them to standard error. Text may come from notebooks, so that nothing
printed here can steer a terminal or command a CI runner.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TextIO

from gpu_doc.resources import document_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gpu_doc.errors import GpuDocError

HEARTBEAT = 30.0
"""Seconds after which a log hears again of a run that is still going."""

REDRAW = 0.2
"""Seconds between two pictures of the live lines."""

_BOLD, _DIM, _RED, _GREEN, _YELLOW = "1", "2", "31", "32", "33"

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # control sequences: colours, cursor
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)"  # strings: titles, links, the clipboard
    r"|\x1b[ -/]*[0-~]?"  # what else begins with an escape
    r"|\x9b[0-?]*[ -/]*[@-~]",
    re.DOTALL,
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line end; and those that turn the direction of text, which can hide what is there."""

_COMMAND = re.compile(r"^(\s*):(?=:)", re.MULTILINE)
"""A workflow command, as GitHub's runner finds it: at a line's start, after blanks."""


class Progress(Protocol):
    """Hears how runs get on, from any thread. Addresses name runs; `of` is the number of code cells."""

    def started(self, address: str, cells: int) -> None:
        """Note that a run has started; `cells` is 0 where not known yet."""

    def cell(self, address: str, number: int, of: int, name: str) -> None:
        """Note that a cell has started; number 0 is the injected parameters."""

    def finished(self, address: str, seconds: float, *, ok: bool) -> None:
        """Note that a run has ended."""

    def message(self, text: str) -> None:
        """Note something worth saying meanwhile."""


def plain(text: str) -> str:
    """Return text without escape sequences and control characters, as anything from a notebook is printed."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def harmless(text: str) -> str:
    """Return text in which a CI runner finds no command: `::` at a line's start, `##[` anywhere (the older form)."""
    return _COMMAND.sub(r"\1: ", text).replace("##[", "# #[")


def readable_time(seconds: float) -> str:
    """Return a duration as people say it: `0.8 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


class Console:
    """Where people read what happens. Safe for several threads."""

    def __init__(self, out: TextIO, err: TextIO, *, interactive: bool, colour: bool, ci: bool) -> None:
        """`interactive`: standard error is a terminal that can redraw lines; `ci`: the log of a CI runner."""
        self._out = out
        self._err = err
        self._interactive = interactive
        self._colour = colour
        self._ci = ci
        self._lock = threading.RLock()
        self._live: _Live | None = None

    def say(self, text: str) -> None:
        """Print a result."""
        self._write(self._out, self._safe(text))

    def verdict(self, subject: str, verdict: str, *, good: bool) -> None:
        """Print a result that is good or not, in green or yellow where a terminal reads it."""
        colour = self._colour and self._out.isatty()
        style = _GREEN if good else _YELLOW
        word = f"\x1b[{style}m{self._safe(verdict)}\x1b[0m" if colour else self._safe(verdict)
        self._write(self._out, self._safe(subject) + word)

    def note(self, text: str) -> None:
        """Print something worth knowing."""
        self._write(self._err, self._safe(text))

    def warn(self, text: str) -> None:
        """Print something that should be looked at."""
        self._write(self._err, f"{self._styled('Warning:', _YELLOW)} {self._safe(text)}")

    def error(self, error: GpuDocError) -> None:
        """Print an expected failure: what happened, where, details, what to do, where to read on."""
        lines = [f"{self._styled('Error:', _RED)} {self._styled(self._safe(error.what), _BOLD)}"]
        if error.where:
            lines.append(f"  in {self._safe(error.where)}")
        if error.details:
            # The gutter keeps a traceback apart from our sentences, and any line of it from a line's start.
            gutter = self._styled("  |", _DIM)
            lines += ["", *(f"{gutter} {line}".rstrip() for line in self._safe(error.details).splitlines()), ""]
        if error.remedy:
            lines.append(f"  {self._safe(error.remedy)}")
        if kept := getattr(error, "kept", ""):
            lines.append(f"  Kept: {self._safe(kept)}")
        if error.topic:
            lines.append(f"  More: {document_path('troubleshooting.md')}#{error.topic}")
        self._write(self._err, "\n".join(lines))

    def defect(self, error: Exception, arguments: Sequence[str]) -> None:
        """Print a failure that nobody expected, as a bug report that is ready to be sent."""
        import platform
        import traceback

        from gpu_doc import __version__

        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        versions = f"gpu-doc {__version__}, Python {platform.python_version()}, {platform.platform()}"
        lines = [
            f"{self._styled('Defect:', _RED)} gpu-doc failed in a way that nobody foresaw. Please report this:",
            "",
            "```",
            f"gpu-doc {' '.join(arguments)}",
            versions,
            "",
            self._safe(trace).rstrip(),
            "```",
        ]
        self._write(self._err, "\n".join(lines))

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Show how runs get on: live lines on a terminal, plain lines with the time elapsed in a log."""
        show = _Live(self) if self._interactive else _Log(self)
        ticker = _Ticker(show.tick, REDRAW if self._interactive else 1.0)
        self._live = show if isinstance(show, _Live) else None
        try:
            yield show
        finally:
            ticker.stop()
            with self._lock:
                if self._live:
                    self._live.clear()
                self._live = None

    def _safe(self, text: str) -> str:
        return harmless(plain(text)) if self._ci else plain(text)

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour else text

    def _write(self, stream: TextIO, text: str) -> None:
        with self._lock:
            if self._live:
                self._live.clear()
            self.raw(stream, text + "\n")
            if self._live:
                self._live.draw()

    def raw(self, stream: TextIO, text: str) -> None:
        """Write as it is; characters that the stream's encoding lacks are replaced rather than a failure."""
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()

    # What the two kinds of progress need of their console.

    def line(self, text: str, style: str = "") -> None:
        """Print a line about progress."""
        safe = self._safe(text)
        self._write(self._err, self._styled(safe, style) if style else safe)

    def redraw(self, text: str) -> None:
        """Write live lines to the terminal, past the ordinary lines."""
        self.raw(self._err, text)

    def shorten(self, text: str, width: int) -> str:
        """Return one safe line of text, cut to a width."""
        safe = self._safe(text).replace("\n", " ")
        return safe if len(safe) <= width else safe[: width - 1] + "…"

    @property
    def lock(self) -> threading.RLock:
        """Held while lines are written."""
        return self._lock


@dataclass
class _Going:
    """A run that is going on."""

    began: float = field(default_factory=time.monotonic)
    heard: float = field(default_factory=time.monotonic)
    at: str = ""
    cell_began: float = field(default_factory=time.monotonic)

    def enter(self, number: int, of: int, name: str) -> None:
        self.at = f"cell {number}/{of}" + f" {name}" * bool(name) if number else name or "parameters"
        self.cell_began = time.monotonic()

    def text(self, now: float) -> str:
        if not self.at:
            return "starting" if now - self.began < 5 else "running"
        return f"{self.at}, {readable_time(now - self.cell_began)}"


class _Ticker:
    """Calls a function at intervals, from a thread of its own, until stopped."""

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
        self._over.set()
        self._thread.join()


class _Log:
    """Plain lines, as a log wants them: each run's start and end, and a sign of life in between."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._going: dict[str, _Going] = {}

    def started(self, address: str, cells: int) -> None:
        with self._console.lock:
            self._going[address] = _Going()
        self._console.line(f"{address}: started" + f", {cells} cells" * (cells > 0))

    def cell(self, address: str, number: int, of: int, name: str) -> None:
        with self._console.lock:
            self._going.setdefault(address, _Going()).enter(number, of, name)

    def finished(self, address: str, seconds: float, *, ok: bool) -> None:
        with self._console.lock:
            self._going.pop(address, None)
        self._console.line(f"{address}: {'done' if ok else 'failed'} after {readable_time(seconds)}")

    def message(self, text: str) -> None:
        self._console.line(text)

    def tick(self) -> None:
        now = time.monotonic()
        with self._console.lock:
            for address, going in self._going.items():
                if now - going.heard >= HEARTBEAT:
                    going.heard = now
                    self._console.line(f"{address}: {going.text(now)} ({readable_time(now - going.began)} in all)")


class _Live:
    """One line for each run that is going on, redrawn in place below what was printed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._going: dict[str, _Going] = {}
        self._drawn = 0

    def started(self, address: str, cells: int) -> None:
        del cells
        with self._console.lock:
            self._going[address] = _Going()
            self.tick()

    def cell(self, address: str, number: int, of: int, name: str) -> None:
        with self._console.lock:
            self._going.setdefault(address, _Going()).enter(number, of, name)

    def finished(self, address: str, seconds: float, *, ok: bool) -> None:
        with self._console.lock:
            self._going.pop(address, None)
            mark, style = ("✓", _GREEN) if ok else ("✗", _RED)
            self._console.line(f"{mark} {address}  {readable_time(seconds)}", style)

    def message(self, text: str) -> None:
        self._console.line(text)

    def tick(self) -> None:
        with self._console.lock:
            self.clear()
            self.draw()

    def clear(self) -> None:
        """Take the live lines away."""
        if self._drawn:
            self._console.redraw(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0

    def draw(self) -> None:
        """Write the live lines; never more than the terminal is high, or it could not take them away again."""
        size = shutil.get_terminal_size()
        now = time.monotonic()
        lines = [
            f"  {address}  {going.text(now)} ({readable_time(now - going.began)})"
            for address, going in self._going.items()
        ][: max(1, size.lines - 2)]
        if lines:
            self._console.redraw("".join(self._console.shorten(line, size.columns - 1) + "\n" for line in lines))
        self._drawn = len(lines)
