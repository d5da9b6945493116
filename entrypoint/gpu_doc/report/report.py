"""Renders a report's text: from its template, or in place in its blocks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gpu_doc import functions
from gpu_doc.errors import ManyErrors, ReportError
from gpu_doc.functions.shared.calls import asked as asked_for
from gpu_doc.functions.shared.calls import located
from gpu_doc.git import lfs
from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.answers import Answer, Call
from gpu_doc.model.configuration import Report
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json
from gpu_doc.report.template import Source, TemplateWorker
from gpu_doc.text import in_place
from gpu_doc.text.prose import front_matter_end
from gpu_doc.text.values_in_tables import BEGIN, in_cell, in_text, unmarked

__all__ = ["Rehearsal", "Rendered", "TemplateFiles", "ask_all", "rehearse", "render"]

_NEWLINE = re.compile(r"\r\n|\r|\n")
_LARGEST = 5_000_000
"""The most bytes of a template, or of Markdown with blocks."""


@dataclass(frozen=True)
class Rehearsal:
    """The calls and sources of a report."""

    calls: tuple[tuple[Call, Location], ...]
    """Each call once, with its place."""
    sources: Mapping[str, str]
    """The files that the text is made from, relative to root, with their SHA-256; none for a report in place."""


@dataclass(frozen=True)
class Rendered:
    """A report's text, and its sources."""

    text: str
    blocks: tuple[str, ...] | None
    """The text of each block of a report in place; None for a report from a template."""
    answers: Mapping[str, Answer]
    """The answers by the call's key."""
    sources: Mapping[str, str]


def rehearse(report: Report, root: Path, worker: TemplateWorker) -> Rehearsal:
    """Return the calls that a report will make, without answering any. Raises ReportError."""
    if report.template:
        files = TemplateFiles(root, report.template)
        calls = worker.rehearse(files.main, report=report.path, load=files.load)
        sources = files.digests
    else:
        document = _document(report, root)
        items = [(block.line, block.expression) for block in document.blocks]
        calls, sources = worker.rehearse_expressions(report.path, items, report=report.path), {}
    return Rehearsal(tuple({(call.key, place): (call, place) for call, place in calls}.values()), sources)


def render(
    report: Report,
    root: Path,
    worker: TemplateWorker,
    answer: Callable[[Call], Answer],
    *,
    said: Callable[[Call, Answer, Location], str] = lambda *_: "",
    line_ends: LineEnds | None = None,
) -> Rendered:
    """Render the report's text, with `answer` for each call. Raises ReportError, and what `answer` raises.

    `said` gives the text of a claim, by the answer that it is judged by. With `line_ends`, its sources are hashed as
    git would store them.
    """
    answers: dict[str, Answer] = {}
    asked: list[tuple[Call, Location]] = []

    def answering(written: Call, place: Location) -> Json:
        call = asked_for(written)
        if call.key not in answers:
            try:
                answers[call.key] = answer(call)
            except ReportError as error:
                raise located(error, written, place) from error
        asked.append((call, place))
        return said(written, answers[call.key], place) if call is not written else answers[call.key].value

    if report.template:
        files = TemplateFiles(root, report.template, line_ends)
        text = worker.render(files.main, report=report.path, load=files.load, answer=answering)
        if BEGIN in text:
            text = in_text(text)
        _check_blocks_stand_alone(text, asked, answers)
        return Rendered(files.finished(text), None, answers, files.digests)
    document = _document(report, root)
    items = [(block.line, block.expression) for block in document.blocks]
    bodies = worker.expressions(report.path, items, report=report.path, answer=answering)
    bodies = [
        in_cell(body) if block.in_row else unmarked(body) for block, body in zip(document.blocks, bodies, strict=True)
    ]
    return Rendered(document.fill(bodies), tuple(bodies), answers, {})


def ask_all(
    report: Report, root: Path, worker: TemplateWorker, answer: Callable[[Call, Location], Json]
) -> list[ReportError]:
    """Have the text rendered only for what it asks. Return the errors of the text itself.

    `answer` may give `Unanswered` for the value of a call.
    """
    if report.template:
        files = TemplateFiles(root, report.template)
        try:
            worker.render(files.main, report=report.path, load=files.load, answer=answer)
        except ReportError as error:
            return [error]
        return []
    errors = []
    for block in _document(report, root).blocks:  # each by itself, since an error ends what is asked together
        try:
            worker.expressions(report.path, [(block.line, block.expression)], report=report.path, answer=answer)
        except ReportError as error:
            errors.append(error)
    return errors


def _check_blocks_stand_alone(text: str, asked: Sequence[tuple[Call, Location]], answers: Mapping[str, Answer]) -> None:
    """Raise ManyErrors if code or a table shares a line with other text, which would be read as part of it.

    Only unchanged answers are checked; a template may transform an answer as it likes.
    """
    given: dict[str, list[tuple[Call, Location]]] = {}
    for call, place in asked:
        value = answers[call.key].value
        function = functions.named(call.function)
        if function and function.gives_block and isinstance(value, str) and "\n" in value:
            given.setdefault(value, []).append((call, place))
    errors: list[ReportError] = []
    for value, calls in given.items():
        alone = list(_stands_alone(text, value))
        if all(alone):
            continue
        # Without loops and variables, the nth occurrence comes from the nth call.
        call, place = calls[alone.index(False)] if len(alone) == len(calls) else calls[0]
        what = f"this stands inside a line, but it gives {len(value.splitlines())} lines"
        errors.append(located(ReportError(what, remedy="Put it on a line of its own."), call, place))
    if errors:
        raise ManyErrors(errors)


