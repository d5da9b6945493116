"""Collects a notebook's outputs: streams are joined and folded as a person sees them, and cut at the limit.

It does not know papermill or kernels, so that it can be tested alone.
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
"""Bytes that each output counts at least: an object needs memory even if its text is one character."""

DISPLAYED = 10
"""Displayed data may take so many times the limit for printed text: pictures are larger."""

LONGEST_RESULT = 10_000
"""Up to so many bytes, text that a cell shows without printing counts as displayed: mostly, it is a value."""

LONGEST_ERROR = 200_000
"""Bytes to keep of a traceback, even past the limit: without it, nobody knows what happened."""


class Budget:
    """The bytes that a run's outputs may still use."""

    def __init__(self, limit: int, *, times: int = 1) -> None:
        """`limit` is the configuration's; `times` this limit may be used."""
        self.limit = limit * times
        self._said = f"{times} times limits.output" if times > 1 else "limits.output"
        self.used = 0
        self.cut = False
        """Whether anything was left out."""

    @property
    def left(self) -> int:
        """Bytes that may still be kept; never negative. Always 0 after something was left out."""
        return 0 if self.cut else max(0, self.limit - self.used)

    def take(self, size: int) -> bool:
        """Count `size` more bytes (or fewer, if negative); False if they are too many."""
        if size > self.left:
            self.cut = True
            return False
        self.used += size
        return True

    @property
    def marker(self) -> str:
        """The line that marks where output was left out."""
        return f"… output cut at {readable_size(self.limit)} ({self._said})\n"


def size_of(value: Any) -> int:
    """Return roughly how many bytes a part of an output has: its text, and everything nested in it."""
    if isinstance(value, str):
        # Large outputs are mostly ASCII, where this is exact. Encoding 30 MB only for its length would be too slow.
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if isinstance(value, dict):
        return sum(len(str(k)) + size_of(v) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return sum(map(size_of, value))
    return 8


class Stream:
    """The growing text of one stream output, in chunks; the last chunk is the unfinished line.

    Carriage returns and backspaces are applied, as JupyterLab does before it saves: a progress bar becomes one line,
    not a thousand states. The time needed is proportional to what is written.
    """

    def __init__(self, output: dict[str, Any]) -> None:
        self.output = output
        # nbformat allows a list of strings, so that the notebook can be saved at any time.
        self.chunks: list[str] = []
        output["text"] = self.chunks
        self._line = 0
        """The index in `chunks` where the unfinished line begins."""
        self._cursor: int | None = None
        """The column for the next character of that line; None is its end."""

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
            # Escape sequences take no columns, so positions can't be compared: keep only the later text.
            rest = "" if "\x1b" in part or "\x1b" in line else line[cursor + len(part) :]
            line = line[:cursor] + part + rest
            cursor += len(part)
    return line, cursor


@dataclass(frozen=True)
class Mark:
    """Where something was left out of a cell's outputs."""

    after: int
    """The number of complete outputs, at their usual positions."""
    displayed: bool
    """Whether displayed data was too large (not printed text)."""


class Outputs:
    """Adds redacted outputs to cells, within a budget. Make one for each run."""

    def __init__(
        self, limit: int, make: Callable[[dict[str, Any]], dict[str, Any]] = dict, redactor: Redactor | None = None
    ) -> None:
        """`make` turns an output into the class of the notebook's format."""
        self.limit = limit
        self.printed = Budget(limit)
        self.displayed = Budget(limit, times=DISPLAYED)
        self.redactor = redactor or Redactor()
        self._make = make
        self._stream: Stream | None = None
        self._streams: list[Stream] = []
        self._marked: list[tuple[list[Any], Mark]] = []

    def write(self, outputs: list[Any], name: str, text: str) -> None:
        """Add text of a stream. As in any frontend, it is appended to the last output if that is the same stream."""
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
        """Note in the cell, once, that something was left out."""
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
        """Return whether an output other than a stream may be kept. Count it; or mark its cell if it may not.

        Errors are always kept, but cut if huge.
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
        """Return whether displayed data may be replaced. Count the difference; or mark its cells if it may not."""
        if self.displayed.take(size_of(new) - size_of(old)):
            return True
        for outputs in cells:
            self.mark(outputs, self.displayed)
        return False

    def _budget(self, output: dict[str, Any]) -> Budget:
        """Return the budget for an output other than a stream: long text counts as printed text."""
        only_text = set(output.get("data") or ()) <= {"text/plain"}
        return self.printed if only_text and size_of(output.get("data")) > LONGEST_RESULT else self.displayed

    def release(self, outputs: list[Any]) -> None:
        """Free the bytes of outputs that are about to be cleared: so an animation costs one frame."""
        for output in outputs:
            if output["output_type"] == "stream":
                self.printed.used -= LEAST + size_of(output["text"])
            elif output["output_type"] != "error":
                self._budget(output).used -= max(LEAST, size_of(output))
        self._marked = [(marked, mark) for marked, mark in self._marked if marked is not outputs]
        self._stream = None

    def close(self) -> None:
        """Join and redact what is still in chunks. Call it at the end of each cell."""
        for stream in self._streams:
            stream.close()
        if self.redactor:
            self._redact([stream.output for stream in self._streams])
        self._streams.clear()
        self._stream = None

    def _redact(self, streams: list[dict[str, Any]]) -> None:
        """Redact each stream, then all of them in reading order: other output may split a stream, and so a secret."""
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
