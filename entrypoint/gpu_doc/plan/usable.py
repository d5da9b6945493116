"""The answers in evidence that are still valid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from gpu_doc import functions
from gpu_doc.functions.shared.calls import asked
from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.answers import Call
from gpu_doc.model.configuration import Capture, Report
from gpu_doc.plan.meanings import Change, Notebook, same_settings, settings_of
from gpu_doc.record import evidence
from gpu_doc.record.evidence import Evidence, KeptAnswer


class Usable:
    """The answers in evidence that are still valid: their files are intact, the settings that they show the same."""

    def __init__(self, report: Report, known: Evidence, capture: Capture, root: Path, line_ends: LineEnds) -> None:
        self._known = known
        self._report = report
        self._root = root
        self._notebooks: dict[str, Notebook] = {}
        every = [run.address for run in report.runs]
        self._settings = settings_of(report, capture, launched=every)
        self._same_capture = known.settings.get("capture") == self._settings["capture"]
        self._broken = set(evidence.missing_files(known, report, root, line_ends))

    def answer(self, call: Call, *, other_source: bool = False) -> KeptAnswer | None:
        """The kept answer to a call; None if there is none that can be used.

        `other_source`: a picture of code may still show how it was written.
        """
        call = asked(call)
        kept = self._known.answers.get(call.key)
        if kept is None or not self._is_whole(kept, other_source=other_source):
            return None
        kept = self._moved(kept)
        function = functions.named(call.function)
        if function is None:
            return kept
        if not isinstance(kept.value, str) and "value" not in function.gives:
            return None  # we never wrote that
        if function.takes_pictures and not self._same_capture:
            return None
        part = function.shows_settings
        if part and not all(same_settings(self._known.settings, self._settings, part, run) for run in kept.runs):
            return None
        return kept

    def _is_whole(self, kept: KeptAnswer, *, other_source: bool) -> bool:
        if not all(name in self._known.files and name not in self._broken for name in kept.assets):
            return False
        change = self._change(kept)
        return change is None or (other_source and change.part == "source" and bool(kept.assets))

    def _change(self, kept: KeptAnswer) -> Change | None:
        run = next((run for run in self._report.runs if run.address in kept.runs[:1]), None)
        if not kept.meaning or run is None or not run.notebook:
            return None
        if run.notebook not in self._notebooks:
            self._notebooks[run.notebook] = Notebook(run, self._root)
        return self._notebooks[run.notebook].change(kept.meaning)

    def _moved(self, kept: KeptAnswer) -> KeptAnswer:
        """Return the answer with the links to its pictures as they are now, where the report has another path."""
        before, now = (
            PurePosixPath(report.assets).name
            for report in (replace(self._report, path=self._known.report or self._report.path), self._report)
        )
        if before == now or not isinstance(kept.value, str):
            return kept
        value = kept.value
        for name in kept.assets:
            value = value.replace(f"{before}/{name}", f"{now}/{name}")
        return replace(kept, value=value)