def _stands_alone(text: str, value: str) -> Iterator[bool]:
    """Yield, for each occurrence of a value, whether nothing else is on its first and last line."""
    start = text.find(value)
    while start >= 0:
        end = start + len(value)
        before = text[text.rfind("\n", 0, start) + 1 : start]
        newline = text.find("\n", end)
        after = text[end : newline if newline >= 0 else None]
        yield not (before.strip() or after.strip())
        start = text.find(value, end)


def _with_notice(text: str, template: str, newline: str) -> str:
    """Add a line at the top that says which file to edit instead; front matter stays first."""
    end = front_matter_end(text)
    name = template.replace("-->", "--&gt;")
    notice = f"<!-- Generated by gpu-doc from {name}. Edit that file: changes here are overwritten. -->{newline}"
    before = text[:end] if not text[:end] or text[:end].endswith(newline) else text[:end] + newline
    gap = "" if text[end:].startswith(newline) else newline
    return before + notice + gap + text[end:]


def _document(report: Report, root: Path) -> in_place.Document:
    text = _decoded(_content(root / report.path, report.path), report.path)
    document = in_place.parse(text, report.path)
    if line := in_place.overlooked(text):
        raise ReportError(
            "this block is indented as code, and would stay as it is",
            where=Location(report.path, line),
            remedy="Indent it by less than four columns, or as far as the list item that it belongs to; where it shall "
            "be text, put it into fenced code.",
        )
    if not document.blocks:
        raise ReportError(
            "this report has neither a template nor a block to refresh",
            where=Location(report.path),
            remedy="Give it a `template` in the configuration, or mark a block: <!-- gpu-doc: … --> to "
            "<!-- gpu-doc: end -->.",
        )
    return document


class TemplateFiles:
    """A template and the files that it includes, all of them inside the template's own folder."""

    def __init__(self, root: Path, template: str, line_ends: LineEnds | None = None) -> None:
        self._line_ends = line_ends
        self._template = template
        self._root = root.resolve()
        self._folder = (root / template).parent.resolve()
        self.digests: dict[str, str] = {}
        if not (root / template).resolve().is_relative_to(self._root):
            raise ReportError(
                "this template lies outside root", where=Location(template), remedy="Move it below gpu-doc.yml."
            )
        text = self._read(root / template, template)
        self.mark = "\ufeff" if text.startswith("\ufeff") else ""
        """The byte order mark of the template, which the report keeps."""
        found = _NEWLINE.search(text)
        self.newline = found[0] if found else "\n"
        """The template's line ending; Jinja2 knows only one."""
        self.main = Source(template, text.removeprefix("\ufeff"))

    def finished(self, text: str) -> str:
        """Return a rendered text as it is written: with the notice, the template's line ends and byte order mark."""
        return self.mark + _with_notice(_NEWLINE.sub(self.newline, text), self._template, self.newline)

    def load(self, name: str) -> Source | None:
        """Return a file that a template includes, by its path from the main template's folder. Raises ReportError."""
        path = self._folder / name
        try:
            inside = path.resolve().is_relative_to(self._folder)
        except (OSError, ValueError, RuntimeError):  # not a valid path, or a loop of links
            return None
        if not inside or "\0" in name:
            raise ReportError(
                f"`{name}` lies outside the template's folder",
                remedy="A template includes files of its own folder only.",
            )
        if not path.is_file():
            return None
        shown = path.resolve().relative_to(self._root).as_posix()
        return Source(shown, self._read(path, shown).removeprefix("\ufeff"))

    def _read(self, path: Path, shown: str) -> str:
        content = _content(path, shown)
        stored = self._line_ends.stored(path, content) if self._line_ends else content
        self.digests[shown] = sha256(stored).hexdigest()
        return _decoded(content, shown)


def _content(path: Path, shown: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        raise ReportError(
            "there is no such file", where=Location(shown), remedy="Write it, or correct its path."
        ) from error
    except OSError as error:
        raise ReportError(
            f"cannot be read: {error.strerror}", where=Location(shown), remedy="Check the path."
        ) from error
    if lfs.oid(content):
        what = "this file was not fetched: a pointer of Git LFS stands in its place"
        raise ReportError(what, where=Location(shown), remedy=lfs.remedy(shown))
    if len(content) > _LARGEST:
        raise ReportError(
            f"larger than {_LARGEST / 1e6:g} MB", where=Location(shown), remedy="Split it into several reports."
        )
    return content


def _decoded(content: bytes, shown: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ReportError("this file is not UTF-8", where=Location(shown, line), remedy="Save it as UTF-8.") from error
