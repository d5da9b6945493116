"""Collects a notebook's outputs: streams are joined and folded as a person sees them, and cut at the limit.

It does not know papermill or kernels, so that it can be tested alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gpu_doc.notebooks.limits import LONGEST_ERROR, Reached, Room, sentence
from gpu_doc.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST = 200
"""Bytes that each output counts at least: an object needs memory even if its text is one character."""

LONGEST_RESULT = 10_000
"""Up to so many bytes, text that a cell shows without printing counts as displayed: mostly, it is a value."""


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
    reached: Reached
    """Which limit it was."""


class Outputs:
    """Adds redacted outputs to cells, as far as the limits allow. Make one for each run."""

    def __init__(
        self, limit: int, make: Callable[[dict[str, Any]], dict[str, Any]] = dict, redactor: Redactor | None = None
    ) -> None:
        """`limit` is `limits.output`, in bytes; `make` turns an output into the class of the notebook's format."""
        self.limit = limit
        self.printed = Room(limit, "prints")
        self.displayed = Room(limit, "displays")
        self.cut_in_widget: Reached | None = None
        """Which limit left something out of what an Output widget holds, if one did."""
        self.redactor = redactor or Redactor()
        self._make = make
        self._stream: Stream | None = None
        self._streams: list[Stream] = []
        self._marks: dict[int, Mark] = {}

    def write(self, outputs: list[Any], name: str, text: str) -> None:
        """Add text of a stream. As in any frontend, it is appended to the last output if that is the same stream."""
        if not self._continues(outputs, name):
            if not self.printed.take((outputs, LEAST)):
                self._mark(outputs, self.printed)
                return
            self._begin(outputs, name)
        if self.printed.reached(outputs):
            self._mark(outputs, self.printed)
            return
        assert self._stream
        left = self.printed.left(outputs)
        kept = text if size_of(text) <= left else text.encode("utf-8", "replace")[:left].decode("utf-8", "ignore")
        self.printed.count(outputs, self._stream.write(kept))
        if len(kept) < len(text):
            self.printed.close(outputs)
            self._stream.write("\n")
            self._mark(outputs, self.printed, after=len(outputs) - 1, stream=self._stream)

    def _mark(self, outputs: list[Any], room: Room, *, after: int | None = None, stream: Stream | None = None) -> None:
        """Note in the cell, once, that something was left out: of it, only the first `after` outputs are whole."""
        reached = room.reached(outputs)
        assert reached
        mark = Mark(len(outputs) if after is None else after, reached)
        known = self._marks.get(id(outputs))
        if known is None or mark.after < known.after:
            self._marks[id(outputs)] = mark
        if known is None:
            (stream or self._begin(outputs, "stdout")).write(f"… {sentence(reached, self.limit)}\n")

    def mark_of(self, outputs: list[Any]) -> Mark | None:
        """Where something was left out of a cell's outputs, if it was."""
        return self._marks.get(id(outputs))

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
            if _shorten(content):
                self._marks.setdefault(id(outputs), Mark(len(outputs), "traceback"))
            return True
        room = self._room(content)
        if room.take((outputs, max(LEAST, size_of(content)))):
            return True
        self._mark(outputs, room)
        return False

    def accepts_update(self, *places: tuple[list[Any], int, int]) -> bool:
        """Return whether displayed data may be replaced: in cells, from which of their outputs on, and how it grows.

        Count the difference; or mark the cells if it may not.
        """
        if self.displayed.take(*((outputs, growth) for outputs, _, growth in places)):
            return True
        for outputs, first, _ in places:
            self._mark(outputs, self.displayed, after=first)
        return False

    def accepts_in_widget(self, kind: str, content: dict[str, Any], outputs: list[Any]) -> bool:
        """The same of what a cell adds to an Output widget, which may be shown by another cell."""
        room = self.printed if kind == "stream" else self.displayed
        if room.take((outputs, size_of(content))):
            return True
        self._mark(outputs, room)
        self.cut_in_widget = room.reached(outputs)
        return False

    def _room(self, output: dict[str, Any]) -> Room:
        """Return the room for an output other than a stream: long text counts as printed text."""
        only_text = set(output.get("data") or ()) <= {"text/plain"}
        return self.printed if only_text and size_of(output.get("data")) > LONGEST_RESULT else self.displayed

    def release(self, outputs: list[Any]) -> None:
        """Free the bytes of outputs that are about to be cleared: so an animation costs one frame."""
        for output in outputs:
            if output["output_type"] == "stream":
                self.printed.count(outputs, -LEAST - size_of(output["text"]))
            elif output["output_type"] != "error":
                self._room(output).count(outputs, -max(LEAST, size_of(output)))
        for room in (self.printed, self.displayed):
            room.open(outputs)
        self._marks.pop(id(outputs), None)
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


def _shorten(output: dict[str, Any]) -> bool:
    """Cut a huge error; return whether it was one."""
    value = str(output.get("evalue", ""))
    output["evalue"] = value[:LONGEST_ERROR]
    lines: list[str] = []
    left = LONGEST_ERROR
    for line in output.get("traceback", []):
        lines.append(line[:left])
        left -= len(lines[-1])
        if left <= 0:
            lines.append("… traceback cut")
            break
    output["traceback"] = lines
    return left <= 0 or len(value) > LONGEST_ERROR
