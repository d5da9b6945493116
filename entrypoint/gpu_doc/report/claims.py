"""The claims of a report that is composed: judged by its new answers, marked or mended, and kept as evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.errors import ClaimError, GpuDocError, ManyErrors, ReportError
from gpu_doc.model.answers import Answer, Call
from gpu_doc.model.location import Location
from gpu_doc.plan.plan import ReportPlan
from gpu_doc.record.evidence import Evidence
from gpu_doc.report.report import Rendered

if TYPE_CHECKING:
    from gpu_doc.claims.judging import Judged
    from gpu_doc.claims.prose import Document
    from gpu_doc.model.claims import Claim
    from gpu_doc.record.kept_claims import KeptClaim

_MARK_ELSEWHERE = (
    'No mark can say so in a report with blocks: put <!-- gpu-doc: expect("{}", "…") --> to <!-- gpu-doc: end --> '
    "where it shall stand."
)


class ReportClaims:
    """The claims of one report while it is composed."""

    def __init__(
        self, plan: ReportPlan, root: Path, answer: Callable[[Call], Answer], same_run: Callable[[str], bool]
    ) -> None:
        """`same_run`: whether evidence is about the same fingerprint of a run, given its address."""
        self._report = plan.report
        self._known = plan.evidence or Evidence()
        self._root = root
        self._answer = answer
        self._same_run = same_run
        self.begin()

    def begin(self) -> None:
        """Forget what was judged: the text is rendered anew."""
        self._judged: dict[object, Judged] = {}
        self._documents: dict[str, Document] = {}
        self.mended: dict[str, bytes] = {}
        """The content of files with corrected sentences, by path from root."""
        self.unmended: dict[str, bytes] = {}
        """What these files contained before."""

    @property
    def kept(self) -> tuple[KeptClaim, ...]:
        """The claims for evidence."""
        if not self._judged:
            return ()
        from gpu_doc.record.kept_claims import KeptClaim

        return tuple(
            KeptClaim(
                address=each.claim.address,
                expected=each.claim.expected,
                holds=each.holds,
                value=each.value,
                last=each.last,
                file=each.claim.file,
                in_text=each.claim.in_text,
                mend=each.claim.mend,
            )
            for each in self._judged.values()
        )

    @property
    def broken(self) -> list[ClaimError]:
        """The claims that do not hold, as errors."""
        return [each.error() for each in self._judged.values() if not each.holds]

    def demand(self) -> None:
        """Raise ManyErrors if claims do not hold, and the report is not to be published with a mark that says so."""
        errors: list[GpuDocError] = [*self.broken]
        unmarked = [each for each in self._judged.values() if not (each.holds or self._can_mark(each.claim))]
        if not errors or (self._report.on_failure == "mark" and not unmarked):
            return
        if self._report.on_failure == "mark":
            errors = [
                ClaimError(
                    error.what,
                    where=error.location or error.where,
                    remedy=f"{error.remedy} {_MARK_ELSEWHERE.format(unmarked[0].claim.address)}",
                )
                for error in self.broken
            ]
        raise ManyErrors(errors)

    def _can_mark(self, claim: Claim) -> bool:
        return claim.in_text or self._report.template is not None

    def said(self, call: Call, answer: Answer, place: Location) -> str:
        """Judge a claim of the text, and return what it becomes there. Raises ReportError."""
        from gpu_doc.functions.expect import written
        from gpu_doc.model.claims import Claim, tolerance_of

        address, expected = written(call)
        run = next((run for run in self._report.runs if run.address in answer.runs), None)
        claim = Claim(
            address=address,
            expected=expected,
            location=place,
            in_text=True,
            tolerance=tolerance_of(run, address) if run else "",
        )
        found = self._judge(claim, answer)
        return "" if found.holds or self._report.on_failure != "mark" else _marks([found], inline=True)

    def judged(self, rendered: Rendered) -> Rendered:
        """Judge the claims of the configuration; return the report with their answers, and its text as it is to be.

        Raises NeedsRuns, as answers do, and ManyErrors for what can't be judged.
        """
        if not self._report.claims:
            return rendered
        from gpu_doc.functions.expect import call_of
        from gpu_doc.functions.shared.calls import asked

        answers, errors = dict(rendered.answers), []
        for claim in self._report.claims:
            call = call_of(claim)
            try:
                answer = answers[asked(call).key] = self._answer(call)
                self._judge(claim, answer, rendered.text)
            except ReportError as error:
                if not error.where:
                    error.locate(claim.location)
                errors.append(error)
        if errors:
            raise ManyErrors(errors)
        text = self._mended(rendered.text)
        broken = [each for each in self._judged.values() if not (each.holds or each.claim.in_text)]
        if broken and self._report.template and self._report.on_failure == "mark":
            text = _marked(text, _marks(broken, inline=False))
        return replace(rendered, text=text, answers=answers)

    def _judge(self, claim: Claim, answer: Answer, text: str = "") -> Judged:
        from gpu_doc.claims.judging import is_trend, judge

        last = self._last(claim, answer) if is_trend(claim) else None
        found = judge(claim, answer.value, last, lambda file: self._document(file, text))
        self._judged[claim.identity] = found
        return found

    def _last(self, claim: Claim, answer: Answer) -> object:
        """Return what was published last. Where it was this result, that is what was published before it."""
        from gpu_doc.functions.expect import fact

        published = self._known.answers.get(fact(claim.address, "value").key)
        if published is None:
            return None
        if published.value == answer.value and all(map(self._same_run, published.runs)):
            return next((kept.last for kept in self._known.claims if kept.identity == claim.identity), None)
        return published.value

    def _document(self, file: str, text: str) -> Document:
        """Return a file with sentences: as it is, but the report as it will be."""
        if file not in self._documents:
            from gpu_doc.claims import files
            from gpu_doc.claims.prose import Document

            own = file == self._report.path
            self._documents[file] = Document(file, text) if own else files.read(self._root, file)
        return self._documents[file]

    def _mended(self, text: str) -> str:
        """Correct the sentences that are to be corrected; return the report's own text."""
        from gpu_doc.claims.mending import mended

        for file, document in self._documents.items():
            found = {key: each for key, each in self._judged.items() if each.mend and each.claim.file == file}
            if not found:
                continue
            new = mended(document, list(found.values()))
            self._judged |= {key: replace(each, holds=True, says="") for key, each in found.items()}
            if file == self._report.path:
                text = new
            else:
                self.mended[file], self.unmended[file] = new.encode(), document.text.encode()
        return text


def _marks(broken: list[Judged], *, inline: bool) -> str:
    from gpu_doc.text.from_templates import render
    from gpu_doc.text.markdown import prose

    claims = [prose(f"{each.says} ({each.claim.file})" if each.claim.file else each.says) for each in broken]
    return render("broken-claims.md.j2", {"claims": claims, "inline": inline}, finish=str).strip("\n")


def _marked(text: str, mark: str) -> str:
    """Put a mark below front matter and the notice that names the template."""
    from gpu_doc.text.prose import front_matter_end

    end = front_matter_end(text)
    notice = text.find("-->", end)
    end = text.find("\n", notice) + 1 if text.startswith("<!-- Generated by gpu-doc", end) else end
    newline = "\r\n" if text[:end].endswith("\r\n") else "\n"
    block = mark.replace("\n", newline)
    gap = "" if text[end:].startswith(newline) else newline
    return f"{text[:end]}{newline}{block}{newline}{gap}{text[end:]}"
