"""What evidence keeps of a report's answers."""

from __future__ import annotations

from collections.abc import Mapping

from gpu_doc import functions
from gpu_doc.model.answers import Call
from gpu_doc.record.evidence import KeptAnswer
from gpu_doc.report.report import Rendered


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


def kept_answers(rendered: Rendered) -> dict[str, KeptAnswer]:
    """The answers that a text was rendered from, as evidence keeps them."""
    return {
        key: KeptAnswer(
            value=answer.value,
            runs=answer.runs,
            assets=tuple(asset.name for asset in answer.assets),
            cells=answer.cells,
        )
        for key, answer in rendered.answers.items()
    }
