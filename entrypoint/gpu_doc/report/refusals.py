"""Finds all that keeps a report from being written, to be told at once: rendering it ends at the first.

What a call that has no answer is worth, nobody knows. So the text is rendered twice, once with every condition on such
a value true and once with all of them false, and what is asked for both times counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path

from gpu_doc.errors import CaptureError, GpuDocError, ReportError
from gpu_doc.functions.shared.calls import located
from gpu_doc.model.answers import Answer, Call
from gpu_doc.model.configuration import Report
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json
from gpu_doc.report.files import ReportFiles
from gpu_doc.report.report import ask_all
from gpu_doc.report.template import TemplateWorker
from gpu_doc.report.template_messages import Unanswered

Answered = Callable[[Call], Answer | None]
"""Gives the answer of a call, None where its runs have no result. Raises ReportError, and other errors."""


def find(
    report: Report, root: Path, worker: TemplateWorker, answered: Answered, files: ReportFiles
) -> list[GpuDocError]:
    """Return the errors of a report's calls and pictures, and of its text, in the text's order."""
    passes = [_Pass(report, root, worker, answered, truth=truth) for truth in (True, False)]
    asked = {key: found for key, found in passes[0].asked.items() if key in passes[1].asked}
    own = set(map(_identity, passes[0].own))
    errors: list[GpuDocError] = [error for error in passes[1].own if _identity(error) in own]
    answers = [passes[0].answers[call.key] for call, _ in asked.values() if call.key in passes[0].answers]
    try:
        files.photograph([asset for answer in answers for asset in answer.assets], again=False)
    except GpuDocError as error:  # Chromium does not start: told beside what is wrong with other calls
        errors.append(error)
    for call, place in asked.values():
        errors += _errors(call, place, passes[0], files)
    return list({_identity(error): error for error in errors}.values())


class _Pass:
    """The text rendered once, for what it asks."""

    def __init__(self, report: Report, root: Path, worker: TemplateWorker, answered: Answered, *, truth: bool) -> None:
        self._answered = answered
        self._truth = truth
        self.asked: dict[str, tuple[Call, Location]] = {}
        """Each call by its key, with the place where it stands first."""
        self.answers: dict[str, Answer] = {}
        self.failed: dict[str, GpuDocError] = {}
        self.own = ask_all(report, root, worker, self._value)
        """Errors of the text itself."""

    def _value(self, call: Call, place: Location) -> Json:
        if call.key not in self.asked:
            self.asked[call.key] = call, place
            try:
                answer = self._answered(call)
            except GpuDocError as error:
                self.failed[call.key] = error
            else:
                if answer is not None:
                    self.answers[call.key] = answer
        return self.answers[call.key].value if call.key in self.answers else Unanswered(self._truth)


def _errors(call: Call, place: Location, found: _Pass, files: ReportFiles) -> Iterator[GpuDocError]:
    error = found.failed.get(call.key)
    if isinstance(error, ReportError):
        yield located(error, call, place)
    elif error:
        yield error
    elif answer := found.answers.get(call.key):
        refused = dict.fromkeys(filter(None, map(files.refusal, answer.assets)))
        yield from (_at(place, each) for each in refused)


def _at(place: Location, error: CaptureError) -> CaptureError:
    """The same error at its call: what a picture shows comes from the place that the error names."""
    placed = copy(error)
    placed.locate(replace(place, shows=error.where))
    return placed


def _identity(error: GpuDocError) -> tuple[str, str]:
    return error.what, error.where
