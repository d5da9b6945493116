"""Compares a report's text with what its template, or its blocks, and the answers in evidence give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile

from gpu_doc.errors import GpuDocError, ReportError
from gpu_doc.functions.shared.calls import asked
from gpu_doc.git import lfs
from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.answers import Answer, Call
from gpu_doc.model.configuration import Report
from gpu_doc.model.location import Location
from gpu_doc.plan.plan import ReportPlan
from gpu_doc.record.contents import is_file_as, sha256_of
from gpu_doc.record.evidence import Evidence
from gpu_doc.report import report as rendering
from gpu_doc.report.claims import ReportClaims
from gpu_doc.report.report import Rendered
from gpu_doc.report.template import TemplateWorker
from gpu_doc.text import in_place
from gpu_doc.verify import plain_files
from gpu_doc.verify.evidence_file import EvidenceFile
from gpu_doc.verify.files import Folder
from gpu_doc.verify.findings import Finding

_MOST = 20
"""The most lines that are told one by one."""
_SEARCHED = 2000
"""Lines between the first and the last difference that are compared with each other; of more, the first is told."""
_LONGEST = 60
_AROUND = 20
"""The most characters before a difference that are told with it, from the beginning of its word on."""


@dataclass(frozen=True)
class TextCheck:
    """One report's text."""

    folder: Folder
    known: Evidence
    file: EvidenceFile
    worker: TemplateWorker

    @property
    def report(self) -> Report:
        """The report."""
        return self.folder.report

    @property
    def line_ends(self) -> LineEnds:
        """What git would store."""
        return self.folder.line_ends

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong with the text; what is wrong with evidence is added to the file's findings."""
        path = self.folder.root / self.report.path
        try:
            content = plain_files.content(path, self.folder.tree)
        except FileNotFoundError:
            yield self._at("is missing")
            return
        except plain_files.NotPlainError as error:
            yield self._at(str(error))
            return
        if oid := lfs.oid(content):
            if self.known.text not in (oid, ()):
                yield self._at("is a pointer of Git LFS to another text than the one in evidence")
            return
        changed = list(self._sources())
        yield from changed
        try:
            rendered = None if changed else self._rendered()
        except GpuDocError as error:
            where = error.location or Location(self.report.path)
            yield Finding(
                kind="text", what=f"can't be rendered from the answers in evidence: {error.what}", where=where
            )
            rendered = None
        if self.report.template:
            yield from self._whole(self.line_ends.stored(path, content), rendered)
        else:
            yield from self._blocks(content, rendered)

    def _at(self, what: str, line: int = 0) -> Finding:
        return Finding(kind="text", what=what, where=Location(self.report.path, line))

    def _sources(self) -> Iterator[Finding]:
        """Yield the templates that are not those in evidence."""
        root = self.folder.root
        for name, digest in self.known.sources.items():
            if not is_file_as(root / name, digest, self.line_ends):
                what = "changed since the report was made" if (root / name).is_file() else "is missing"
                yield Finding(kind="source", what=what, where=Location(name))
        if self.report.template and self.report.template not in self.known.sources:
            what = f"was made from another template than {self.report.template}, says evidence"
            yield Finding(kind="source", what=what, where=self.file.at("sources"), path="$.sources")

    def _rendered(self) -> Rendered:
        """Render the text with the answers of evidence, in the child that templates are rendered in."""

        def answer(call: Call) -> Answer:
            kept = self.known.answers.get(asked(call).key)
            if kept is None:
                raise ReportError("evidence has no answer to this call")
            return Answer(value=kept.value, runs=kept.runs, cells=kept.cells)

        root, plan = self.folder.root, ReportPlan(report=self.report, runs=(), evidence=self.known)
        claims = ReportClaims(plan, root, answer, lambda _: True)
        rendered = rendering.render(self.report, root, self.worker, answer, said=claims.said, line_ends=self.line_ends)
        if not all(claim.holds for claim in self.known.claims):  # it was written with a mark that says so
            rendered = claims.judged(rendered)
        for key in self.known.answers.keys() - rendered.answers.keys() - _claimed(self.known):
            self.file.add("answer", f"{Call.from_key(key)}: the report asks for no such thing", "answers", key)
        for name in rendered.sources.keys() - self.known.sources.keys() if self.report.template else ():
            self.file.add("source", f"{name} is part of the template, and evidence doesn't name it", "sources")
        return rendered

    def _whole(self, content: bytes, rendered: Rendered | None) -> Iterator[Finding]:
        """Compare a report that was written from a template."""
        if not isinstance(self.known.text, str):
            self.file.add("text", "evidence is of blocks in a text, and the report has a template now", "text")
            return
        fits = sha256_of(content) == self.known.text
        if rendered is None:
            if not fits:
                yield self._at("was changed: its SHA-256 is not the one in evidence")
            return
        path = self.folder.root / self.report.path
        ours = self.line_ends.stored(path, rendered.text.encode("utf-8", "replace"))
        if ours == content:
            if not fits:
                self.file.add("text", "this is not the SHA-256 of the report", "text")
            return
        source = "evidence says otherwise: " if fits else ""
        for line, what in differences(content.decode("utf-8", "replace"), ours.decode()):
            yield self._at(f"{source}{what}", line)

    def _blocks(self, content: bytes, rendered: Rendered | None) -> Iterator[Finding]:
        """Compare the blocks of a text that people write."""
        try:
            text = content.decode("utf-8")
            blocks = in_place.parse(text, self.report.path).blocks
        except UnicodeDecodeError as error:
            yield self._at("is not UTF-8", content.count(b"\n", 0, error.start) + 1)
            return
        except ReportError as error:
            yield Finding(kind="text", what=error.what, where=error.location or Location(self.report.path))
            return
        known = self.known.text if isinstance(self.known.text, tuple) else ()
        ours = in_place.parse(rendered.text).blocks if rendered else ()
        digests = in_place.fingerprints(text)
        for index, block in enumerate(blocks):
            expression = known[index][0].replace("\r\n", "\n") if index < len(known) else None
            if expression != block.expression:
                yield self._at(
                    f"this block asks for {block.expression}, and evidence has {expression or 'none'}", block.line
                )
                return
            fits = digests[index][2] == known[index][1]
            if ours and ours[index].body != block.body:
                said = next(differences(block.body, ours[index].body))[1]
                yield self._at(f"this block was changed: {said}", block.line)
            elif not fits and ours:
                self.file.add("text", f"this is not the SHA-256 of the block on line {block.line}", "text", index)
            elif not fits:
                yield self._at("this block was changed: its SHA-256 is not the one in evidence", block.line)
        for index in range(len(blocks), len(known)):
            self.file.add("text", f"the report has no such block: {known[index][0]}", "text", index)


