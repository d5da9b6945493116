"""What evidence keeps of a report's answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from gpu_doc import functions
from gpu_doc.functions.shared.function import BoundCall
from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.answers import Call
from gpu_doc.model.configuration import Report
from gpu_doc.model.values import Json
from gpu_doc.plan.meanings import Notebook
from gpu_doc.record.evidence import Evidence, KeptAnswer
from gpu_doc.report.report import Rendered
from gpu_doc.text import in_place


def tells_results(key: str) -> bool:
    """Whether a call shows results of a run; true for unknown functions."""
    function = functions.named(Call.from_key(key).function)
    return function is None or function.tells_results


def launched(answers: Mapping[str, KeptAnswer]) -> set[str]:
    """The runs whose launch command the report shows."""
    found: set[str] = set()
    for key, kept in answers.items():
        function = functions.named(Call.from_key(key).function)
        if function and function.shows_settings == "launches":
            found.update(kept.runs)
    return found


def kept_answers(rendered: Rendered, meaning: Callable[[Call], Mapping[str, Json]]) -> dict[str, KeptAnswer]:
    """The answers that a text was rendered from, as evidence keeps them; `meaning` is what a call means now."""
    return {
        key: KeptAnswer(
            value=answer.value,
            runs=answer.runs,
            assets=tuple(asset.name for asset in answer.assets),
            cells=answer.cells,
            meaning=meaning(Call.from_key(key)),
        )
        for key, answer in rendered.answers.items()
    }


def meaning(call: BoundCall, root: Path) -> dict[str, Json]:
    """Return what a call means, as its notebook is now (`plan/meanings.py`)."""
    if not call.run.notebook or call.address.file is not None:
        return {}
    names = [call.address.cell] if call.address.cell else [*call.cells]
    shows = call.function.shows_source(call)
    if not (names or shows or call.function.names_notebook):
        return {}
    notebook = Notebook(call.run, root)
    found = {
        "cells": {name: notebook.place(name) for name in names},
        "source": notebook.source(names) if shows else "",
        "notebook": call.run.notebook if call.function.names_notebook else "",
    }
    return {part: said for part, said in found.items() if said}


def says_the_same(new: Evidence, known: Evidence) -> bool:
    """Return whether new evidence says nothing that the known does not: then that is kept, in whatever format it is."""
    if new != known:
        return False
    if not known.report:  # it is of a format that says neither this nor what calls mean
        return True
    return new.report == known.report and all(
        answer.meaning == known.answers[key].meaning for key, answer in new.answers.items()
    )


def kept_text(report: Report, text: str, root: Path, line_ends: LineEnds) -> str | tuple[tuple[str, str], ...]:
    """The hash of a generated report as git stores it; for blocks in place, each expression with that of its body."""
    if not report.template:
        return tuple((expression, digest) for _, expression, digest in in_place.fingerprints(text))
    return sha256(line_ends.stored(root / report.path, text.encode("utf-8"))).hexdigest()
