"""Tells why a report's text would be rendered again: its sources, settings, pictures, or a person's edits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gpu_doc.errors import ReportError
from gpu_doc.git import lfs
from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.configuration import Capture, Report
from gpu_doc.plan.meanings import settings_changes
from gpu_doc.plan.plan import HandEdit
from gpu_doc.record import evidence
from gpu_doc.record.contents import is_file_as
from gpu_doc.record.evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Compares the texts of reports with evidence."""

    root: Path
    capture: Capture
    line_ends: LineEnds

    def changes(self, report: Report, known: Evidence | None) -> tuple[list[str], list[HandEdit]]:
        """Return why the text would be rendered again: it, its sources or its pictures differ from evidence."""
        if (folder := evidence.path_of(report, self.root).with_name(".gpu-doc")).exists():
            from gpu_doc.record.claim import interrupted

            if said := interrupted(folder):
                return [said], []
        if known is None:
            unfetched = lfs.is_pointer(evidence.path_of(report, self.root))
            return ["its evidence was not fetched from Git LFS" if unfetched else "has no evidence yet"], []
        reasons = [f"it was {known.report} before"] if known.report not in ("", report.path) else []
        reasons += [f"{path} changed" for path, digest in known.sources.items() if not self._is(path, digest)]
        if report.template and report.template not in known.sources:
            reasons.append(f"its template is now {report.template}")
        reasons += settings_changes(report, known, self.capture)
        if known.contradictions:
            from gpu_doc.record.checksums import reasons as contradicting

            reasons += contradicting(known)
        wrong = evidence.missing_files(known, report, self.root, self.line_ends)
        reasons += [f"{report.assets}/{name} {what}" for name, what in wrong.items()]
        more, edits = self._generated(report, known)
        return reasons + more, edits

    def _generated(self, report: Report, known: Evidence) -> tuple[list[str], list[HandEdit]]:
        if report.template:
            if not (self.root / report.path).is_file():
                return [f"{report.path} is missing"], []
            if not isinstance(known.text, str):
                return ["it was refreshed in place, and has a template now"], []
            return [], [] if self._is(report.path, known.text) else [HandEdit(path=report.path)]
        from gpu_doc.text import in_place

        try:
            content = (self.root / report.path).read_bytes()
            blocks = in_place.fingerprints(content.decode("utf-8-sig", "replace"))
        except (ReportError, OSError) as error:
            return [str(error)], []
        before = known.text if isinstance(known.text, tuple) else ()
        if [expression for _, expression, _ in blocks] != [_one_newline(expression) for expression, _ in before]:
            unfetched = lfs.oid(content) is not None
            return [f"{report.path} was not fetched from Git LFS" if unfetched else "its blocks changed"], []
        changed = [line for (line, _, digest), (_, earlier) in zip(blocks, before, strict=True) if digest != earlier]
        return [], [HandEdit(path=report.path, line=line) for line in changed]

    def ask_the_same(self, report: Report, known: Evidence) -> bool:
        """Return whether the report makes the calls that evidence has."""
        if known.contradictions:
            return False  # some calls were left out
        if report.template:
            return all(self._is(path, digest) for path, digest in known.sources.items())
        reasons, _ = self._generated(report, known)
        return not reasons

    def _is(self, path: str, digest: str) -> bool:
        """Return whether a file has the digest of evidence."""
        return is_file_as(self.root / path, digest, self.line_ends)


def _one_newline(expression: str) -> str:
    """Return an expression with line feeds: evidence of earlier versions may have it with CRLF."""
    return expression.replace("\r\n", "\n")
