"""Renders users' templates with Jinja2, in one child process per refresh with limits on memory, time and size.

The child asks us for what it does not have: included files, and the answers of functions. Its errors have the
template's name and line.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import NoReturn, TypeVar

from gpu_doc import functions
from gpu_doc.errors import ReportError
from gpu_doc.execution.agent.wire import WireError
from gpu_doc.model.answers import Call
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json
from gpu_doc.report import template_messages as messages
from gpu_doc.report.template_messages import Failed, Recorded, Rendered, Request, Texts
from gpu_doc.system.process import Child, ChildEndedError
from gpu_doc.system.temporary import private_folder
from gpu_doc.text.nearest import did_you_mean

FILTERS = ("percent", "round", "default", "join", "length", "upper", "lower", "replace", "trim", "indent")
"""Names to suggest for misspelt ones: ours and Jinja2's most used."""
TIMER_GRACE = 2.0
"""Seconds that we wait for the child's own timer, which knows the line, before we kill the child."""


@dataclass(frozen=True)
class Source:
    """The text of a template file, and its path in errors."""

    name: str
    text: str


Load = Callable[[str], Source | None]
"""Returns an included template by its name; None if there is none."""
Answering = Callable[[Call, Location], Json]
"""Returns the value of a function call in the template; `Unanswered` where it has none, and the rest is wanted."""
RecordedCall = tuple[Call, Location]

Done = TypeVar("Done", Rendered, Texts, Recorded)


