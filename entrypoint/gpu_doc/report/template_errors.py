"""Describes an error in a template: its kind, Jinja2's message, file and line."""

from __future__ import annotations

import sys
from types import FrameType
from typing import TYPE_CHECKING

from jinja2 import Template, TemplateError
from jinja2.exceptions import TemplateNotFound, TemplateSyntaxError

from gpu_doc.report.template_messages import Failed, Kind
from gpu_doc.report.template_values import LaterVersionError

if TYPE_CHECKING:
    from gpu_doc.report.template_session import Work


class OutOfTime(BaseException):
    """The time of this request is used up."""


class TooMuchError(Exception):
    """The text has exceeded its limit."""


def _in_template(frame: FrameType, line: int) -> tuple[str, int] | None:
    """File and line in the template of a frame of compiled template code."""
    template = frame.f_globals.get("__jinja_template__")
    if not isinstance(template, Template):
        return None
    return template.filename or "", template.get_corresponding_lineno(line)


def caller_place() -> tuple[str, int]:
    """File and line of the template that is calling now."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the one way to learn the caller's line
    while frame is not None:
        if place := _in_template(frame, frame.f_lineno):
            return place
        frame = frame.f_back
    return "", 0


def _error_place(error: BaseException) -> tuple[str, int]:
    """File and line of the innermost template frame that an exception went through."""
    if isinstance(error, TemplateSyntaxError):
        return error.filename or "", error.lineno
    best = ("", 0)
    trace = error.__traceback__
    while trace is not None:
        frame, line = trace.tb_frame, trace.tb_lineno
        if place := _in_template(frame, line):
            best = place
        elif (
            "__jinja_exception__" in frame.f_globals
        ):  # Jinja2 has rewritten this frame: file and line are the template's
            best = (frame.f_code.co_filename, line)
        trace = trace.tb_next
    return best


def failure(error: BaseException, work: Work) -> Failed:
    """Describe an error for the parent: kind, Jinja2's message, and its place if known."""
    kinds: dict[type[BaseException], Kind] = {
        MemoryError: "memory",
        OutOfTime: "time",
        TooMuchError: "output",
        RecursionError: "recursion",
        LaterVersionError: "later",
    }
    kind: Kind = next((kind for known, kind in kinds.items() if isinstance(error, known)), "template")
    message = error.message if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
    if isinstance(error, TemplateNotFound):
        kind, message = "missing", str(error)
    file, line = _error_place(error)
    if work.request.source is None:
        later = line - 1 if isinstance(error, TemplateSyntaxError) else 0
        file, line = work.request.name, work.line + later
    return Failed(kind, message or str(error), file or work.request.name, line)
