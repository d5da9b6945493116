"""Finds out which calls each line of a report comes from."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from gpu_doc.functions.shared.calls import asked as asked_for
from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.answers import Answer, Call
from gpu_doc.model.configuration import Report
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json
from gpu_doc.report.report import TemplateFiles, render
from gpu_doc.report.template import TemplateWorker
from gpu_doc.report.trace_marks import Part, read
from gpu_doc.text import in_place
from gpu_doc.text.values_in_tables import BEGIN, in_text

_NEWLINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Lines of a report, from 1, and the call that they come from."""

    call: Call
    place: Location
    """Where it is asked for: in the template, or in the report."""
    first: int
    last: int
    sure: bool = True
    """Whether each of the lines comes from it; not, where an expression of several calls gives several lines."""


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Where what a report shows comes from."""

    text: str
    """The whole text, as it is rendered."""
    shown: tuple[Shown, ...]
    """In the order of the text."""
    untold: tuple[tuple[Call, Location], ...] = ()
    """Calls whose answers decide something, or were used so that nobody can tell where they show."""
    exact: bool = True
    """Whether lines could be told at all: not, if the template looks into its own text, such as at its length."""


def trace(
    report: Report, root: Path, worker: TemplateWorker, answer: Callable[[Call], Answer], line_ends: LineEnds
) -> Trace:
    """Return where each line comes from, with `answer` for each call. Raises ReportError, and what `answer` raises."""
    rendered = render(report, root, worker, answer, line_ends=line_ends)
    if report.template is None:
        return Trace(text=rendered.text, shown=tuple(_of_blocks(report, rendered.text, worker, answer)))
    asked: list[tuple[Call, Location]] = []

    def answering(call: Call, place: Location) -> Json:
        asked.append((call, place))
        return answer(call).value if asked_for(call) is call else ""  # a claim that holds says nothing

    files = TemplateFiles(root, report.template, line_ends)
    traced = worker.render(files.main, report=report.path, load=files.load, answer=answering, trace=True)
    raw, parts = read(traced)
    text = in_text(raw) if BEGIN in raw else raw
    if files.finished(text) != rendered.text or text.count("\n") != raw.count("\n"):
        return Trace(text=rendered.text, shown=(), untold=_each_once(asked), exact=False)
    lines = _Lines(raw, text, rendered.text)
    shown = [
        Shown(call=call, place=place, first=first, last=last, sure=len(part.calls) == 1 or first == last)
        for part in sorted(parts, key=lambda part: part.start)
        for first, last in lines.of(part, parts)
        for call, place in (asked[number] for number in part.calls)
    ]
    told = {(each.call.key, each.place) for each in shown}
    untold = _each_once(
        (call, place) for call, place in asked if (call.key, place) not in told and asked_for(call) is call
    )
    return Trace(text=rendered.text, shown=tuple(shown), untold=untold)


def _each_once(asked: Iterable[tuple[Call, Location]]) -> tuple[tuple[Call, Location], ...]:
    return tuple({(call.key, place): (call, place) for call, place in asked}.values())


class _Lines:
    """The lines of a report that parts of the text stand on, as its template gave it."""

    def __init__(self, raw: str, text: str, written: str) -> None:
        """`text` has the lines of `raw`; `written` has the notice too, which stands behind the front matter."""
        self._raw = raw
        self._starts = [0, *(found.end() for found in re.finditer("\n", raw))]
        lines = written.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
        pairs = zip(text.split("\n"), lines, strict=False)
        self._before = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        self._added = len(lines) - len(self._starts)

    def of(self, part: Part, parts: Sequence[Part]) -> Iterator[tuple[int, int]]:
        """Yield the first and last line of each piece of a part that belongs to no part inside it."""
        here = part.start
        inner = [each for each in parts if each is not part and part.start <= each.start and each.end <= part.end]
        for each in sorted(inner[: inner.index(part)] if part in inner else inner, key=lambda each: each.start):
            yield from self._piece(here, each.start)
            here = max(here, each.end)
        yield from self._piece(here, part.end)

    def _piece(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        piece = self._raw[start:end]
        if piece.strip():
            start += len(piece) - len(piece.lstrip())
            yield self._line(start), self._line(start + len(piece.strip()) - 1)

    def _line(self, position: int) -> int:
        line = bisect_right(self._starts, position)
        return line if line <= self._before else line + self._added


def _of_blocks(report: Report, text: str, worker: TemplateWorker, answer: Callable[[Call], Answer]) -> Iterator[Shown]:
    for block in in_place.parse(text, report.path).blocks:
        asked: list[Call] = []

        def answering(call: Call, _: Location, asked: list[Call] = asked) -> Json:
            if asked_for(call) is not call:
                return ""
            asked.append(call)
            return answer(call).value

        worker.expressions(report.path, [(block.line, block.expression)], report=report.path, answer=answering)
        last = len(_NEWLINE.findall(text, 0, block.end)) + 1
        calls = {call.key: call for call in asked}.values()
        sure = len(calls) == 1 or last <= block.line + 2
        place = Location(report.path, block.line)
        yield from (Shown(call=call, place=place, first=block.line, last=last, sure=sure) for call in calls)