class TemplateWorker:
    """Renders templates in a child process, started when first needed, and again if it had to be killed."""

    def __init__(self, *, seconds: float = 10.0, memory: int = 512 << 20, output: int = 10_000_000) -> None:
        """`seconds` is the child's own time per text; `memory` counts bytes beyond its start; `output` is bytes."""
        self._seconds = seconds
        self._memory = memory
        self._output = output
        self._child: Child | None = None
        self._stack = ExitStack()
        self._log: Path | None = None

    def __enter__(self) -> TemplateWorker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child:
            self._child.close(timeout=1.0)
            self._child = None
        self._log = None
        self._stack.close()

    def render(self, source: Source, *, report: str, load: Load, answer: Answering, trace: bool = False) -> str:
        """Return the text of a template, with `answer` for each call; `trace`: with marks (trace_marks.py).

        Raises ReportError, with name and line, if the template is wrong or exceeds a limit.
        """
        request = replace(self._request(source.name, report, source=source.text), trace=trace)
        return self._converse(request, Rendered, load, answer).text

    def expressions(self, name: str, items: Sequence[tuple[int, str]], *, report: str, answer: Answering) -> list[str]:
        """Return the texts of single expressions, each given with its line in `name`. Raises ReportError."""
        request = self._request(name, report, items=items)
        return list(self._converse(request, Texts, _nothing_to_load, answer).texts)

    def rehearse(self, source: Source, *, report: str, load: Load) -> list[RecordedCall]:
        """Return the calls that a template would make, with their places, without answering any. Raises ReportError.

        Conditions on answers are tried with true and false. Calls that depend on an answer's value may be missed.
        """
        request = self._request(source.name, report, source=source.text, rehearse=True)
        return _recorded(self._converse(request, Recorded, load, _no_answer))

    def rehearse_expressions(self, name: str, items: Sequence[tuple[int, str]], *, report: str) -> list[RecordedCall]:
        """Return the calls that single expressions would make. Raises ReportError."""
        request = self._request(name, report, items=items, rehearse=True)
        return _recorded(self._converse(request, Recorded, _nothing_to_load, _no_answer))

    def _request(
        self,
        name: str,
        report: str,
        *,
        source: str | None = None,
        items: Sequence[tuple[int, str]] = (),
        rehearse: bool = False,
    ) -> Request:
        return Request(
            name=name,
            report=report,
            source=source,
            items=tuple(items),
            rehearse=rehearse,
            functions=tuple(functions.names()),
            seconds=self._seconds,
            output=self._output,
        )

    # --- one request ----------------------------------------------------------------------------------------------

    def _converse(self, request: Request, expected: type[Done], load: Load, answer: Answering) -> Done:
        """Send a request and answer the child's questions until it is done. Our answers don't count as its time."""
        child = self._started()
        left = self._seconds + TIMER_GRACE
        try:
            child.send(messages.write(request))
            while True:
                began = time.monotonic()
                line = child.receive(timeout=left)
                left = max(0.0, left - (time.monotonic() - began))
                event = messages.read_event(line) if line is not None else Failed("time", "", request.name, 0)
                if isinstance(event, expected):
                    return event
                if line is None:
                    self._kill()
                if isinstance(event, Failed):
                    self._tell(event)
                self._serve(child, event, load, answer)
        except (ChildEndedError, ValueError):
            self._kill()
            self._tell(Failed("ended", "", request.name, 0))
        except ReportError:
            raise
        except BaseException:
            self._kill()
            raise

    def _serve(self, child: Child, event: messages.Event, load: Load, answer: Answering) -> None:
        """Answer one question. If that fails, tell the child to stop before raising the failure.

        Raises WireError if it is no question.
        """
        if not isinstance(event, messages.Load | messages.Ask):
            raise WireError("the child says what it was not asked for")
        place = Location(event.file, event.line)
        reply: messages.Answer
        try:
            if isinstance(event, messages.Load):
                source = _loaded(load, event.template, place)
                reply = messages.Loaded(source.name, source.text) if source else messages.NoTemplate()
            else:
                value = answer(event.call, place)
                reply = value if isinstance(value, messages.Unanswered) else messages.Answered(value)
        except Exception:
            child.send(messages.write(messages.Abort()))
            if child.receive(timeout=TIMER_GRACE) is None:
                self._kill()
            raise
        child.send(messages.write(reply))

    def _started(self) -> Child:
        if self._child is None:
            self._log = self._log or self._stack.enter_context(private_folder()) / "stderr"
            # Fixed hashes in every process, since the order of sets must not affect a report.
            environment = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "LANG": "C.UTF-8", "PYTHONNOUSERSITE": "1"}
            self._child = Child("report.template_worker", environment=environment, log=self._log, isolated=False)
            self._child.send(messages.write(messages.Memory(self._memory)))
        return self._child

    def _kill(self) -> None:
        if self._child:
            self._child.close(timeout=0.0)
            self._child = None

    def _tell(self, failure: Failed) -> NoReturn:
        where = Location(failure.file, failure.line)
        limits = {
            "time": (f"rendering took more than {self._seconds:g} s", "Look for a loop that never ends."),
            "memory": (
                f"rendering needed more than {self._memory >> 20} MiB of memory",
                "Look for text or lists that are multiplied.",
            ),
            "output": (f"the text grew beyond {self._output / 1e6:g} MB", "Show less: lines= keeps a part of a text."),
            "recursion": ("a macro calls itself without end", "Let it end on a condition."),
            "ended": (
                "rendering ended at once: it needed too much memory, or was killed",
                "Make the template smaller.",
            ),
            "missing": (f"there is no template `{failure.message}`", "Paths start at the template's own folder."),
        }
        if failure.kind in limits:
            what, remedy = limits[failure.kind]
            raise ReportError(what, where=where, remedy=remedy)
        message = " ".join(failure.message.split()).rstrip(".")
        remedy = "Leave it out for now." if failure.kind == "later" else near_miss(message)
        raise ReportError(message, where=where, remedy=remedy)


def near_miss(message: str) -> str:
    """Return a remedy for an unknown name in a template; empty if the message is about something else."""
    names: tuple[str, ...]
    if found := re.search(r"'(\w+)' is undefined", message):
        known, names = "Known are", (*(function.name for function in functions.in_order()), "report")
    elif found := re.search(r"No filter named '(\w+)'", message):
        known, names = "Among the filters are", FILTERS
    else:
        return ""
    return did_you_mean(found[1], names) or f"{known}: {', '.join(names)}."


def _loaded(load: Load, name: str, place: Location) -> Source | None:
    """Call `load`; place its error where the file is included."""
    try:
        return load(name)
    except ReportError as error:
        if not error.where:
            error.locate(place)
        raise


def _recorded(done: Recorded) -> list[RecordedCall]:
    return [(asked.call, Location(asked.file, asked.line)) for asked in done.calls]


def _nothing_to_load(_: str) -> None:
    return None


def _no_answer(call: Call, _: Location) -> NoReturn:
    raise WireError(f"a rehearsal asked for {call}")
