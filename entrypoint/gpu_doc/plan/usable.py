"""The answers in evidence that are still valid."""

from __future__ import annotations

from pathlib import Path

from gpu_doc import functions
from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.answers import Call
from gpu_doc.model.configuration import Capture, Report
from gpu_doc.record import differences, evidence
from gpu_doc.record.evidence import Evidence, KeptAnswer


class Usable:
    """The answers in evidence that are still valid: their files are intact, the settings that they show the same."""

    def __init__(self, report: Report, known: Evidence, capture: Capture, root: Path, line_ends: LineEnds) -> None:
        self._known = known
        every = [run.address for run in report.runs]
        self._settings = evidence.settings_of(report, capture, launched=every)
        self._same_capture = known.settings.get("capture") == self._settings["capture"]
        self._broken = set(evidence.missing_files(known, report, root, line_ends))

    def answer(self, call: Call) -> KeptAnswer | None:
        """The kept answer to a call; None if there is none that can be used."""
        kept = self._known.answers.get(call.key)
        if kept is None or not all(name in self._known.files and name not in self._broken for name in kept.assets):
            return None
        function = functions.named(call.function)
        if function is None:
            return kept
        if not isinstance(kept.value, str) and "value" not in function.gives:
            return None  # we never wrote that
        if function.takes_pictures and not self._same_capture:
            return None
        part = function.shows_settings
        if part and not all(
            differences.same_settings(self._known.settings, self._settings, part, run) for run in kept.runs
        ):
            return None
        return kept
