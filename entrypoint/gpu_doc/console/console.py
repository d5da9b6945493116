"""Prints sentences, failures and the progress of runs.

Results go to standard output, everything else to standard error. Text may come from notebooks, so nothing that is
printed here may control a terminal or give a command to a CI runner.
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
    """Returns the lines in the repository that an error's location means; None if it is not in the repository."""

GREEN, RED = "32", "31"
_BOLD, _DIM, _YELLOW = "1", "2", "33"

_LONGEST_LINE = 300
"""The most characters that a log shows of a line that a notebook printed."""


class Console:
    """Prints to standard output and standard error. Several threads may use it.

    On a CI runner, everything but results goes to standard error, in order, workflow commands too.
    """

    def __init__(  # noqa: PLR0913 - named, and each is set once, here
        self,
        out: TextIO,
        err: TextIO,
        *,
        interactive: bool,
        colour: bool,
        ci: bool,
        locate: Locate = lambda _: None,
        documents: str = "",
        redactor: Redactor | None = None,
    ) -> None:
        """`interactive`: standard error is a terminal that can redraw lines. `ci`: a CI runner reads the output.

        A runner's log is never interactive, even if the runner provides a terminal. `documents` is the web address of
        docs/; empty if the pages are files here. `redactor` is replaced when the configuration names more secrets.
        """
        self._out = out
        self._err = err
        self._interactive = interactive and not ci
        self._colour = colour and not ci
        self.on_runner = ci
        self.redactor = redactor or Redactor()
        """Removes secrets from all that is printed."""
        self._lock = threading.RLock()
        self._live: Live | None = None
        self._group: str | None = None
        """The title of the open group. It is written together with the group's first line."""
        self._group_written = False
        self._annotated: Counter[Level] = Counter()
        self._locate = locate
        self._documents = documents

    def say(self, text: str) -> None:
        """Print a result."""
        self._write(self._out, self._safe(text))

    def verdict(self, subject: str, verdict: str, *, good: bool) -> None:
        """Print a result that is good or not: on a terminal in green or yellow."""
        colour = self._colour and self._out.isatty()
        style = GREEN if good else _YELLOW
        word = f"\x1b[{style}m{self._safe(verdict)}\x1b[0m" if colour else self._safe(verdict)
        self._write(self._out, self._safe(subject) + word)

    def note(self, text: str) -> None:
        """Print a note."""
        self._write(self._err, self._safe(text))

    def warn(self, text: str, *, where: Location | str = "") -> None:
        """Print a warning."""
        if self.on_runner:
            self.annotate("warning", text, where=where)
        else:
            self._write(self._err, f"{self._styled('Warning:', _YELLOW)} {self._safe(text)}")

    def error(self, error: GpuDocError) -> None:
        """Print an expected failure: what happened, where, details, what to do, where to read more."""
        with self._lock:
            self._end_group()
            self._write(self._err, "\n".join(self._annotated_lines(error) if self.on_runner else self._lines(error)))

    def _lines(self, error: GpuDocError) -> list[str]:
        head = f"{self._styled('Error:', RED)} {self._styled(self._safe(error.what), _BOLD)}"
        return [head, *self._circumstances(error), *self._advice(error), *self._reading(error)]

    def _annotated_lines(self, error: GpuDocError) -> list[str]:
        """Annotate a failure, and return the lines that follow: the runner prints the annotation before them."""
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
            # The gutter sets a traceback apart from our sentences, and no line of it is at the start of a line.
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

            yield f"  More: {self._documents or document_path('')}/troubleshooting.md#{error.topic}"

    def defect(self, error: Exception, arguments: Sequence[str]) -> None:
        """Print an unexpected failure as a bug report that is ready to be sent."""
        import platform
        import traceback

        from gpu_doc import __version__

        what = "gpu-doc failed because of a bug. Please report this"
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

    # --- only on a runner; elsewhere these do nothing -----------------------------------------------------------------

    def annotate(self, level: Level, text: str, *, where: Location | str = "") -> None:
        """Annotate the lines of a file with a message. If `where` is text, it becomes the annotation's title."""
        if self.on_runner:
            from gpu_doc.console.workflow_commands import annotation

            with self._lock:
                self._annotated[level] += 1
                place = self._locate(where) if isinstance(where, Location) else None
                self._command(annotation(level, self._plain(text), title=self._plain(str(where)), place=place))

    def mask(self, secret: str) -> None:
        """Have the runner print `***` for a secret from here on."""
        if self.on_runner:
            from gpu_doc.console.workflow_commands import masks

            self._command("\n".join(masks(secret)))

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Fold what the block prints, up to an error. GitHub does not nest groups: an inner one folds nothing."""
        if not self.on_runner or self._group is not None:
            yield
            return
        self._group, self._group_written = title, False
        try:
            yield
        finally:
            self._end_group()

    def fold(self, title: str, lines: Sequence[str]) -> None:
        """Print lines folded below a title, with nothing of other threads between them."""
        if self.on_runner and not lines:
            self.note(title)
        elif self.on_runner:
            with self._lock, self.group(title):
                for line in lines:
                    self._write(self._err, self.shorten(line, _LONGEST_LINE))

    def finish(self) -> None:
        """Note how many annotations GitHub does not show."""
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
        """Show the progress of runs: live lines on a terminal, plain lines with the time elapsed in a log."""
        from gpu_doc.console import progress  # needed only if something runs

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
        """Write live lines to the terminal, without the handling of ordinary lines."""
        self.raw(self._err, text)

    def shorten(self, text: str, width: int) -> str:
        """Return one safe line of text, cut to a width."""
        safe = self._safe(text).replace("\n", " ")
        return safe if len(safe) <= width else safe[: width - 1] + "…"

    @property
    def lock(self) -> threading.RLock:
        """The lock that is held while lines are written."""
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
        """Write text unchanged, except that characters which the stream's encoding lacks are replaced."""
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()
