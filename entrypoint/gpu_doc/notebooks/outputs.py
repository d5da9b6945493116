"""What a notebook's outputs keep: streams joined and folded as a person sees them, and no more than the limit.

Knows nothing of papermill or kernels, so that it can be tested by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gpu_doc.redaction import Redactor
from gpu_doc.text.units import readable_size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LEAST = 200
"""Bytes that any output counts for: an object costs memory even where its text is one character."""

DISPLAYED = 10
"""How many times the limit on what is printed that is displayed may take: pictures are larger than text."""

LONGEST_RESULT = 10_000
"""Bytes of a text that count as displayed where a cell shows it without printing: a value, in most cases."""

LONGEST_ERROR = 200_000
"""Bytes kept of a traceback, which is kept even past the limit: without it nobody knows what happened."""


class Budget:
    """The bytes that the outputs of one run may still take."""

    def __init__(self, limit: int, *, times: int = 1) -> None:
        """`limit` is what the configuration says; `times` as much may be used."""
        self.limit = limit * times
        self._said = f"{times} times limits.output" if times > 1 else "limits.output"
        self.used = 0
        self.cut = False
        """Whether anything was left out."""

    @property
    def left(self) -> int:
        """Bytes that may still be kept; never negative, and 0 for good once something was left out."""
        return 0 if self.cut else max(0, self.limit - self.used)

    def take(self, size: int) -> bool:
        """Count `size` more bytes (fewer, where negative), or say that they are too many."""
        if size > self.left:
            self.cut = True
            return False
        self.used += size
        return True

    @property
    def marker(self) -> str:
        """The line that stands where output was left out."""
        return f"… output cut at {readable_size(self.limit)} ({self._said})\n"


def size_of(value: Any) -> int:
    """Return about how many bytes a part of an output takes: its text, with all that is nested in it."""
    if isinstance(value, str):
        # Exact for ASCII, which large outputs are; encoding 30 MB to learn its length would cost more than it tells.
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if isinstance(value, dict):
        return sum(len(str(k)) + size_of(v) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return sum(map(size_of, value))
    return 8


class Stream:
    """The text of one stream output, as it grows: chunks, of which the last is the line not yet ended.

    Carriage returns and backspaces are carried out, as JupyterLab does before it saves: a progress bar is one line,
    not the thousand states that it went through. All in time proportional to what is written.
    """

    def __init__(self, output: dict[str, Any]) -> None:
        self.output = output
        # nbformat allows a list of strings, so that the notebook can be saved at any time.
        self.chunks: list[str] = []
        output["text"] = self.chunks
        self._line = 0
        """Where in `chunks` the line begins that has not ended yet."""
        self._cursor: int | None = None
        """The column where the next character of that line goes; None is its end."""

    def write(self, text: str) -> int:
        """Add text, and return by how many bytes the output grew (negative where it overwrote more)."""
        if self._cursor is None and "\r" not in text and "\b" not in text:
            self._append(text)
            return size_of(text)
        line = "".join(self.chunks[self._line :])
        del self.chunks[self._line :]
        before, cursor = size_of(line), len(line) if self._cursor is None else self._cursor
        ended = []
        *whole, last = text.split("\n")
        for part in whole:
            ended.append(overwritten(line, cursor, part)[0] + "\n")
            line, cursor = "", 0
        line, cursor = overwritten(line, cursor, last)
        self._cursor = cursor if cursor < len(line) else None
        self._append("".join(ended) + line)
        return sum(map(size_of, ended)) + size_of(line) - before

    def _append(self, text: str) -> None:
        ended, newline, tail = text.rpartition("\n")
        if newline:
            self.chunks.append(ended + newline)
            self._line = len(self.chunks)
        if tail:
            self.chunks.append(tail)

    def close(self) -> None:
        """Join the chunks."""
        self.output["text"] = "".join(self.chunks)


def overwritten(line: str, cursor: int, text: str) -> tuple[str, int]:
    """Write text into a line from a column on, as a terminal does; return the line and the column after it."""
    for part in re.split("([\r\b])", text):
        if part == "\r":
            cursor = 0
        elif part == "\b":
            cursor = max(0, cursor - 1)
        elif part:
            # Escape sequences take no room on the screen, so columns can't be compared: the later text stands alone.
            rest = "" if "\x1b" in part or "\x1b" in line else line[cursor + len(part) :]
            line = line[:cursor] + part + rest
            cursor += len(part)
    return line, cursor


@dataclass(frozen=True)
class Mark:
    """Where something was left out of a cell's outputs."""

    after: int
    """How many outputs are whole, and stand where they would stand anyway."""
    displayed: bool
    """Whether what was displayed was too large, and not what was printed."""


