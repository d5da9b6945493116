"""`text()`: the plain text of a cell's output, a file or a command's terminal."""

from __future__ import annotations

from pathlib import Path

from gpu_doc.functions.shared import checks, options, plaintext
from gpu_doc.functions.shared.function import PART, BoundCall, Function
from gpu_doc.functions.shared.results import ResultReader
from gpu_doc.functions.shared.terminal_lines import check_whole, demand_text, kept
from gpu_doc.model.answers import Answer
from gpu_doc.text import markdown


def _check(call: BoundCall, root: Path) -> None:
    if not (_is_terminal(call) and call.run.command):
        checks.part_of_run(call, root, file=checks.any_file)


def _is_terminal(call: BoundCall) -> bool:
    return call.address.cell is None and call.address.file is None


def _answer(call: BoundCall, results: ResultReader) -> Answer:
    lines = _lines(call, results)
    demand_text(lines, f"{call.written} has no text", remedy="text() shows standard output and text/plain.")
    if _is_terminal(call):
        check_whole(lines, call)
    text = "\n".join(lines[index] for index in kept(lines, call))
    return call.answered(markdown.fenced(text, "text"))


def _lines(call: BoundCall, results: ResultReader) -> list[str]:
    if call.address.file is not None:
        content = results.file(call).read_bytes().decode("utf-8-sig", "replace")
        return plaintext.as_seen(content).rstrip("\n").split("\n")
    if _is_terminal(call):
        from gpu_doc.text.terminal import plain_text, read_screen

        return plain_text(read_screen(results.result(call.run).log.read_bytes()))
    return plaintext.output_text(results.outputs(call)).split("\n")


FUNCTION = Function(
    name="text",
    text='stdout and plain text, fenced; `lines="-20:"` is a Python slice, `match=` a regular expression',
    first=PART,
    options=options.LINES,
    gives=("text",),
    check=_check,
    answer=_answer,
)
