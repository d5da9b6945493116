"""Decides what a report's files should be on a branch that somebody else may have moved meanwhile.

A generated report is replaced as a whole. In a report that is refreshed in place, only the blocks are ours: we put them
into the branch's present text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gpu_doc.errors import ReportError
from gpu_doc.git.commits import Entry
from gpu_doc.git.scratch import Scratch
from gpu_doc.model.configuration import Report
from gpu_doc.publish.layout import Layout
from gpu_doc.record import evidence
from gpu_doc.record.checkout import read
from gpu_doc.text import in_place

Changes = Mapping[str, Entry | None]
"""A commit's changes: entries by path from the repository's top; None removes a file."""


@dataclass(frozen=True)
class Mended:
    """A file of people: only the numbers in these sentences are ours."""

    content: bytes
    sentences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A report's files after a run, by path from the repository's top, and the commit that the run was made from."""

    report: Report
    text: str
    """The report's own path in the repository."""
    evidence: str
    files: Mapping[str, bytes]
    source: str
    start: str
    """The commit below the files: others made the differences between it and the branch."""
    sentences: Mapping[str, Mended] = field(default_factory=dict)
    """Files of people in which a number was corrected, by path from the repository's top."""


def from_checkout(layout: Layout, reports: Sequence[Report], source: str) -> list[Offer]:
    """Return the checkout's files for these reports; a report without evidence has nothing to offer."""
    return offers_of(layout, reports, lambda path: read(layout.tree / path), source=source, start=source)


def offers_of(
    layout: Layout, reports: Sequence[Report], content: Callable[[str], bytes | None], *, source: str, start: str
) -> list[Offer]:
    """Return the files for these reports, read with `content`."""
    made = [(report, layout.own(report, content)) for report in reports]
    return [
        Offer(
            report=report,
            text=layout.path(report.path),
            evidence=layout.evidence(report),
            files=files,
            source=source,
            start=start,
            sentences=_sentences(layout, report, files, content),
        )
        for report, files in made
        if files
    ]


def _sentences(
    layout: Layout, report: Report, files: Mapping[str, bytes], content: Callable[[str], bytes | None]
) -> dict[str, Mended]:
    """Return the files whose sentences the evidence among a report's files says that we correct."""
    known = evidence.parse(files[layout.evidence(report)])
    wanted: dict[str, list[str]] = {}
    for claim in known.claims if known else ():
        if claim.mend and claim.file in (report.path, *report.mended):
            wanted.setdefault(layout.path(claim.file), []).append(claim.expected)
    found = {path: content(path) for path in wanted}
    return {path: Mended(text, tuple(wanted[path])) for path, text in found.items() if text is not None}