class Outputs:
    """Adds outputs to cells, redacted, within a budget. One for each run."""

    def __init__(
        self, limit: int, make: Callable[[dict[str, Any]], dict[str, Any]] = dict, redactor: Redactor | None = None
    ) -> None:
        """`make` gives an output the class that the notebook's format wants."""
        self.limit = limit
        self.printed = Budget(limit)
        self.displayed = Budget(limit, times=DISPLAYED)
        self.redactor = redactor or Redactor()
        self._make = make
        self._stream: Stream | None = None
        self._streams: list[Stream] = []
        self._marked: list[tuple[list[Any], Mark]] = []

    def write(self, outputs: list[Any], name: str, text: str) -> None:
        """Add text of a stream. It joins the last output where that is the same stream, as in any frontend."""
        if not self._continues(outputs, name):
            if not self.printed.take(LEAST):
                self.mark(outputs, self.printed)
                return
            self._begin(outputs, name)
        if self.printed.cut:
            self.mark(outputs, self.printed)
            return
        assert self._stream
        left = self.printed.left
        kept = text if size_of(text) <= left else text.encode("utf-8", "replace")[:left].decode("utf-8", "ignore")
        self.printed.used += self._stream.write(kept)
        if len(kept) < len(text):
            self.printed.cut = True
            self._marked.append((outputs, Mark(len(outputs) - 1, displayed=False)))
            self._stream.write("\n" + self.printed.marker)

    def mark(self, outputs: list[Any], budget: Budget) -> None:
        """Say, once for each cell, that something was left out."""
        if self.mark_of(outputs) is None:
            self._marked.append((outputs, Mark(len(outputs), displayed=budget is self.displayed)))
            self._begin(outputs, "stdout").write(budget.marker)

    def mark_of(self, outputs: list[Any]) -> Mark | None:
        """Where something was left out of a cell's outputs, if it was."""
        return next((mark for marked, mark in self._marked if marked is outputs), None)

    def _begin(self, outputs: list[Any], name: str) -> Stream:
        output = self._make({"output_type": "stream", "name": name, "text": ""})
        outputs.append(output)
        self._stream = Stream(output)
        self._streams.append(self._stream)
        return self._stream

    def accepts(self, kind: str, content: dict[str, Any], outputs: list[Any]) -> bool:
        """Say whether an output that is no stream may be kept, and count it, or mark the cell that it was for.

        Errors always may, cut where huge.
        """
        if kind == "error":
            _shorten(content)
            return True
        budget = self._budget(content)
        if budget.take(max(LEAST, size_of(content))):
            return True
        self.mark(outputs, budget)
        return False

    def accepts_update(self, old: Any, new: Any, cells: Sequence[list[Any]]) -> bool:
        """Say whether displayed data may be replaced, and count the difference, or mark the cells that show it."""
        if self.displayed.take(size_of(new) - size_of(old)):
            return True
        for outputs in cells:
            self.mark(outputs, self.displayed)
        return False

    def _budget(self, output: dict[str, Any]) -> Budget:
        """What an output counts to that is no stream: long text counts as if it had been printed."""
        only_text = set(output.get("data") or ()) <= {"text/plain"}
        return self.printed if only_text and size_of(output.get("data")) > LONGEST_RESULT else self.displayed

    def release(self, outputs: list[Any]) -> None:
        """Give back what outputs took that are about to be cleared: an animation costs one frame."""
        for output in outputs:
            if output["output_type"] == "stream":
                self.printed.used -= LEAST + size_of(output["text"])
            elif output["output_type"] != "error":
                self._budget(output).used -= max(LEAST, size_of(output))
        self._marked = [(marked, mark) for marked, mark in self._marked if marked is not outputs]
        self._stream = None

    def close(self) -> None:
        """Join what is still in chunks, and redact it: at the end of each cell."""
        for stream in self._streams:
            stream.close()
        if self.redactor:
            self._redact([stream.output for stream in self._streams])
        self._streams.clear()
        self._stream = None

    def _redact(self, streams: list[dict[str, Any]]) -> None:
        """Redact each stream and then all, as a person reads them: what is printed meanwhile divides a stream."""
        names = sorted({output["name"] for output in streams})
        alone = [[output for output in streams if output["name"] == name] for name in names] if len(names) > 1 else []
        for group in (*alone, streams):
            for output, text in zip(group, self.redactor.parts([each["text"] for each in group]), strict=True):
                output["text"] = text

    def _continues(self, outputs: list[Any], name: str) -> bool:
        stream = self._stream
        return bool(stream and outputs and outputs[-1] is stream.output and stream.output["name"] == name)


def _shorten(output: dict[str, Any]) -> None:
    output["evalue"] = str(output.get("evalue", ""))[:LONGEST_ERROR]
    lines: list[str] = []
    left = LONGEST_ERROR
    for line in output.get("traceback", []):
        lines.append(line[:left])
        left -= len(lines[-1])
        if left <= 0:
            lines.append("… traceback cut")
            break
    output["traceback"] = lines