def differences(text: str, ours: str) -> Iterator[tuple[int, str]]:
    """Yield the lines, from 1, in which a text differs from ours, and what stands there."""
    here, there = text.split("\n"), ours.split("\n")
    first = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(here, there, strict=False)))
    rest = zip(reversed(here[first:]), reversed(there[first:]), strict=False)
    last = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], rest))
    here, there = here[first : len(here) - last], there[first : len(there) - last]
    if len(here) > _SEARCHED or len(there) > _SEARCHED:
        yield first + 1, _said(here[0] if here else None, there[0] if there else None)
        return
    told = 0
    for kind, a, b, c, d in SequenceMatcher(None, here, there, autojunk=False).get_opcodes():
        for offset in range(max(b - a, d - c) if kind != "equal" else 0):
            told += 1
            if told > _MOST:
                return
            line = here[a + offset] if a + offset < b else None
            yield first + min(a + offset, b) + 1, _said(line, there[c + offset] if c + offset < d else None)


def _said(line: str | None, ours: str | None) -> str:
    """Say what stands in a line and what should."""
    if line is None:
        return f"here is missing `{_short(ours or '')}`"
    if ours is None:
        return f"`{_short(line)}` is none of its text"
    if line.rstrip() == ours.rstrip():
        return "ends in other blanks" if line.rstrip("\r") != ours.rstrip("\r") else "ends in CR and LF"
    start = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(line, ours, strict=False)))
    rest = zip(reversed(line[start:]), reversed(ours[start:]), strict=False)
    end = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], rest))
    first = max(line.rfind(" ", 0, start) + 1, start - _AROUND)
    after = line.find(" ", len(line) - end)
    end = min(len(line) - after if after >= 0 else 0, end)
    said, wanted = line[first : len(line) - end], ours[first : len(ours) - end]
    character = f" (U+{ord(line[start]):04X} in it)" if start < len(line) and not line[start].isascii() else ""
    return f"`{_short(said)}` stands for `{_short(wanted)}`{character}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _claimed(known: Evidence) -> set[str]:
    """Return the keys of the answers that claims are judged by; the text need not ask for them."""
    if not known.claims:
        return set()
    from gpu_doc.functions.expect import keys_of

    return keys_of(known.claims)
