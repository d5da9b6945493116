"""`terminal()`: a picture of what a command wrote to its terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gpu_doc.errors import ReportError
from gpu_doc.functions.shared import alternative, checks, options
from gpu_doc.functions.shared.function import RUN, BoundCall, Function
from gpu_doc.functions.shared.results import ResultReader
from gpu_doc.functions.shared.terminal_lines import check_whole, demand_text, kept
from gpu_doc.model.answers import Answer


def _check(call: BoundCall, root: Path) -> None:
    checks.whole_run(call, root)
    if not call.run.command:
        raise ReportError(
            f"run {call.run.address} is a notebook, and has no terminal",
            remedy="shot() or text() show what a cell wrote.",
        )


def _answer(call: BoundCall, results: ResultReader) -> Answer:
    from gpu_doc.text.terminal import plain_text, read_screen

    log = results.result(call.run).log.read_bytes()
    pictured = []
    shown: list[str] = []
    for exhibit in results.framing.exhibits(call, "terminal"):
        lines = read_screen(log, theme=exhibit.theme)
        demand_text(lines, f"run {call.address.run} wrote nothing to its terminal")
        plain = plain_text(lines)
        check_whole(plain, call)
        places = kept(plain, call)
        pictured.append(replace(exhibit, lines=tuple(lines[place] for place in places)))
        shown = [plain[place] for place in places]
    return results.framing.pictured(call, pictured, alternative.of_terminal(call.run.command or (), shown))


FUNCTION = Function(
    name="terminal",
    text="a command's terminal as a picture, with colours and progress bars as a person saw them",
    first=RUN,
    options={**options.PICTURE, **options.LINES},
    gives=("picture",),
    check=_check,
    answer=_answer,
    label="terminal",
)