class Base:
    """The tip of a branch to which offers are committed."""

    def __init__(self, scratch: Scratch, layout: Layout, *, tip: str, given: bool = False) -> None:
        """`given`: a person said that the results are for this branch, whatever its history is."""
        self._scratch = scratch
        self._given = given
        self._layout = layout
        self._mended: dict[str, bytes] = {}
        """Files in which offers have corrected numbers: several reports may have claims in one."""
        self.tip = tip

    def changes(self, offer: Offer) -> tuple[dict[str, Entry | None], str]:
        """Return what an offer changes there; or nothing, and a sentence that says why it must not."""
        files, why = self.files(offer)
        return (self._entries(offer, files), "") if files else ({}, why)

    def files(self, offer: Offer) -> tuple[dict[str, bytes], str]:
        """Return what the offer's files should be there; or nothing, and a sentence that says why they must stay."""
        if self.tip != offer.start and (why := self._removed(offer) or self._overtaken(offer)):
            return {}, why
        files = dict(offer.files)
        if not offer.report.template:
            text = self._reapplied(offer)
            if text is None:
                return (
                    {},
                    f"{offer.report.path}: its blocks were changed on the branch meanwhile; they stay as they are",
                )
            files[offer.text] = text
        return files | self._with_our_numbers(offer, files), ""

    def _with_our_numbers(self, offer: Offer, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return the tip's files of people with the numbers that an offer corrects, where they have the sentences."""
        for path, ours in offer.sentences.items():
            from gpu_doc.claims.mending import taken_over

            text = files.get(path) or self._mended.get(path) or self._scratch.read(self.tip, path)
            made = taken_over(ours.content, text, ours.sentences) if text is not None else None
            if made is not None:
                self._mended[path] = made
        return {path: self._mended[path] for path in offer.sentences if path in self._mended}

    def _entries(self, offer: Offer, files: Mapping[str, bytes]) -> dict[str, Entry | None]:
        """Return the entries that differ from the tip's. Files of an earlier refresh that are not used any more go."""
        before = self._layout.own(offer.report, lambda path: self._scratch.read(self.tip, path))
        known = self._scratch.entries(self.tip, [*files, *before])
        changes: dict[str, Entry | None] = {}
        for path, content in files.items():
            mode = known[path].mode if path in known and known[path].mode.startswith("100") else "100644"
            entry = Entry(mode, self._scratch.store(path, content))
            if known.get(path) != entry:
                changes[path] = entry
        obsolete = before.keys() - files.keys() - {offer.text}
        return changes | dict.fromkeys(sorted(obsolete))

    def _reapplied(self, offer: Offer) -> bytes | None:
        """Return the tip's text of a report in place, with the offer's blocks; None if its blocks changed meanwhile.

        Uncommitted text in the checkout is not published.
        """
        ours = offer.files.get(offer.text)
        theirs = self._scratch.read(self.tip, offer.text)
        if ours is None or theirs is None:
            return ours if self.tip == offer.start else None
        found = reapplied(ours, theirs)
        return ours if found is None and self._same(offer, offer.text) else found

    def _same(self, offer: Offer, *paths: str) -> bool:
        """Whether files on the tip are the same as in the commit where the run started."""
        return self._scratch.entries(self.tip, paths) == self._scratch.entries(offer.start, paths)

    def _removed(self, offer: Offer) -> str:
        """Return a sentence if somebody removed the report since the run started; else empty."""
        there = [self._scratch.entries(commit, [offer.text]) for commit in (offer.start, self.tip)]
        gone = there[0] and not there[1]
        return f"{offer.report.path} was removed on the branch meanwhile; it stays removed" if gone else ""

    def _overtaken(self, offer: Offer) -> str:
        """Return why the tip's files must stay: a newer result, or a person's work on generated files; else empty."""
        name = offer.report.path
        judged = [path for path in offer.files if offer.report.template or path != offer.text]
        judged += self._layout.own(offer.report, lambda path: self._scratch.read(self.tip, path))
        judged = [path for path in judged if offer.report.template or path != offer.text]
        if self._same(offer, *judged):
            return ""
        if not self._scratch.is_ancestor(offer.start, self.tip):
            # We can't tell which is newer. But theirs was made from the present history, and ours was not.
            gone = f"{name}: somebody pushed with force meanwhile, and the branch no longer has {offer.start[:10]}"
            return "" if self._given else f"{gone}; what it has instead stays"
        last = self._scratch.last_commit_of(self.tip, judged, beyond=offer.start)
        if last is None:
            return ""
        if last.source is None:
            return f"{name} was changed on the branch meanwhile, by {last.sha[:10]}; it stays as it is there"
        if last.source != offer.source and self._scratch.is_ancestor(offer.source, last.source):
            return f"{name}: a newer run has published it already (from {last.source[:10]})"
        return ""


def reapplied(ours: bytes, theirs: bytes) -> bytes | None:
    """Return `theirs` with the bodies of our blocks, if both have the same blocks in the same order; else None."""
    try:
        made = in_place.parse(ours.decode())
        found = in_place.parse(theirs.decode())
        if [block.expression for block in made.blocks] != [block.expression for block in found.blocks]:
            return None
        return found.fill([block.body for block in made.blocks]).encode()
    except (ReportError, UnicodeDecodeError):
        return None
