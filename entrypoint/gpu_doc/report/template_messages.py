"""What passes between us and the child that renders templates.

`Memory` comes first. Then, for each request:

    parent: Request            child: Rendered, Texts or Recorded: it is done; Failed
    child:  Load, Ask          parent: Loaded, NoTemplate, Answered, Unanswered; Abort, which the child answers with
                               Unwound
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gpu_doc.execution.agent import wire
from gpu_doc.model.answers import Call
from gpu_doc.model.values import Json

write = wire.write

Kind = Literal["memory", "time", "output", "recursion", "missing", "ended", "later", "template"]
"""What failed: a limit was reached, a file is missing, a name is for a later version, or an error of Jinja2's."""


@dataclass(frozen=True)
class Memory:
    """The bytes that the child's memory may grow by."""

    more: int


@dataclass(frozen=True, kw_only=True)
class Request:
    """A text to render, or expressions; or to rehearse: which calls it would make."""

    name: str
    """What errors name."""
    source: str | None = None
    """The text; None where there are expressions."""
    items: tuple[tuple[int, str], ...] = ()
    """Expressions, each with its line."""
    report: str
    rehearse: bool
    functions: tuple[str, ...]
    seconds: float
    output: int
    """Bytes of text."""
    trace: bool = False
    """Put marks around what comes from calls (trace_marks.py)."""


@dataclass(frozen=True)
class Loaded:
    """The file that was asked for, and the path that errors name."""

    name: str
    text: str


@dataclass(frozen=True)
class NoTemplate:
    """There is no such file."""


@dataclass(frozen=True)
class Answered:
    """What a call is worth."""

    value: Json


@dataclass(frozen=True)
class Unanswered:
    """There is no value: the text is rendered only to see what else it asks for."""

    truth: bool
    """What conditions on the value come to."""


@dataclass(frozen=True)
class Abort:
    """We have an error of our own to raise: unwind."""


@dataclass(frozen=True)
class Load:
    """Asks for the template that is named in this file and line."""

    template: str
    file: str
    line: int


@dataclass(frozen=True)
class Ask:
    """A function is called in this file and line; in a rehearsal it would be."""

    call: Call
    file: str
    line: int


@dataclass(frozen=True)
class Rendered:
    """The text of a template."""

    text: str


@dataclass(frozen=True)
class Texts:
    """The texts of expressions."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Recorded:
    """The calls of a rehearsal."""

    calls: tuple[Ask, ...]


@dataclass(frozen=True)
class Unwound:
    """All is undone after Abort."""


@dataclass(frozen=True)
class Failed:
    """What went wrong, and where."""

    kind: Kind
    message: str
    """Jinja2's own; the name of a template that is missing."""
    file: str
    line: int
    """0 where it is not known."""


Answer = Loaded | NoTemplate | Answered | Unanswered | Abort
Event = Load | Ask | Rendered | Texts | Recorded | Unwound | Failed

_read_start = wire.Reader(Memory)
_read_request = wire.Reader(Request)
_read_answer = wire.Reader(Loaded, NoTemplate, Answered, Unanswered, Abort)
_read_event = wire.Reader(Load, Ask, Rendered, Texts, Recorded, Unwound, Failed)


def read_start(line: bytes) -> Memory:
    """In the child: the first message. Raises WireError."""
    start: Memory = _read_start(line)
    return start


def read_request(line: bytes) -> Request:
    """In the child: what is to be done. Raises WireError."""
    request: Request = _read_request(line)
    return request


def read_answer(line: bytes) -> Answer:
    """In the child: what it asked for. Raises WireError."""
    answer: Answer = _read_answer(line)
    return answer


def read_event(line: bytes) -> Event:
    """What the child says, whatever a template has made of it. Raises WireError."""
    event: Event = _read_event(line)
    return event
