"""What is printed and how: sentences, failures, and the progress of runs.

Results go to standard output, everything about them to standard error. Text may come from notebooks, so that nothing
printed here can steer a terminal or command a CI runner.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from gpu_doc.errors import ConfigError
from gpu_doc.model.location import Location
from gpu_doc.redaction import Redactor
from gpu_doc.text.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gpu_doc.console.progress import Live, Progress
    from gpu_doc.console.workflow_commands import FileLines, Level
    from gpu_doc.errors import GpuDocError

    Locate = Callable[[Location], FileLines | None]
    """Gives the lines in the repository of a place that an error names; None where it has none there."""

GREEN, RED = "32", "31"
_BOLD, _DIM, _YELLOW = "1", "2", "33"

_LONGEST_LINE = 300
"""Characters of a line that a notebook printed, in a log."""


class Console:
    """Where people read what happens. Safe for several threads.

    On a CI runner all but results is in one order on standard error, workflow commands included.
    """

    def __init__(self, out: TextIO, err: TextIO, *, interactive: bool, colour: bool, ci: bool) -> None:
        """`interactive`: standard error is a terminal that can redraw lines; `ci`: the log of a CI runner.

        A log is one on a runner that gives a terminal, too.
        """
        self._out = out
        self._err = err
        self._interactive = interactive and not ci
        self._colour = colour and not ci
        self.on_runner = ci
        self.redactor = Redactor()
        """Of secrets, which nothing that is printed holds."""
        self._lock = threading.RLock()
        self._live: Live | None = None
        self._group: str | None = None
        """The title of the group that is open; it is written with the first line in it."""
        self._group_written = False
        self._annotated: Counter[Level] = Counter()
        self.locate: Locate = lambda _: None
        self.documents = ""
        """Where the pages of docs/ are to be read; empty where they are files here."""

    def say(self, text: str) -> None:
        """Print a result."""
        self._write(self._out, self._safe(text))

    def verdict(self, subject: str, verdict: str, *, good: bool) -> None:
        """Print a result that is good or not, in green or yellow where a terminal reads it."""
        colour = self._colour and self._out.isatty()
        style = GREEN if good else _YELLOW
        word = f"\x1b[{style}m{self._safe(verdict)}\x1b[0m" if colour else self._safe(verdict)
        self._write(self._out, self._safe(subject) + word)

    def note(self, text: str) -> None:
        """Print something worth knowing."""
        self._write(self._err, self._safe(text))

    def warn(self, text: str, *, where: Location | str = "") -> None:
        """Print something that should be looked at."""
        if self.on_runner:
            self.annotate("warning", text, where=where)
        else:
            self._write(self._err, f"{self._styled('Warning:', _YELLOW)} {self._safe(text)}")

    def error(self, error: GpuDocError) -> None:
        """Print an expected failure: what happened, where, details, what to do, where to read on."""
        with self._lock:
            self._end_group()
            self._write(self._err, "\n".join(self._annotated_lines(error) if self.on_runner else self._lines(error)))

    def _lines(self, error: GpuDocError) -> list[str]:
        head = f"{self._styled('Error:', RED)} {self._styled(self._safe(error.what), _BOLD)}"
        return [head, *self._circumstances(error), *self._advice(error), *self._reading(error)]

    def _annotated_lines(self, error: GpuDocError) -> list[str]:
        """What follows a failure's annotation, which the runner prints as its first lines."""
        if isinstance(error, ConfigError) and error.problems:
            for problem in error.problems:
                self.annotate("error", str(problem), where=replace(problem.location, column=0))
            return [f"Error: {self._safe(error.what)}", *self._advice(error), *self._reading(error)]
        said = "\n".join(filter(None, [error.what, error.remedy]))
        self.annotate("error", said, where=error.location or error.where)
        return [*self._circumstances(error), *self._reading(error)]

    def _circumstances(self, error: GpuDocError) -> Iterator[str]:
        if error.where:
            yield f"  in {self._safe(error.where)}"
        if error.details:
            # The gutter keeps a traceback apart from our sentences, and any line of it from a line's start.
            gutter = self._styled("  |", _DIM)
            yield from ["", *(f"{gutter} {line}".rstrip() for line in self._safe(error.details).splitlines()), ""]

    def _advice(self, error: GpuDocError) -> Iterator[str]:
        if error.remedy:
            yield f"  {self._safe(error.remedy)}"

    def _reading(self, error: GpuDocError) -> Iterator[str]:
        if kept := getattr(error, "kept", ""):
            yield f"  Kept: {self._safe(kept)}"
        if error.topic:
            from gpu_doc.resources import document_path

            yield f"  More: {self.documents or document_path('')}/troubleshooting.md#{error.topic}"

    def defect(self, error: Exception, arguments: Sequence[str]) -> None:
        """Print a failure that nobody expected, as a bug report that is ready to be sent."""
        import platform
        import traceback

        from gpu_doc import __version__

        what = "gpu-doc failed in a way that nobody foresaw. Please report this"
        if self.on_runner:
            self._end_group()
            self.annotate("error", f"{what}, with the lines below from the log: {type(error).__name__}: {error}")
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        lines = [
            f"{self._styled('Defect:', RED)} {what}:",
            "",
            "```",
            self._safe(f"gpu-doc {' '.join(arguments)}"),
            f"gpu-doc {__version__}, Python {platform.python_version()}, {platform.platform()}",
            "",
            self._safe(trace).rstrip(),
            "```",
        ]
        self._write(self._err, "\n".join(lines))

    # --- on a runner; nothing happens elsewhere -----------------------------------------------------------------------

    def annotate(self, level: Level, text: str, *, where: Location | str = "") -> None:
        """Show a message beside the place where it belongs; text names what has none, and is only shown."""
        if self.on_runner:
            from gpu_doc.console.workflow_commands import annotation

            with self._lock:
                self._annotated[level] += 1
                place = self.locate(where) if isinstance(where, Location) else None
                self._command(annotation(level, self._plain(text), title=self._plain(str(where)), place=place))

    def mask(self, secret: str) -> None:
        """Have the runner print `***` for a secret from here on."""
        if self.on_runner:
            from gpu_doc.console.workflow_commands import masks

            self._command("\n".join(masks(secret)))

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Fold what is printed meanwhile; an error ends the fold. In another it is none: GitHub nests no groups."""
        if not self.on_runner or self._group is not None:
            yield
            return
        self._group, self._group_written = title, False
        try:
            yield
        finally:
            self._end_group()

    def fold(self, title: str, lines: Sequence[str]) -> None:
        """Print lines folded below a title, all at once; nothing comes in between."""
        if self.on_runner and not lines:
            self.note(title)
        elif self.on_runner:
            with self._lock, self.group(title):
                for line in lines:
                    self._write(self._err, self.shorten(line, _LONGEST_LINE))

    def finish(self) -> None:
        """Say what GitHub does not show of all that was annotated."""
        for level, count in self._annotated.items():
            from gpu_doc.console.workflow_commands import SHOWN

            if count > SHOWN:
                self.note(f"GitHub shows the first {SHOWN} of {count} {level}s beside files; all are in this log.")

    def _begin_group(self) -> None:
        if self._group is not None and not self._group_written:
            from gpu_doc.console.workflow_commands import command

            self._group_written = True
            self.raw(self._err, command("group", self.shorten(self._group, _LONGEST_LINE)) + "\n")

    def _end_group(self) -> None:
        with self._lock:
            if self._group_written:
                from gpu_doc.console.workflow_commands import command

                self._command(command("endgroup"))
            self._group, self._group_written = None, False

    def _command(self, text: str) -> None:
        if text:
            self._write(self._err, text)

    # --- progress -----------------------------------------------------------------------------------------------------

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Show how runs get on: live lines on a terminal, plain lines with the time elapsed in a log."""
        from gpu_doc.console import progress  # what finds nothing to do shows none

        show = progress.Live(self) if self._interactive else progress.Log(self)
        ticker = progress.Ticker(show.tick, progress.REDRAW if self._interactive else 1.0)
        self._live = show if isinstance(show, progress.Live) else None
        try:
            yield show
        finally:
            ticker.stop()
            with self._lock:
                if self._live:
                    self._live.clear()
                self._live = None

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

    # --- streams ------------------------------------------------------------------------------------------------------

    def _safe(self, text: str) -> str:
        if not self.on_runner:
            return self._plain(text)
        from gpu_doc.console.workflow_commands import without_commands

        return without_commands(self._plain(text))

    def _plain(self, text: str) -> str:
        return self.redactor.text(plain(text))

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour else text

    def _write(self, stream: TextIO, text: str) -> None:
        with self._lock:
            if self._live:
                self._live.clear()
            if stream is self._err:
                self._begin_group()
            self.raw(stream, text + "\n")
            if self._live:
                self._live.draw()

    def raw(self, stream: TextIO, text: str) -> None:
        """Write as it is; characters that the stream's encoding lacks are replaced rather than a failure."""
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()
